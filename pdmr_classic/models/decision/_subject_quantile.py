"""Quantile of conformal prediction with subjects as the exchangeable unit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import ConfigError
from pdmr_classic.text import format_count

# For sums of 1/3 + 1/3 + 1/3.
_TOLERANCE = 1e-9


def required_subjects(level: float) -> int:
    """Return the smallest number of subjects whose residuals can support a level.

    Raises
    ------
    ConfigError
        The level is not between 0 and 1.

    Examples
    --------
    >>> required_subjects(0.9), required_subjects(0.95)
    (9, 19)
    """
    if not 0 < level < 1:
        raise ConfigError("--level must be between 0 and 1", code="level", found=f"{level:g}", hint="90% is 0.9")
    # 0.9 / (1 - 0.9) is 9.000000000000002.
    return math.ceil(round(level / (1 - level), 6))


def subject_quantile(scores: Floats, subjects: NDArray[Any], level: float) -> float:
    """Return the score that a recording of a new subject exceeds with a probability of at most 1 - level.

    Parameters
    ----------
    scores : ndarray, shape [n]
        Conformity scores of the recordings, such as absolute residuals; no NaN.
    subjects : ndarray, shape [n]
    level : float

    Returns
    -------
    float
        Quantile of the distribution in which each of K subjects has a weight of 1 / (K + 1), shared equally by its
        recordings, and infinity has the remaining 1 / (K + 1).

    Raises
    ------
    ConfigError
        There are too few subjects, so that the quantile would be infinite.

    Notes
    -----
    It holds on average over studies, for a recording drawn at random from a new subject, if subjects are exchangeable.
    With one recording per subject, it is the quantile of split conformal prediction. MAPIE is not used: it treats
    recordings, not subjects, as exchangeable, and would train each model again.

    References
    ----------
    Dunn, Wasserman and Ramdas 2022; Lee, Barber and Willett 2023 (hierarchical conformal prediction).

    Examples
    --------
    >>> subject_quantile(np.arange(1.0, 10.0), np.arange(9), 0.8)
    8.0
    >>> subject_quantile(np.array([1.0, 2.0, 3.0, 9.0]), np.array(["a", "b", "c", "c"]), 0.5)
    2.0
    """
    check_supported(subjects, level)
    n_subjects = len(np.unique(subjects))
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(subject_shares(subjects)[order]) * n_subjects / (n_subjects + 1)
    position = min(int(np.searchsorted(reached, level - _TOLERANCE)), len(scores) - 1)
    return float(scores[order[position]])


def check_supported(subjects: NDArray[Any], level: float) -> None:
    """Raise an error if there are too few subjects, shape [n], for a level.

    Raises
    ------
    ConfigError
    """
    n_subjects, needed = len(np.unique(subjects)), required_subjects(level)
    if n_subjects < needed:
        raise ConfigError(
            f"{format_count(n_subjects, 'subject is', 'subjects are')} too few for intervals at the level {level:g}",
            code="level-unsupported",
            expected=f"at least {needed} subjects with labels",
            found=f"{n_subjects}, which support levels up to {_floor(n_subjects / (n_subjects + 1)):g}",
            hint="train with a lower --level, such as 0.8, or with more subjects",
        )


def subject_shares(subjects: NDArray[Any]) -> Floats:
    """Return weights [n] that sum to 1, the same for each subject."""
    _, subject, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[subject]))


def _floor(level: float) -> float:
    return math.floor(1000 * level) / 1000
