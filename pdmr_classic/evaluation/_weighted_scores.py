"""Scores of weighted rows with confidence intervals: for subjects that weigh the same, and for another prevalence."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, finite_or_none
from pdmr_classic.evaluation.bootstrap import bootstrap_statistics
from pdmr_classic.evaluation.intervals import weighted_scores
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import explain_undefined, find_limits

_N_DRAWS = 1000


def summarise_weighted(
    predictions: Predictions, weights: Floats, *, class_shares: Floats | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return counts and scores like `summarise_scores`, of weighted rows.

    Parameters
    ----------
    predictions : Predictions
    weights : ndarray, shape [n]
    class_shares : ndarray, shape [K], optional
        Multiply the weights of each class so that its share is this one, in the sample and in each bootstrap sample:
        scores in a population with other class shares and the same distribution of features within each class.
    seed : int

    Returns
    -------
    dict
        `n_recordings`, `n_subjects` and `scores`: for each score `mean`, `low` and `high`.
    """
    drawn = _bootstrap(predictions, weights, class_shares, seed)
    scores: dict[str, dict[str, Any]] = {}
    for name, values in drawn.items():
        scores[name] = {"mean": finite_or_none(values[0]), **find_limits(predictions, name, values)}
        if scores[name]["mean"] is None:
            scores[name]["reason"] = explain_undefined(name, predictions)
    return {
        "n_recordings": len(np.unique(predictions.recording.astype(str))),
        "n_subjects": len(np.unique(predictions.subject)),
        "scores": scores,
    }


def _bootstrap(predictions: Predictions, weights: Floats, class_shares: Floats | None, seed: int) -> dict[str, Floats]:
    """Return the weighted scores, followed by those of bootstrap samples of subjects, shape [1 + draws]."""

    def score(times: Floats) -> dict[str, Floats]:
        drawn = weights[:, None] * times
        drawn = drawn if class_shares is None else _reweight_classes(drawn, predictions, class_shares)
        return weighted_scores(predictions, drawn)

    return bootstrap_statistics(predictions.subject, score, _N_DRAWS, seed)


def _reweight_classes(weights: Floats, predictions: Predictions, class_shares: Floats) -> Floats:
    one_hot = np.eye(len(predictions.classes))[predictions.truth]
    total = one_hot.T @ weights
    # A class that is not in a bootstrap sample keeps its weights of 0.
    factors = class_shares[:, None] * weights.sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.asarray(weights * (one_hot @ factors))
