"""Signals: usable frames, gaps and shared quantities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from streams import (
    NAN,
    RATE,
    make_stream,
    sine,
)

from pdmr_classic.features.signal import make_joint_signal, make_signals, mean_or_nan, rms_or_nan

# At 4 Hz, every gap is longer than 0.2 s.
SLOW = 4.0


def test_invalid_frames_and_missing_values_are_left_out() -> None:
    stream = make_stream({"a": [1, 2, 3, 4, 5], "b": [1, NAN, 3, 4, 5]}, valid=[1, 1, 1, 0, 1], rate=SLOW)
    by_channel = {signal.channels: signal for signal in make_signals(stream, ["a", "b"])}
    assert by_channel["a",].values.ravel().tolist() == [1, 2, 3, 5]
    assert by_channel["b",].values.ravel().tolist() == [1, 3, 5]
    assert by_channel["a",].runs == [(0, 3), (3, 4)]
    assert by_channel["b",].runs == [(0, 1), (1, 2), (2, 3)]


def test_channels_with_the_same_frames_share_a_signal() -> None:
    stream = make_stream({"a": [1, NAN, 3], "b": [1, 2, 3], "c": [4, NAN, 6]})
    assert sorted(signal.channels for signal in make_signals(stream, ["a", "b", "c"])) == [("a", "c"), ("b",)]


def test_a_missing_value_in_an_invalid_frame_does_not_split_a_signal() -> None:
    stream = make_stream({"a": [1, NAN, 3], "b": [1, 2, 3]}, valid=[1, 0, 1])
    assert [signal.channels for signal in make_signals(stream, ["a", "b"])] == [("a", "b")]


def test_without_channels_there_are_no_signals() -> None:
    assert make_signals(make_stream({"a": [1.0]}), []) == []


def test_a_joint_signal_contains_the_frames_in_which_all_channels_are_usable() -> None:
    stream = make_stream({"a": [1, NAN, 3, 4], "b": [5, 6, 7, NAN], "empty": [NAN] * 4}, rate=SLOW)
    signal = make_joint_signal(stream, ["a", "b", "empty"])
    assert signal.channels == ("a", "b")
    assert signal.values.tolist() == [[1, 5], [3, 7]]


def test_frames_missing_in_time_are_a_gap() -> None:
    stream = make_stream({"a": [0.0, 1.0, 5.0, 6.0]}, rate=10, time_s=[0.0, 0.1, 0.5, 0.6])
    (signal,) = make_signals(stream, ["a"])
    assert signal.contiguous.tolist() == [False, True, False, True]
    assert signal.runs == [(0, 2), (2, 4)]
    assert signal.grid.tolist() == [0, 1, 5, 6]
    assert signal.steps.ravel().tolist() == [1.0, 0.0, 1.0]
    assert signal.velocity.ravel().tolist() == [10.0, 10.0]
    assert signal.acceleration.shape == (0, 1)


@pytest.mark.parametrize("absent", [False, True], ids=["invalid", "missing"])
def test_a_gap_of_at_most_200_ms_is_interpolated(absent: bool) -> None:
    usable = np.array([1, 1, 0, 0, 1, 1, 0, 0, 0, 1], dtype=bool)
    x = np.array([0.0, 1.0, 99.0, 99.0, 4.0, 6.0, 99.0, 99.0, 99.0, 9.0])
    keep = usable if absent else np.ones(10, dtype=bool)
    stream = make_stream({"a": x[keep]}, rate=10, valid=usable[keep], time_s=np.arange(10)[keep] / 10)
    (signal,) = make_signals(stream, ["a"])
    assert signal.values.ravel() == pytest.approx([0, 1, 2, 3, 4, 6, 9])
    assert signal.time_s == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9])
    assert signal.runs == [(0, 6), (6, 7)]
    assert signal.velocity.ravel().tolist() == [10.0, 20.0]
    assert signal.acceleration.shape == (0, 1)


def test_at_the_ends_of_a_stream_the_nearest_value_is_held_for_at_most_200_ms() -> None:
    stream = make_stream({"a": [7, 7, 1, 2, 7, 7, 7]}, rate=10, valid=[0, 0, 1, 1, 0, 0, 0])
    (signal,) = make_signals(stream, ["a"])
    assert signal.values.ravel().tolist() == [1, 1, 1, 2]
    assert signal.time_s == pytest.approx([0, 0.1, 0.2, 0.3])
    assert signal.velocity.ravel().tolist() == [10.0]


@given(arrays(bool, 60), st.sampled_from([4.0, 10.0, 30.0, 240.0]))
def test_interpolation_agrees_with_a_plain_loop(usable: NDArray[np.bool_], rate: float) -> None:
    x = np.random.default_rng(0).normal(size=60)
    signals = make_signals(make_stream({"a": x}, rate=rate, valid=usable), ["a"])
    expected = interpolate_with_loop(x.astype(np.float32), usable, int(0.2 * rate + 1e-6))
    assert signals[0].values.ravel() == pytest.approx(expected)


def interpolate_with_loop(x: NDArray[np.float32], usable: NDArray[np.bool_], longest: int) -> list[float]:
    rows = np.flatnonzero(usable)
    if not len(rows):
        return []
    result = []
    for start, stop in itertools.pairwise([-1, *rows.tolist(), len(x)]):
        if stop - start - 1 <= longest:
            result += np.interp(range(start + 1, stop), rows, x[rows]).tolist()
        result += [float(x[stop])] if stop < len(x) else []
    return result


def test_without_a_short_gap_no_frame_is_interpolated() -> None:
    stream = make_stream({"a": np.arange(60.0)}, valid=np.arange(60) // 20 != 1)
    assert make_signals(stream, ["a"])[0].measured is None


def test_jitter_of_timestamps_is_not_a_gap() -> None:
    rng = np.random.default_rng(0)
    stream = make_stream({"a": range(100)}, time_s=(np.arange(100) + rng.uniform(-0.2, 0.2, 100)) / RATE)
    assert make_signals(stream, ["a"])[0].is_gapless


@pytest.mark.parametrize("level", [0.1, 550.3, -1e-3, 1e30])
def test_a_constant_channel_does_not_vary_despite_rounding_of_its_mean(level: float) -> None:
    stream = make_stream({"a": np.full(997, level)})
    assert not make_signals(stream, ["a"])[0].is_varying.any()


def test_a_small_movement_around_a_large_mean_counts_as_varying() -> None:
    assert make_signals(make_stream({"a": 1000 + sine(1, 5, amplitude=0.1)}), ["a"])[0].is_varying.all()


def test_the_mean_of_no_rows_is_nan() -> None:
    assert np.isnan(mean_or_nan(np.empty((0, 2)))).tolist() == [True, True]
    assert np.isnan(rms_or_nan(np.empty((0, 2)))).tolist() == [True, True]
    assert rms_or_nan(np.array([[3.0], [4.0]])) == pytest.approx([12.5**0.5])
