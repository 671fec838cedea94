"""Scores of learning.py, computed for many weightings of the held-out rows at once, for the subject bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

Array = np.ndarray
Fold = tuple[int, int]
"""Seed and number of an outer fold."""

N_BOOTSTRAPS = 1000
TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Result:
    """Predictions of one method on the held-out rows of one fold."""

    scores: Array
    predicted: Array
    is_probability: Array
    y: Array
    rows: Array
    seconds: Array


def binary_auc(is_positive: Array, scores: Array, weights: Array) -> Array:
    """Return the AUC for each row of weights [B, n]; NaN if only one class has weight."""
    positive, negative = weights[:, is_positive], weights[:, ~is_positive]
    a, b = scores[is_positive][:, None], scores[~is_positive][None, :]
    wins = (a > b) + 0.5 * (a == b)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, np.einsum("bi,ij,bj->b", positive, wins, negative, optimize=True) / pairs, np.nan)


def auc(result: Result, weights: Array) -> Array:
    """Return the AUC [B]; with several classes, the mean of one class against the rest."""
    n_classes = result.scores.shape[1]
    chosen = [1] if n_classes == 2 else range(n_classes)
    return nan_mean(np.array([binary_auc(result.y == k, result.scores[:, k], weights) for k in chosen]))


def f1(result: Result, weights: Array) -> Array:
    """Return F1 [B]: of the second class, or the mean over several classes that are present or predicted."""
    n_classes = result.scores.shape[1]
    values = []
    for k in [1] if n_classes == 2 else range(n_classes):
        is_class, is_predicted = result.y == k, result.predicted == k
        hits, total = weights @ (is_class & is_predicted), weights @ is_class + weights @ is_predicted
        undefined = 0.0 if n_classes == 2 else np.nan
        values.append(np.where(total > 0, 2 * hits / np.maximum(total, TINY), undefined))
    return np.where(weights.sum(axis=1) > 0, nan_mean(np.array(values)), np.nan)


def log_loss(result: Result) -> float:
    """Return the log loss, or NaN without probabilities."""
    if not result.is_probability:
        return float("nan")
    return float(-np.log(np.clip(result.scores[np.arange(len(result.y)), result.y], 1e-15, 1)).mean())


def calibration_slope(results: list[Result]) -> float:
    """Return the slope of the logistic regression of the class on the predicted log-odds, over pooled rows.

    NaN for several classes, without probabilities, or if the log-odds separate the classes.
    """
    if any(not result.is_probability or result.scores.shape[1] != 2 for result in results):
        return float("nan")
    y = np.concatenate([result.y for result in results])
    p = np.clip(np.concatenate([result.scores[:, 1] for result in results]), TINY, 1 - TINY)
    log_odds = np.log(p / (1 - p))
    is_separated = len(set(y)) < 2 or log_odds[y == 1].min() > log_odds[y == 0].max()
    if is_separated or np.ptp(log_odds) == 0:
        return float("nan")
    return float(LogisticRegression(C=np.inf, max_iter=1000).fit(log_odds[:, None], y).coef_[0, 0])


def nan_mean(values: Array) -> Array:
    """Return the mean over the first axis, without NaN; NaN if there are only NaN."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)


@dataclass(frozen=True, eq=False)
class Difference:
    """A mean difference with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class TaskResults:
    """Results of one task: method -> fold -> predictions."""

    name: str
    classes: list[str]
    y: Array
    groups: Array
    results: dict[str, dict[Fold, Result]]

    def shared_folds(self, *methods: str) -> list[Fold]:
        return sorted(set.intersection(*(set(self.results.get(method, {})) for method in methods)))

    def mean(self, score: str, method: str, folds: list[Fold]) -> float:
        """Return the mean of "AUC", "F1", "log loss", "seconds" or "slope" (which is the mean over seeds)."""
        results = self.results[method]
        if score == "slope":
            by_seed = [[results[fold] for fold in folds if fold[0] == seed] for seed in sorted({f[0] for f in folds})]
            values = [calibration_slope(part) for part in by_seed]
        elif score == "log loss":
            values = [log_loss(results[fold]) for fold in folds]
        elif score == "seconds":
            values = [float(results[fold].seconds) for fold in folds]
        else:
            values = [self._score(score, results[fold], np.ones((1, len(results[fold].y))))[0] for fold in folds]
        return float(nan_mean(np.array(values)))

    @staticmethod
    def _score(score: str, result: Result, weights: Array) -> Array:
        return {"AUC": auc, "F1": f1}[score](result, weights)

    def difference(self, score: str, peer: str, own: str) -> Difference:
        """Return the mean paired difference (peer - own) over shared folds, with a subject bootstrap interval.

        Subjects of the task are drawn with replacement; the same draw is used in all folds and seeds.
        """
        folds = self.shared_folds(peer, own)
        names, subject = np.unique(self.groups, return_inverse=True)
        rng = np.random.default_rng(0)
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=N_BOOTSTRAPS)
        weights = np.vstack([np.ones(len(names)), counts])[:, subject]
        by_fold = []
        for fold in folds:
            a, b = self.results[peer][fold], self.results[own][fold]
            assert np.array_equal(a.rows, b.rows)
            fold_weights = weights[:, a.rows]
            by_fold.append(self._score(score, a, fold_weights) - self._score(score, b, fold_weights))
        values = nan_mean(np.array(by_fold))
        drawn = values[1:][~np.isnan(values[1:])]
        low, high = np.quantile(drawn, (0.025, 0.975)) if len(drawn) else (np.nan, np.nan)
        return Difference(float(values[0]), float(low), float(high))
