"""Power spectrum of each channel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import BEHAVIOURAL, channel_family
from pdmr_classic.features.signal import Signal

BANDS_HZ = ((0.0, 0.1), (0.1, 0.3), (0.3, 1.0), (1.0, 3.0), (3.0, 7.0))
"""Drift; posture; slow nods and expressions; nods and shakes; fidgeting, blinks and jitter."""
# Long windows resolve the bands below 0.3 Hz, short windows the others.
_LONG_WINDOW_S, _SHORT_WINDOW_S = 20.0, 4.0
_LONG_BELOW_HZ = 0.3
_SLOW_HZ = (0.05, 0.1, 0.15, 0.2)
_EDGE = 0.85
_MIN_POWER = 1e-12


@channel_family("spectral", kinds=BEHAVIOURAL)
def spectral(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Band power and spectral shape of each channel, in frequency bands of human behaviour.

    Formula: Welch's method (Hann windows of 4 s, below 0.3 Hz of 20 s; 50% overlap, means removed, never across a gap
    longer than 0.2 s); power_<band> = log10(density integrated over the band + 1e-12), with bins weighted by their
    overlap with the band; relative_<band> = share of the band in the power at 0..7 Hz (bands from 0.3 Hz: at 0.3..7
    Hz); over 0.3..7 Hz: centroid, spread, entropy = -sum(p log p) / log(n), edge85 = 85% spectral edge frequency
    (linear interpolation), peak (parabolic interpolation of the log density); amplitude_<f> = square root of the
    density at fixed low frequencies, independent of the duration of the recording

    Unit: log10 of the squared unit of the channel (power); share; Hz (centroid, spread, edge85, peak); dimensionless
    (entropy); unit of the channel per square root of Hz (amplitude)

    Source: Welch 1967; Song et al. 2018 (spectral representation of behaviour); bands: see BANDS_HZ

    NaN if no run without such a gap is as long as a window, if a band reaches above half the frame rate, and, for the
    spectral shape, if the channel has no power.
    """
    long, short = estimate_density(signal, _LONG_WINDOW_S), estimate_density(signal, _SHORT_WINDOW_S)
    power = np.stack([_integrate_band(*(long if low < _LONG_BELOW_HZ else short), low, high) for low, high in BANDS_HZ])
    features = {
        f"power_{low:g}_{high:g}hz": row
        for (low, high), row in zip(BANDS_HZ, np.log10(power + _MIN_POWER), strict=True)
    }
    features |= {
        f"relative_{low:g}_{high:g}hz": row for (low, high), row in zip(BANDS_HZ, _relative_power(power), strict=True)
    }
    features |= _spectral_shape(*short, low=_LONG_BELOW_HZ, high=BANDS_HZ[-1][1])
    amplitude = np.sqrt(_interpolate_density(*long, _SLOW_HZ))
    return features | {f"amplitude_{hz:g}hz": row for hz, row in zip(_SLOW_HZ, amplitude, strict=True)}


def estimate_density(signal: Signal, length_s: float) -> tuple[Floats, Floats]:
    """Return frequencies [F] in Hz and the one-sided spectral density [F, C]; NaN without a long enough run."""
    length = round(length_s * signal.frame_rate_hz)
    frequencies = scipy.fft.rfftfreq(max(length, 2), 1 / signal.frame_rate_hz)
    runs = [(start, stop) for start, stop in signal.runs if stop - start >= length]
    if length < 4 or not runs:
        return frequencies, np.full((len(frequencies), len(signal.channels)), np.nan)
    values = signal.standardised
    step = length // 2
    run_windows = [sliding_window_view(values[:, start:stop], length, axis=1)[:, ::step] for start, stop in runs]
    # [C, windows, length]
    windows = run_windows[0] if len(run_windows) == 1 else np.concatenate(run_windows, axis=1)
    windows = windows - windows.mean(axis=2, keepdims=True)
    taper = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    windows *= taper
    transform = scipy.fft.rfft(windows, axis=2, overwrite_x=True)
    real_and_imaginary = transform.view(np.float32)
    power = np.square(real_and_imaginary, out=real_and_imaginary).mean(axis=1)
    density = (power[:, ::2] + power[:, 1::2]).astype(np.float64).T
    density *= signal.scale**2 / (signal.frame_rate_hz * float(taper @ taper))
    density[1 : -1 if length % 2 == 0 else None] *= 2
    return frequencies, density


def log_band_power(signal: Signal, low: float, high: float) -> float:
    """Return log10 of the band power of a single-channel signal, as in `spectral`; NaN without the channel."""
    if not signal.channels:
        return np.nan
    return float(np.log10(_integrate_band(*estimate_density(signal, _SHORT_WINDOW_S), low, high)[0] + _MIN_POWER))


