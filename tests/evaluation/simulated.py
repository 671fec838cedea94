"""Simulated studies with a known true AUC: predictions drawn directly, or made by learners in grouped folds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from pdmr_classic.evaluation.intervals import weighted_auc
from pdmr_classic.evaluation.predictions import Predictions

SUBJECT_SD, MODEL_SD = 1.0, 0.3
COLUMNS = 10
Table = tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]


def true_auc(distance: float) -> float:
    """Return the AUC in the population from which `simulate_predictions` draws."""
    return float(norm.cdf(distance / np.sqrt(2 * (SUBJECT_SD**2 + 1 + MODEL_SD**2))))


def simulate_predictions(
    distance: float, *, subjects: int = 40, each: int = 3, folds: int = 5, repeats: int = 1, seed: int = 0
) -> Predictions:
    """Draw a study: half the subjects are positive, recordings of a subject are correlated, each fold has a model.

    Nothing is trained, so the predictions for different subjects are independent.
    """
    rng = np.random.default_rng(seed)
    positive = np.arange(subjects) % 2 == 0
    subject = np.repeat(np.arange(subjects), each)
    seen = (
        distance * positive[subject] + SUBJECT_SD * rng.normal(size=subjects)[subject] + rng.normal(size=len(subject))
    )
    parts: list[tuple[NDArray[Any], ...]] = []
    for repeat in range(repeats):
        home = _assign_folds(positive, folds, rng)
        shift = rng.normal(size=folds)[home[subject]]
        score = seen + MODEL_SD * rng.normal(size=len(subject)) + shift
        parts.append((np.full(len(subject), repeat), home[subject], _sigmoid(score - distance / 2)))
    return _predictions(positive[subject], subject, parts)


def draw_people(distance: float, subjects: int, each: int, seed: int, *, within: bool = False) -> Table:
    """Return a table, labels and subjects; labels vary between subjects, or also within subjects."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    y = rng.integers(0, 2, len(subject)) if within else rng.permutation(np.arange(subjects) % 2)[subject]
    person_effect = rng.normal(size=(subjects, COLUMNS))[subject]
    signal = distance * np.eye(COLUMNS)[0] * y[:, None]
    return signal + person_effect + rng.normal(size=(len(subject), COLUMNS)), y, subject


def simulate_learner(
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
    """Return the predictions of ridge regressions in grouped folds, and their mean AUC on 1,000 new people."""
    X, y, subject = draw_people(distance, subjects, each, seed, within=within)
    new_X, new_y, _ = draw_people(distance, 1000, 1, seed=10_000)
    rng = np.random.default_rng(seed)
    subject_is_positive = y[np.unique(subject, return_index=True)[1]] == 1
    parts: list[tuple[NDArray[Any], ...]] = []
    true = []
    for repeat in range(repeats):
        fold, p = _assign_folds(subject_is_positive, folds, rng)[subject], np.empty(len(y))
        for number in range(folds):
            train = fold != number
            weights = _ridge(X[train], y[train], penalty)
            p[~train] = _sigmoid(4 * ((X[~train] - X[train].mean(axis=0)) @ weights))
            true.append(float(weighted_auc(new_X @ weights, new_y == 1, np.ones((len(new_y), 1)))[0]))
        parts.append((np.full(len(y), repeat), fold, p))
    return _predictions(y == 1, subject, parts), float(np.mean(true))


def _ridge(X: NDArray[np.float64], y: NDArray[np.intp], penalty: float) -> NDArray[np.float64]:
    centred = X - X.mean(axis=0)
    gram = centred.T @ centred + penalty * np.eye(COLUMNS)
    return np.asarray(np.linalg.solve(gram, centred.T @ (y - y.mean())))


def _assign_folds(positive: NDArray[Any], folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the fold of each subject, stratified by class."""
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
