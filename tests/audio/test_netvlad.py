"""NetVLAD encoding, against a literal implementation of its formula."""

from __future__ import annotations

import numpy as np
import pytest

from pdmr_classic.audio.netvlad import Codebook, encode_frames


@pytest.fixture
def codebook() -> Codebook:
    rng = np.random.default_rng(1)
    return Codebook(rng.uniform(0.5, 2, 48), rng.normal(size=(16, 48)), sharpness=0.1)


def test_the_encoding_equals_its_formula_and_is_ordered_by_cluster(codebook: Codebook) -> None:
    frames = np.random.default_rng(2).normal(size=(50, 48))
    parts = np.zeros((16, 48))
    for frame in frames / codebook.scale:
        weights = np.array([np.exp(-codebook.sharpness * ((frame - c) ** 2).sum()) for c in codebook.centres])
        for k in range(16):
            parts[k] += weights[k] / weights.sum() * (frame - codebook.centres[k])
    parts = np.array([part / np.sqrt((part**2).sum()) for part in parts])
    expected = np.concatenate(list(parts)) / 4  # the norm of 16 parts of norm 1
    vector = encode_frames([frames[:20], frames[20:]], codebook)
    assert vector.shape == (768,)
    np.testing.assert_allclose(vector, expected, atol=1e-9)


def test_repeating_a_recording_does_not_change_its_vector(codebook: Codebook) -> None:
    frames = np.random.default_rng(3).normal(size=(30, 48))
    np.testing.assert_allclose(encode_frames([frames] * 5, codebook), encode_frames([frames], codebook), atol=1e-9)


def test_the_part_of_a_cluster_without_frames_is_zero(codebook: Codebook) -> None:
    centres = codebook.centres.copy()
    centres[5] = 1000.0
    vector = encode_frames([np.random.default_rng(4).normal(size=(30, 48))], Codebook(codebook.scale, centres, 0.1))
    assert (vector[5 * 48 : 6 * 48] == 0).all()
    assert np.linalg.norm(vector) == pytest.approx(1)
