"""Meta-learner: combines the scores of all members into one probability by a weighted average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit, to_logits
from pdmr_classic.models.learners.learners import log_odds
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.splits import Fold
from pdmr_classic.text import format_count

AVERAGE, WEIGHTED_AVERAGE = "average", "weighted_average"
# Shrinks the weights towards the prior, because a hundred subjects hardly distinguish a dozen learners.
_RIDGE = 2.0


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
    votes : sequence of float, optional
        The weights without evidence are in proportion to these; by default, they are equal.
    """

    def __init__(
        self,
        widths: Sequence[int],
        names: Sequence[str],
        method: str = WEIGHTED_AVERAGE,
        votes: Sequence[float] | None = None,
    ) -> None:
        self.edges = np.cumsum([0, *widths])
        self.names = list(names)
        self.method = method
        self.votes = votes

    def fit(self, columns: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n], row weights [n] and subjects [n]."""
        weights = weigh_evidence(sample_weight, y, groups)
        self.calibrators_ = [Calibrator().fit(part, y, weights) for part in self.split(columns)]
        stacked = self._calibrate(columns)
        self.weights_ = self._find_weights(stacked, y, weights)
        self.final_calibrator_ = Calibrator(recalibrate=True).fit(self._combine(stacked), y, weights)
        return self

    def predict_proba(self, columns: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return self.final_calibrator_.predict_proba(self._combine(self._calibrate(columns)))

    @property
    def member_weights(self) -> dict[str, float]:
        """Weight of each member by name."""
        return dict(zip(self.names, self.weights_.tolist(), strict=True))

    def explain(self, losses: Mapping[str, float]) -> str:
        """Return what is combined and why, in a sentence; `losses` are those of `CrossFit`."""
        if len(self.names) == 1:
            return f"{_describe(self.names[0])} is the only member"
        heaviest = int(np.argmax(self.weights_))
        n_members = format_count(int((self.weights_ > 0).sum()), "member")
        what = f"weighted average of {n_members}; {_describe(self.names[heaviest])} weighs most"
        best = next(name for name in losses if name not in (AVERAGE, WEIGHTED_AVERAGE))
        why = f"log loss {losses[WEIGHTED_AVERAGE]:.3f}, with equal weights {losses[AVERAGE]:.3f}"
        # The smallest of several losses is optimistic.
        single = f"of {_describe(best)} alone {losses[best]:.3f} (optimistic)"
        return f"{what} ({self.weights_[heaviest]:.0%}); {why}, {single}"

    def _find_weights(self, stacked: Floats, y: Ints, weights: Floats) -> Floats:
        equal = np.full(len(stacked), 1 / len(stacked))
        if self.method == AVERAGE:
            return equal
        prior = equal if self.votes is None else np.asarray(self.votes) / np.sum(self.votes)
        return fit_weights(stacked, y, weights, prior)

    def _combine(self, stacked: Floats) -> Floats:
        return np.asarray(np.einsum("mns,m->ns", stacked, self.weights_))

    def _calibrate(self, columns: Floats) -> Floats:
        """Return calibrated log-odds of each member, shape [members, n, S]."""
        parts = zip(self.calibrators_, self.split(columns), strict=True)
        return np.stack([log_odds(calibrator.predict_proba(part)) for calibrator, part in parts])

    def split(self, columns: Floats) -> list[Floats]:
        """Return the score columns of each member."""
        return [columns[:, start:stop] for start, stop in zip(self.edges[:-1], self.edges[1:], strict=True)]


def _describe(member: str) -> str:
    """Return "svm on video" for "video/svm"."""
    return " on ".join(reversed(member.split("/")))


def fit_weights(stacked: Floats, y: Ints, weights: Floats, prior: Floats) -> Floats:
    """Return non-negative member weights that sum to one, shape [members].

    Parameters
    ----------
    stacked : ndarray, shape [members, n, S]
        Calibrated log-odds.
    y : ndarray of int, shape [n]
    weights : ndarray, shape [n]
        Row weights; their sum is the amount of evidence, see `weigh_evidence`.
    prior : ndarray, shape [members]
        Weights without evidence; they sum to one.

    Notes
    -----
    The weights minimise the log loss of the weighted log-odds, plus a ridge penalty towards the prior. The best of many
    members is partly lucky, and its tuning makes it look better still, so there is no choice of a single member: the
    weights leave the prior only as far as the evidence of all subjects goes.
    """
    n_members = len(stacked)
    one_hot = np.eye(int(y.max()) + 1)[y]

    def loss(member_weights: Floats) -> tuple[float, Floats]:
        log_p = log_softmax(to_logits(np.einsum("mns,m->ns", stacked, member_weights)), axis=1)
        deviation = member_weights - prior
        value = _RIDGE * n_members * (deviation @ deviation) - weights @ (log_p * one_hot).sum(axis=1)
        residual = weights[:, None] * (np.exp(log_p) - one_hot)[:, -stacked.shape[2] :]
        return float(value), np.einsum("mns,ns->m", stacked, residual) + 2 * _RIDGE * n_members * deviation

    fitted = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * n_members).x
    total = fitted.sum()
    return np.asarray(fitted / total) if total > 0 else prior


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
    votes: Sequence[float] | None = None,
) -> CrossFit:
    """Predict each row with calibrators and weights that were fitted on the training rows of its fold."""
    combiner = Combiner(widths, names, votes=votes)
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
