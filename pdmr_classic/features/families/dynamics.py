"""How fast a channel changes, how often it turns, and how long it remembers."""

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
# A channel that has not forgotten by then is told to be that slow by its slope and its spectrum.
_LONGEST_S = 10.0
# Stands for a gap among the directions -1, 0 and 1: its product with any of them is no turn.
_BARRIER = 2


@channel_family("dynamics", kinds=CONTINUOUS)
def dynamics(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Velocity, acceleration, turning and memory of each channel, from neighbouring frames without a gap.

    Formula: v = (x[t] - x[t-1]) * rate, a = (x[t] - 2 x[t-1] + x[t-2]) * rate^2: mean of |v| and |a|, root of the mean
    of v^2 and a^2; zero_crossings_per_s of x - mean; turns_per_s = changes of the sign of v; autocorrelation at lags
    of 0.5, 1, 2 and 5 s = mean of the products of the centred values that far apart, over the variance; decay_s = lag
    where it first falls below 1/e (linear between frames)

    Unit: the channel's per second; per second squared; per second; none (autocorrelation); s

    Source: Alghowinem et al. 2013; Girard et al. 2014; Box and Jenkins 1976 (autocorrelation)

    Velocity takes every step as one frame of the mean rate: OpenFace rounds its clock to 1 ms. NaN where there are no
    two (three) neighbouring frames, for the autocorrelation of a constant channel, for lags beyond half of the
    recording, and for those of which fewer pairs of frames were seen than a tenth of the frames; decay_s is NaN where
    the autocorrelation stays above 1/e for 10 s. A stream at half the rate agrees within 2.5% (velocity), 4.5%
    (acceleration) and 0.005 (autocorrelation from 1 s on) as long as it holds nothing above 2 Hz.
    """
    velocity, acceleration = signal.velocity, signal.acceleration
    found = {
        "velocity_mean": mean_or_nan(np.abs(velocity)),
        "velocity_rms": rms_or_nan(velocity),
        "acceleration_mean": mean_or_nan(np.abs(acceleration)),
        "acceleration_rms": rms_or_nan(acceleration),
        "zero_crossings_per_s": _crossings(signal),
        "turns_per_s": _turns(signal),
    }
    correlation = autocorrelation(signal, _LONGEST_S)
    for lag_s in LAGS_S:
        found[f"autocorrelation_{lag_s:g}s"] = _at(correlation, lag_s * signal.frame_rate_hz)
    return found | {"decay_s": _decay(correlation) / signal.frame_rate_hz}


def _crossings(signal: Signal) -> Floats:
    above = signal.centred.T >= 0
    crossed = (above[:, 1:] != above[:, :-1]) & signal.follows[1:]
    n_pairs = int(np.count_nonzero(signal.follows[1:]))
    if not n_pairs:
        return np.full(len(above), np.nan)
    # A constant channel is at its mean up to rounding; it crosses nothing.
    return np.asarray(np.count_nonzero(crossed, axis=1) * signal.varies / n_pairs * signal.frame_rate_hz)


def _turns(signal: Signal) -> Floats:
    """Count changes of direction per second; frames without any change keep the direction of the frame before."""
    steps = signal.steps.T
    together = signal.follows[2:] & signal.follows[1:-1]
    n_triples = int(np.count_nonzero(together))
    if not n_triples:
        return np.full(len(steps), np.nan)
    # All channels as one line; a gap, and the end of each channel, are barriers that no product turns into -1.
    line = np.full((len(steps), steps.shape[1] + 1), _BARRIER, dtype=np.int8)
    np.subtract((steps > 0).view(np.int8), (steps < 0).view(np.int8), out=line[:, :-1])
    line[:, :-1][:, ~signal.follows[1:]] = _BARRIER
    flat = line.ravel()
    # A plateau between a rise and a fall is a turn as well: only the steps that move count.
    moving = np.flatnonzero(flat != 0)
    direction = flat[moving]
    turns = moving[1:][direction[1:] * direction[:-1] == -1]
    count = np.diff(np.searchsorted(turns, np.arange(len(steps) + 1) * line.shape[1]))
    return np.asarray(count / n_triples * signal.frame_rate_hz)


def autocorrelation(signal: Signal, longest_s: float) -> Floats:
    """Return the autocorrelation at lags of 0, 1, 2, … frames, shape [C, lags].

    Pairs are formed in real time, of usable frames only; a lag without enough pairs ends the range.
    """
    n_channels = len(signal.channels)
    if signal.n_frames < 2:
        return np.full((n_channels, 1), np.nan)
    length = int(signal.near_grid[-1]) + 1
    n_lags = min(length // 2, round(longest_s * signal.frame_rate_hz)) + 1
    size = scipy.fft.next_fast_len(length + n_lags, real=True)
    on_grid, seen = signal.on_grid(size)
    products = _products(on_grid, n_lags)
    pairs = np.rint(_products(seen[None], n_lags))
    enough = pairs[0] >= 0.1 * signal.n_frames
    mean = np.divide(products, pairs, out=np.full_like(products, np.nan), where=enough & (pairs > 0))
    first = np.where(signal.varies, mean[:, 0], np.nan)
    return (mean / first[:, None]).astype(np.float64)


def _products(rows: NDArray[np.float32], n_lags: int) -> NDArray[np.float32]:
    transform = scipy.fft.rfft(rows, axis=1)
    power = transform.real**2 + transform.imag**2
    return np.asarray(scipy.fft.irfft(power, n=rows.shape[1], axis=1)[:, :n_lags])


def _at(correlation: Floats, lag: float) -> Floats:
    """Read the autocorrelation at a lag in frames, linear between two of them."""
    low = int(lag)
    if low + (lag > low) >= correlation.shape[1]:
        return np.full(len(correlation), np.nan)
    if lag == low:
        return correlation[:, low]
    return np.asarray(correlation[:, low] + (lag - low) * (correlation[:, low + 1] - correlation[:, low]))


def _decay(correlation: Floats) -> Floats:
    """Return the lag in frames where the autocorrelation first falls below 1/e, shape [C]."""
    limit = np.exp(-1.0)
    below = correlation < limit
    first = np.argmax(below, axis=1)
    rows = np.arange(len(correlation))
    high, low = correlation[rows, first], correlation[rows, first - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        place = first - 1 + (low - limit) / (low - high)
    return np.where(below.any(axis=1), place, np.nan)
