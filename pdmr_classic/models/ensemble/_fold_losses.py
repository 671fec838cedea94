"""Losses of one member on the held-out rows of each fold, from its scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.metrics import row_losses, weighted_nanmean
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit
from pdmr_classic.models.ensemble.fold_data import ViewData
from pdmr_classic.sample_weights import weigh_evidence

Scores = list[Floats]
"""Scores of one member on the held-out rows of each fold, shape [test rows, S]."""


def average_scores(scores: Scores, data: ViewData) -> Floats:
    """Return out-of-fold scores averaged over repeats, shape [rows, S]; NaN for rows that are not in any fold."""
    return _average_folds(range(len(data.folds)), scores, data)


def compute_fold_losses(folds: Sequence[int], scores: Scores, data: ViewData) -> list[float]:
    """Return the loss on each fold of one repeat: the log loss, or for scores the mean squared error.

    Scores of classes are calibrated on the other folds of the repeat, because SVM margins are not probabilities, and
    boosting with few trees is underconfident. Only ratios of the row weights matter, see `weigh_evidence`.
    """
    tests = [data.folds[fold][1] for fold in folds]
    means = _average_folds(folds, scores, data)
    losses = _squared_errors(means, data) if data.is_numeric else _log_losses(folds, means, data)
    return [weighted_nanmean(losses[test], data.weights[test]) for test in tests]


def _squared_errors(predicted: Floats, data: ViewData) -> Floats:
    return np.asarray((predicted[:, 0] - data.y) ** 2)


def _log_losses(folds: Sequence[int], means: Floats, data: ViewData) -> Floats:
    has_scores = np.asarray(np.isfinite(means).all(axis=1))
    index = np.cumsum(has_scores) - 1
    splits = [(index[train[has_scores[train]]], index[test]) for train, test in (data.folds[fold] for fold in folds)]
    y, groups, weights = data.y[has_scores], data.groups[has_scores], data.weights[has_scores]
    columns = means[has_scores]
    probability = cross_fit(
        lambda rows: Calibrator().fit(columns[rows], y[rows], weigh_evidence(weights[rows], y[rows], groups[rows])),
        columns,
        y,
        splits,
        data.n_classes,
        weights,
    )
    losses = np.full(len(data.y), np.nan)
    losses[has_scores] = row_losses(probability, y)
    return losses


def _average_folds(folds: Sequence[int], scores: Scores, data: ViewData) -> Floats:
    total = np.zeros((len(data.y), scores[0].shape[1]))
    count = np.zeros(len(data.y))
    for fold, fold_scores in zip(folds, scores, strict=True):
        test = data.folds[fold][1]
        total[test] += fold_scores
        count[test] += 1
    count[count == 0] = np.nan
    return total / count[:, None]
