"""Scores of weighted rows with confidence intervals: for subjects that weigh the same, and for another prevalence."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.evaluation.intervals import (
    batch_sizes,
    count_rarest_class_subjects,
    score_interval,
    weighted_scores,
)
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import explain_undefined

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
    n_rarest = count_rarest_class_subjects(predictions)
    scores: dict[str, dict[str, Any]] = {}
    for name, values in drawn.items():
        # The Brier score of several classes is at most 2.
        maximum = 2.0 if name == "brier" and predictions.positive_index is None else 1.0
        low, high = score_interval(values / maximum, n_rarest) or (None, None)
        mean = float(values[0]) if np.isfinite(values[0]) else None
        scores[name] = {"mean": mean, "low": low and low * maximum, "high": high and high * maximum}
        if mean is None:
            scores[name]["reason"] = explain_undefined(name, predictions)
    return {
        "n_recordings": len(np.unique(predictions.recording.astype(str))),
        "n_subjects": len(np.unique(predictions.subject)),
        "scores": scores,
    }


def _bootstrap(predictions: Predictions, weights: Floats, class_shares: Floats | None, seed: int) -> dict[str, Floats]:
    """Return the weighted scores, followed by those of bootstrap samples of subjects, shape [1 + draws]."""
    _, subject = np.unique(predictions.subject, return_inverse=True)
    n_subjects = int(subject.max()) + 1
    rng = np.random.default_rng(seed)
    times = [np.ones((n_subjects, 1))]
    for size in batch_sizes(_N_DRAWS, len(predictions)):
        times.append(rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size).T.astype(np.float64))
    parts = []
    for batch in times:
        drawn = weights[:, None] * batch[subject]
        drawn = drawn if class_shares is None else _reweight_classes(drawn, predictions, class_shares)
        parts.append(weighted_scores(predictions, drawn))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _reweight_classes(weights: Floats, predictions: Predictions, class_shares: Floats) -> Floats:
    one_hot = np.eye(len(predictions.classes))[predictions.truth]
    total = one_hot.T @ weights
    # A class that is not in a bootstrap sample keeps its weights of 0.
    factors = class_shares[:, None] * weights.sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.asarray(weights * (one_hot @ factors))