def _integrate_band(frequencies: Floats, density: Floats, low: float, high: float) -> Floats:
    """Integrate the density over a band, shape [C]; NaN if the band reaches above half the frame rate."""
    if frequencies[-1] < high:
        return np.full(density.shape[1], np.nan)
    return np.asarray(_bin_widths(frequencies, low, high) @ density)


def _relative_power(power: Floats) -> Floats:
    """Return band shares, shape [bands, C]: of the total power, or, for bands of short windows, of their total."""
    slow = np.array([low < _LONG_BELOW_HZ for low, _ in BANDS_HZ])
    total = np.where(slow[:, None], power.sum(axis=0), power[~slow].sum(axis=0))
    shares = np.divide(power, total, out=np.full_like(power, np.nan), where=total > _MIN_POWER)
    return np.asarray(shares)


def _bin_widths(frequencies: Floats, low: float, high: float) -> Floats:
    """Return the overlap of each frequency bin with a band, in Hz, shape [F].

    Fractional bins keep the result stable when the frame rate shifts the bins. The bin at 0 Hz is empty, because means
    were removed; its width is added to the next bin.
    """
    step = frequencies[1] - frequencies[0]
    width = np.minimum(frequencies + step / 2, high) - np.maximum(frequencies - step / 2, max(low, 0.0))
    width = np.maximum(width, 0.0)
    width[1] += width[0]
    width[0] = 0.0
    return np.asarray(width)


def _spectral_shape(frequencies: Floats, density: Floats, low: float, high: float) -> dict[str, Floats]:
    names = ("centroid_hz", "spread_hz", "entropy", "edge85_hz", "peak_hz")
    width = _bin_widths(frequencies, low, high)
    inside = width > 0
    f, power = frequencies[inside], density[inside] * width[inside, None]
    if len(f) < 3 or frequencies[-1] < high:
        return dict.fromkeys(names, np.full(density.shape[1], np.nan))
    total = power.sum(axis=0)
    share = np.divide(power, total, out=np.full_like(power, np.nan), where=total > _MIN_POWER)
    centroid = f @ share
    spread = np.sqrt(np.maximum((f**2) @ share - centroid**2, 0.0))
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    entropy = -(share * logs).sum(axis=0) / np.log(len(f))
    in_band = (frequencies >= low) & (frequencies < high)
    peak = _peak_frequency(frequencies[in_band], density[in_band], total > _MIN_POWER)
    values = (centroid, spread, entropy, _edge_frequency(f, share), peak)
    return dict(zip(names, values, strict=True))


def _peak_frequency(f: Floats, density: Floats, has_power: Mask) -> Floats:
    """Return the frequency of the maximum density, by parabolic interpolation of its logarithm."""
    columns = np.arange(density.shape[1])
    peak = np.argmax(density, axis=0)
    inner = np.clip(peak, 1, len(f) - 2)
    left, middle, right = (np.log(density[inner + side, columns] + _MIN_POWER) for side in (-1, 0, 1))
    curvature = left - 2 * middle + right
    is_maximum = (curvature < 0) & (peak == inner)
    shift = np.divide(left - right, 2 * curvature, out=np.zeros_like(curvature), where=is_maximum)
    return np.where(has_power, f[peak] + shift * (f[1] - f[0]), np.nan)


def _edge_frequency(f: Floats, share: Floats) -> Floats:
    """Return the spectral edge frequency for the share `_EDGE`, assuming uniform power within bins."""
    below = np.cumsum(share, axis=0)
    bin_index = np.argmax(below >= _EDGE, axis=0)
    columns = np.arange(share.shape[1])
    inside = share[bin_index, columns]
    excess = np.divide(below[bin_index, columns] - _EDGE, inside, out=np.zeros_like(inside), where=inside > 0)
    edge = f[bin_index] + (0.5 - excess) * (f[1] - f[0])
    return np.where(np.isfinite(below[-1]), edge, np.nan)


def _interpolate_density(frequencies: Floats, density: Floats, targets_hz: tuple[float, ...]) -> Floats:
    """Return the density at the target frequencies, shape [targets, C], interpolated linearly; NaN above the last."""
    step = frequencies[1] - frequencies[0]
    positions = np.asarray(targets_hz) / step
    low = np.minimum(positions.astype(np.intp), len(frequencies) - 2)
    weight = (positions - low)[:, None]
    interpolated = density[low] * (1 - weight) + density[low + 1] * weight
    return np.where(weight <= 1, interpolated, np.nan)
