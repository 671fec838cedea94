"""What follows from the choice of the threshold: F1, precision, recall, specificity and net benefit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, finite_or_none
from pdmr_classic.evaluation.net_benefit import net_benefit, treat_all
from pdmr_classic.evaluation.predictions import Predictions

_GRID = np.linspace(0, 1, 101)
_MEASURES = ("f1", "precision", "recall", "specificity")
_NOTE = (
    "Net benefit: true positives minus false positives, each as a share of all recordings, where a false positive "
    "counts as the odds of the threshold. A threshold of 0.2 suits those to whom one true positive is worth four false "
    "ones. A model is useful at thresholds where its curve is above both of acting on everyone and of acting on no one."
)


def build_threshold(predictions: Predictions, chosen: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the scores of the positive class for each threshold, averaged over repeats.

    Each is computed within a repeat over its pooled folds. The precision is None where nothing is predicted positive.

    Parameters
    ----------
    predictions : Predictions
    chosen : mapping, optional
        `median`, `low` and `high` of the thresholds that the model chose.
    """
    curves = [_score_thresholds(predictions, rows) for rows in predictions.repeat_rows()]
    means = {name: np.mean([curve[name] for curve in curves], axis=0) for name in _MEASURES}
    return {
        "grid": _GRID.tolist(),
        **{name: [finite_or_none(value) for value in values] for name, values in means.items()},
        "chosen": None if chosen is None else dict(chosen),
    }


def _score_thresholds(predictions: Predictions, rows: Any) -> dict[str, Floats]:
    k = predictions.positive_index
    positive = predictions.truth[rows] == k
    is_called = predictions.probability[rows, k] >= _GRID[:, None]
    hits, called = is_called @ positive.astype(float), is_called.sum(axis=1)
    n_positive, n_negative = positive.sum(), (~positive).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "f1": 2 * hits / (called + n_positive),
            "precision": hits / called,
            "recall": hits / n_positive,
            "specificity": 1 - (called - hits) / n_negative,
        }


def choose_threshold(evaluation: Mapping[str, Any], manifest: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return median, smallest and largest threshold of the outer folds, else the threshold of the model, else None."""
    values = [part["threshold"] for part in evaluation.get("thresholds") or [] if part["threshold"] is not None]
    if not values and manifest is not None and manifest.get("threshold") is not None:
        values = [manifest["threshold"]]
    if not values:
        return None
    return {"median": float(np.median(values)), "low": float(min(values)), "high": float(max(values))}


def build_net_benefit(predictions: Predictions) -> dict[str, Any]:
    """Return the net benefit of the model and of acting on everyone, for thresholds from 0.01 to 0.99."""
    grid = _GRID[1:-1]
    k = predictions.positive_index
    y, p = (predictions.truth == k).astype(float), predictions.probability[:, k]
    repeats = list(predictions.repeat_rows())
    return {
        "grid": grid.tolist(),
        "model": [_mean_benefit(p, y, threshold, repeats) for threshold in grid.tolist()],
        "all": [float(np.mean([treat_all(y[rows], threshold) for rows in repeats])) for threshold in grid.tolist()],
        "none": 0,
        "note": _NOTE,
    }


def _mean_benefit(p: Floats, y: Floats, threshold: float, repeats: Sequence[Any]) -> float:
    benefits = [net_benefit(p[rows], y[rows], threshold, np.ones((len(rows), 1)))[0] for rows in repeats]
    return float(np.mean(benefits))
