"""Any frame rate, length, gap and jitter gives features: no frame leaves the grid, and no two frames share a place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings, ReadingSettings
from pdmr_classic.features.file_features import compute_stream_features
from pdmr_classic.features.registry import load_families
from pdmr_classic.features.signal import make_joint_signal
from pdmr_classic.io.video.read_stream import read_stream

FAMILIES = tuple(family for family in load_families().values() if family.is_default and family.view != "audio")
CHANNELS = ("pose_Rx", "AU12_r")


def make_times(rate: float, n_frames: int, missing: float, jitter: float, seed: int) -> Floats:
    """Return timestamps in ms, as OpenFace writes them, with some frames missing."""
    rng = np.random.default_rng(seed)
    time_s = (np.arange(n_frames) + jitter * rng.uniform(-0.5, 0.5, n_frames)) / rate
    time_s = np.round(time_s - time_s[0], 3)
    keep = np.concatenate([[True], np.diff(time_s) > 0]) & (rng.random(n_frames) >= missing)
    keep[0] = True
    # Rounded times may repeat after a shift, which is another error than the one looked for here.
    return np.unique(time_s[keep])


def write_stream(path: Path, rate: float, n_frames: int, missing: float, jitter: float, seed: int) -> None:
    """Write a stream with some frames missing and some failed."""
    time_s = make_times(rate, n_frames, missing, jitter, seed)
    rng = np.random.default_rng(seed)
    table = np.column_stack([time_s, rng.random(len(time_s)) > missing, rng.normal(size=(len(time_s), 2))])
    header = ",".join(("timestamp", "success", *CHANNELS))
    np.savetxt(path, table, delimiter=",", header=header, comments="", fmt=["%.3f", "%d", "%.4f", "%.4f"])


def check_stream(path: Path) -> None:
    stream = read_stream(path, ReadingSettings())
    names, values = compute_stream_features(stream, FAMILIES, FeatureSettings(chunk_frames=500))
    assert len(names) == len(values)
    assert "video__pose_Rx__mean" in names
    signal = make_joint_signal(stream, [name for name in CHANNELS if name in stream.channels])
    assert (np.diff(signal.grid) >= 1).all()
    assert (np.diff(signal.grid)[signal.contiguous[1:]] == 1).all()
    assert (np.diff(signal.time_s) > 0).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.floats(5, 250),
    n_frames=st.integers(1, 3000),
    missing=st.sampled_from([0.0, 0.05, 0.5]),
    jitter=st.sampled_from([0.0, 0.1, 0.4]),
    seed=st.integers(0, 9),
)
def test_any_frame_rate_gives_features(
    tmp_path: Path, rate: float, n_frames: int, missing: float, jitter: float, seed: int
) -> None:
    write_stream(tmp_path / "s.csv", rate, n_frames, missing, jitter, seed)
    check_stream(tmp_path / "s.csv")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.floats(5, 250),
    # Lengths of every order of magnitude.
    n_frames=st.floats(0, 5).map(lambda exponent: round(10**exponent)),
    missing=st.sampled_from([0.0, 0.01]),
    jitter=st.sampled_from([0.0, 0.3]),
)
def test_any_length_gives_features_of_one_channel(
    tmp_path: Path, rate: float, n_frames: int, missing: float, jitter: float
) -> None:
    time_s = make_times(rate, n_frames, missing, jitter, seed=0)
    unit = np.random.default_rng(0).uniform(0, 5, len(time_s))
    table = np.column_stack([time_s, unit])
    np.savetxt(tmp_path / "s.csv", table, delimiter=",", header="timestamp,AU12_r", comments="", fmt=["%.3f", "%.2f"])
    stream = read_stream(tmp_path / "s.csv", ReadingSettings())
    assert len(stream.time_s) == len(stream.values) == len(stream.valid) == len(time_s)
    names, values = compute_stream_features(stream, FAMILIES, FeatureSettings())
    assert len(names) == len(values)
    signal = make_joint_signal(stream, ["AU12_r"])
    measured = signal.values.ravel() if signal.measured is None else signal.values[signal.measured].ravel()
    assert measured == pytest.approx(table[:, 1].round(2), abs=1e-4)
    assert len(signal.grid) == signal.n_frames >= len(time_s)


@pytest.mark.parametrize(
    ("rate", "seconds"), [(30.01, 60), (25.01, 72), (58.05, 30), (60.05, 10), (30.0003, 1800), (29.97, 600)]
)
def test_a_rate_close_to_a_round_one_gives_features(tmp_path: Path, rate: float, seconds: float) -> None:
    write_stream(tmp_path / "s.csv", rate, round(rate * seconds), 0.0, 0.0, seed=0)
    check_stream(tmp_path / "s.csv")


@pytest.mark.slow
@pytest.mark.parametrize("rate", [25.01, 240.3])
def test_a_stream_of_100_000_frames_gives_features(tmp_path: Path, rate: float) -> None:
    write_stream(tmp_path / "s.csv", rate, 100_000, 0.01, 0.1, seed=0)
    check_stream(tmp_path / "s.csv")
