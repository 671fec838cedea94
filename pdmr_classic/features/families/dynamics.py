"""Temporal dynamics of each channel: velocity, acceleration, reversals and autocorrelation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import CONTINUOUS, channel_family
from pdmr_classic.features.signal import Signal, mean_or_nan, rms_or_nan

LAGS_S = (0.5, 1.0, 2.0, 5.0)
# Slope and spectrum describe channels that decorrelate more slowly.
_LONGEST_LAG_S = 10.0
# Marks a gap among the directions -1, 0 and 1: its product with any of them is never -1.
_GAP = 2


@channel_family("dynamics", kinds=CONTINUOUS)
def dynamics(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Velocity, acceleration, reversals and autocorrelation of each channel.

    Formula: v = (x[t] - x[t-1]) * rate, of successive usable frames; a = (x[t] - 2 x[t-1] + x[t-2]) * rate^2;
    velocity_mean, acceleration_mean = mean of |v| and |a|; velocity_rms, acceleration_rms = root mean square of v and
    a; zero_crossings_per_s = zero crossings of x - mean per second; turns_per_s = sign changes of v per second;
    autocorrelation at lags of 0.5, 1, 2 and 5 s = mean product of centred values at that lag, divided by the variance;
    decay_s = lag at which the autocorrelation first falls below 1/e (linear interpolation between frames)

    Unit: that of the channel per second (velocity) or per second squared (acceleration); per second (crossings, turns);
    dimensionless (autocorrelation); s (decay)

    Source: Alghowinem et al. 2013; Girard et al. 2014; Box and Jenkins 1976 (autocorrelation)

    Crossings and turns, like v and a, use only successive usable frames: interpolated ones would be too smooth. Each
    step counts as one frame interval at the mean rate, because OpenFace rounds timestamps to 1 ms. NaN without two
    (acceleration, turns: three) successive frames, for the autocorrelation of a constant channel, for lags beyond half
    of the recording, and for lags with fewer pairs of usable frames than a tenth of the frames; decay_s is NaN if the
    autocorrelation stays above 1/e for 10 s. For signals below 2 Hz, halving the frame rate changes velocity by at most
    2.5%, acceleration by 4.5% and autocorrelation at lags of 1 s or more by 0.005.
    """
    velocity, acceleration = signal.velocity, signal.acceleration
    features = {
        "velocity_mean": mean_or_nan(np.abs(velocity)),
        "velocity_rms": rms_or_nan(velocity),
        "acceleration_mean": mean_or_nan(np.abs(acceleration)),
        "acceleration_rms": rms_or_nan(acceleration),
        "zero_crossings_per_s": _count_crossings_per_s(signal),
        "turns_per_s": _count_turns_per_s(signal),
    }
    correlation = compute_autocorrelation(signal, _LONGEST_LAG_S)
    for lag_s in LAGS_S:
        features[f"autocorrelation_{lag_s:g}s"] = _interpolate_lag(correlation, lag_s * signal.frame_rate_hz)
    return features | {"decay_s": _decay_lag(correlation) / signal.frame_rate_hz}


def _count_crossings_per_s(signal: Signal) -> Floats:
    above = signal.centred.T >= 0
    crossed = (above[:, 1:] != above[:, :-1]) & signal.has_step[1:]
    n_pairs = int(np.count_nonzero(signal.has_step[1:]))
    if not n_pairs:
        return np.full(len(above), np.nan)
    # A constant channel equals its mean up to rounding and has no crossings.
    return np.asarray(np.count_nonzero(crossed, axis=1) * signal.is_varying / n_pairs * signal.frame_rate_hz)


def _count_turns_per_s(signal: Signal) -> Floats:
    """Count reversals of direction per second; a frame without change continues the previous direction.

    A lost frame hides a reversal, unless both of its neighbours have the same value: then it continues the plateau.
    """
    steps = signal.steps.T
    n_triples = int(np.count_nonzero(signal.has_step[2:] & signal.has_step[1:-1]))
    if not n_triples:
        return np.full(len(steps), np.nan)
    # All channels in one array; gaps and the ends of channels are marked so that they never count as a turn.
    directions = np.full((len(steps), steps.shape[1] + 1), _GAP, dtype=np.int8)
    np.subtract((steps > 0).view(np.int8), (steps < 0).view(np.int8), out=directions[:, :-1])
    if not signal.has_all_steps:
        is_plateau = (np.diff(signal.values, axis=0) == 0).T & signal.contiguous[1:]
        directions[:, :-1][~(signal.has_step[1:] | is_plateau)] = _GAP
    flat = directions.ravel()
    # Skipping zeros counts a plateau between a rise and a fall as one turn.
    moving = np.flatnonzero(flat != 0)
    direction = flat[moving]
    turns = moving[1:][direction[1:] * direction[:-1] == -1]
    count = np.diff(np.searchsorted(turns, np.arange(len(steps) + 1) * directions.shape[1]))
    return np.asarray(count / n_triples * signal.frame_rate_hz)


def compute_autocorrelation(signal: Signal, longest_s: float) -> Floats:
    """Return the autocorrelation at lags of 0, 1, 2, … frames, shape [C, lags].

    Uses pairs of frames at their actual time lag; lags with too few pairs are NaN.
    """
    n_channels = len(signal.channels)
    if signal.n_frames < 2:
        return np.full((n_channels, 1), np.nan)
    length = int(signal.capped_grid[-1]) + 1
    n_lags = min(length // 2, round(longest_s * signal.frame_rate_hz)) + 1
    size = scipy.fft.next_fast_len(length + n_lags, real=True)
    values, usable = signal.place_on_grid(size)
    products = _sum_lagged_products(values, n_lags)
    pairs = np.rint(_sum_lagged_products(usable[None], n_lags))
    has_enough_pairs = pairs[0] >= 0.1 * signal.n_frames
    mean = np.divide(products, pairs, out=np.full_like(products, np.nan), where=has_enough_pairs & (pairs > 0))
    variance = np.where(signal.is_varying, mean[:, 0], np.nan)
    return (mean / variance[:, None]).astype(np.float64)


def _sum_lagged_products(rows: NDArray[np.float32], n_lags: int) -> NDArray[np.float32]:
    transform = scipy.fft.rfft(rows, axis=1)
    power = transform.real**2 + transform.imag**2
    return np.asarray(scipy.fft.irfft(power, n=rows.shape[1], axis=1)[:, :n_lags])


def _interpolate_lag(correlation: Floats, lag: float) -> Floats:
    """Return the autocorrelation at a lag in frames, interpolated linearly."""
    low = int(lag)
    if low + (lag > low) >= correlation.shape[1]:
        return np.full(len(correlation), np.nan)
    if lag == low:
        return correlation[:, low]
    return np.asarray(correlation[:, low] + (lag - low) * (correlation[:, low + 1] - correlation[:, low]))


def _decay_lag(correlation: Floats) -> Floats:
    """Return the lag in frames at which the autocorrelation first falls below 1/e, shape [C]."""
    threshold = np.exp(-1.0)
    below = correlation < threshold
    first = np.argmax(below, axis=1)
    rows = np.arange(len(correlation))
    high, low = correlation[rows, first], correlation[rows, first - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        lag = first - 1 + (low - threshold) / (low - high)
    return np.where(below.any(axis=1), lag, np.nan)
