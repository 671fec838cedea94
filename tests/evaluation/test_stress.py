from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pdmr_classic import FeatureExtractor, Settings, Stream, load_dataset
from pdmr_classic.evaluation.stress import (
    add_noise,
    add_noise_to_vector,
    drop_frames,
    extract_altered_features,
    halve_rate,
    make_alterations,
)
from pdmr_classic.io.audio.embeddings import Embedding
from pdmr_classic.progress import LogReporter

AUDIO_TOO = ["without audio", "without video"]
NOISE = "noise of 10% of the sd"
VIDEO = [*(f"{share}% of frames dropped" for share in (10, 30, 50)), NOISE, "half the frame rate"]


@pytest.fixture
def stream() -> Stream:
    """Return 1000 frames of which the first hundred are invalid; AU28_c is binary."""
    values = np.random.default_rng(0).normal(5, 2, (1000, 3)).astype(np.float32)
    values[:, 2] = values[:, 2] > 5
    valid = np.arange(1000) >= 100
    values[500, 0] = np.nan
    return Stream(values, ("AU12_r", "pose_Rx", "AU28_c"), np.arange(1000) / 30, 30.0, valid, content="a1")


def test_frames_are_dropped_by_marking_them_invalid(stream: Stream) -> None:
    dropped = drop_frames(stream, 0.3)
    assert not (dropped.valid & ~stream.valid).any()
    assert dropped.valid.sum() == pytest.approx(0.7 * 900, rel=0.1)
    assert dropped.values is stream.values


def test_noise_is_proportional_to_the_sd_of_each_channel_and_spares_binary_channels(stream: Stream) -> None:
    before = stream.values.copy()
    added = add_noise(stream, 0.1).values - stream.values
    assert np.nanstd(added[:, :2], axis=0) == pytest.approx(0.1 * np.nanstd(stream.values[100:, :2], axis=0), rel=0.1)
    assert (added[:, 2] == 0).all()
    np.testing.assert_array_equal(stream.values, before)


def test_halving_the_rate_keeps_every_second_frame(stream: Stream) -> None:
    half = halve_rate(stream)
    assert (half.n_frames, half.frame_rate_hz) == (500, 15.0)
    np.testing.assert_array_equal(half.values, stream.values[::2])
    assert half.contiguous[1:].all()


def test_an_alteration_depends_only_on_the_content(stream: Stream) -> None:
    first, again = (drop_frames(stream, 0.5).valid for _ in range(2))
    np.testing.assert_array_equal(first, again)
    other = drop_frames(Stream(**{**stream.__dict__, "content": "b2"}), 0.5)
    assert (other.valid != first).any()


def test_noise_in_a_vector_is_scaled_to_it_and_seeded_by_its_content() -> None:
    vector = Embedding(np.random.default_rng(0).normal(5, 2, 1000), content="a1")
    noise = add_noise_to_vector(vector, 0.1).values - vector.values
    assert noise.std() == pytest.approx(0.2, rel=0.1)
    np.testing.assert_array_equal(add_noise_to_vector(vector, 0.1).values - vector.values, noise)
    assert (add_noise_to_vector(replace(vector, content="b2"), 0.1).values - vector.values != noise).all()


def test_every_alteration_changes_video_features_and_only_noise_changes_audio_features(small_set: Path) -> None:
    data = load_dataset(small_set, split="test")
    plain = FeatureExtractor().transform(data)
    altered = extract_altered_features(data, plain, Settings(), jobs=1, reporter=LogReporter())
    assert list(altered) == [*AUDIO_TOO, *VIDEO]
    audio = [name for name in plain if name.startswith("audio__")]
    video = [name for name in plain if name.startswith("video__")]
    assert altered["without audio"][audio].isna().all(axis=None)
    assert altered["without video"][video].isna().all(axis=None)
    for name in VIDEO:
        assert altered[name][audio].equals(plain[audio]) == (name != NOISE)
        assert altered[name].index.equals(plain.index)
        changed = (altered[name].reindex(columns=video) != plain[video]) & plain[video].notna()
        assert changed.loc[plain[video].notna().any(axis=1)].any(axis=1).all(), name


def test_altered_features_are_neither_read_from_nor_written_to_the_cache(small_set: Path, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="test")
    plain = FeatureExtractor(cache=tmp_path).transform(data)
    half = FeatureExtractor(cache=tmp_path, alter={"video": halve_rate}).transform(data)
    assert not half.equals(plain)
    assert FeatureExtractor(cache=tmp_path).transform(data).equals(plain)


def test_alterations_of_a_missing_modality_are_left_out(small_set: Path) -> None:
    for view, names in (("audio", [NOISE]), ("video", VIDEO)):
        data = load_dataset(small_set / "test" / view)
        plain = FeatureExtractor().transform(data)
        assert list(extract_altered_features(data, plain, Settings(), jobs=1, reporter=LogReporter())) == names


def test_alterations_have_these_names() -> None:
    assert list(make_alterations(0)) == VIDEO
