"""The audio vector is unchanged; cluster norms are computed for NetVLAD vectors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.audio import audio_clusters, audio_vector
from pdmr_classic.io.audio.embeddings import NETVLAD_WIDTH, Embedding

SETTINGS = FeatureSettings()


def make_vector(width: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=width)


@pytest.mark.parametrize(
    ("width", "channel", "last"), [(768, "netvlad", "767"), (5, "vector", "004"), (1024, "vector", "1023")]
)
def test_every_component_is_unchanged_and_named_by_its_position(width: int, channel: str, last: str) -> None:
    x = make_vector(width)
    result = audio_vector(Embedding(x), SETTINGS)
    assert list(result.values()) == x.tolist()
    assert list(result)[-1] == (channel, last)
    assert sorted(result) == list(result)


def test_the_norm_of_each_cluster() -> None:
    x = make_vector(NETVLAD_WIDTH)
    result = audio_clusters(Embedding(x), SETTINGS)
    assert len(result) == 16
    for k in range(16):
        assert result["netvlad_cluster", f"{k:02d}"] == pytest.approx(np.linalg.norm(x[48 * k : 48 * (k + 1)]))
    assert np.sqrt(sum(norm**2 for norm in result.values())) == pytest.approx(np.linalg.norm(x))


def test_a_vector_of_a_different_width_has_no_clusters() -> None:
    assert audio_clusters(Embedding(make_vector(512)), SETTINGS) == {}


def test_a_missing_component_makes_only_its_own_cluster_nan() -> None:
    x = make_vector(NETVLAD_WIDTH)
    x[50] = np.nan
    result = list(audio_clusters(Embedding(x), SETTINGS).values())
    assert np.flatnonzero(np.isnan(result)).tolist() == [1]
    assert np.isnan(audio_vector(Embedding(x), SETTINGS)["netvlad", "050"])


def test_named_components_are_features_of_that_name() -> None:
    result = audio_vector(Embedding(np.arange(2.0), names=("F0", "mfcc_sma[1]")), SETTINGS)
    assert result == {("vector", "F0"): 0, ("vector", "mfcc_sma[1]"): 1}


def test_a_named_vector_of_768_values_is_not_netvlad() -> None:
    vector = Embedding(make_vector(NETVLAD_WIDTH), names=tuple(f"hubert_{k}" for k in range(NETVLAD_WIDTH)))
    assert {channel for channel, _ in audio_vector(vector, SETTINGS)} == {"vector"}
    assert audio_clusters(vector, SETTINGS) == {}
