"""Studies whose truth is known: predictions drawn directly, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pdmr_classic.evaluation.predictions import Predictions

SUBJECT_SD, MODEL_SD = 1.0, 0.3


def true_auc(distance: float) -> float:
    """Return the AUC in the population from which `simulated` draws."""
    return float(norm.cdf(distance / np.sqrt(2 * (SUBJECT_SD**2 + 1 + MODEL_SD**2))))


def simulated(
    distance: float, *, subjects: int = 40, each: int = 3, folds: int = 5, repeats: int = 1, seed: int = 0
) -> Predictions:
    """Draw a study: half the subjects are positive, recordings of a subject are alike, each fold has its own model."""
    rng = np.random.default_rng(seed)
    positive = np.arange(subjects) % 2 == 0
    subject = np.repeat(np.arange(subjects), each)
    seen = (
        distance * positive[subject] + SUBJECT_SD * rng.normal(size=subjects)[subject] + rng.normal(size=len(subject))
    )
    parts: list[tuple[NDArray[Any], ...]] = []
    for repeat in range(repeats):
        home = np.empty(subjects, dtype=np.intp)
        for side in (positive, ~positive):
            members = rng.permutation(np.flatnonzero(side))
            home[members] = np.arange(len(members)) % folds
        shift = rng.normal(size=folds)[home[subject]]
        score = seen + MODEL_SD * rng.normal(size=len(subject)) + shift
        parts.append((np.full(len(subject), repeat), home[subject], 1 / (1 + np.exp(-score + distance / 2))))
    repeat_of, fold_of, p = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Predictions(
        recording=np.array([f"r{place:03d}" for place in range(len(subject))] * repeats, dtype=object),
        subject=np.tile(subject, repeats),
        repeat=repeat_of,
        fold=fold_of,
        truth=np.tile(positive[subject].astype(np.intp), repeats),
        predicted=(p >= 0.5).astype(np.intp),
        probability=np.column_stack([1 - p, p]),
        classes=("Control", "Depression"),
        positive="Depression",
    )
