"""Summarise the out-of-fold predictions of one system: mean score, SD over repeats, confidence interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints, finite_or_none
from pdmr_classic.evaluation.calibration_scores import summarise_calibration
from pdmr_classic.evaluation.inflation import estimate_inflation
from pdmr_classic.evaluation.intervals import (
    bootstrap_scores,
    brier_losses,
    count_rarest_class_subjects,
    score_interval,
    weighted_scores,
)
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.metrics import score

HEADLINE_SCORES = ("f1", "macro_f1", "auc")
_SCORE_NAMES = (
    *("f1", "precision", "recall", "specificity", "macro_f1", "weighted_f1", "balanced_accuracy"),
    *("auc", "brier"),
)
# The Brier score of several classes is summed over the classes.
_MAX_MULTICLASS_BRIER = 2.0


def main_score(positive: str | None) -> str:
    """Return the name of the main score: F1 of the positive class, or macro F1 with several classes."""
    return "f1" if positive is not None else "macro_f1"


def summarise_scores(predictions: Predictions, seed: int = 0) -> dict[str, Any]:
    """Return the counts and scores of one system.

    Returns
    -------
    dict
        `n_recordings`, `n_subjects`, and `scores`: for each score, `mean` and `sd` over repeats (`sd` is None with one
        repeat) and, except for the calibration error, `low` and `high` of the 95% interval. None if undefined; a score
        whose mean is None has a `reason`. For calibration error, slope and intercept see `summarise_calibration`.
    """
    repeats = [score_repeat(predictions, rows) for rows in predictions.repeat_rows()]
    drawn = bootstrap_scores(predictions, seed=seed)
    scores: dict[str, dict[str, Any]] = {}
    for name in (name for name in _SCORE_NAMES if name in repeats[0]):
        values = np.array([scores[name] for scores in repeats])
        scores[name] = {
            "mean": finite_or_none(values.mean()),
            "sd": finite_or_none(values.std(ddof=1)) if len(values) > 1 else None,
        }
        if name in drawn:
            scores[name] |= find_limits(predictions, name, drawn[name])
        if scores[name]["mean"] is None:
            scores[name]["reason"] = explain_undefined(name, predictions)
    # No interval for the calibration error: its bootstrap distribution is biased upwards.
    scores |= summarise_calibration(predictions, seed)
    return {
        "n_recordings": len(np.unique(predictions.recording.astype(str))),
        "n_subjects": len(np.unique(predictions.subject)),
        "scores": scores,
    }


def find_limits(predictions: Predictions, name: str, drawn: Floats) -> dict[str, float | None]:
    """Return `low` and `high` of the 95% interval of a score; None if there is none.

    Parameters
    ----------
    predictions : Predictions
    name : str
    drawn : ndarray, shape [1 + draws]
        The score, followed by its bootstrap replicates.
    """
    is_multiclass_brier = name == "brier" and predictions.positive_index is None
    maximum = _MAX_MULTICLASS_BRIER if is_multiclass_brier else 1.0
    n_rarest = count_rarest_class_subjects(predictions)
    limits = score_interval(drawn / maximum, n_rarest, estimate_inflation(predictions, name))
    low, high = (None, None) if limits is None else (limit * maximum for limit in limits)
    return {"low": finite_or_none(low), "high": finite_or_none(high)}


def score_repeat(predictions: Predictions, rows: Ints) -> dict[str, float]:
    """Return the scores of one repeat; all except AUC are computed over its pooled folds."""
    labels = np.array(predictions.classes, dtype=object)
    truth, predicted = labels[predictions.truth[rows]], labels[predictions.predicted[rows]]
    scores = score(truth, predicted, positive=predictions.positive)
    if not scores.get("positive_share", 1.0):
        # Without positive recordings (in a subgroup), F1 and recall are undefined, not 0.
        scores |= {"f1": np.nan, "recall": np.nan}
    scores["brier"] = float(brier_losses(predictions)[rows].mean())
    scores["auc"] = float(weighted_scores(predictions.subset(rows), np.ones((len(rows), 1)))["auc"][0])
    return scores


def explain_undefined(name: str, predictions: Predictions) -> str:
    """Return why a score of these predictions is undefined.

    Examples
    --------
    >>> one, code = np.zeros(1, dtype=np.intp), np.array([1])
    >>> explain_undefined("auc", Predictions(one, one, one, one, code, code, np.ones((1, 2)), ("no", "yes"), "yes"))
    'one class only in the held-out recordings'
    """
    if len(np.unique(predictions.truth)) < 2:
        return "one class only in the held-out recordings"
    if name == "auc":
        return "one class only in each held-out fold of a repeat"
    return (
        f"only {predictions.positive} in a repeat"
        if name == "specificity"
        else f"no {predictions.positive} in a repeat"
    )
