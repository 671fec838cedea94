"""ROC and precision-recall curves with their spread over folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.evaluation.predictions import Predictions

_GRID = np.linspace(0, 1, 101)
_TOLERANCE = 1e-9
_BAND = "mean over folds, and one standard deviation on each side"
_ONE_FOLD = "one curve: there is only one fold with both classes, so that there is no spread"


def build_roc(predictions: Predictions, auc: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the ROC curve averaged over folds; None if no fold has both classes.

    Probabilities of different folds come from different models, so that they are not pooled, as in the AUC.

    References
    ----------
    Fawcett 2006 (vertical averaging of ROC curves).
    """
    curves = _average_folds(predictions, _roc)
    if curves is None:
        return None
    mean, low, high, n_folds = curves
    return {
        "fpr": _GRID.tolist(),
        "tpr_mean": mean,
        "tpr_low": low,
        "tpr_high": high,
        "n_folds": n_folds,
        "auc": dict(auc),
        "band": _describe_band(n_folds),
    }


def build_precision_recall(predictions: Predictions) -> dict[str, Any] | None:
    """Return the precision-recall curve averaged over folds; None if no fold has both classes.

    At each recall, the precision is that of the highest threshold that reaches it: between two thresholds, precision
    is not linear in recall.

    References
    ----------
    Davis and Goadrich 2006 (interpolation between points).
    """
    curves = _average_folds(predictions, _precision_recall)
    if curves is None:
        return None
    mean, low, high, n_folds = curves
    return {
        "recall": _GRID.tolist(),
        "precision_mean": mean,
        "precision_low": low,
        "precision_high": high,
        "n_folds": n_folds,
        "positive_share": float((predictions.truth == predictions.positive_index).mean()),
        "band": _describe_band(n_folds),
    }


def _describe_band(n_folds: int) -> str:
    return f"{_BAND} ({n_folds} folds with both classes)" if n_folds > 1 else _ONE_FOLD


def _average_folds(
    predictions: Predictions, curve: Callable[[Floats, Mask], Floats]
) -> tuple[list[float], list[float], list[float], int] | None:
    """Return the mean curve, mean -/+ 1 SD within [0, 1], and the number of curves."""
    curves = [curve(p, positive) for p, positive in _list_folds(predictions)]
    if not curves:
        return None
    mean = np.mean(curves, axis=0)
    spread = np.std(curves, axis=0, ddof=1) if len(curves) > 1 else np.zeros_like(mean)
    low, high = np.clip(mean - spread, 0, 1), np.clip(mean + spread, 0, 1)
    return mean.tolist(), low.tolist(), high.tolist(), len(curves)


def _list_folds(predictions: Predictions) -> Iterator[tuple[Floats, Mask]]:
    """Yield the probabilities and the positives of each fold that has both classes."""
    k = predictions.positive_index
    for repeat in predictions.repeat_rows():
        for rows in predictions.fold_rows(repeat):
            positive = predictions.truth[rows] == k
            if 0 < positive.sum() < len(rows):
                yield predictions.probability[rows, k], positive


def _count_above(p: Floats, positive: Mask) -> tuple[Floats, Floats]:
    """Return the shares of negatives and of positives at or above each distinct threshold, from the highest on."""
    order = np.argsort(-p, kind="stable")
    p, positive = p[order], positive[order]
    ends = np.flatnonzero(np.append(p[1:] < p[:-1], True))
    n_positive, n_negative = np.cumsum(positive)[ends], np.cumsum(~positive)[ends]
    return n_negative / n_negative[-1], n_positive / n_positive[-1]


def _roc(p: Floats, positive: Mask) -> Floats:
    fpr, tpr = (np.append(0.0, share) for share in _count_above(p, positive))
    curve = np.interp(_GRID, fpr, tpr)
    curve[0] = 0.0  # a vertical step at 0 is in the next point of the grid
    return np.asarray(curve)


def _precision_recall(p: Floats, positive: Mask) -> Floats:
    fpr, recall = _count_above(p, positive)
    n_negative, n_positive = (~positive).sum(), positive.sum()
    hits = recall * n_positive
    precision = hits / (hits + fpr * n_negative)
    # At a recall of 0, the first threshold with a hit: without one, the precision is 0 or undefined. The tolerance is
    # for shares such as 0.29999999999999999.
    first = np.searchsorted(recall, np.maximum(_GRID - _TOLERANCE, _TOLERANCE))
    return np.asarray(precision[first])
