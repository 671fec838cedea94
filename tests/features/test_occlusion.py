"""Features of a stream without the frames of a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic import FeatureExtractor, Settings, load_dataset
from pdmr_classic.features.occlusion import Window, compute_without_windows, read_behaviour, split_into_windows
from pdmr_classic.io.video.stream import Stream

QUICK = Settings().override({"features.families": ["distribution", "au_activation", "eyes"]})


def make_stream(values: np.ndarray, rate: float = 10.0, start_s: float = 0.0) -> Stream:
    """Return a stream with AU12 as given, and a head that turns."""
    n = len(values)
    columns = np.column_stack([values, np.linspace(0, 1, n)]).astype(np.float32)
    time_s = start_s + np.arange(n) / rate
    return Stream(columns, ("AU12_r", "pose_Ry"), time_s, rate, np.ones(n, dtype=bool))


def select(names: tuple[str, ...], values: np.ndarray, feature: str) -> list[float]:
    return [round(float(value), 6) for value in values[:, names.index(feature)]]


def test_windows_cover_every_frame_once() -> None:
    stream = make_stream(np.zeros(305), start_s=7.3)
    windows = split_into_windows(stream)
    counts = np.sum([window.contains(stream.time_s) for window in windows], axis=0)
    assert (len(windows), set(counts)) == (16, {1})
    assert (windows[0].start_s, windows[1].start_s) == (7.3, 9.3)


@pytest.mark.parametrize(("seconds", "n_windows", "window_s"), [(4, 5, 0.8), (20, 10, 2.0), (3600, 60, 60.0)])
def test_short_and_long_recordings_have_shorter_and_longer_windows(
    seconds: int, n_windows: int, window_s: float
) -> None:
    windows = split_into_windows(make_stream(np.zeros(seconds * 10)))
    assert (len(windows), round(windows[0].end_s - windows[0].start_s, 6)) == (n_windows, window_s)


def test_a_stream_without_frames_has_no_window() -> None:
    assert split_into_windows(make_stream(np.zeros(0))) == []


def test_the_frames_of_a_window_do_not_count() -> None:
    smile = np.zeros(100)
    smile[20:40] = 3.0
    windows = [Window(0, 2), Window(2, 4)]
    names, values = compute_without_windows(make_stream(smile), "video", windows, QUICK)
    assert select(names, values, "video__AU12_r__share_active") == [0.2, 0.25, 0.0]
    assert select(names, values, "video__AU12_r__mean") == [0.6, 0.75, 0.0]


def test_features_of_several_channels_are_left_out_if_channels_are_chosen() -> None:
    stream = make_stream(np.zeros(100))
    names, values = compute_without_windows(stream, "video", [Window(0, 2)], QUICK, ["AU12_r"])
    assert {name.split("__")[1] for name in names} == {"AU12_r"}
    assert values.shape == (2, len(names))


def test_nothing_is_left_if_the_only_valid_frames_are_hidden() -> None:
    stream = make_stream(np.ones(40))
    stream.valid[20:] = False
    names, values = compute_without_windows(stream, "video", [Window(0, 2)], QUICK)
    assert np.isnan(values[1, names.index("video__AU12_r__mean")])


def test_unhidden_features_are_those_of_the_extractor(small_set: Path) -> None:
    settings = Settings().override({"reading.resting_face": True})
    data = load_dataset(small_set, split="test")
    recording = next(recording for recording in data.recordings if recording.video is not None)
    expected = FeatureExtractor(settings).transform(data).loc[recording.data_id]
    assert recording.video is not None
    stream = read_behaviour(recording.video, "video", settings)
    for channels in (None, ["AU12_r", "pose_Rx"]):
        names, values = compute_without_windows(stream, "video", [], settings, channels)
        assert len(names) > 50
        np.testing.assert_allclose(values[0], expected[list(names)].to_numpy(), rtol=1e-12)
