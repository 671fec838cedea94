"""Severities as a ranking of people with and without a score that reaches the clinical cut-off."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.severity.abstention import score_label_sets
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.io.labels.classes import NEGATIVE, POSITIVE

_SCORES = ("f1", "precision", "recall", "macro_f1", "balanced_accuracy", "auc")


def summarise_clinical(predictions: SeverityPredictions, level: float, seed: int = 0) -> dict[str, Any] | None:
    """Return how well severities tell scores that reach the clinical cut-off from lower ones.

    Returns
    -------
    dict or None
        `cutoff`; `n_positive` recordings that reach it; `scores` as in `summarise_scores`, where the predicted status
        is that of the rounded severity, and AUC that of the severity; `label_sets` (see `summarise_abstention`): the
        statuses of the scores in the predictive interval. None if the scale has no clinical cut-off.
    """
    scale = predictions.scale
    if scale.clinical_cutoff is None:
        return None
    classes = predict_status(predictions)
    summary = summarise_scores(classes, seed)["scores"]
    return {
        "cutoff": scale.clinical_cutoff,
        "n_positive": len(np.unique(predictions.recording[classes.truth == 1].astype(str))),
        "scores": {name: summary[name] for name in _SCORES},
        "label_sets": _score_label_sets(predictions, classes, level),
    }


def _score_label_sets(predictions: SeverityPredictions, classes: Predictions, level: float) -> dict[str, Any] | None:
    """Return how many intervals are on one side of the cut-off, and how good these answers are."""
    if not np.isfinite(predictions.high - predictions.low).all():
        return None
    scale = predictions.scale
    sets = np.column_stack([~scale.is_clinical(predictions.low), scale.is_clinical(predictions.high)])
    return score_label_sets(classes, sets, level)


def predict_status(predictions: SeverityPredictions) -> Predictions:
    """Return the status that the clinical cut-off makes of scores and severities.

    The probability is only a rank: the position of the severity on the scale.
    """
    scale = predictions.scale
    # Severities may be beyond a range that was only observed.
    position = np.clip((predictions.predicted - scale.low) / (scale.high - scale.low), 0.0, 1.0)
    return Predictions(
        recording=predictions.recording,
        subject=predictions.subject,
        repeat=predictions.repeat,
        fold=predictions.fold,
        truth=scale.is_clinical(predictions.truth).astype(np.intp),
        predicted=scale.is_clinical(predictions.predicted).astype(np.intp),
        probability=np.column_stack([1 - position, position]),
        classes=(NEGATIVE, POSITIVE),
        positive=POSITIVE,
        is_one_way=predictions.is_one_way,
    )
