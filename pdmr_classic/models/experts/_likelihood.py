"""What the combination needs to know about a kind of prediction: its squared error, its likelihood, its averages."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, softmax

from pdmr_classic.arrays import Floats
from pdmr_classic.metrics import row_losses
from pdmr_classic.models.ensemble.calibration import to_logits

PRESENCE, SEVERITY = "presence", "severity"
# A parabola for scores, whose errors grow with severity. For classes a constant: the variance p (1 - p) of a confident
# prediction is small by definition, and its log-odds already count for more in the average.
VARIANCE_DEGREE = {PRESENCE: 0, SEVERITY: 2}


def squared_error(kind: str, columns: Floats, target: Floats) -> Floats:
    """Return the squared error of a score, or the Brier score of class probabilities, shape [n]."""
    if kind == SEVERITY:
        return np.asarray((target - columns[:, 0]) ** 2)
    probability = softmax(to_logits(columns), axis=1)
    return np.asarray(((probability - np.eye(probability.shape[1])[target.astype(np.intp)]) ** 2).sum(axis=1))


def negative_log_likelihood(kind: str, columns: Floats, variance: Floats, target: Floats) -> Floats:
    """Return the Gaussian negative log-likelihood of a score, or the log loss of class scores, shape [n]."""
    if kind == SEVERITY:
        return np.asarray(0.5 * (np.log(variance) + squared_error(kind, columns, target) / variance))
    return row_losses(softmax(to_logits(columns), axis=1), target.astype(np.intp))


def move_towards(columns: Floats, differences: Floats) -> Floats:
    """Return `columns + differences`, log-probabilities normalised; rows without a difference keep every digit."""
    moved = columns + differences
    if columns.shape[1] > 1:
        moved = log_softmax(moved, axis=1)
    return np.where((differences != 0).any(axis=1, keepdims=True), moved, columns)
