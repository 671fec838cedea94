"""Signals: usable frames, gaps and shared quantities."""

from __future__ import annotations

import numpy as np
import pytest
from streams import (
    NAN,
    RATE,
    make_stream,
    sine,
)

from pdmr_classic.features.signal import make_joint_signal, make_signals, mean_or_nan, rms_or_nan


def test_invalid_frames_and_missing_values_are_left_out() -> None:
    stream = make_stream({"a": [1, 2, 3, 4, 5], "b": [1, NAN, 3, 4, 5]}, valid=[1, 1, 1, 0, 1])
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
    stream = make_stream({"a": [1, NAN, 3, 4], "b": [5, 6, 7, NAN], "empty": [NAN] * 4})
    signal = make_joint_signal(stream, ["a", "b", "empty"])
    assert signal.channels == ("a", "b")
    assert signal.values.tolist() == [[1, 5], [3, 7]]


def test_a_frame_missing_in_time_is_a_gap() -> None:
    stream = make_stream({"a": [0.0, 1.0, 5.0, 6.0]}, rate=10, time_s=[0.0, 0.1, 0.4, 0.5])
    (signal,) = make_signals(stream, ["a"])
    assert signal.contiguous.tolist() == [False, True, False, True]
    assert signal.runs == [(0, 2), (2, 4)]
    assert signal.grid.tolist() == [0, 1, 4, 5]
    assert signal.steps.ravel().tolist() == [1.0, 0.0, 1.0]
    assert signal.velocity.ravel().tolist() == [10.0, 10.0]
    assert signal.acceleration.shape == (0, 1)


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
