"""How members' scores become one probability: three ways, from the simplest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.metrics import log_loss, row_losses, weighted_nanmean
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit
from pdmr_classic.models.learners.learners import log_odds
from pdmr_classic.splits import Fold

# Pulls the weights to those of a plain average: a hundred subjects can hardly tell a dozen learners apart.
_RIDGE = 8.0
# In standard errors: a member that the average would be better without by more is left out.
_SPOILS = 0.5
_SCALES = (0.0, 10.0)


class Combiner:
    """Members' scores, each calibrated, then combined and calibrated once more.

    Parameters
    ----------
    widths : sequence of int
        How many score columns each member has.
    how : str
        "average": all members weigh the same. "weights": non-negative weights with a sum of one, fitted by logistic
        loss and pulled to the average of the members that do not spoil it. Otherwise the name of the one member that is
        used.
    names : sequence of str
        Of the members.
    """

    def __init__(self, widths: Sequence[int], how: str, names: Sequence[str]) -> None:
        self.edges = np.cumsum([0, *widths])
        self.how = how
        self.names = list(names)

    def fit(self, columns: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n], weights of rows [n] and their subjects [n]."""
        self.calibrators_ = [Calibrator().fit(part, y, sample_weight) for part in self._parts(columns)]
        stacked = self._calibrated(columns)
        self.weights_ = self._weights(stacked, y, sample_weight, groups)
        self.final_ = Calibrator().fit(self._combined(stacked), y, sample_weight)
        return self

    def predict_proba(self, columns: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return self.final_.predict_proba(self._combined(self._calibrated(columns)))

    @property
    def named_weights(self) -> dict[str, float]:
        """The weight of each member, by its name; 0 for one that is left out."""
        return dict(zip(self.names, self.weights_.tolist(), strict=True))

    def _weights(self, stacked: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Floats:
        n_members = len(self.names)
        even = np.full(n_members, 1 / n_members)
        if self.how == "average" or n_members == 1:
            return even
        if self.how == "weights":
            return fit_weights(stacked, y, sample_weight, groups)
        return np.array([float(name == self.how) for name in self.names])

    def _combined(self, stacked: Floats) -> Floats:
        return np.asarray(np.einsum("mns,m->ns", stacked, self.weights_))

    def _calibrated(self, columns: Floats) -> Floats:
        """Return calibrated log-odds of every member, shape [members, n, S]."""
        parts = zip(self.calibrators_, self._parts(columns), strict=True)
        return np.stack([log_odds(calibrator.predict_proba(part)) for calibrator, part in parts])

    def _parts(self, columns: Floats) -> list[Floats]:
        return [columns[:, start:stop] for start, stop in zip(self.edges[:-1], self.edges[1:], strict=True)]


def fit_weights(stacked: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Floats:
    """Return non-negative weights of members with a sum of one, shape [members].

    Parameters
    ----------
    stacked : ndarray, shape [members, n, S]
        Calibrated log-odds.
    y : ndarray of int, shape [n]
    sample_weight : ndarray, shape [n]
    groups : ndarray, shape [n]
        The subject of each row.

    Notes
    -----
    Members are left out, the one with the largest loss first, as long as the plain average of the others is better by
    half a subject-clustered standard error. The weights of the others minimise the log loss of scale x (weighted
    log-odds), plus a ridge that pulls to equal weights.
    """
    kept = _worth_keeping(stacked, y, sample_weight, groups)
    weights = np.zeros(len(stacked))
    weights[kept] = _ridge_weights(stacked[kept], y, sample_weight)
    return weights


def _worth_keeping(stacked: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Ints:
    """Return the places of the members that do not spoil the plain average, best first."""

    def losses(members: Ints) -> Floats:
        return _scaled_losses(stacked[members].mean(axis=0), y, sample_weight)

    alone = [weighted_nanmean(losses(np.array([place])), sample_weight) for place in range(len(stacked))]
    kept = np.argsort(alone, kind="stable")
    with_it = losses(kept)
    while len(kept) > 1:
        without_it = losses(kept[:-1])
        error = clustered_standard_error(with_it - without_it, groups, sample_weight)
        if weighted_nanmean(with_it - without_it, sample_weight) <= _SPOILS * error:
            break
        kept, with_it = kept[:-1], without_it
    return kept


def _scaled_losses(scores: Floats, y: Ints, sample_weight: Floats) -> Floats:
    """Return the log loss of each row, shape [n], of the scores at their best scale.

    How sure scores are of themselves is mended by the calibration that follows, and no merit of theirs. That one is not
    used here: with several classes it has parameters enough to make anything look good on its own rows.
    """

    def losses(scale: float) -> Floats:
        return np.asarray(-_log_probability(scale * scores)[np.arange(len(y)), y])

    best = minimize_scalar(lambda scale: float(sample_weight @ losses(scale)), bounds=_SCALES, method="bounded")
    return losses(best.x)


def _ridge_weights(stacked: Floats, y: Ints, sample_weight: Floats) -> Floats:
    n_members = len(stacked)
    even = np.full(n_members, 1 / n_members)
    is_of_class = np.eye(int(y.max()) + 1)[y]

    def loss(free: Floats) -> tuple[float, Floats]:
        log_p = _log_probability(np.einsum("mns,m->ns", stacked, free))
        apart = free - even
        value = -(sample_weight @ (log_p * is_of_class).sum(axis=1)) + _RIDGE * n_members * (apart @ apart)
        residual = sample_weight[:, None] * (np.exp(log_p) - is_of_class)[:, -stacked.shape[2] :]
        return float(value), np.einsum("mns,ns->m", stacked, residual) + 2 * _RIDGE * n_members * apart

    found = minimize(loss, even, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * n_members).x
    total = found.sum()
    return found / total if total > 0 else even


def _log_probability(scores: Floats) -> Floats:
    """Return log-probabilities of every class, shape [n, K], from log-odds [n, 1] or log-probabilities [n, K]."""
    both = np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores
    top = both.max(axis=1, keepdims=True)
    return np.asarray(both - top - np.log(np.exp(both - top).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class Choice:
    """Which way of combining was chosen for one set of modalities, and what the others would have cost.

    Attributes
    ----------
    how : str
    losses : dict of str to float
        Cross-fitted log loss of "average", of the best single member (under its name) and of "weights".
    standard_errors : dict of str to float
        Subject-clustered, of the difference of each of these to the smallest.
    """

    how: str
    losses: dict[str, float]
    standard_errors: dict[str, float]


def choose_combination(
    columns: Floats,
    y: Ints,
    groups: NDArray[Any],
    folds: Sequence[Fold],
    widths: Sequence[int],
    names: Sequence[str],
    sample_weight: Floats,
) -> tuple[Choice, Floats]:
    """Choose the simplest way of combining within one standard error of the best, on cross-fitted predictions.

    Simplest is the plain average, which chooses nothing; then the best single member; then fitted weights. The standard
    error is that of the paired difference: how hard the recordings are is the same for all of them.

    Returns
    -------
    choice : Choice
    probability : ndarray, shape [n, K]
        Cross-fitted, of the chosen way.
    """
    n_classes = int(y.max()) + 1

    def crossed(how: str) -> Floats:
        def fit(rows: Ints) -> Combiner:
            return Combiner(widths, how, names).fit(columns[rows], y[rows], sample_weight[rows], groups[rows])

        return cross_fit(fit, columns, y, folds, n_classes, sample_weight)

    singles = {name: crossed(name) for name in names}
    best_single = min(names, key=lambda name: log_loss(singles[name], y, sample_weight))
    found = {best_single: singles[best_single]}
    if len(names) > 1:
        found = {"average": crossed("average"), best_single: singles[best_single], "weights": crossed("weights")}
    losses = {how: log_loss(probability, y, sample_weight) for how, probability in found.items()}
    best = min(losses, key=lambda how: losses[how])
    rows = {how: row_losses(probability, y) - row_losses(found[best], y) for how, probability in found.items()}
    errors = {how: clustered_standard_error(apart, groups, sample_weight) for how, apart in rows.items()}
    how = next(how for how, loss in losses.items() if loss <= losses[best] + errors[how])
    return Choice(how, losses, errors), found[how]


def clustered_standard_error(values: Floats, groups: NDArray[Any], weights: Floats) -> float:
    """Return the standard error of a weighted mean whose values come in groups; NaN values are left out.

    Notes
    -----
    Sandwich estimate: groups are drawn, not rows (Cameron and Miller 2015), with the factor G / (G - 1).
    """
    known = np.isfinite(values) & (weights > 0)
    _, group = np.unique(groups[known], return_inverse=True)
    n_groups = int(group.max()) + 1
    if n_groups < 2:
        return float("inf")
    apart = np.bincount(group, weights[known] * (values[known] - weighted_nanmean(values, weights)))
    return float(np.sqrt(n_groups / (n_groups - 1) * (apart**2).sum()) / weights[known].sum())
