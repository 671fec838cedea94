"""Level, spread and shape of the distribution of each channel."""

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
    """Level, spread and shape of the distribution of each channel over usable frames.

    Formula: mean; std = sqrt(mean((x - mean)^2)); min, max; quantiles p05, p25, p50, p75, p95 (linear interpolation);
    iqr = p75 - p25; range = max - min; mad = median|x - p50|; skewness = m3 / m2^1.5; kurtosis = m4 / m2^2 - 3, where
    m_k is the kth central moment; slope of the least-squares line over time; share_above_mean, share_below_mean =
    shares of frames above and below the mean. As in all families but quality, gaps of at most 0.2 s are filled by
    linear interpolation

    Unit: that of the channel (slope: per second; skewness, kurtosis, shares: dimensionless)

    Source: Girard et al. 2014 (AU and head functionals); moments as in Joanes and Gill 1998 (g1, g2)

    All features are NaN without usable frames. For a constant channel, skewness and kurtosis are NaN, shares are 0.
    """
    if not signal.n_frames:
        return dict.fromkeys(_NAMES, np.full(len(signal.channels), np.nan))
    n = signal.n_frames
    centred, square, variance = signal.centred.T, signal.squared.T, signal.variance
    # The stream holds float32 values: sorting them as float32 is exact and takes half the time.
    ordered = np.sort(signal.values.T.astype(np.float32), axis=1)
    p05, p25, p50, p75, p95 = _quantiles(ordered)
    lowest, highest = ordered[:, 0].astype(np.float64), ordered[:, -1].astype(np.float64)
    nonzero_variance = np.where(signal.is_varying, variance, np.nan)
    values = (
        signal.mean,
        np.sqrt(variance),
        *(lowest, highest, p05, p25, p50, p75, p95),
        p75 - p25,
        highest - lowest,
        _median_absolute_deviation(ordered, p50),
        np.einsum("ct,ct->c", square, centred) / n / nonzero_variance**1.5,
        np.einsum("ct,ct->c", square, square) / n / nonzero_variance**2 - 3,
        _slope(signal),
        np.count_nonzero(centred > 0, axis=1) / n * signal.is_varying,
        np.count_nonzero(centred < 0, axis=1) / n * signal.is_varying,
    )
    return dict(zip(_NAMES, values, strict=True))


def _quantiles(ordered: NDArray[np.float32]) -> list[Floats]:
    """Return linearly interpolated quantiles of sorted rows, shape [C, V]."""
    last = ordered.shape[1] - 1
    quantiles = []
    for q in _QUANTILES:
        position = q / 100 * last
        low = int(position)
        high = min(low + 1, last)
        below, above = ordered[:, low].astype(np.float64), ordered[:, high].astype(np.float64)
        quantiles.append(below + (position - low) * (above - below))
    return quantiles


def _median_absolute_deviation(ordered: NDArray[np.float32], median: Floats) -> Floats:
    """Return the median absolute deviation of sorted rows.

    The k values nearest to the median are adjacent after sorting, so the kth smallest distance is the smallest
    half-width of a window of k sorted values around the median.
    """
    n = ordered.shape[1]
    below, above = median[:, None] - ordered, ordered - median[:, None]
    ranks = {n // 2 + 1} if n % 2 else {n // 2, n // 2 + 1}
    nearest = [np.maximum(below[:, : n - k + 1], above[:, k - 1 :]).min(axis=1) for k in sorted(ranks)]
    return np.asarray(np.mean(nearest, axis=0))


def _slope(signal: Signal) -> Floats:
    time_s = signal.time_s - signal.time_s.mean()
    spread = time_s @ time_s
    if spread <= 0:
        return np.full(len(signal.channels), np.nan)
    return np.asarray(signal.centred.T @ time_s / spread)
