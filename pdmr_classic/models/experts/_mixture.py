"""The fitted combination of the common model with the experts: their weights, error variances and the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.models.experts._error_variance import ErrorVariance
from pdmr_classic.models.experts._gate import ConditionGate
from pdmr_classic.models.experts._likelihood import (
    VARIANCE_DEGREE,
    move_towards,
    negative_log_likelihood,
    squared_error,
)
from pdmr_classic.models.experts.training_rows import UNKNOWN

# Log-density of the prior of a weight falls by this much from 0 to 1: a small condition stays with the common model.
_RIDGE = 0.5
_GRID = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Out-of-fold columns of the common model and of each expert, with what the weights are fitted to.

    Attributes
    ----------
    kind : {"presence", "severity"}
    common : ndarray, shape [n, S]
    experts : dict of str to ndarray, shape [n, S]
        By condition.
    conditions : ndarray of str, shape [n]
        "" if unknown.
    target : ndarray, shape [n]
    evidence : ndarray, shape [n]
        Row weights that sum to the amount of independent evidence; 0 for rows that are not used.
    groups : ndarray, shape [n]
    X : ndarray, shape [n, F]
    """

    kind: str
    common: Floats
    experts: dict[str, Floats]
    conditions: NDArray[Any]
    target: Floats
    evidence: Floats
    groups: NDArray[Any]
    X: Floats

    def select(self, rows: Ints | Mask) -> TrainingRows:
        """Return some of the rows."""
        return TrainingRows(
            self.kind,
            self.common[rows],
            {name: columns[rows] for name, columns in self.experts.items()},
            self.conditions[rows],
            self.target[rows],
            self.evidence[rows],
            self.groups[rows],
            self.X[rows],
        )

    def select_usable(self, condition: str) -> TrainingRows:
        """Return the rows of a condition in which the common model and its expert have a prediction."""
        is_complete = np.isfinite(self.common).all(axis=1) & np.isfinite(self.experts[condition]).all(axis=1)
        return self.select((self.conditions == condition) & is_complete & (self.evidence > 0))


@dataclass(frozen=True, eq=False)
class ExpertShare:
    """How much of the prediction an expert gets in its condition.

    Attributes
    ----------
    weight : float
        g of the expert; that of the common model is 1 - g.
    common_variance, variance : ErrorVariance or None
        Of the common model and of the expert within the condition; None without rows.
    """

    weight: float
    common_variance: ErrorVariance | None = None
    variance: ErrorVariance | None = None

    def precisions(self, common: Floats, expert: Floats) -> tuple[Floats, Floats]:
        """Return g / variance of the common model and of the expert, shape [n]; the expert's is 0 if it is NaN."""
        if self.variance is None or self.common_variance is None:
            return np.ones(len(common)), np.zeros(len(common))
        common_precision = 1.0 / self.common_variance.predict(common[:, 0])
        is_finite = np.isfinite(expert).all(axis=1)
        precision = np.where(is_finite, 1.0 / self.variance.predict(expert[:, 0]), 0.0)
        weight = np.where(is_finite, self.weight, 0.0)
        return (1 - weight) * common_precision, weight * precision


