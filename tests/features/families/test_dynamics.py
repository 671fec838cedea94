"""Velocity, turns and autocorrelation: sines, ramps, agreement with statsmodels and TSFEL, and gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tsfel
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from statsmodels.tsa.stattools import acf
from streams import NAN, RATE, channel_features, make_stream, sine

LAGS_S = (0.5, 1.0, 2.0, 5.0)


def compute(values: object, **options: object) -> dict[str, float]:
    return channel_features(make_stream({"ch000": values}, **options), "dynamics")  # type: ignore[arg-type, dict-item]


@pytest.mark.parametrize("hz", [0.2, 0.5, 1.0])
def test_a_sine(hz: float) -> None:
    amplitude = 2.0
    result = compute(sine(hz, 60, amplitude=amplitude, level=100.0))
    # Ratio of a difference over one frame to the derivative.
    ratio = np.sin(np.pi * hz / RATE) / (np.pi * hz / RATE)
    speed = 2 * np.pi * hz * amplitude
    assert result["velocity_rms"] == pytest.approx(ratio * speed / 2**0.5, rel=2e-3)
    assert result["velocity_mean"] == pytest.approx(ratio * speed * 2 / np.pi, rel=5e-3)
    assert result["acceleration_rms"] == pytest.approx(ratio**2 * 2 * np.pi * hz * speed / 2**0.5, rel=5e-3)
    assert result["zero_crossings_per_s"] == pytest.approx(2 * hz, abs=1 / 60 + 1e-3)
    assert result["turns_per_s"] == pytest.approx(2 * hz, abs=1 / 60 + 1e-3)
    for lag_s in LAGS_S:
        assert result[f"autocorrelation_{lag_s:g}s"] == pytest.approx(np.cos(2 * np.pi * hz * lag_s), abs=0.02)
    assert result["decay_s"] == pytest.approx(np.arccos(np.exp(-1)) / (2 * np.pi * hz), rel=0.02)


def test_a_ramp_has_its_velocity_and_no_turn() -> None:
    result = compute(0.5 * np.arange(301) / RATE)
    assert result["velocity_mean"] == pytest.approx(0.5, rel=1e-5)
    assert result["velocity_rms"] == pytest.approx(0.5, rel=1e-5)
    assert result["acceleration_rms"] == pytest.approx(0.0, abs=1e-2)
    assert result["turns_per_s"] == 0.0
    assert result["zero_crossings_per_s"] == pytest.approx(1 / 10)


def test_a_constant_channel_has_no_velocity_and_no_autocorrelation() -> None:
    result = compute([0.1] * 300)
    names = ("velocity_mean", "velocity_rms", "acceleration_mean", "zero_crossings_per_s", "turns_per_s")
    assert [result[name] for name in names] == [0.0] * 5
    assert np.isnan([result["decay_s"], *(result[f"autocorrelation_{lag:g}s"] for lag in LAGS_S)]).all()


def test_a_plateau_between_rise_and_fall_is_one_turn() -> None:
    assert compute([0, 1, 2, 2, 2, 1, 0.0])["turns_per_s"] == pytest.approx(1 / 5 * RATE)
    assert compute([0, 1, 2, 2, 2, 3, 4.0])["turns_per_s"] == 0.0


def test_a_turn_across_a_lost_frame_is_counted_only_on_a_plateau() -> None:
    assert compute([0, 1, 3, 9, 2, 1, 0.0], valid=[1, 1, 1, 0, 1, 1, 1])["turns_per_s"] == 0.0
    lost = compute([0, 1, 1, 9, 1, 1, 0.0, 0.0], valid=[1, 1, 1, 0, 1, 1, 1, 1])
    assert lost["turns_per_s"] == pytest.approx(RATE / 3)


def test_a_turn_across_a_long_gap_is_not_counted() -> None:
    x = np.repeat([0.0, 1.0, 0.0], [2, 12, 3])
    assert compute(x)["turns_per_s"] > 0.0
    assert compute(x, valid=(np.arange(17) < 4) | (np.arange(17) > 12))["turns_per_s"] == 0.0


@pytest.mark.parametrize("n", [1, 2])
def test_features_of_too_few_frames_are_nan(n: int) -> None:
    result = compute([1.0, 3.0][:n])
    assert np.isnan([result["acceleration_rms"], result["turns_per_s"], result["autocorrelation_0.5s"]]).all()
    assert np.isnan(result["velocity_mean"]) == (n == 1)


def test_lags_beyond_half_of_the_duration_are_nan() -> None:
    result = compute(np.random.default_rng(0).normal(size=round(3.5 * RATE)))
    assert np.isfinite([result["autocorrelation_0.5s"], result["autocorrelation_1s"]]).all()
    assert np.isnan([result["autocorrelation_2s"], result["autocorrelation_5s"]]).all()


def test_decay_is_nan_if_the_autocorrelation_stays_high() -> None:
    assert np.isnan(compute(sine(0.01, 60))["decay_s"])


def make_walk(n: int, seed: int) -> NDArray[np.float32]:
    """Return a mean-reverting random walk in float32."""
    rng, x = np.random.default_rng(seed), np.zeros(n)
    for k in range(1, n):
        x[k] = 0.95 * x[k - 1] + rng.normal()
    return x.astype(np.float32)


@pytest.mark.parametrize(("n", "rate"), [(1800, 30.0), (901, 25.0), (600, 15.0), (1500, 29.97)])
def test_autocorrelation_agrees_with_statsmodels(n: int, rate: float) -> None:
    x = make_walk(n, 3)
    result = compute(x, rate=rate)
    lags = np.arange(round(6 * rate) + 1)
    plain = acf(x.astype(np.float64), adjusted=True, fft=False, nlags=len(lags) - 1)
    for lag_s in LAGS_S:
        # Lags between frames (12.5 at 25 Hz) are interpolated linearly.
        assert result[f"autocorrelation_{lag_s:g}s"] == pytest.approx(np.interp(lag_s * rate, lags, plain), abs=1e-5)
    first = int(np.argmax(plain < np.exp(-1)))
    decay = np.interp(-np.exp(-1), -plain[first - 1 : first + 1], lags[first - 1 : first + 1]) / rate
    assert result["decay_s"] == pytest.approx(decay, rel=1e-5)


def test_autocorrelation_with_missing_frames_uses_actual_time_lags() -> None:
    x, usable = make_walk(900, 4), np.ones(900, dtype=bool)
    # Too long to be interpolated: 8 of 20 frames.
    usable.reshape(-1, 20)[:, 5:13] = False
    result = compute(np.where(usable, x, NAN))
    plain = acf(
        np.where(usable, x, np.nan).astype(np.float64), adjusted=True, nlags=60, fft=False, missing="conservative"
    )
    # With a conservative mask, statsmodels divides by n - lag instead of the number of pairs; the loop below does not.
    centred = np.where(usable, x - x[usable].astype(np.float64).mean(), 0.0)
    for lag in (15, 30, 60):
        pairs = np.count_nonzero(usable[lag:] & usable[:-lag])
        by_hand = (centred[lag:] @ centred[:-lag] / pairs) / (centred @ centred / usable.sum())
        assert result[f"autocorrelation_{lag / 30:g}s"] == pytest.approx(by_hand, abs=1e-5)
        assert result[f"autocorrelation_{lag / 30:g}s"] == pytest.approx(plain[lag], abs=0.05)


@given(st.integers(3, 300), st.integers(0, 2**32 - 1))
def test_crossings_and_turns_agree_with_tsfel(n: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=n).astype(np.float32).astype(np.float64)
    result = compute(x)
    assert result["zero_crossings_per_s"] * (n - 1) / RATE == pytest.approx(tsfel.zero_cross(x - x.mean()))
    turning = tsfel.positive_turning(x) + tsfel.negative_turning(x)
    assert result["turns_per_s"] * (n - 2) / RATE == pytest.approx(turning)


def test_mean_absolute_step_agrees_with_tsfel() -> None:
    x = make_walk(500, 6).astype(np.float64)
    assert compute_velocity_mean(x) == pytest.approx(tsfel.mean_abs_diff(x) * RATE, rel=1e-9)


def compute_velocity_mean(x: NDArray[Any]) -> float:
    return compute(x)["velocity_mean"]


def expected(x: NDArray[np.float64], rate: float) -> dict[str, float]:
    v, a = np.diff(x) * rate, np.diff(x, 2) * rate**2
    moving = np.sign(v)[v != 0]
    return {
        "velocity_mean": np.abs(v).mean(),
        "velocity_rms": np.sqrt((v**2).mean()),
        "acceleration_mean": np.abs(a).mean(),
        "acceleration_rms": np.sqrt((a**2).mean()),
        "zero_crossings_per_s": np.count_nonzero(np.diff(x >= x.mean())) / len(v) * rate,
        "turns_per_s": np.count_nonzero(np.diff(moving)) / len(a) * rate,
    }


@pytest.mark.parametrize(("level", "sd"), [(550.0, 0.5), (0.0, 1e-3), (1e-3, 1e-4), (1000.0, 1.0)])
def test_float64_within_1e_5_on_awkward_scales(level: float, sd: float) -> None:
    x = np.random.default_rng(1).normal(level, sd, 3000).astype(np.float32)
    result, plain = compute(x), expected(x.astype(np.float64), RATE)
    assert {name: result[name] for name in plain} == pytest.approx(plain, rel=1e-5)
    # Autocorrelation is computed from float32 transforms and accurate to 1e-5 of its maximum, 1.
    exact = acf(x.astype(np.float64), adjusted=True, fft=False, nlags=150)
    for lag_s in LAGS_S:
        assert result[f"autocorrelation_{lag_s:g}s"] == pytest.approx(exact[round(lag_s * RATE)], abs=1e-5)
