"""Level, spread and shape of a channel's values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.features.registry import channel_family
from pdmr_classic.features.signal import Floats, Signal

_QUANTILES = (5, 25, 50, 75, 95)
# Below this spread, relative to the level, the higher moments of rounded values are noise.
_CONSTANT = 1e-9


@channel_family("distribution", kinds=("pose", "gaze", "au_intensity", "other"))
def distribution(signal: Signal) -> Mapping[str, Floats]:
    """Level, spread and shape of each channel over its usable frames.

    Formula: mean; std = sqrt(mean((x - mean)^2)); min, max; quantiles p05 p25 p50 p75 p95 (linear); iqr = p75 - p25;
    range = max - min; mad = median|x - p50|; skewness = m3 / m2^1.5; kurtosis = m4 / m2^2 - 3;
    slope of the least-squares line over time; share_above_mean

    Unit: the channel's (slope: per second; skewness, kurtosis, share: none)

    Source: Girard et al. 2014 (AU and head functionals); moments as in Joanes and Gill 1998 (g1, g2)

    A channel without a usable frame gets NaN throughout; a constant one NaN for skewness and kurtosis.
    """
    x = signal.values.T
    if not signal.n_frames:
        return dict.fromkeys(_NAMES, np.full(len(x), np.nan))
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    square = centred * centred
    variance = square.mean(axis=1)
    ordered = np.sort(x, axis=1)
    p05, p25, p50, p75, p95 = _quantiles(ordered)
    lowest, highest = ordered[:, 0], ordered[:, -1]
    varies = variance > (_CONSTANT * np.maximum(np.abs(lowest), np.abs(highest))) ** 2
    safe = np.where(varies, variance, np.nan)
    values = (
        mean,
        np.sqrt(variance),
        *(lowest, highest, p05, p25, p50, p75, p95),
        p75 - p25,
        highest - lowest,
        _median(np.abs(x - p50[:, None])),
        np.einsum("ct,ct->c", square, centred) / x.shape[1] / safe**1.5,
        np.einsum("ct,ct->c", square, square) / x.shape[1] / safe**2 - 3,
        _slope(centred, signal.time_s),
        np.count_nonzero(centred > 0, axis=1) / x.shape[1],
    )
    return dict(zip(_NAMES, values, strict=True))


_NAMES = (
    *("mean", "std", "min", "max", *(f"p{q:02d}" for q in _QUANTILES)),
    *("iqr", "range", "mad", "skewness", "kurtosis", "slope", "share_above_mean"),
)


def _quantiles(ordered: Floats) -> list[Floats]:
    """Read linear quantiles off sorted rows, shape [C, V]; one sort serves them all."""
    last = ordered.shape[1] - 1
    found = []
    for q in _QUANTILES:
        place = q / 100 * last
        low = int(place)
        high = min(low + 1, last)
        found.append(ordered[:, low] + (place - low) * (ordered[:, high] - ordered[:, low]))
    return found


def _median(rows: Floats) -> Floats:
    middle = rows.shape[1] // 2
    if rows.shape[1] % 2:
        return np.partition(rows, middle, axis=1)[:, middle]
    halves = np.partition(rows, (middle - 1, middle), axis=1)
    return (halves[:, middle - 1] + halves[:, middle]) / 2


def _slope(centred: Floats, time_s: Floats) -> Floats:
    clock = time_s - time_s.mean()
    spread = clock @ clock
    return centred @ clock / spread if spread > 0 else np.full(len(centred), np.nan)
