"""Studies whose truth is known: predictions drawn directly, or of real learners in folds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pdmr_classic.evaluation.intervals import weighted_auc
from pdmr_classic.evaluation.predictions import Predictions

SUBJECT_SD, MODEL_SD = 1.0, 0.3
COLUMNS = 10
Drawn = tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]


def true_auc(distance: float) -> float:
    """Return the AUC in the population from which `simulated` draws."""
    return float(norm.cdf(distance / np.sqrt(2 * (SUBJECT_SD**2 + 1 + MODEL_SD**2))))


def simulated(
    distance: float, *, subjects: int = 40, each: int = 3, folds: int = 5, repeats: int = 1, seed: int = 0
) -> Predictions:
    """Draw a study: half the subjects are positive, recordings of a subject are alike, each fold has its own model.

    Nobody was learned from: what is said of one subject knows nothing of the others.
    """
    rng = np.random.default_rng(seed)
    positive = np.arange(subjects) % 2 == 0
    subject = np.repeat(np.arange(subjects), each)
    seen = (
        distance * positive[subject] + SUBJECT_SD * rng.normal(size=subjects)[subject] + rng.normal(size=len(subject))
    )
    parts: list[tuple[NDArray[Any], ...]] = []
    for repeat in range(repeats):
        home = _homes(positive, folds, rng)
        shift = rng.normal(size=folds)[home[subject]]
        score = seen + MODEL_SD * rng.normal(size=len(subject)) + shift
        parts.append((np.full(len(subject), repeat), home[subject], _sigmoid(score - distance / 2)))
    return _predictions(positive[subject], subject, parts)


def people(distance: float, subjects: int, each: int, seed: int, *, within: bool = False) -> Drawn:
    """Return a table, labels and subjects; labels differ between subjects, or from recording to recording."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    y = rng.integers(0, 2, len(subject)) if within else rng.permutation(np.arange(subjects) % 2)[subject]
    of_person = rng.normal(size=(subjects, COLUMNS))[subject]
    told = distance * np.eye(COLUMNS)[0] * y[:, None]
    return told + of_person + rng.normal(size=(len(subject), COLUMNS)), y, subject


def learned(
    distance: float,
    *,
    subjects: int = 60,
    each: int = 2,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 0,
    within: bool = False,
    penalty: float = 10.0,
) -> tuple[Predictions, float]:
    """Return what ridge regressions say in grouped folds, and their mean AUC among 1,000 other people."""
    X, y, subject = people(distance, subjects, each, seed, within=within)
    others, theirs, _ = people(distance, 1000, 1, seed=10_000)
    rng = np.random.default_rng(seed)
    of_subject = y[np.unique(subject, return_index=True)[1]] == 1
    parts: list[tuple[NDArray[Any], ...]] = []
    true = []
    for repeat in range(repeats):
        fold, p = _homes(of_subject, folds, rng)[subject], np.empty(len(y))
        for number in range(folds):
            train = fold != number
            weights = _ridge(X[train], y[train], penalty)
            p[~train] = _sigmoid(4 * ((X[~train] - X[train].mean(axis=0)) @ weights))
            true.append(float(weighted_auc(others @ weights, theirs == 1, np.ones((len(theirs), 1)))[0]))
        parts.append((np.full(len(y), repeat), fold, p))
    return _predictions(y == 1, subject, parts), float(np.mean(true))


def _ridge(X: NDArray[np.float64], y: NDArray[np.intp], penalty: float) -> NDArray[np.float64]:
    centred = X - X.mean(axis=0)
    gram = centred.T @ centred + penalty * np.eye(COLUMNS)
    return np.asarray(np.linalg.solve(gram, centred.T @ (y - y.mean())))


def _homes(positive: NDArray[Any], folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the fold of each subject, as many of either kind in each as can be."""
    home = np.empty(len(positive), dtype=np.intp)
    for side in (positive, ~positive):
        members = rng.permutation(np.flatnonzero(side))
        home[members] = np.arange(len(members)) % folds
    return home


def _predictions(positive: NDArray[Any], subject: NDArray[Any], parts: list[tuple[NDArray[Any], ...]]) -> Predictions:
    repeat_of, fold_of, p = (np.concatenate(column) for column in zip(*parts, strict=True))
    repeats = len(parts)
    return Predictions(
        recording=np.array([f"r{place:03d}" for place in range(len(subject))] * repeats, dtype=object),
        subject=np.tile(subject, repeats),
        repeat=repeat_of,
        fold=fold_of,
        truth=np.tile(positive.astype(np.intp), repeats),
        predicted=(p >= 0.5).astype(np.intp),
        probability=np.column_stack([1 - p, p]),
        classes=("Control", "Depression"),
        positive="Depression",
    )


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))
