"""What the outer folds say beyond their pooled scores: confusion matrix, thresholds, weights, scores of each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.evaluation.intervals import weighted_confusion
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import main_score, score_repeat

_CHANNELS = 20

_Results = Sequence[Mapping[str, Any]]


def summarise_fold_details(model: Predictions, outer: Sequence[OuterFold], results: _Results) -> dict[str, Any]:
    """Return `confusion`, `folds`, `members`, `importance` and, with two classes, `thresholds`; see `evaluate`."""
    thresholds = [
        {"repeat": fold.repeat, "fold": fold.fold, "threshold": result.get("threshold")}
        for fold, result in zip(outer, results, strict=True)
    ]
    return {
        "confusion": average_confusion(model),
        "folds": _score_folds(model),
        **({"thresholds": thresholds} if model.positive is not None else {}),
        "members": average_members([result["members"] for result in results if result.get("members")]),
        "importance": _average_importance(results),
    }


def average_confusion(predictions: Predictions) -> dict[str, Any]:
    """Return the confusion matrix, averaged over repeats.

    Returns
    -------
    dict
        `classes`, `counts` (mean number of recordings; rows: true class, columns: predicted class), `n_repeats`.
    """
    n_classes, rows_of_repeats = len(predictions.classes), list(predictions.repeat_rows())
    counts = [
        weighted_confusion(predictions.truth[rows], predictions.predicted[rows], n_classes, np.ones((len(rows), 1)))
        for rows in rows_of_repeats
    ]
    mean = np.mean(counts, axis=0)[..., 0]
    return {"classes": list(predictions.classes), "counts": mean.tolist(), "n_repeats": len(rows_of_repeats)}


def _score_folds(predictions: Predictions) -> list[dict[str, Any]]:
    folds = []
    for repeat_rows in predictions.repeat_rows():
        for rows in predictions.fold_rows(repeat_rows):
            fold = predictions.subset(rows)
            folds.append(
                {
                    "repeat": int(fold.repeat[0]),
                    "fold": int(fold.fold[0]),
                    "n_recordings": len(np.unique(fold.recording.astype(str))),
                    "n_subjects": len(np.unique(fold.subject)),
                    "scores": _score_fold(fold),
                }
            )
    return folds


def _score_fold(fold: Predictions) -> dict[str, float | None]:
    scores = score_repeat(fold, np.arange(len(fold)))
    # The mean recall of the classes that happen to be in a fold is another score in each fold.
    if len(np.unique(fold.truth)) < len(fold.classes):
        scores["balanced_accuracy"] = np.nan
    names = (main_score(fold.positive), "auc", "balanced_accuracy", "brier")
    return {name: finite_or_none(scores[name]) for name in names}


def average_members(folds: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the mean, lowest and highest weight of each member over the models of the outer folds, heaviest first.

    A member that a model does not have weighs 0 in it.
    """
    members = {member["name"]: member for fold in folds for member in fold}
    weights = pd.DataFrame([{member["name"]: member["weight"] for member in fold} for fold in folds]).fillna(0.0)
    averaged = [
        {
            **{key: members[name][key] for key in ("name", "view", "learner")},
            "weight": float(column.mean()),
            "low": float(column.min()),
            "high": float(column.max()),
        }
        for name, column in weights.items()
    ]
    return sorted(averaged, key=lambda member: -member["weight"])


def _average_importance(results: _Results) -> dict[str, dict[str, float]]:
    """Return the permutation importance (increase in log loss), averaged over the models of the outer folds."""
    importances = [result["importance"] for result in results if result.get("importance")]
    means: dict[str, dict[str, float]] = {}
    for grouping in ("by_family", "by_modality", "by_view", "by_channel"):
        frame = pd.DataFrame([importance.get(grouping, {}) for importance in importances])
        increases = frame.mean().sort_values(ascending=False, kind="stable")
        means[grouping] = {str(name): float(increase) for name, increase in increases.items()}
    means["by_channel"] = dict(list(means["by_channel"].items())[:_CHANNELS])
    return means
