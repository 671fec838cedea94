"""Spectra: sines have their power in the right band; agreement with scipy and TSFEL; long gaps are not bridged."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.signal
import tsfel
from numpy.typing import NDArray
from streams import NAN, RATE, channel_features, make_stream, sine

from pdmr_classic.features.families.spectral import BANDS_HZ, estimate_density, log_band_power
from pdmr_classic.features.signal import Signal, make_signals

SHAPE = ("centroid_hz", "spread_hz", "entropy", "edge85_hz", "peak_hz")


def make_signal(values: object, **options: object) -> Signal:
    return make_signals(make_stream({"ch000": values}, **options), ["ch000"])[0]  # type: ignore[arg-type, dict-item]


def compute(values: object, **options: object) -> dict[str, float]:
    return channel_features(make_stream({"ch000": values}, **options), "spectral")  # type: ignore[arg-type, dict-item]


# A Hann window spreads a line over three bins: 0.15 Hz below 0.3 Hz, 0.75 Hz above. In narrow bands, part of the power
# leaks to the neighbouring bands, and 0.2 Hz leaks into the 4 s windows of the bands above.
@pytest.mark.parametrize(
    ("hz", "band", "leakage"),
    [(0.2, "0.1_0.3hz", 0.2), (0.65, "0.3_1hz", 0.2), (2.0, "1_3hz", 1e-3), (5.0, "3_7hz", 1e-3), (4.3, "3_7hz", 1e-3)],
)
@pytest.mark.parametrize("rate", [30.0, 25.0, 60.0])
def test_the_power_of_a_sine_is_half_its_squared_amplitude_and_in_its_band(
    hz: float, band: str, leakage: float, rate: float
) -> None:
    result = compute(sine(hz, 60, amplitude=3.0, level=100.0, rate=rate), rate=rate)
    assert 10 ** result[f"power_{band}"] == pytest.approx(4.5, rel=max(leakage, 3e-3))
    assert result[f"relative_{band}"] == pytest.approx(1.0, abs=leakage)
    # Bands from 0.3 Hz are relative to their own total, which does not need the long window.
    assert sum(result[f"relative_{low:g}_{high:g}hz"] for low, high in BANDS_HZ[2:]) == pytest.approx(1.0)


# The bins shift with the frame rate; the power must not change.
@pytest.mark.parametrize("rate", [24.94, 25.0, 25.06, 29.9, 30.0])
def test_a_flat_density_fills_every_band(rate: float) -> None:
    result = compute(np.random.default_rng(0).normal(size=60_000), rate=rate)
    for low, high in BANDS_HZ:
        power = 10 ** result[f"power_{low:g}_{high:g}hz"]
        assert power == pytest.approx((high - low) * 2 / rate, rel=0.12), (low, high)


# Below 0.55 Hz, a third of the power of a line is below 0.3 Hz, outside the range of the spectral shape.
@pytest.mark.parametrize("hz", [0.75, 1.0, 2.0, 5.0])
def test_the_spectral_shape_of_a_sine_is_a_line_at_its_frequency(hz: float) -> None:
    result = compute(sine(hz, 40))
    assert result["peak_hz"] == pytest.approx(hz)
    assert result["centroid_hz"] == pytest.approx(hz, abs=0.02)
    # A Hann window spreads a line over three bins of 0.25 Hz.
    assert result["spread_hz"] < 0.25
    assert result["entropy"] < 0.3
    assert hz <= result["edge85_hz"] <= hz + 0.375


def test_noise_is_spread_over_all_frequencies() -> None:
    result = compute(np.random.default_rng(0).normal(size=18000))
    assert result["entropy"] > 0.98
    assert result["centroid_hz"] == pytest.approx((0.3 + 7) / 2, abs=0.2)
    assert result["edge85_hz"] == pytest.approx(0.375 + 0.85 * 6.5, abs=0.2)
    assert result["power_3_7hz"] == pytest.approx(np.log10(4 / 15), abs=0.05)


def test_slow_amplitudes_do_not_depend_on_the_duration() -> None:
    short, long = compute(sine(0.2, 40)), compute(sine(0.2, 400))
    for hz in (0.05, 0.1, 0.15, 0.2):
        assert short[f"amplitude_{hz:g}hz"] == pytest.approx(long[f"amplitude_{hz:g}hz"], abs=1e-3)
    assert long["amplitude_0.2hz"] > 10 * long["amplitude_0.05hz"]


def test_a_constant_channel_has_no_power_and_no_spectral_shape() -> None:
    result = compute([0.1] * 1800)
    assert [result[f"power_{low:g}_{high:g}hz"] for low, high in BANDS_HZ] == pytest.approx([-12.0] * 5)
    assert [result[f"amplitude_{hz:g}hz"] for hz in (0.05, 0.2)] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert np.isnan([result[name] for name in SHAPE]).all()
    assert np.isnan([result[f"relative_{low:g}_{high:g}hz"] for low, high in BANDS_HZ]).all()


def test_bands_whose_window_does_not_fit_are_nan() -> None:
    result = compute(np.random.default_rng(0).normal(size=round(19.9 * RATE)))
    assert np.isnan([result["power_0_0.1hz"], result["power_0.1_0.3hz"], result["amplitude_0.2hz"]]).all()
    assert np.isfinite([result["power_0.3_1hz"], result["centroid_hz"]]).all()
    assert np.isnan(list(compute(np.random.default_rng(0).normal(size=round(3.9 * RATE))).values())).all()


def test_bands_above_half_the_frame_rate_are_nan() -> None:
    result = compute(np.random.default_rng(0).normal(size=600), rate=10.0)
    assert np.isnan([result["power_3_7hz"], *(result[name] for name in SHAPE)]).all()
    assert np.isfinite(result["power_1_3hz"])


@pytest.mark.parametrize("rate", [0.2, 0.3, 0.45, 0.6])
def test_a_stream_below_one_frame_per_second_has_no_amplitude_above_half_its_rate(rate: float) -> None:
    result = compute(np.random.default_rng(0).normal(size=200), rate=rate)
    for hz in (0.05, 0.1, 0.15, 0.2):
        assert np.isnan(result[f"amplitude_{hz:g}hz"]) == (round(20 * rate) < 4 or hz > rate / 2), hz


@pytest.mark.parametrize(("length_s", "rate"), [(4.0, 30.0), (20.0, 30.0), (4.0, 25.0), (4.25, 15.0), (1.0, 7.0)])
def test_the_density_agrees_with_scipy(length_s: float, rate: float) -> None:
    length = round(length_s * rate)
    x = np.random.default_rng(2).normal(5.0, 2.0, 12 * length).astype(np.float32)
    frequencies, density = estimate_density(make_signal(x, rate=rate), length_s)
    expected = scipy.signal.welch(
        x.astype(np.float64), fs=rate, window="hann", nperseg=length, noverlap=length - length // 2, detrend="constant"
    )
    np.testing.assert_allclose(frequencies, expected[0])
    # Window means are removed: near 0 Hz, there is only float32 rounding.
    np.testing.assert_allclose(density[:, 0], expected[1], rtol=1e-4, atol=1e-7 * expected[1].max())


def bin_widths(f: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return the overlap of each bin with a band; the overlap of the bin at 0 Hz is added to the next bin."""
    inside = [max(min(hz + f[1] / 2, high) - max(hz - f[1] / 2, low, 0.0), 0.0) for hz in f]
    return np.array([0.0, inside[0] + inside[1], *inside[2:]])


