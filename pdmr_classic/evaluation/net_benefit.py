"""Net benefit of acting on predictions, beside acting on everyone or no one."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats


def net_benefit(p: Floats, y: Floats, threshold: float, weights: Floats) -> Floats:
    """Return the net benefit of treating recordings with p >= threshold, for each weight column, shape [B].

    True positives minus false positives, each as a share of all, the latter weighted by the odds of the threshold.

    References
    ----------
    Vickers and Elkin 2006 (decision curve analysis).

    Examples
    --------
    >>> net_benefit(np.array([0.9, 0.6, 0.1]), np.array([1.0, 0, 0]), 0.5, np.ones((3, 1))).round(3)
    array([0.])
    """
    is_treated = (p >= threshold).astype(float)
    odds = threshold / (1 - threshold)
    return np.asarray((is_treated * (y - (1 - y) * odds)) @ weights / weights.sum(axis=0))


def treat_all(y: Floats, threshold: float) -> float:
    """Return the net benefit of treating everyone; that of treating no one is 0."""
    prevalence = float(y.mean())
    return prevalence - (1 - prevalence) * threshold / (1 - threshold)
