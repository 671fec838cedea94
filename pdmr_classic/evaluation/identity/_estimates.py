"""Estimates over folds with their intervals, by a bootstrap of subjects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.evaluation.identity._pair_scores import PairScores
from pdmr_classic.evaluation.intervals import SD_INFLATION, divide, weighted_auc
from pdmr_classic.resampling import draw_subject_weights

_DRAWS = 400
_BATCH = 50
_TINY = 1e-9
# Probes of several subjects are found or missed together, because they have the same candidates: without it, intervals
# contained the chance level in 88% of simulated studies without identity.
_HITS_INFLATION = 1.2


def estimate_verification(folds: Sequence[PairScores], n_subjects: int, seed: int) -> dict[str, Any]:
    """Return AUC and equal error rate, with intervals and chance level, and which attacks were used."""
    defined = [fold for fold in folds if fold.is_defined]
    same, different = (sum(int((fold.same == value).sum()) for fold in folds) for value in (True, False))
    result: dict[str, Any] = {"n_same": same, "n_different": different, "attackers": count([f.attacker for f in folds])}
    if not defined:
        reason = "there are no pairs of one subject and of two within one label"
        return {**result, "auc": no_estimate(reason, 0.5), "eer": no_estimate(reason, 0.5)}
    masses = np.array([len(np.unique(fold.rows.subject[fold.first[fold.same]])) for fold in defined], dtype=float)
    drawn = _draw(n_subjects, lambda weights: np.stack([fold.verify(weights) for fold in defined]), seed)
    auc, eer = (_average(drawn[:, k], masses) for k in range(2))
    n = int(masses.sum())
    return {**result, "auc": describe_estimate(auc, n, 0.5), "eer": describe_estimate(eer, n, 0.5)}


def estimate_identification(folds: Sequence[PairScores], n_subjects: int, seed: int) -> dict[str, Any]:
    """Return the top-1 re-identification rate, averaged over subjects, with its interval and chance level."""
    return estimate_hits([fold.identify() for fold in folds], n_subjects, seed)


def estimate_hits(probes: Sequence[tuple[Ints, Floats, Floats]], n_subjects: int, seed: int) -> dict[str, Any]:
    """Return the share of probes that were found, of each fold their subjects, hits and chance levels."""
    subject, hits, chance = (np.concatenate(parts) for parts in zip(*probes, strict=True))
    n, n_candidates = len(np.unique(subject)), float(np.mean(1 / chance)) if len(chance) else 0.0
    facts = {"n_probes": len(subject), "n_candidates": n_candidates}
    if n < 2:
        return {**no_estimate("fewer than two subjects have two recordings of one label", None), **facts}
    share = 1.0 / np.bincount(subject, minlength=n_subjects)[subject]
    drawn = _draw(n_subjects, lambda weights: divide((hits * share) @ weights[subject], share @ weights[subject]), seed)
    return {**describe_estimate(drawn, n, float(np.average(chance, weights=share)), _HITS_INFLATION), **facts}


class RowScores:
    """Scores of single rows for a property that some of them have, by the model of one fold.

    Parameters
    ----------
    score : ndarray, shape [n]
        NaN if it is unknown.
    positive : ndarray of bool, shape [n]
    label, subject : ndarray of int, shape [n]
    """

    def __init__(self, score: Floats, positive: Mask, label: Ints, subject: Ints) -> None:
        known = np.isfinite(score)
        self.score, self.positive = score[known], positive[known]
        self.label, self.subject = label[known], subject[known]

    def auc(self, subject_weights: Floats) -> Floats:
        """Return the AUC within labels for each column of subject weights [S, B], shape [B]."""
        return divide(*self.count_concordant(subject_weights))

    def count_concordant(self, subject_weights: Floats) -> Floats:
        """Return the weight of the concordant pairs within labels, and of all of them, shape [2, B]."""
        # A subject may have the property in some of its rows only.
        cells = np.stack([self.subject, self.positive])
        group, counts = np.unique(cells, axis=1, return_inverse=True, return_counts=True)[1:]
        weights = subject_weights[self.subject] / counts[group.reshape(-1)][:, None]
        total = np.zeros((2, weights.shape[1]))
        for label in np.unique(self.label):
            rows = self.label == label
            positive, part = self.positive[rows], weights[rows]
            n_pairs = part[positive].sum(axis=0) * part[~positive].sum(axis=0)
            total += np.stack([np.nan_to_num(weighted_auc(self.score[rows], positive, part)) * n_pairs, n_pairs])
        return total


def estimate_auc(folds: Sequence[RowScores], n_subjects: int, seed: int) -> dict[str, Any]:
    """Return the AUC of pairs of rows within labels and folds, with its interval."""
    n = min(len({s for fold in folds for s in fold.subject[fold.positive == side].tolist()}) for side in (True, False))
    if n < 2:
        return no_estimate("too few subjects on one side", 0.5)
    drawn = _draw(n_subjects, lambda weights: np.sum([fold.count_concordant(weights) for fold in folds], axis=0), seed)
    return describe_estimate(divide(*drawn), n, 0.5, SD_INFLATION if len(folds) > 1 else 1.0)


def _draw(n_subjects: int, score: Callable[[Floats], Floats], seed: int) -> Floats:
    """Return the score of the sample, and of each bootstrap sample, along the last axis."""
    rng = np.random.default_rng(seed)
    weights = np.concatenate(list(draw_subject_weights(np.arange(n_subjects), _DRAWS, rng)), axis=1)
    batches = [np.ones((n_subjects, 1)), *(weights[:, start : start + _BATCH] for start in range(0, _DRAWS, _BATCH))]
    return np.concatenate([score(batch) for batch in batches], axis=-1)


def _average(drawn: Floats, masses: Floats) -> Floats:
    """Return the mean over folds [folds, 1 + draws], weighted by masses; in a draw, of the folds that have a score."""
    known = np.isfinite(drawn)
    return divide(np.where(known, drawn, 0.0).T @ masses, known.T @ masses)


def describe_estimate(drawn: Floats, n_subjects: int, chance: float, inflation: float = 1.0) -> dict[str, Any]:
    """Return value, limits of the 95% interval and chance level; drawn is the score and its replicates."""
    if not np.isfinite(drawn[0]):
        return no_estimate("it is undefined", chance)
    low, high = _find_interval(drawn, n_subjects, inflation)
    return {"value": float(drawn[0]), "low": low, "high": high, "chance": chance}


def _find_interval(drawn: Floats, n_subjects: int, inflation: float) -> tuple[float | None, float | None]:
    """Return the limits of the 95% interval: like `score_interval`, but on the arcsine scale.

    Identity is often nearly certain, and with few subjects logits make such an interval reach below chance. Without any
    spread, as for 0 and 1: the Clopper-Pearson interval for the number of subjects.
    """
    value, replicates = float(drawn[0]), drawn[1:][np.isfinite(drawn[1:])]
    if n_subjects < 2 or len(replicates) < 2:
        return None, None
    error = float(replicates.std(ddof=1)) * (n_subjects / (n_subjects - 1)) ** 0.5
    if not 0 < value < 1 or error < _TINY:
        value = round(value, 9)  # averages of 1 can be a little less
        hits, misses = value * n_subjects, (1 - value) * n_subjects
        low = float(stats.beta.ppf(0.025, hits, misses + 1)) if hits else 0.0
        return low, float(stats.beta.ppf(0.975, hits + 1, misses)) if misses else 1.0
    half = inflation * error * float(stats.t.ppf(0.975, 2 * (n_subjects - 1))) / (2 * (value * (1 - value)) ** 0.5)
    centre = np.arcsin(value**0.5)
    low, high = np.sin(np.clip([centre - half, centre + half], 0.0, np.pi / 2)) ** 2
    return float(low), float(high)


def no_estimate(reason: str, chance: float | None) -> dict[str, Any]:
    """Return the record of an estimate that there is not."""
    return {"value": None, "low": None, "high": None, "chance": chance, "reason": reason}


def count(names: Sequence[str]) -> dict[str, int]:
    """Return how often each name occurs, sorted by name."""
    return {name: names.count(name) for name in sorted(set(names))}
