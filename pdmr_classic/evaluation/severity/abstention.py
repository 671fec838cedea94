"""What abstention costs and brings: how many recordings are answered, and how good the answers are."""

from __future__ import annotations

from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask, finite_or_none
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.metrics import score

_CONFIDENCES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def summarise_abstention(predictions: Predictions, label_sets: Mask | None, level: float) -> dict[str, Any]:
    """Return the accuracy-coverage curve of a classifier that abstains, and the point of the label sets.

    Parameters
    ----------
    predictions : Predictions
    label_sets : ndarray of bool, shape [n, K], optional
        Label set of each row: which classes it contains. An answer is given where it contains a single class.
    level : float
        The share of sets that were made to contain the true class.

    Returns
    -------
    dict
        `curve`: one dict per least confidence, which is the probability of the predicted class: `confidence`, and
        `share_answered` (of the recordings), `accuracy`, `macro_f1` and, with a positive class, `f1` of those answered.
        `label_sets`: the same for the label sets, with `level`, `coverage` (share of sets with the true class; each
        subject counts equally), `coverage_by_class` and `mean_size`; None without sets. Means over repeats; None if
        undefined.

    References
    ----------
    El-Yaniv and Wiener 2010 (risk-coverage curve).
    """
    confidence = predictions.probability[np.arange(len(predictions)), predictions.predicted]
    curve = [{"confidence": least, **_score_answered(predictions, confidence >= least)} for least in _CONFIDENCES]
    return {
        "curve": curve,
        "label_sets": None if label_sets is None else score_label_sets(predictions, label_sets, level),
    }


def score_label_sets(predictions: Predictions, label_sets: Mask, level: float) -> dict[str, Any]:
    """Return how many label sets hold a single class, how good these answers are, and how many hold the true class.

    See `summarise_abstention`.
    """
    size = label_sets.sum(axis=1)
    contains = label_sets[np.arange(len(predictions)), predictions.truth].astype(np.float64)
    return {
        "level": level,
        "coverage": float(_subject_means(contains, predictions.subject).mean()),
        "mean_size": float(size.mean()),
        "coverage_by_class": {
            label: float(_subject_means(contains[rows], predictions.subject[rows]).mean())
            for k, label in enumerate(predictions.classes)
            if (rows := predictions.truth == k).any()
        },
        **_score_answered(predictions, size == 1),
    }


def _subject_means(values: Floats, subject: Ints) -> Floats:
    codes = np.unique(subject, return_inverse=True)[1]
    return np.asarray(np.bincount(codes, weights=values) / np.bincount(codes))


def _score_answered(predictions: Predictions, answered: Mask) -> dict[str, float | None]:
    """Return the share of answered rows and their scores, as means over the repeats in which they are defined."""
    parts = [_score_repeat(predictions.subset(rows[answered[rows]])) for rows in predictions.repeat_rows()]
    scores = {name: [part[name] for part in parts if part and np.isfinite(part[name])] for name in _names(predictions)}
    means = {name: finite_or_none(float(np.mean(values))) if values else None for name, values in scores.items()}
    return {"share_answered": float(answered.mean()), **means}


def _names(predictions: Predictions) -> tuple[str, ...]:
    return ("accuracy", "macro_f1", *(("f1",) if predictions.positive is not None else ()))


def _score_repeat(answered: Predictions) -> dict[str, float]:
    """Return the scores of the answered rows of one repeat; {} without any."""
    if not len(answered):
        return {}
    labels = np.array(answered.classes, dtype=object)
    scores = score(labels[answered.truth], labels[answered.predicted], positive=answered.positive)
    if not scores.get("positive_share", 1.0):
        scores["f1"] = float("nan")
    return scores | {"accuracy": float((answered.truth == answered.predicted).mean())}
