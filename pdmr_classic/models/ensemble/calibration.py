"""Calibration: maps out-of-fold scores to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.splits import Fold

# Almost unregularised, because there are only two parameters for two classes.
_C = 100.0
# Shrinks the class biases of several classes towards 0, as two recordings of each class would.
_BIAS_PENALTY = 1.0


class Calibrator:
    """Maps the scores of one learner to class probabilities, with few parameters.

    Two classes: a sigmoid with slope and intercept. More: a softmax of slope x scores + biases, with one slope for all
    classes (a temperature), and one bias per class that is shrunk towards 0.

    Notes
    -----
    Platt 1999 for two classes; Guo et al. 2017 (temperature scaling) for more. A full softmax regression has K (K + 1)
    parameters: with seven classes and 112 recordings, its log loss on new people was .63 instead of .36.
    scikit-learn's `CalibratedClassifierCV` cannot pass groups to its folds without an ensemble; here, the scores are
    already out-of-fold.
    """

    def fit(self, scores: Floats, y: Ints, weights: Floats | None = None) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n] and weights [n]."""
        weights = np.ones(len(y)) if weights is None else weights
        fit = _fit_sigmoid if scores.shape[1] == 1 else _fit_softmax
        self.slope_, self.bias_ = fit(scores, y, weights)
        return self

    def predict_proba(self, scores: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return np.asarray(softmax(to_logits(self.slope_ * scores + self.bias_), axis=1))


def to_logits(scores: Floats) -> Floats:
    """Return one column per class: log-odds [n, 1] become 0 and the log-odds, scores [n, K] stay as they are."""
    return np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores


def _fit_sigmoid(scores: Floats, y: Ints, weights: Floats) -> tuple[float, Floats]:
    """Return slope and intercept, shape [1]."""
    centre, spread = _centre_and_spread(scores, weights)
    model = LogisticRegression(C=_C, max_iter=1000).fit((scores - centre) / spread, y, weights)
    # Out-of-fold scores of an uninformative learner correlate slightly negatively with the labels. A negative slope
    # would make it look informative (and invert a perfect learner if folds leak), so it predicts the class shares.
    if model.coef_[0, 0] < 0:
        share = np.average(y == model.classes_[1], weights=weights)
        return 0.0, np.array([np.log(share / (1 - share))])
    slope = model.coef_[0, 0] / spread
    return float(slope), np.asarray(model.intercept_ - slope * centre)


def _fit_softmax(scores: Floats, y: Ints, weights: Floats) -> tuple[float, Floats]:
    """Return the slope and the biases, shape [K], that minimise the penalised log loss."""
    n_classes = scores.shape[1]
    spread = _centre_and_spread(scores, weights)[1]
    scaled, one_hot = scores / spread, np.eye(n_classes)[y]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slope, bias = parameters[0], parameters[1:]
        log_p = log_softmax(slope * scaled + bias, axis=1)
        residual = weights[:, None] * (np.exp(log_p) - one_hot)
        value = -(weights @ (log_p * one_hot).sum(axis=1)) + 0.5 * (slope**2 / _C + _BIAS_PENALTY * bias @ bias)
        gradient = np.append((residual * scaled).sum() + slope / _C, residual.sum(axis=0) + _BIAS_PENALTY * bias)
        return float(value), gradient

    start, bounds = np.append(1.0, np.zeros(n_classes)), [(0.0, None), *[(None, None)] * n_classes]
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(best[0] / spread), best[1:]


def _centre_and_spread(scores: Floats, weights: Floats) -> tuple[float, float]:
    """Return mean and standard deviation of all scores; 1 instead of a standard deviation of 0."""
    centre = float(np.average(scores.mean(axis=1), weights=weights))
    spread = float(np.sqrt(np.average(((scores - centre) ** 2).mean(axis=1), weights=weights)))
    return centre, spread if spread > 0 else 1.0


def cross_fit(
    fit: Callable[[Ints], Any],
    columns: Floats,
    y: Ints,
    folds: Sequence[Fold],
    n_classes: int,
    weights: Floats,
) -> Floats:
    """Return out-of-fold probabilities [n, K] of all rows.

    Parameters
    ----------
    fit : callable
        Maps the indices of training rows to an object with `predict_proba`.
    columns : ndarray, shape [n, S]
        Out-of-fold scores.
    y : ndarray of int, shape [n]
    folds : sequence of (train, test)
        One or more repeats, over which the probabilities are averaged. NaN for a row that is not in any fold.
    weights : ndarray, shape [n]
        Rows with weight 0 are not used for fitting.
    """
    total = np.zeros((len(columns), n_classes))
    count = np.zeros(len(columns))
    for all_train, test in folds:
        train = all_train[weights[all_train] > 0]
        if len(test) and len(np.unique(y[train])) == n_classes:
            total[test] += fit(train).predict_proba(columns[test])
            count[test] += 1
    count[count == 0] = np.nan
    return total / count[:, None]
