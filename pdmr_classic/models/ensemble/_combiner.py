"""Meta-learner: combines the scores of all members into one probability by a weighted average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit, weigh_by_subject
from pdmr_classic.models.learners.learners import log_odds
from pdmr_classic.splits import Fold
from pdmr_classic.text import format_count

AVERAGE, WEIGHTED_AVERAGE = "average", "weighted_average"
# Of the weights: a hundred subjects hardly distinguish a dozen learners.
_EQUAL_SHARE = 0.5
_N_BAGS, _N_STEPS = 20, 15


class Combiner:
    """Meta-learner that calibrates the scores of each member, averages them, and calibrates the result.

    Parameters
    ----------
    widths : sequence of int
        Number of score columns of each member.
    names : sequence of str
        Member names.
    method : {"average", "weighted_average"}
        Equal weights, or those of `fit_weights`.
    """

    def __init__(self, widths: Sequence[int], names: Sequence[str], method: str = WEIGHTED_AVERAGE) -> None:
        self.edges = np.cumsum([0, *widths])
        self.names = list(names)
        self.method = method

    def fit(self, columns: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n], row weights [n] and subjects [n]."""
        weights = weigh_by_subject(sample_weight, groups)
        self.calibrators_ = [Calibrator().fit(part, y, weights) for part in self.split(columns)]
        stacked = self._calibrate(columns)
        self.weights_ = self._find_weights(stacked, y, weights, groups)
        self.final_calibrator_ = Calibrator(recalibrate=True).fit(self._combine(stacked), y, weights)
        return self

    def predict_proba(self, columns: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return self.final_calibrator_.predict_proba(self._combine(self._calibrate(columns)))

    @property
    def member_weights(self) -> dict[str, float]:
        """Weight of each member by name."""
        return dict(zip(self.names, self.weights_.tolist(), strict=True))

    @property
    def summary(self) -> str:
        """What is combined, in a sentence."""
        if len(self.names) == 1:
            return f"{self.names[0]} is the only member"
        heaviest = int(np.argmax(self.weights_))
        n_members = format_count(int((self.weights_ > 0).sum()), "member")
        return f"average of {n_members}; {self.names[heaviest]} weighs most ({self.weights_[heaviest]:.2f})"

    def _find_weights(self, stacked: Floats, y: Ints, weights: Floats, groups: NDArray[Any]) -> Floats:
        if self.method == AVERAGE:
            return np.full(len(stacked), 1 / len(stacked))
        return fit_weights(stacked, y, weights, groups)

    def _combine(self, stacked: Floats) -> Floats:
        return np.asarray(np.einsum("mns,m->ns", stacked, self.weights_))

    def _calibrate(self, columns: Floats) -> Floats:
        """Return calibrated log-odds of each member, shape [members, n, S]."""
        parts = zip(self.calibrators_, self.split(columns), strict=True)
        return np.stack([log_odds(calibrator.predict_proba(part)) for calibrator, part in parts])

    def split(self, columns: Floats) -> list[Floats]:
        """Return the score columns of each member."""
        return [columns[:, start:stop] for start, stop in zip(self.edges[:-1], self.edges[1:], strict=True)]


def fit_weights(stacked: Floats, y: Ints, weights: Floats, groups: NDArray[Any]) -> Floats:
    """Return positive member weights that sum to one, shape [members].

    Parameters
    ----------
    stacked : ndarray, shape [members, n, S]
        Calibrated log-odds.
    y : ndarray of int, shape [n]
    weights : ndarray, shape [n]
        Row weights; rows with weight 0 are ignored.
    groups : ndarray, shape [n]
        The subject of each row.

    Notes
    -----
    Half of the weight is equal, and half is the share of each member in ensembles that are selected on bootstrap
    samples of the subjects (Caruana et al. 2004, 2006): starting from none, the member is added, with replacement, with
    which the average has the smallest log loss. The best of many members is partly lucky, and its tuning makes it look
    better still, so no member is ever used alone, and a lead that does not survive the bootstrap gives little weight.
    """
    n_members = len(stacked)
    if n_members == 1:
        return np.ones(1)
    is_used = weights > 0
    _, subject = np.unique(groups[is_used], return_inverse=True)
    n_subjects = int(subject.max()) + 1
    counts = np.random.default_rng(0).multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), _N_BAGS)
    scores, labels = stacked[:, is_used], y[is_used]
    shares = [_select_ensemble(scores, labels, weights[is_used] * bag[subject]) for bag in counts]
    return np.asarray(_EQUAL_SHARE / n_members + (1 - _EQUAL_SHARE) * np.mean(shares, axis=0))


def _select_ensemble(scores: Floats, y: Ints, weights: Floats) -> Floats:
    """Return the share of each member in a greedily selected ensemble, shape [members]."""
    total, counts = np.zeros_like(scores[0]), np.zeros(len(scores))
    for step in range(_N_STEPS):
        losses = _row_losses((total + scores) / (step + 1), y) @ weights
        best = int(np.argmin(losses))
        total, counts[best] = total + scores[best], counts[best] + 1
    return counts / _N_STEPS


def _row_losses(scores: Floats, y: Ints) -> Floats:
    """Return the log loss of each row, shape [members, n], from log-odds or log-probabilities [members, n, S]."""
    if scores.shape[2] == 1:
        return np.asarray(np.logaddexp(0.0, np.where(y == 1, -1.0, 1.0) * scores[:, :, 0]))
    return np.asarray(-np.take_along_axis(log_softmax(scores, axis=2), y[None, :, None], axis=2)[:, :, 0])


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Cross-fitted predictions of a combiner for one set of modalities.

    Attributes
    ----------
    probability : ndarray, shape [n, K]
        Of the weighted average.
    losses : dict of str to float
        Log loss of "average", of the best single member (by name), and of "weighted_average". That of the best member
        is optimistic, because it is the smallest of several.
    """

    probability: Floats
    losses: dict[str, float]


def cross_fit_combiner(
    columns: Floats,
    y: Ints,
    groups: NDArray[Any],
    folds: Sequence[Fold],
    widths: Sequence[int],
    names: Sequence[str],
    sample_weight: Floats,
) -> CrossFit:
    """Predict each row with calibrators and weights that were fitted on the training rows of its fold."""
    combiner = Combiner(widths, names)
    probability = _predict_folds(combiner, columns, y, groups, folds, sample_weight)
    losses = {WEIGHTED_AVERAGE: log_loss(probability, y, sample_weight)}
    if len(names) > 1:
        average = _predict_folds(Combiner(widths, names, AVERAGE), columns, y, groups, folds, sample_weight)
        singles = {}
        for name, part in zip(names, combiner.split(columns), strict=True):
            single = _predict_folds(Combiner([part.shape[1]], [name]), part, y, groups, folds, sample_weight)
            singles[name] = log_loss(single, y, sample_weight)
        best = min(singles, key=lambda name: singles[name])
        losses = {AVERAGE: log_loss(average, y, sample_weight), best: singles[best], **losses}
    return CrossFit(probability, losses)


def _predict_folds(
    combiner: Combiner, columns: Floats, y: Ints, groups: NDArray[Any], folds: Sequence[Fold], sample_weight: Floats
) -> Floats:
    def fit(rows: Ints) -> Combiner:
        return combiner.fit(columns[rows], y[rows], sample_weight[rows], groups[rows])

    return cross_fit(fit, columns, y, folds, int(y.max()) + 1, sample_weight)