def fit_share(rows: TrainingRows, condition: str) -> ExpertShare:
    """Fit error variances and the weight of an expert by likelihood on out-of-fold rows of its condition.

    The weight is the mean of its posterior: with some tens of subjects, the most likely weight is often 0 or 1 by
    chance.
    """
    rows = rows.select_usable(condition)
    if not len(rows.target):
        return ExpertShare(0.0)
    common, expert = rows.common, rows.experts[condition]
    variances = [
        ErrorVariance(VARIANCE_DEGREE[rows.kind]).fit(
            columns[:, 0], squared_error(rows.kind, columns, rows.target), rows.evidence
        )
        for columns in (common, expert)
    ]
    losses = []
    for weight in _GRID:
        precision, expert_precision = ExpertShare(weight, *variances).precisions(common, expert)
        total = precision + expert_precision
        mixed = move_towards(common, (expert_precision / total)[:, None] * (expert - common))
        loss = negative_log_likelihood(rows.kind, mixed, 1.0 / total, rows.target)
        losses.append(rows.evidence @ loss + _RIDGE * weight**2)
    return ExpertShare(float(softmax(-np.array(losses)) @ _GRID), *variances)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Weights, error variances and gate, fitted on some rows.

    Attributes
    ----------
    shares : dict of str to ExpertShare
        By condition.
    gate : ConditionGate or None
        Its classes are the conditions with an expert, and a last one for all others. None if nothing needs it.
    known : frozenset of str
        All conditions of the training rows, with an expert or without.
    """

    shares: dict[str, ExpertShare]
    gate: ConditionGate | None
    known: frozenset[str]

    def combine(self, common: Floats, experts: Mapping[str, Floats], conditions: NDArray[Any], X: Floats) -> Floats:
        """Return the combined columns, shape [n, S]."""
        probability, precisions, total = self._weigh(common, experts, conditions, X)
        differences = np.zeros_like(common)
        for k, name in enumerate(self.shares):
            differences += probability[:, [k]] * (np.nan_to_num(experts[name] - common) * precisions[k][:, None])
        return move_towards(common, differences / total[:, None])

    def weigh(
        self, common: Floats, experts: Mapping[str, Floats], conditions: NDArray[Any], X: Floats
    ) -> dict[str, Floats]:
        """Return the weight of each expert in each row, shape [n]; the common model has the rest of 1."""
        probability, precisions, total = self._weigh(common, experts, conditions, X)
        return {name: probability[:, k] * precisions[k] / total for k, name in enumerate(self.shares)}

    def _weigh(
        self, common: Floats, experts: Mapping[str, Floats], conditions: NDArray[Any], X: Floats
    ) -> tuple[Floats, list[Floats], Floats]:
        """Return the probability of each condition, the precision of each expert, and the sum of all precisions."""
        probability, total = self._condition_probability(conditions, X), np.zeros(len(common))
        rest, precisions = 1.0 - probability.sum(axis=1), []
        for k, (name, share) in enumerate(self.shares.items()):
            precision, expert_precision = share.precisions(common, experts[name])
            total += probability[:, k] * (precision + expert_precision)
            precisions.append(expert_precision)
        # A condition without an expert has no variances of its own: its precision is the mean one of the others.
        known = np.maximum(1.0 - rest, np.finfo(float).tiny)
        total = np.where(rest < 1.0, total / known, 1.0)
        return probability, precisions, np.where(total > 0, total, 1.0)

    def _condition_probability(self, conditions: NDArray[Any], X: Floats) -> Floats:
        """Return the probability of each condition with an expert, shape [n, experts]."""
        probability = np.array([conditions == name for name in self.shares], dtype=float).T
        is_unknown = ~np.isin(conditions, list(self.known))
        if self.gate is not None and is_unknown.any():
            probability[is_unknown] = self.gate.predict_proba(X[is_unknown])[:, : len(self.shares)]
        return probability


def fit_mixture(rows: TrainingRows, names: Sequence[str], seed: int, *, with_gate: bool = True) -> Mixture:
    """Fit weights, variances and, if it is needed, the gate."""
    is_known = (rows.conditions != UNKNOWN) & (rows.evidence > 0)
    known = rows.conditions[is_known]
    gate = None
    if with_gate and len(known):
        codes = np.full(len(known), len(names))
        for k, name in enumerate(names):
            codes[known == name] = k
        gate = ConditionGate(seed=seed).fit(rows.X[is_known], codes, rows.groups[is_known], len(names) + 1)
    shares = {name: fit_share(rows, name) for name in names}
    return Mixture(shares, gate, frozenset(np.unique(known).tolist()) | frozenset(names))
