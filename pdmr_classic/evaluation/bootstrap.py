"""Cluster bootstrap of subjects for any statistic, and percentile intervals of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from pdmr_classic.arrays import Floats
from pdmr_classic.resampling import draw_subject_weights

_LEVEL = 0.95
_MIN_FINITE_SHARE = 0.5

Statistics = Callable[[Floats], Mapping[str, Floats]]


def bootstrap_statistics(
    subject: NDArray[np.intp], statistics: Statistics, draws: int = 2000, seed: int = 0
) -> dict[str, Floats]:
    """Return statistics of the sample, followed by those of its bootstrap samples of subjects.

    Parameters
    ----------
    subject : ndarray of int, shape [n]
    statistics : callable
        Takes weights of shape [n, B], and returns arrays whose last axis has length B, by name.
    draws, seed : int

    Returns
    -------
    dict of str to ndarray, shape [..., 1 + draws]

    Examples
    --------
    >>> values = np.array([0.0, 1.0, 1.0])
    >>> drawn = bootstrap_statistics(np.array([0, 1, 1]), lambda w: {"mean": values @ w / w.sum(axis=0)}, draws=3)
    >>> drawn["mean"].shape, round(float(drawn["mean"][0]), 3)
    ((4,), 0.667)
    """
    parts = [statistics(np.ones((len(subject), 1)))]
    parts += map(statistics, draw_subject_weights(subject, draws, np.random.default_rng(seed)))
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in parts[0]}


def percentile_interval(
    drawn: Floats, n_subjects: int, *, inflation: float = 1.0, bounds: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Return the 95% expanded percentile interval of a statistic.

    Parameters
    ----------
    drawn : ndarray, shape [1 + draws]
        The statistic, followed by its bootstrap replicates; NaN if undefined, infinite if it diverges.
    n_subjects : int
        Number of subjects in the rarest class, which limits the precision.
    inflation : float
        Factor of the distance from the statistic to both limits.
    bounds : tuple of float, optional
        Smallest and largest possible value. At these, where the bootstrap has no variance, the limit is that of
        Clopper and Pearson for `n_subjects` subjects without a counterexample.

    Returns
    -------
    (low, high), or None if there is no finite interval, or only one subject.

    References
    ----------
    Hesterberg 2015 (expanded percentiles: as much wider than plain ones as t intervals are than normal ones).

    Examples
    --------
    >>> low, high = percentile_interval(np.append(0.0, np.linspace(-1, 1, 1001)), n_subjects=1000)
    >>> round(low, 2), round(high, 2)
    (-0.95, 0.95)
    """
    value, replicates = float(drawn[0]), drawn[1:][~np.isnan(drawn[1:])]
    if n_subjects < 2 or not np.isfinite(value) or len(replicates) < _MIN_FINITE_SHARE * len(drawn[1:]):
        return None
    if np.ptp(replicates) == 0 and (bounds is None or value not in bounds):
        return None  # what never varies, such as 0 observed positives, tells nothing about its precision
    if bounds is not None and value in bounds and np.ptp(replicates) == 0:
        reach = 1 - ((1 - _LEVEL) / 2) ** (1 / n_subjects)
        span = bounds[1] - bounds[0]
        return (value, value + reach * span) if value == bounds[0] else (value - reach * span, value)
    tail = float(ndtr(-((n_subjects / (n_subjects - 1)) ** 0.5) * stdtrit(n_subjects - 1, 0.975)))
    low, high = (float(limit) for limit in np.quantile(replicates, (tail, 1 - tail), method="nearest"))
    if not np.isfinite([low, high]).all():
        return None
    low, high = value + inflation * (low - value), value + inflation * (high - value)
    return (low, high) if bounds is None else (max(low, bounds[0]), min(high, bounds[1]))
