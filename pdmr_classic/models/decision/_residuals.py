"""Residuals of a score, standardised by their size at the prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.models.decision._subject_quantile import check_supported, subject_quantile, subject_shares

# A slope is used as far as its square exceeds this many squared standard errors.
_SHRINKAGE = 2.0
# The spread is at least this share of its mean.
_MIN_SHARE = 1 / 3
# All predictions may be exact.
_TINY = 1e-9


@dataclass(frozen=True)
class ResidualSpread:
    """Expected absolute residual, linear in the prediction.

    Attributes
    ----------
    mean : float
        At the prediction `center`.
    slope : float
        0: the same spread everywhere.
    center : float
    low, high : float
        Smallest and largest prediction in training. Beyond them, the spread is constant.
    """

    mean: float
    slope: float
    center: float
    low: float
    high: float

    def __call__(self, predicted: Floats) -> Floats:
        """Return the spread at predictions [n], in the unit of the score; NaN for NaN."""
        line = self.mean + self.slope * (np.clip(predicted, self.low, self.high) - self.center)
        return np.asarray(np.maximum(line, _MIN_SHARE * self.mean + _TINY))


def fit_spread(predicted: Floats, truth: Floats, subjects: NDArray[Any], shares: Floats) -> ResidualSpread:
    """Fit the absolute residuals by weighted least squares, with the slope shrunk to 0.

    Parameters
    ----------
    predicted : ndarray, shape [n]
        Out-of-fold.
    truth : ndarray, shape [n]
    subjects : ndarray of int, shape [n]
        Numbers from 0.
    shares : ndarray, shape [n]
        Weights, which sum to 1.

    Notes
    -----
    Severe cases are predicted with larger errors, but with few subjects a slope is uncertain, and conformal scores that
    are divided by a spread which follows chance cost coverage. The slope is therefore multiplied by
    max(0, 1 - 2 se^2 / slope^2), with the standard error clustered by subject (positive-part James-Stein).
    """
    size = np.abs(truth - predicted)
    center, mean = float(shares @ predicted), float(shares @ size)
    deviation = shares * (predicted - center)
    variance = float(deviation @ predicted)
    limits = float(predicted.min()), float(predicted.max())
    if variance <= _TINY * max(1.0, center**2):
        return ResidualSpread(mean, 0.0, center, *limits)
    slope = float(deviation @ size) / variance
    errors = size - mean - slope * (predicted - center)
    squared_error = float((np.bincount(subjects, deviation * errors) ** 2).sum()) / variance**2
    shrinkage = max(0.0, 1 - _SHRINKAGE * squared_error / slope**2) if slope else 0.0
    return ResidualSpread(mean, slope * shrinkage, center, *limits)


@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals of the training subjects, sorted, so that they cannot be matched to recordings.

    Attributes
    ----------
    spread : ResidualSpread
    quantile : float
        Of the absolute standardised residuals.
    standardised : ndarray, shape [n]
        Signed residuals, divided by the spread.
    shares : ndarray, shape [n]
        Weights of the residuals: each subject's sum to 1 / `n_subjects`.
    n_subjects : int
    """

    spread: ResidualSpread
    quantile: float
    standardised: Floats
    shares: Floats
    n_subjects: int


def fit_residuals(predicted: Floats, truth: Floats, subjects: NDArray[Any], level: float) -> Residuals:
    """Standardise residuals, and find their quantile at the level; arguments as in `SeverityIntervals.fit`."""
    check_supported(subjects, level)
    names, subject = np.unique(subjects, return_inverse=True)
    shares = subject_shares(subject)
    spread = fit_spread(predicted, truth, subject, shares)
    standardised = (truth - predicted) / spread(predicted)
    quantile = subject_quantile(np.abs(standardised), subject, level)
    order = np.argsort(standardised, kind="stable")
    return Residuals(spread, quantile, standardised[order], shares[order], len(names))


def subject_means(predicted: Floats, subjects: NDArray[Any]) -> Floats:
    """Return the mean prediction of each recording's subject, shape [n]; NaN is ignored.

    Examples
    --------
    >>> subject_means(np.array([1.0, 3.0, np.nan, 8.0]), np.array(["a", "a", "a", "b"]))
    array([2., 2., 2., 8.])
    """
    names, subject = np.unique(subjects, return_inverse=True)
    is_finite = np.isfinite(predicted)
    total = np.bincount(subject[is_finite], predicted[is_finite], minlength=len(names))
    count = np.bincount(subject[is_finite], minlength=len(names))
    return np.asarray(np.divide(total, count, out=np.full(len(names), np.nan), where=count > 0)[subject])
