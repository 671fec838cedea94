"""Verification and re-identification from scores of pairs, for samples of subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.evaluation.identity._rows import Rows
from pdmr_classic.evaluation.intervals import divide, weighted_auc

_MAX_DIFFERENT = 10_000


@dataclass(frozen=True, eq=False)
class PairScores:
    """Scores of the pairs of unseen subjects within one label, by one attacker.

    Attributes
    ----------
    rows : Rows
    first, second : ndarray of int, shape [P]
        The rows of each pair.
    score : ndarray, shape [P]
        Higher if the two look like one subject.
    attacker : str
        Its name, and that of the form that it attacked.
    """

    rows: Rows
    first: Ints
    second: Ints
    score: Floats
    attacker: str

    @property
    def same(self) -> Mask:
        """Whether both rows are of one subject, shape [P]."""
        return np.asarray(self.rows.subject[self.first] == self.rows.subject[self.second])

    @property
    def is_defined(self) -> bool:
        """Whether there are pairs of one subject and of two."""
        return bool(self.same.any() and not self.same.all())

    def verify(self, subject_weights: Floats) -> tuple[Floats, Floats]:
        """Return AUC and equal error rate for each column of subject weights [S, B], each of shape [B].

        Subjects count equally, whatever their number of recordings, and so does each pair of subjects.
        """
        pairs = self._sample_pairs()
        subjects = np.sort([self.rows.subject[self.first[pairs]], self.rows.subject[self.second[pairs]]], axis=0)
        same = subjects[0] == subjects[1]
        group, counts = np.unique(subjects, axis=1, return_inverse=True, return_counts=True)[1:]
        weights = np.where(same[:, None], 1.0, subject_weights[subjects[1]]) * subject_weights[subjects[0]]
        weights /= counts[group.reshape(-1)][:, None]
        scores = self.score[pairs]
        return weighted_auc(scores, same, weights), equal_error_rate(scores, same, weights)

    def _sample_pairs(self) -> Ints:
        different = np.flatnonzero(~self.same)
        if len(different) > _MAX_DIFFERENT:
            different = np.random.default_rng(0).permutation(different)[:_MAX_DIFFERENT]
        return np.concatenate([np.flatnonzero(self.same), different])

    def identify(self) -> tuple[Ints, Floats, Floats]:
        """Return the subject of each probe, whether it was found, and by chance, each of shape [probes].

        Each recording is a probe, against all others of its label: a subject's score is the mean over its recordings.
        Probes without another recording of their subject, or of another subject, are left out.
        """
        n, subjects = len(self.rows), np.unique(self.rows.subject)
        total, count = np.zeros((n, n)), np.zeros((n, n))
        total[self.first, self.second] = self.score
        count[self.first, self.second] = 1.0
        one_hot = (self.rows.subject[:, None] == subjects).astype(float)
        means = divide((total + total.T) @ one_hot, (count + count.T) @ one_hot)
        own = means[np.arange(n), np.searchsorted(subjects, self.rows.subject)]
        candidates = np.isfinite(means).sum(axis=1)
        probes = np.isfinite(own) & (candidates > 1)
        means, own = means[probes], own[probes]
        is_best = (np.nan_to_num(means, nan=-np.inf).max(axis=1) <= own).astype(float)
        hits = is_best / np.maximum((means == own[:, None]).sum(axis=1), 1)
        return self.rows.subject[probes], hits, 1.0 / candidates[probes]


def equal_error_rate(score: Floats, same: Mask, weights: Floats) -> Floats:
    """Return the error rate where as many pairs of one subject are rejected as pairs of two accepted, shape [B].

    Parameters
    ----------
    score : ndarray, shape [P]
    same : ndarray of bool, shape [P]
    weights : ndarray, shape [P, B]

    Examples
    --------
    >>> equal_error_rate(np.array([0.9, 0.2, 0.4, 0.1]), np.array([True, True, False, False]), np.ones((4, 1)))
    array([0.5])
    """
    order = np.argsort(score, kind="stable")
    score, same, weights = score[order], same[order][:, None], weights[order]
    ends = np.append(np.flatnonzero(score[1:] > score[:-1]), len(score) - 1)
    rejected, not_accepted = (_cumulated_shares(weights * side)[ends] for side in (same, ~same))
    accepted = 1.0 - not_accepted
    # From accepting all pairs to rejecting all; between two thresholds, by chance.
    rejected = np.vstack([np.zeros(weights.shape[1]), rejected])
    accepted = np.vstack([np.ones(weights.shape[1]), accepted])
    crossing = np.argmax(rejected >= accepted, axis=0)
    columns = np.arange(weights.shape[1])
    before = np.maximum(crossing - 1, 0)
    gap, next_gap = ((accepted - rejected)[row, columns] for row in (before, crossing))
    share = divide(gap, gap - next_gap)
    return np.asarray(rejected[before, columns] + share * (rejected[crossing, columns] - rejected[before, columns]))


def _cumulated_shares(weights: Floats) -> Floats:
    total = np.cumsum(weights, axis=0)
    return divide(total, np.broadcast_to(total[-1], total.shape))