def test_the_powers_agree_with_scipy() -> None:
    x = np.cumsum(np.random.default_rng(3).normal(size=3600)).astype(np.float32)
    result = compute(x)
    for low, high in BANDS_HZ:
        length = 600 if low < 0.3 else 120
        f, density = scipy.signal.welch(x.astype(np.float64), fs=RATE, nperseg=length)
        power = (bin_widths(f, low, high) * density).sum()
        assert result[f"power_{low:g}_{high:g}hz"] == pytest.approx(np.log10(power), abs=1e-4)


def test_centroid_entropy_and_peak_agree_with_their_plain_sums() -> None:
    x = np.cumsum(np.random.default_rng(4).normal(size=1800)).astype(np.float32)
    result = compute(x)
    f, density = scipy.signal.welch(x.astype(np.float64), fs=RATE, nperseg=120)
    width = bin_widths(f, 0.3, 7)
    peak = f[np.where((f >= 0.3) & (f < 7), density, 0).argmax()]
    f, p = f[width > 0], (density * width)[width > 0] / (density * width).sum()
    centroid = (f * p).sum()
    assert result["centroid_hz"] == pytest.approx(centroid, rel=1e-4)
    assert result["spread_hz"] == pytest.approx(np.sqrt((p * (f - centroid) ** 2).sum()), rel=1e-4)
    assert result["entropy"] == pytest.approx(-(p * np.log(p)).sum() / np.log(len(p)), rel=1e-4)
    assert result["peak_hz"] == pytest.approx(peak)


