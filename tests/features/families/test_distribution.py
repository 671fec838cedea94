"""Level, spread and shape: closed forms, agreement with scipy and numpy, and float64 precision."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from streams import NAN, RATE, channel_features, features, make_stream, sine

SHARES = ("share_above_mean", "share_below_mean")


def compute(values: object, **options: object) -> dict[str, float]:
    return channel_features(make_stream({"ch000": values}, **options), "distribution")  # type: ignore[arg-type, dict-item]


def test_a_sine() -> None:
    result = compute(sine(0.5, 60, amplitude=3.0, level=10.0))
    assert result["mean"] == pytest.approx(10.0, abs=1e-6)
    assert result["std"] == pytest.approx(3.0 / 2**0.5, rel=1e-6)
    assert result["range"] == pytest.approx(6.0, rel=2e-3)
    assert result["iqr"] == pytest.approx(2 * 3.0 * np.sin(np.pi / 4), rel=0.02)
    assert result["mad"] == pytest.approx(3.0 * np.sin(np.pi / 4), rel=0.02)
    assert result["skewness"] == pytest.approx(0.0, abs=1e-4)
    assert result["kurtosis"] == pytest.approx(-1.5, abs=1e-4)
    assert [result[name] for name in SHARES] == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_ramp_rises_by_its_slope() -> None:
    result = compute(0.25 * np.arange(301) / RATE + 7)
    assert result["slope"] == pytest.approx(0.25, rel=1e-6)
    assert (result["min"], result["max"]) == (7.0, 9.5)
    assert result["p25"] == pytest.approx(7.625, rel=1e-6)


def test_invalid_frames_do_not_change_the_slope_of_a_ramp() -> None:
    usable = np.random.default_rng(0).random(300) < 0.5
    usable[[0, -1]] = True  # at the ends, the nearest value is held
    assert compute(0.25 * np.arange(300) / RATE, valid=usable)["slope"] == pytest.approx(0.25, rel=1e-5)


def test_shares_above_and_below_the_mean_of_a_step() -> None:
    result = compute([0.0] * 90 + [4.0] * 30)
    assert [result[name] for name in ("mean", "p50", "p95", "mad", *SHARES)] == [1.0, 0.0, 4.0, 0.0, 0.25, 0.75]


def test_a_constant_channel_has_no_spread_and_no_shape() -> None:
    result = compute([0.1] * 100)
    assert [result[name] for name in ("std", "iqr", "range", "mad", *SHARES)] == pytest.approx([0.0] * 6, abs=1e-15)
    assert result["slope"] == pytest.approx(0.0, abs=1e-15)
    assert np.isnan([result["skewness"], result["kurtosis"]]).all()


def test_one_frame_has_a_mean_but_no_slope() -> None:
    result = compute([3.0])
    assert (result["mean"], result["p05"], result["std"], result["range"]) == (3.0, 3.0, 0.0, 0.0)
    assert np.isnan([result["slope"], result["skewness"]]).all()


def test_without_usable_frames_all_features_are_nan() -> None:
    assert np.isnan(list(compute([1.0, 2.0], valid=[0, 0]).values())).all()
    assert np.isnan(list(compute([NAN, NAN]).values())).all()


def expected(x: np.ndarray, clock: np.ndarray) -> dict[str, float]:
    quantiles = {f"p{q:02d}": np.percentile(x, q) for q in (5, 25, 50, 75, 95)}
    return {
        "mean": np.mean(x),
        "std": np.std(x),
        "min": np.min(x),
        "max": np.max(x),
        **quantiles,
        "iqr": scipy.stats.iqr(x),
        "range": np.ptp(x),
        "mad": scipy.stats.median_abs_deviation(x),
        "skewness": scipy.stats.skew(x),
        "kurtosis": scipy.stats.kurtosis(x),
        "slope": scipy.stats.linregress(clock, x).slope,
        "share_above_mean": np.mean(x > x.mean()),
        "share_below_mean": np.mean(x < x.mean()),
    }


@given(st.integers(2, 300), st.integers(0, 2**32 - 1))
def test_every_functional_agrees_with_scipy_and_numpy(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, size=n).astype(np.float32)
    result, plain = compute(x), expected(x.astype(np.float64), np.arange(n) / RATE)
    assert result.keys() == plain.keys()
    assert result == pytest.approx(plain, rel=1e-5, abs=1e-7)


# Mean and standard deviation: mm of a head at 0.5 m, rad of a resting eye, px of a landmark in a large image.
SCALES = [(550.0, 0.5), (0.0, 1e-3), (1e-3, 1e-4), (1000.0, 1.0)]


@pytest.mark.parametrize(("level", "sd"), SCALES)
def test_float64_within_1e_5_on_awkward_scales(level: float, sd: float) -> None:
    x = np.random.default_rng(1).normal(level, sd, 3000).astype(np.float32)
    result, plain = compute(x), expected(x.astype(np.float64), np.arange(3000) / RATE)
    # A third moment near 0 is compared on the scale of its possible values.
    assert result == pytest.approx(plain, rel=1e-5, abs=1e-6 * min(1.0, sd))


def test_channels_of_presence_and_landmarks_have_no_distribution() -> None:
    names = features(make_stream({"AU12_c": [0.0, 1.0], "x_30": [1.0, 2.0], "AU12_r": [1.0, 2.0]}), "distribution")
    assert {name.split("__")[1] for name in names} == {"AU12_r"}
