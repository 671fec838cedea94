"""Ordinal regression of a score: a ridge-penalised cumulative-link model of its ordered levels."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.sample_weights import check_weights

_MAX_LEVELS = 8
_MIN_PROBABILITY = 1e-12


class OrdinalLogistic(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Proportional-odds model of a score cut into levels, which predicts the expected score.

    P(score above cut k) = 1 / (1 + exp(threshold_k - X w)), with a ridge penalty on w that is relative to the number of
    columns, as for the other linear learners. Cuts are quantiles of the training scores, so that each level has about
    the same number of recordings; the prediction is the mean of the levels' mean scores, weighted by their probability.

    Parameters
    ----------
    strength : float
        Inverse of the ridge penalty per column.

    Notes
    -----
    McCullagh 1980. A model of our own: statsmodels' `OrderedModel` has no penalty, which hundreds of columns need, and
    mord is not maintained.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> y = np.round(5 + 2 * X[:, 0])
    >>> bool(np.corrcoef(OrdinalLogistic(10.0).fit(X, y).predict(X), y)[0, 1] > 0.9)
    True
    """

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit on columns [n, F] without NaN and scores [n]; rows with weight 0 are left out."""
        table, scores = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        weights = check_weights(sample_weight, len(scores))
        table, scores, weights = table[weights > 0], scores[weights > 0], weights[weights > 0]
        levels = _cut_into_levels(scores)
        counts = np.bincount(levels, weights)
        self.level_means_ = np.bincount(levels, weights * scores) / counts
        above = 1 - np.cumsum(counts)[:-1] / counts.sum()
        penalty = table.shape[1] / self.strength
        # The first threshold, and the logarithms of the distances to the next ones: they stay in order.
        thresholds = -np.log(above / (1 - above))
        start = np.concatenate([np.zeros(table.shape[1]), thresholds[:1], np.log(np.diff(thresholds))])
        n_columns = table.shape[1]

        def loss(parameters: Floats) -> tuple[float, Floats]:
            return _penalised_loss(parameters, table, levels, weights, penalty)

        fitted = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
        self.coef_, self.thresholds_ = fitted[:n_columns], _unpack_thresholds(fitted[n_columns:])
        return self

    def predict(self, X: Any) -> Floats:
        """Return the expected score, shape [n]."""
        check_is_fitted(self, "coef_")
        table = validate_data(self, X, dtype=np.float64, reset=False)
        above = expit(np.asarray(table @ self.coef_)[:, None] - self.thresholds_)
        return np.asarray(self.level_means_[0] + above @ np.diff(self.level_means_))


def _cut_into_levels(scores: Floats) -> Ints:
    """Return the level of each score, from 0: distinct scores, or quantiles if there are many."""
    distinct = np.unique(scores)
    if len(distinct) > _MAX_LEVELS:
        distinct = np.unique(np.quantile(scores, np.arange(_MAX_LEVELS) / _MAX_LEVELS, method="inverted_cdf"))
    levels = np.searchsorted(distinct, scores, side="right") - 1
    return np.unique(np.maximum(levels, 0), return_inverse=True)[1]


def _unpack_thresholds(parameters: Floats) -> Floats:
    return np.asarray(np.cumsum(np.concatenate([parameters[:1], np.exp(parameters[1:])])))


def _penalised_loss(
    parameters: Floats, X: Floats, levels: Ints, weights: Floats, penalty: float
) -> tuple[float, Floats]:
    """Return the penalised negative log-likelihood and its gradient."""
    coefficients, raw = parameters[: X.shape[1]], parameters[X.shape[1] :]
    thresholds = _unpack_thresholds(raw)
    # P(above) of the cuts below and above each row's level; 1 below the first, 0 above the last.
    above = expit((X @ coefficients)[:, None] - thresholds)
    padded = np.column_stack([np.ones(len(X)), above, np.zeros(len(X))])
    rows = np.arange(len(X))
    lower, upper = padded[rows, levels], padded[rows, levels + 1]
    p = np.maximum(lower - upper, _MIN_PROBABILITY)
    slope_lower, slope_upper = lower * (1 - lower), upper * (1 - upper)
    by_linear = -weights * (slope_lower - slope_upper) / p
    by_threshold = np.zeros((len(X), len(thresholds) + 2))
    by_threshold[rows, levels] += weights * slope_lower / p
    by_threshold[rows, levels + 1] -= weights * slope_upper / p
    gradient = by_threshold.sum(axis=0)[1:-1]
    # A threshold is the first one plus the exponentials of the distances before it.
    tail = np.cumsum(gradient[::-1])[::-1]
    by_raw = tail * np.concatenate([[1.0], np.exp(raw[1:])])
    value = -weights @ np.log(p) + 0.5 * penalty * coefficients @ coefficients
    return float(value), np.concatenate([X.T @ by_linear + penalty * coefficients, by_raw])
