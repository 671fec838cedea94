"""Calibration: maps out-of-fold scores to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.splits import Fold

# Ridge penalties. Slopes of standardised scores are almost free, and so is the intercept of two classes; the biases of
# several classes are shrunk towards 0.
_SLOPE_PENALTY, _INTERCEPT_PENALTY, _BIAS_PENALTY = 0.01, 1e-6, 1.0
# Log-odds that are already calibrated: the slope is shrunk towards 1 and the intercept towards 0.
_RECALIBRATION_PENALTY = 4.0
_MAX_NEWTON_STEPS, _MAX_STEP, _TOLERANCE = 50, 2.0, 1e-9


class Calibrator:
    """Maps the scores of one learner to class probabilities, with few parameters.

    Two classes: a sigmoid with slope and intercept. More: a softmax of slope x scores + biases, with one slope for all
    classes (a temperature), and one bias per class that is shrunk towards 0.

    Parameters
    ----------
    recalibrate : bool
        The scores are calibrated log-odds or log-probabilities: only correct them, by a slope near 1.

    Notes
    -----
    Platt 1999 for two classes; Guo et al. 2017 (temperature scaling) for more. A full softmax regression has K (K + 1)
    parameters: with seven classes and 112 recordings, the log loss of the average on new people was .37 instead of .29
    (benchmarks/joining.py on watch-exercise). Slopes are at least 0: out-of-fold scores of an uninformative learner
    correlate slightly negatively with the labels, and a negative slope would make it look informative (and invert a
    perfect learner if folds leak).
    """

    def __init__(self, *, recalibrate: bool = False) -> None:
        self.recalibrate = recalibrate

    def fit(self, scores: Floats, y: Ints, weights: Floats | None = None) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n] and weights [n].

        The sum of the weights is the amount of evidence: see `weigh_evidence`.
        """
        weights = np.ones(len(y)) if weights is None else weights
        width = scores.shape[1]
        targets = np.eye(max(width, 2))[y]
        if self.recalibrate:
            start, penalty = np.append(1.0, np.zeros(width)), np.full(1 + width, _RECALIBRATION_PENALTY)
            self.slope_, self.bias_ = _fit(scores, targets, weights, start, penalty)
            return self
        centre, spread = _standardisation(scores, weights)
        bias_penalty = _INTERCEPT_PENALTY if width == 1 else _BIAS_PENALTY
        penalty = np.append(_SLOPE_PENALTY, np.full(width, bias_penalty))
        slope, bias = _fit((scores - centre) / spread, targets, weights, np.zeros(1 + width), penalty)
        self.slope_, self.bias_ = slope / spread, bias - slope * centre / spread
        return self

    def predict_proba(self, scores: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return np.asarray(softmax(to_logits(self.slope_ * scores + self.bias_), axis=1))


def to_logits(scores: Floats) -> Floats:
    """Return one column per class: log-odds [n, 1] become 0 and the log-odds, scores [n, K] stay as they are."""
    return np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores


def _standardisation(scores: Floats, weights: Floats) -> tuple[float, float]:
    """Return centre (0 for several classes) and standard deviation of all scores."""
    mean = float(np.average(scores.mean(axis=1), weights=weights))
    spread = float(np.sqrt(np.average(((scores - mean) ** 2).mean(axis=1), weights=weights)))
    return mean if scores.shape[1] == 1 else 0.0, spread if spread > 0 else 1.0


def _fit(scores: Floats, targets: Floats, weights: Floats, start: Floats, penalty: Floats) -> tuple[float, Floats]:
    """Return the slope, at least 0, and the biases, shape [S], with the smallest penalised log loss."""
    fit = _fit_sigmoid if scores.shape[1] == 1 else _fit_softmax
    parameters = fit(scores, targets, weights, start, penalty)
    return float(parameters[0]), parameters[1:]


def _fit_sigmoid(scores: Floats, targets: Floats, weights: Floats, start: Floats, penalty: Floats) -> Floats:
    """Newton's method, which takes a tenth of the time of L-BFGS."""
    design, target, parameters = np.hstack([scores, np.ones_like(scores)]), targets[:, 1], start.copy()
    for _ in range(_MAX_NEWTON_STEPS):
        p = 0.5 * (1 + np.tanh(design @ parameters / 2))
        gradient = design.T @ (weights * (p - target)) + penalty * (parameters - start)
        hessian = (design.T * (weights * p * (1 - p))) @ design + np.diag(penalty)
        step = np.clip(np.linalg.solve(hessian, gradient), -_MAX_STEP, _MAX_STEP)
        parameters = parameters - step
        if np.abs(step).max() < _TOLERANCE:
            break
    if parameters[0] >= 0:
        return parameters
    share = float(np.average(target, weights=weights))
    return np.array([0.0, np.log(share / (1 - share))])


def _fit_softmax(scores: Floats, targets: Floats, weights: Floats, start: Floats, penalty: Floats) -> Floats:
    def loss(parameters: Floats) -> tuple[float, Floats]:
        log_p = log_softmax(parameters[0] * scores + parameters[1:], axis=1)
        residual = weights[:, None] * (np.exp(log_p) - targets)
        deviation = parameters - start
        gradient = np.append((residual * scores).sum(), residual.sum(axis=0)) + penalty * deviation
        return float(0.5 * penalty @ deviation**2 - weights @ (log_p * targets).sum(axis=1)), gradient

    bounds = [(0.0, None), *[(None, None)] * scores.shape[1]]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


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
