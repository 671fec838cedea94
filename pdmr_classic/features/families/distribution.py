"""Level, spread and shape of a channel's values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import CONTINUOUS, channel_family
from pdmr_classic.features.signal import Signal

_QUANTILES = (5, 25, 50, 75, 95)
_NAMES = (
    *("mean", "std", "min", "max", *(f"p{q:02d}" for q in _QUANTILES)),
    *("iqr", "range", "mad", "skewness", "kurtosis", "slope", "share_above_mean", "share_below_mean"),
)


@channel_family("distribution", kinds=CONTINUOUS)
def distribution(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Level, spread and shape of each channel over its usable frames.

    Formula: mean; std = sqrt(mean((x - mean)^2)); min, max; quantiles p05 p25 p50 p75 p95 (linear); iqr = p75 - p25;
    range = max - min; mad = median|x - p50|; skewness = m3 / m2^1.5; kurtosis = m4 / m2^2 - 3;
    slope of the least-squares line over time; shares of frames above and below the mean

    Unit: the channel's (slope: per second; skewness, kurtosis, shares: none)

    Source: Girard et al. 2014 (AU and head functionals); moments as in Joanes and Gill 1998 (g1, g2)

    A channel without a usable frame gets NaN throughout; a constant one NaN for skewness and kurtosis, and shares of 0.
    """
    if not signal.n_frames:
        return dict.fromkeys(_NAMES, np.full(len(signal.channels), np.nan))
    n = signal.n_frames
    centred, square, variance = signal.centred.T, signal.squared.T, signal.variance
    # The values were float32 in the stream: sorted as such, they are the same, in half the time.
    ordered = np.sort(signal.values.T.astype(np.float32), axis=1)
    p05, p25, p50, p75, p95 = _quantiles(ordered)
    lowest, highest = ordered[:, 0].astype(np.float64), ordered[:, -1].astype(np.float64)
    safe = np.where(signal.varies, variance, np.nan)
    values = (
        signal.mean,
        np.sqrt(variance),
        *(lowest, highest, p05, p25, p50, p75, p95),
        p75 - p25,
        highest - lowest,
        _deviation(ordered, p50),
        np.einsum("ct,ct->c", square, centred) / n / safe**1.5,
        np.einsum("ct,ct->c", square, square) / n / safe**2 - 3,
        _slope(signal),
        np.count_nonzero(centred > 0, axis=1) / n * signal.varies,
        np.count_nonzero(centred < 0, axis=1) / n * signal.varies,
    )
    return dict(zip(_NAMES, values, strict=True))


def _quantiles(ordered: NDArray[np.float32]) -> list[Floats]:
    """Read linear quantiles off sorted rows, shape [C, V]; one sort serves them all."""
    last = ordered.shape[1] - 1
    found = []
    for q in _QUANTILES:
        place = q / 100 * last
        low = int(place)
        high = min(low + 1, last)
        below, above = ordered[:, low].astype(np.float64), ordered[:, high].astype(np.float64)
        found.append(below + (place - low) * (above - below))
    return found


def _deviation(ordered: NDArray[np.float32], median: Floats) -> Floats:
    """Return the median absolute deviation of sorted rows.

    The k values nearest to the median lie side by side: the k-th smallest distance is the smallest half-width of any
    stretch of k sorted values around it.
    """
    n = ordered.shape[1]
    below, above = median[:, None] - ordered, ordered - median[:, None]
    ranks = {n // 2 + 1} if n % 2 else {n // 2, n // 2 + 1}
    nearest = [np.maximum(below[:, : n - k + 1], above[:, k - 1 :]).min(axis=1) for k in sorted(ranks)]
    return np.asarray(np.mean(nearest, axis=0))


def _slope(signal: Signal) -> Floats:
    clock = signal.time_s - signal.time_s.mean()
    spread = clock @ clock
    if spread <= 0:
        return np.full(len(signal.channels), np.nan)
    return np.asarray(signal.centred.T @ clock / spread)
