"""Meta-learner: combines the scores of all members into one probability by an average, one member, or weights."""

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

# Shrinks the weights towards equal weights, because a hundred subjects hardly distinguish a dozen learners.
_RIDGE = 8.0
# In standard errors: a member is left out if it worsens the average by more than this.
_MAX_INCREASE = 0.5
_SCALE_BOUNDS = (0.0, 10.0)


class Combiner:
    """Meta-learner that calibrates the scores of each member, averages them, and calibrates the result.

    Parameters
    ----------
    widths : sequence of int
        Number of score columns of each member.
    method : str
        "average": equal weights. "weighted_average": non-negative weights that sum to one, fitted by log loss and
        shrunk towards equal weights, without members that worsen the average. Otherwise the name of the only member to
        use.
    names : sequence of str
        Member names.
    """

    def __init__(self, widths: Sequence[int], method: str, names: Sequence[str]) -> None:
        self.edges = np.cumsum([0, *widths])
        self.method = method
        self.names = list(names)

    def fit(self, columns: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n], row weights [n] and subjects [n]."""
        self.calibrators_ = [Calibrator().fit(part, y, sample_weight) for part in self._split(columns)]
        stacked = self._calibrate(columns)
        self.weights_ = self._choose_weights(stacked, y, sample_weight, groups)
        self.final_calibrator_ = Calibrator().fit(self._combine(stacked), y, sample_weight)
        return self

    def predict_proba(self, columns: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return self.final_calibrator_.predict_proba(self._combine(self._calibrate(columns)))

    @property
    def member_weights(self) -> dict[str, float]:
        """Weight of each member by name; 0 if it is left out."""
        return dict(zip(self.names, self.weights_.tolist(), strict=True))

    def _choose_weights(self, stacked: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Floats:
        n_members = len(self.names)
        equal = np.full(n_members, 1 / n_members)
        if self.method == "average" or n_members == 1:
            return equal
        if self.method == "weighted_average":
            return fit_weights(stacked, y, sample_weight, groups)
        return np.array([float(name == self.method) for name in self.names])

    def _combine(self, stacked: Floats) -> Floats:
        return np.asarray(np.einsum("mns,m->ns", stacked, self.weights_))

    def _calibrate(self, columns: Floats) -> Floats:
        """Return calibrated log-odds of each member, shape [members, n, S]."""
        parts = zip(self.calibrators_, self._split(columns), strict=True)
        return np.stack([log_odds(calibrator.predict_proba(part)) for calibrator, part in parts])

    def _split(self, columns: Floats) -> list[Floats]:
        return [columns[:, start:stop] for start, stop in zip(self.edges[:-1], self.edges[1:], strict=True)]


def fit_weights(stacked: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Floats:
    """Return non-negative member weights that sum to one, shape [members].

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
    Members are left out, starting with the largest loss, as long as the plain average of the rest is better by more
    than half a subject-clustered standard error. The weights of the rest minimise the log loss of scale x (weighted
    log-odds), plus a ridge penalty towards equal weights.
    """
    members = _select_members(stacked, y, sample_weight, groups)
    weights = np.zeros(len(stacked))
    weights[members] = _fit_ridge_weights(stacked[members], y, sample_weight)
    return weights


def _select_members(stacked: Floats, y: Ints, sample_weight: Floats, groups: NDArray[Any]) -> Ints:
    """Return the indices of the members that do not worsen the plain average, best first."""

    def losses(members: Ints) -> Floats:
        return _scaled_losses(stacked[members].mean(axis=0), y, sample_weight)

    single_losses = [weighted_nanmean(losses(np.array([member])), sample_weight) for member in range(len(stacked))]
    members = np.argsort(single_losses, kind="stable")
    with_last = losses(members)
    while len(members) > 1:
        without_last = losses(members[:-1])
        error = clustered_standard_error(with_last - without_last, groups, sample_weight)
        if weighted_nanmean(with_last - without_last, sample_weight) <= _MAX_INCREASE * error:
            break
        members, with_last = members[:-1], without_last
    return members


def _scaled_losses(scores: Floats, y: Ints, sample_weight: Floats) -> Floats:
    """Return the log loss of each row, shape [n], after rescaling the scores by the factor with the smallest loss.

    Over- or underconfidence is not counted, because calibration corrects it later. The calibrator itself is not used
    here: with several classes, it has enough parameters to overfit these rows.
    """

    def losses(scale: float) -> Floats:
        return np.asarray(-_log_probability(scale * scores)[np.arange(len(y)), y])

    best = minimize_scalar(lambda scale: float(sample_weight @ losses(scale)), bounds=_SCALE_BOUNDS, method="bounded")
    return losses(best.x)


def _fit_ridge_weights(stacked: Floats, y: Ints, sample_weight: Floats) -> Floats:
    n_members = len(stacked)
    equal = np.full(n_members, 1 / n_members)
    one_hot = np.eye(int(y.max()) + 1)[y]

    def loss(weights: Floats) -> tuple[float, Floats]:
        log_p = _log_probability(np.einsum("mns,m->ns", stacked, weights))
        deviation = weights - equal
        value = -(sample_weight @ (log_p * one_hot).sum(axis=1)) + _RIDGE * n_members * (deviation @ deviation)
        residual = sample_weight[:, None] * (np.exp(log_p) - one_hot)[:, -stacked.shape[2] :]
        return float(value), np.einsum("mns,ns->m", stacked, residual) + 2 * _RIDGE * n_members * deviation

    weights = minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * n_members).x
    total = weights.sum()
    return weights / total if total > 0 else equal


def _log_probability(scores: Floats) -> Floats:
    """Return log-probabilities of all classes, shape [n, K], from log-odds [n, 1] or log-probabilities [n, K]."""
    logits = np.hstack([np.zeros_like(scores), scores]) if scores.shape[1] == 1 else scores
    largest = logits.max(axis=1, keepdims=True)
    return np.asarray(logits - largest - np.log(np.exp(logits - largest).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class CombinerChoice:
    """The combination method for one set of modalities, with the losses of all candidates.

    Attributes
    ----------
    method : str
    losses : dict of str to float
        Cross-fitted log loss of "average", the best single member (by name) and "weighted_average".
    standard_errors : dict of str to float
        Subject-clustered standard error of the difference between each loss and the smallest one.
    """

    method: str
    losses: dict[str, float]
    standard_errors: dict[str, float]


def choose_combiner(
    columns: Floats,
    y: Ints,
    groups: NDArray[Any],
    folds: Sequence[Fold],
    widths: Sequence[int],
    names: Sequence[str],
    sample_weight: Floats,
) -> tuple[CombinerChoice, Floats]:
    """Choose the simplest method within one standard error of the best, on cross-fitted predictions.

    In order of complexity: the plain average, the best single member, the weighted average. The standard error is that
    of the paired difference, because all methods are evaluated on the same recordings.

    Returns
    -------
    choice : CombinerChoice
    probability : ndarray, shape [n, K]
        Cross-fitted, by the chosen method.
    """
    n_classes = int(y.max()) + 1

    def cross_fit_method(method: str) -> Floats:
        def fit(rows: Ints) -> Combiner:
            return Combiner(widths, method, names).fit(columns[rows], y[rows], sample_weight[rows], groups[rows])

        return cross_fit(fit, columns, y, folds, n_classes, sample_weight)

    singles = {name: cross_fit_method(name) for name in names}
    best_single = min(names, key=lambda name: log_loss(singles[name], y, sample_weight))
    candidates = {best_single: singles[best_single]}
    if len(names) > 1:
        candidates = {
            "average": cross_fit_method("average"),
            best_single: singles[best_single],
            "weighted_average": cross_fit_method("weighted_average"),
        }
    losses = {method: log_loss(probability, y, sample_weight) for method, probability in candidates.items()}
    best = min(losses, key=lambda method: losses[method])
    errors = {
        method: clustered_standard_error(
            row_losses(probability, y) - row_losses(candidates[best], y), groups, sample_weight
        )
        for method, probability in candidates.items()
    }
    method = next(method for method, loss in losses.items() if loss <= losses[best] + errors[method])
    return CombinerChoice(method, losses, errors), candidates[method]


def clustered_standard_error(values: Floats, groups: NDArray[Any], weights: Floats) -> float:
    """Return the cluster-robust standard error of a weighted mean; NaN values are ignored.

    Notes
    -----
    Sandwich estimator clustered by group (Cameron and Miller 2015), with the factor G / (G - 1).
    """
    is_used = np.isfinite(values) & (weights > 0)
    _, group = np.unique(groups[is_used], return_inverse=True)
    n_groups = int(group.max()) + 1
    if n_groups < 2:
        return float("inf")
    group_sums = np.bincount(group, weights[is_used] * (values[is_used] - weighted_nanmean(values, weights)))
    return float(np.sqrt(n_groups / (n_groups - 1) * (group_sums**2).sum()) / weights[is_used].sum())
