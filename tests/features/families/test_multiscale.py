"""Windows by hand, and agreement with a plain pandas loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import NAN, RATE, channel_features, features, make_stream


def compute(
    values: Any, channel: str = "ch000", rate: float = 10.0, chunk_frames: int | None = None, **options: Any
) -> dict[str, float]:
    stream = make_stream({channel: values}, rate=rate, **options)
    return channel_features(stream, "multiscale", channel, chunk_frames=chunk_frames)


def test_windows_by_hand() -> None:
    # Ten seconds at 10 Hz; the value is constant within each second.
    result = compute(np.repeat(np.arange(10.0), 10))
    assert result["mean_1s_mean"] == pytest.approx(4.5)
    assert result["mean_1s_std"] == pytest.approx(np.std(np.arange(10)))
    assert result["std_1s_mean"] == pytest.approx(0.0, abs=1e-7)
    assert result["range_1s_mean"] == pytest.approx(0.0, abs=1e-7)
    assert [result["mean_5s_mean"], result["mean_5s_std"]] == pytest.approx([4.5, 2.5])
    assert [result["std_5s_mean"], result["std_5s_std"]] == pytest.approx([2**0.5, 0.0], abs=1e-7)
    assert [result["range_5s_mean"], result["range_5s_std"]] == pytest.approx([4.0, 0.0], abs=1e-7)
    # The step of 1 into a second belongs to that second; the first second has no step.
    velocity_rms = np.sqrt([0.0, *[1 / 10] * 9]) * 10
    assert result["velocity_rms_1s_mean"] == pytest.approx(velocity_rms.mean())
    assert result["velocity_rms_1s_std"] == pytest.approx(velocity_rms.std())
    assert np.isnan([result["mean_30s_mean"], result["range_30s_std"]]).all()


def test_a_single_window_has_a_mean_but_no_variation() -> None:
    result = compute(np.arange(200.0))
    assert result["mean_30s_mean"] == pytest.approx(99.5)
    assert np.isnan(result["mean_30s_std"])


def test_a_window_with_less_than_half_of_its_frames_usable_is_left_out() -> None:
    values = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 10)
    usable = np.ones(60, dtype=bool)
    usable[10:15] = False
    assert compute(values, valid=usable)["mean_1s_mean"] == pytest.approx(3.5)
    usable[15] = False
    assert compute(values, valid=usable)["mean_1s_mean"] == pytest.approx(np.mean([1, 3, 4, 5, 6]))


def test_a_step_across_a_gap_does_not_count_as_velocity_of_a_window() -> None:
    values = np.where(np.arange(50) < 15, 0.0, 100.0)
    usable = np.ones(50, dtype=bool)
    usable[13:17] = False
    assert compute(values, valid=usable)["velocity_rms_1s_mean"] == 0.0
    assert compute(values, valid=usable)["velocity_rms_5s_mean"] == 0.0


@pytest.mark.parametrize("channel", ["AU12_c", "AU12_r"])
def test_the_share_of_active_frames_in_a_window(channel: str) -> None:
    result = compute(np.tile([0.0] * 5 + [1.0] * 5 + [1.0] * 10, 5), channel)
    assert result["active_1s_mean"] == pytest.approx(0.75)
    assert result["active_1s_std"] == pytest.approx(0.25)
    assert result["active_5s_mean"] == pytest.approx(0.75)


def test_presence_channels_only_have_activity_features() -> None:
    assert set(compute([0.0, 1.0], "AU12_c")) == {
        f"active_{s}s_{statistic}" for s in (1, 5, 30) for statistic in ("mean", "std")
    }


@pytest.mark.parametrize("first", ["pose_Rx", "AU12_r"])
def test_only_action_units_have_activity_in_any_column_order(first: str) -> None:
    values = np.random.default_rng(0).uniform(0, 2, (2, 60))
    second = {"pose_Rx": "AU12_r", "AU12_r": "pose_Rx"}[first]
    names = features(make_stream({first: values[0], second: values[1]}), "multiscale")
    assert {name.split("__")[1] for name in names if "__active" in name} == {"AU12_r"}


def test_chunks_of_frames_are_added_on_request() -> None:
    values = np.repeat([1.0, 2.0, 4.0], 20)
    result, defaults = compute(values, chunk_frames=20), compute(values)
    added = {f"{name}_20frames_{by}" for name in ("mean", "std", "range", "velocity_rms") for by in ("mean", "std")}
    assert result.keys() - defaults.keys() == added
    assert result["mean_20frames_mean"] == pytest.approx(7 / 3)
    assert result["mean_20frames_std"] == pytest.approx(np.std([1, 2, 4]))
    assert {name: result[name] for name in defaults} == pytest.approx(defaults, nan_ok=True)


def test_chunks_count_frames_on_the_time_grid_so_a_gap_shifts_nothing() -> None:
    values, usable = np.repeat([1.0, 2.0, 4.0], 20), np.ones(60, dtype=bool)
    usable[5:10] = False
    assert compute(values, chunk_frames=20, valid=usable)["mean_20frames_mean"] == pytest.approx(7 / 3)


def compute_with_pandas(values: np.ndarray, usable: np.ndarray, rate: float, scale_s: int) -> dict[str, float]:
    frame = pd.DataFrame({"x": values.astype(np.float64), "usable": usable})
    frame["window"] = np.floor(np.arange(len(frame)) / rate + 1e-6).astype(int) // scale_s
    frame["step"] = frame["x"].diff().where(frame["usable"] & frame["usable"].shift(fill_value=False)) * rate
    rows = []
    for _, window in frame[frame["usable"]].groupby("window"):
        if len(window) >= 0.5 * rate * scale_s:
            velocity_rms = (
                float(np.sqrt((window["step"].dropna() ** 2).mean())) if window["step"].notna().any() else NAN
            )
            x = window["x"]
            rows.append(
                {"mean": x.mean(), "std": x.std(ddof=0), "range": x.max() - x.min(), "velocity_rms": velocity_rms}
            )
    result = {}
    for name in ("mean", "std", "range", "velocity_rms"):
        finite = np.array([row[name] for row in rows if np.isfinite(row[name])])
        result[f"{name}_{scale_s}s_mean"] = finite.mean() if len(finite) else NAN
        result[f"{name}_{scale_s}s_std"] = finite.std() if len(finite) > 1 else NAN
    return result


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
    # No gap of at most 0.2 s, which would be interpolated, not even at the end.
    blocks = rng.random(n // 20 + 1) < 0.7
    blocks[-1] = blocks[-2:][0]
    usable = np.repeat(blocks, 20)[:n]
    result = compute(values, rate=rate[0], valid=usable)
    for scale_s in (1, 5, 30):
        expected = compute_with_pandas(values, usable, rate[0], scale_s)
        # The std of a nearly constant window is rounding: tolerance 1e-5 of the channel's standard deviation.
        actual = {name: result[name] for name in expected}
        assert actual == pytest.approx(expected, rel=rate[1], abs=1e-5 * scale[1], nan_ok=True)


def test_windows_at_a_fractional_frame_rate() -> None:
    assert compute(np.arange(0, 300.0), rate=29.97)["mean_1s_mean"] == pytest.approx(149.5, abs=1.0)
    assert RATE == 30.0