@pytest.mark.parametrize("hz", [1.0, 2.0, 4.0])
def test_centroid_and_peak_of_a_gesture_agree_with_tsfel(hz: float) -> None:
    # TSFEL weights by the amplitude of one unwindowed transform, so only narrow bands are comparable.
    x = sine(hz, 60)
    result = compute(x)
    assert result["centroid_hz"] == pytest.approx(tsfel.spectral_centroid(x, RATE), abs=0.05)
    assert result["peak_hz"] == pytest.approx(tsfel.fundamental_frequency(x, RATE), abs=0.02)


def test_entropy_orders_signals_as_tsfel_does() -> None:
    rng = np.random.default_rng(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tones = [sine(2, 60) + sigma * rng.normal(size=1800) for sigma in (0.01, 0.1, 0.3, 1.0, 10.0)]
        tsfel_entropies = [tsfel.spectral_entropy(x, RATE) for x in tones]
    entropies = [compute(x)["entropy"] for x in tones]
    assert np.argsort(entropies).tolist() == np.argsort(tsfel_entropies).tolist() == [0, 1, 2, 3, 4]


def test_a_window_never_bridges_a_long_gap() -> None:
    # Multiples of 2^-10, so sums are exact in float32.
    x, valid = np.rint(sine(2.0, 60) * 1024) / 1024, np.ones(1800, dtype=bool)
    valid[600:700] = False
    jump = np.where(np.arange(1800) < 650, 0.0, 1024.0)
    frequencies, plain = estimate_density(make_signal(x, valid=valid), 4.0)
    _, jumped = estimate_density(make_signal(x + jump, valid=valid), 4.0)
    np.testing.assert_allclose(jumped, plain, rtol=1e-4, atol=1e-8)
    assert frequencies[plain[:, 0].argmax()] == pytest.approx(2.0)


def test_two_half_windows_do_not_make_a_window() -> None:
    valid = np.ones(240, dtype=bool)
    valid[113:120] = False
    result = compute(sine(2.0, 8), valid=valid)
    assert np.isfinite(result["power_1_3hz"])
    valid[120] = False
    assert np.isnan(compute(sine(2.0, 8), valid=valid)["power_1_3hz"])


def test_lost_frames_hardly_change_the_spectrum_of_movement() -> None:
    x = sine(0.5, 20) + 0.3 * sine(5.0, 20)
    complete = compute(x)
    lost = compute(x, valid=np.random.default_rng(0).random(len(x)) >= 0.1)
    assert lost["power_0.3_1hz"] == pytest.approx(complete["power_0.3_1hz"], abs=0.01)
    # Linear interpolation of single frames at 30 Hz loses 8% of the power at 5 Hz.
    assert lost["power_3_7hz"] == pytest.approx(complete["power_3_7hz"], abs=0.05)
    assert lost["centroid_hz"] == pytest.approx(complete["centroid_hz"], abs=0.1)


def test_the_power_of_a_channel_without_values_is_nan() -> None:
    assert np.isnan(log_band_power(make_signals(make_stream({"a": [NAN] * 300}), ["a"])[0], 1.0, 3.0))
