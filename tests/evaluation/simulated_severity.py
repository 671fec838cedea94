"""Simulated studies of a PHQ-8-like score: severities drawn directly, or predicted by ridge regressions in folds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.io.labels.scales import SCALES, Scale

PHQ8 = SCALES["phq8"]
COLUMNS = 10


def draw_scores(subjects: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return whole scores from 0 to 24, skewed: few are severe."""
    return np.minimum(np.floor(rng.gamma(1.6, 5.0, subjects)), 24.0)


def simulate_severity(
    signal: float = 0.7, *, subjects: int = 40, each: int = 2, folds: int = 5, repeats: int = 1, seed: int = 0
) -> SeverityPredictions:
    """Draw a study: severities are a mixture of the score and noise; intervals are 6 points on both sides.

    Nothing is trained, so the predictions for different subjects are independent.
    """
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    truth = draw_scores(subjects, rng)[subject]
    parts = []
    for repeat in range(repeats):
        fold = (rng.permutation(subjects) % folds)[subject]
        noise = rng.normal(8, 4, len(truth))
        parts.append((np.full(len(truth), repeat), fold, PHQ8.clip(signal * truth + (1 - signal) * noise)))
    return make_severities(truth, subject, parts)


def simulate_ridge(
    signal: float, *, subjects: int = 60, each: int = 2, folds: int = 5, seed: int = 0
) -> tuple[SeverityPredictions, dict[str, Any]]:
    """Return severities predicted by ridge regressions in grouped folds, and their mean scores on 2,000 new people."""
    from pdmr_classic.metrics import score_severity

    rng = np.random.default_rng(seed)
    X, truth, subject = _draw_people(signal, subjects, each, rng)
    new_X, new_truth, _ = _draw_people(signal, 2000, 1, np.random.default_rng(10_000))
    fold = (rng.permutation(subjects) % folds)[subject]
    predicted, true = np.empty(len(truth)), []
    for number in range(folds):
        train = fold != number
        centre, mean = X[train].mean(axis=0), truth[train].mean()
        gram = (X[train] - centre).T @ (X[train] - centre) + 10 * np.eye(COLUMNS)
        weights = np.linalg.solve(gram, (X[train] - centre).T @ (truth[train] - mean))
        predicted[~train] = PHQ8.clip(mean + (X[~train] - centre) @ weights)
        true.append(score_severity(new_truth, PHQ8.clip(mean + (new_X - centre) @ weights), PHQ8))
    predictions = make_severities(truth, subject, [(np.zeros(len(truth), dtype=np.intp), fold, predicted)])
    return predictions, {name: float(np.mean([scores[name] for scores in true])) for name in true[0]}


def _draw_people(
    signal: float, subjects: int, each: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    subject = np.repeat(np.arange(subjects), each)
    truth = draw_scores(subjects, rng)[subject]
    person = rng.normal(size=(subjects, COLUMNS))[subject]
    planted = signal * np.eye(COLUMNS)[0] * (truth[:, None] - 8) / 5
    return planted + person + rng.normal(size=(len(subject), COLUMNS)), truth, subject


def make_severities(
    truth: NDArray[np.float64],
    subject: NDArray[np.intp],
    parts: list[tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]],
    *,
    half_width: float = 6.0,
    scale: Scale = PHQ8,
) -> SeverityPredictions:
    """Return the severities of one or more repeats, each with its numbers, folds and predictions."""
    repeat, fold, predicted = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SeverityPredictions(
        recording=np.array([f"r{place:03d}" for place in range(len(truth))] * len(parts), dtype=object),
        subject=np.tile(subject, len(parts)),
        repeat=repeat,
        fold=fold,
        truth=np.tile(truth, len(parts)),
        predicted=predicted,
        low=scale.clip(predicted - half_width),
        high=scale.clip(predicted + half_width),
        scale=scale,
    )


def severity(truth: list[float], predicted: list[float], subject: list[int] | None = None) -> SeverityPredictions:
    """Return severities of one fold, written out."""
    n = len(truth)
    people = np.arange(n) if subject is None else np.array(subject)
    one = np.zeros(n, dtype=np.intp)
    return make_severities(np.array(truth), people, [(one, one, np.array(predicted, dtype=np.float64))])
