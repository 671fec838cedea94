"""Windows by hand, and against a plain pandas loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import NAN, RATE, features, of_channel, stream_of


def of(
    values: Any, channel: str = "ch000", rate: float = 10.0, chunk_frames: int | None = None, **options: Any
) -> dict[str, float]:
    stream = stream_of({channel: values}, rate=rate, **options)
    return of_channel(stream, "multiscale", channel, chunk_frames=chunk_frames)


def test_windows_by_hand() -> None:
    # Ten seconds at 10 Hz: each second stands still, at its own number.
    found = of(np.repeat(np.arange(10.0), 10))
    assert found["mean_1s_mean"] == pytest.approx(4.5)
    assert found["mean_1s_std"] == pytest.approx(np.std(np.arange(10)))
    assert found["std_1s_mean"] == pytest.approx(0.0, abs=1e-7)
    assert found["range_1s_mean"] == pytest.approx(0.0, abs=1e-7)
    assert [found["mean_5s_mean"], found["mean_5s_std"]] == pytest.approx([4.5, 2.5])
    assert [found["std_5s_mean"], found["std_5s_std"]] == pytest.approx([2**0.5, 0.0], abs=1e-7)
    assert [found["range_5s_mean"], found["range_5s_std"]] == pytest.approx([4.0, 0.0], abs=1e-7)
    # The step of 1 into a second belongs to that second; the first second has none.
    moved = np.sqrt([0.0, *[1 / 10] * 9]) * 10
    assert found["velocity_rms_1s_mean"] == pytest.approx(moved.mean())
    assert found["velocity_rms_1s_std"] == pytest.approx(moved.std())
    assert np.isnan([found["mean_30s_mean"], found["range_30s_std"]]).all()


def test_a_single_window_has_a_level_and_no_steadiness() -> None:
    found = of(np.arange(200.0))
    assert found["mean_30s_mean"] == pytest.approx(99.5)
    assert np.isnan(found["mean_30s_std"])


def test_a_window_of_which_less_than_half_was_seen_is_left_out() -> None:
    values = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 10)
    seen = np.ones(60, dtype=bool)
    seen[10:15] = False
    assert of(values, valid=seen)["mean_1s_mean"] == pytest.approx(3.5)
    seen[15] = False
    assert of(values, valid=seen)["mean_1s_mean"] == pytest.approx(np.mean([1, 3, 4, 5, 6]))


def test_a_step_over_a_gap_is_no_velocity_of_a_window() -> None:
    values = np.where(np.arange(50) < 15, 0.0, 100.0)
    seen = np.ones(50, dtype=bool)
    seen[13:17] = False
    assert of(values, valid=seen)["velocity_rms_1s_mean"] == 0.0
    assert of(values, valid=seen)["velocity_rms_5s_mean"] == 0.0


@pytest.mark.parametrize("channel", ["AU12_c", "AU12_r"])
def test_the_share_of_active_frames_of_a_window(channel: str) -> None:
    found = of(np.tile([0.0] * 5 + [1.0] * 5 + [1.0] * 10, 5), channel)
    assert found["active_1s_mean"] == pytest.approx(0.75)
    assert found["active_1s_std"] == pytest.approx(0.25)
    assert found["active_5s_mean"] == pytest.approx(0.75)


def test_presence_has_nothing_but_activity() -> None:
    assert all(name.startswith("active") for name in of([0.0, 1.0], "AU12_c"))


@pytest.mark.parametrize("first", ["pose_Rx", "AU12_r"])
def test_activity_is_asked_of_action_units_alone_wherever_they_stand(first: str) -> None:
    values = np.random.default_rng(0).uniform(0, 2, (2, 60))
    other = {"pose_Rx": "AU12_r", "AU12_r": "pose_Rx"}[first]
    names = features(stream_of({first: values[0], other: values[1]}), "multiscale")
    assert {name.split("__")[1] for name in names if "__active" in name} == {"AU12_r"}


def test_chunks_of_frames_are_added_where_they_are_asked_for() -> None:
    values = np.repeat([1.0, 2.0, 4.0], 20)
    found, usual = of(values, chunk_frames=20), of(values)
    added = {f"{name}_20frames_{by}" for name in ("mean", "std", "range", "velocity_rms") for by in ("mean", "std")}
    assert found.keys() - usual.keys() == added
    assert found["mean_20frames_mean"] == pytest.approx(7 / 3)
    assert found["mean_20frames_std"] == pytest.approx(np.std([1, 2, 4]))
    assert {name: found[name] for name in usual} == pytest.approx(usual, nan_ok=True)


def test_a_chunk_is_of_frames_in_time_so_that_a_gap_shifts_nothing() -> None:
    values, seen = np.repeat([1.0, 2.0, 4.0], 20), np.ones(60, dtype=bool)
    seen[5:10] = False
    assert of(values, chunk_frames=20, valid=seen)["mean_20frames_mean"] == pytest.approx(7 / 3)


def by_pandas(values: np.ndarray, seen: np.ndarray, rate: float, scale_s: int) -> dict[str, float]:
    frame = pd.DataFrame({"x": values.astype(np.float64), "seen": seen})
    frame["window"] = np.floor(np.arange(len(frame)) / rate + 1e-6).astype(int) // scale_s
    frame["step"] = frame["x"].diff().where(frame["seen"] & frame["seen"].shift(fill_value=False)) * rate
    rows = []
    for _, window in frame[frame["seen"]].groupby("window"):
        if len(window) >= 0.5 * rate * scale_s:
            moved = float(np.sqrt((window["step"].dropna() ** 2).mean())) if window["step"].notna().any() else NAN
            x = window["x"]
            rows.append({"mean": x.mean(), "std": x.std(ddof=0), "range": x.max() - x.min(), "velocity_rms": moved})
    found = {}
    for name in ("mean", "std", "range", "velocity_rms"):
        known = np.array([row[name] for row in rows if np.isfinite(row[name])])
        found[f"{name}_{scale_s}s_mean"] = known.mean() if len(known) else NAN
        found[f"{name}_{scale_s}s_std"] = known.std() if len(known) > 1 else NAN
    return found


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([(30.0, 1e-5), (25.0, 1e-5), (29.97, 1e-5), (8.0, 1e-5)]),
    st.sampled_from([(0.0, 1.0), (550.0, 0.5), (1e-3, 1e-4), (1000.0, 1.0)]),
    st.integers(1, 1900),
    st.integers(0, 2**32 - 1),
)
def test_every_functional_agrees_with_a_pandas_loop_in_float64(
    rate: tuple[float, float], scale: tuple[float, float], n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(*scale, n).astype(np.float32)
    seen = np.repeat(rng.random(n // 20 + 1) < 0.7, 20)[:n]
    found = of(values, rate=rate[0], valid=seen)
    for scale_s in (1, 5, 30):
        expected = by_pandas(values, seen, rate[0], scale_s)
        # Of a nearly constant series the std is rounding: it is held to 1e-5 of the channel's own sd.
        got = {name: found[name] for name in expected}
        assert got == pytest.approx(expected, rel=rate[1], abs=1e-5 * scale[1], nan_ok=True)


def test_the_frame_rate_of_a_clock_that_is_not_whole() -> None:
    assert of(np.arange(0, 300.0), rate=29.97)["mean_1s_mean"] == pytest.approx(149.5, abs=1.0)
    assert RATE == 30.0
