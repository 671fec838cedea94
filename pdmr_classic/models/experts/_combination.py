"""Combine a common model with one expert per condition, shrunk towards the common model where data are few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.models.experts._likelihood import PRESENCE, SEVERITY, squared_error
from pdmr_classic.models.experts._mixture import TrainingRows, fit_mixture
from pdmr_classic.models.experts.training_rows import UNKNOWN, choose_experts, list_conditions
from pdmr_classic.sample_weights import check_weights, weigh_evidence
from pdmr_classic.splits import Fold
from pdmr_classic.text import format_count, format_quoted


class ConditionExperts:
    """Product of experts: the common model and one expert per condition, weighted by precision and by a gate.

    Parameters
    ----------
    kind : {"presence", "severity"}
        Log-odds of two classes [n, 1] or log-probabilities [n, K]; or a predicted score [n, 1].
    seed : int

    Attributes
    ----------
    experts_ : list of str
        Conditions that have an expert; empty if there is only one condition.
    weights_ : dict of str to float
        Weight of each expert in its condition, 0 to 1; the common model has the rest.
    n_subjects_ : dict of str to int
        Training subjects of each known condition.
    errors_ : dict of str to (float, float)
        Mean squared error (Brier score of classes) of the common model and of `oof_` in each condition with an expert.
    oof_ : ndarray, shape [n, S]
        Combined training rows: weights, variances and gate come from the training rows of each fold.
    findings_ : list of Finding
        Conditions without an expert, and why.

    Notes
    -----
    The combination is the normalised product of the predictive distributions, each raised to the power g t:
    f = sum of g_k t_k f_k / sum of g_k t_k, with the precision t_k = 1 / predicted variance of the error of k (Hinton
    2002, products of experts; Cao and Fleet 2014, with powers that sum to one). In a known condition c, only the common
    model and the expert of c take part: g_c is the mean of its posterior, from Gaussian likelihood (scores) or log loss
    (classes) on out-of-fold rows of c and a prior that prefers 0, so that a small condition stays closer to the common
    model. Where the condition is unknown, the gate weighs these pairs by the probability of each condition.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> conditions = np.repeat(["human", "robot"], 100)
    >>> severity = rng.normal(10, 4, 200)
    >>> folds = [(np.arange(200) % 2 == 0, np.arange(200) % 2 == 1), (np.arange(200) % 2 == 1, np.arange(200) % 2 == 0)]
    >>> folds = [(np.flatnonzero(train), np.flatnonzero(test)) for train, test in folds]
    >>> common = rng.normal(10, 1, (200, 1))
    >>> good = severity[:, None] + rng.normal(0, 1, (200, 1))
    >>> experts = ConditionExperts("severity").fit(
    ...     common, {"human": good, "robot": common}, conditions, severity, np.arange(200), None, folds, good
    ... )
    >>> experts.weights_["human"] > 0.8
    True
    """

    def __init__(self, kind: str = PRESENCE, *, seed: int = 0) -> None:
        self.kind = kind
        self.seed = seed

    def fit(
        self,
        common: Floats,
        experts: Mapping[str, Floats],
        conditions: ArrayLike,
        target: ArrayLike,
        groups: ArrayLike,
        weights: ArrayLike | None,
        folds: Sequence[Fold],
        X: Floats,
    ) -> Self:
        """Fit the weights, variances and gate on out-of-fold columns.

        Parameters
        ----------
        common : ndarray, shape [n, S]
            Out-of-fold columns of the common model; rows with NaN are not used, and stay NaN.
        experts : mapping of str to ndarray, shape [n, S]
            Out-of-fold columns of the expert of each condition; in rows with NaN, the common model is used.
        conditions : array-like of str, shape [n]
            "" if unknown.
        target : array-like, shape [n]
            Class numbers, or scores.
        groups : array-like, shape [n]
            Subjects.
        weights : array-like of float, shape [n], optional
            Sample weights; rows with weight 0 are not used.
        folds : sequence of (train, test)
            Grouped folds; repeats are averaged.
        X : ndarray, shape [n, F]
            Features for the gate, may be NaN.

        Raises
        ------
        ValueError
            `kind` is not one of the above, or a condition with enough subjects has no expert.
        """
        if self.kind not in (PRESENCE, SEVERITY):
            raise ValueError(f"kind must be {PRESENCE!r} or {SEVERITY!r}, got {self.kind!r}")
        common, experts = _as_floats(common), {str(name): _as_floats(part) for name, part in experts.items()}
        conditions, target, groups = _as_names(conditions), np.asarray(target, dtype=np.float64), np.asarray(groups)
        weights = np.where(np.isfinite(target), check_weights(weights, len(target)), 0.0)
        codes = target.astype(np.intp) if self.kind == PRESENCE else np.zeros(len(target), dtype=np.intp)
        self.experts_, self.findings_ = choose_experts(
            conditions, groups, codes if self.kind == PRESENCE else None, weights
        )
        missing = sorted(set(self.experts_) - set(experts))
        if missing:
            raise ValueError(f"experts must contain the columns of each condition in choose_experts, misses {missing}")
        used = {name: experts[name] for name in self.experts_}
        evidence = weigh_evidence(weights, codes, groups)
        rows = TrainingRows(self.kind, common, used, conditions, target, evidence, groups, _as_floats(X))
        self.n_subjects_ = {
            name: len(set(groups[(conditions == name) & (weights > 0)].tolist()))
            for name in list_conditions(conditions)
        }
        self.mixture_ = fit_mixture(rows, self.experts_, self.seed, with_gate=bool(self.experts_))
        self.weights_ = {name: share.weight for name, share in self.mixture_.shares.items()}
        self.oof_ = self._cross_fit(rows, folds) if self.experts_ else common.copy()
        self.errors_ = {name: self._mean_errors(rows, name) for name in self.experts_}
        return self

    def combine(self, common: Floats, experts: Mapping[str, Floats], conditions: ArrayLike | None, X: Floats) -> Floats:
        """Return the combined columns of new recordings, shape [n, S].

        Parameters
        ----------
        common : ndarray, shape [n, S]
        experts : mapping of str to ndarray, shape [n, S]
            Predictions of each expert in `experts_`.
        conditions : array-like of str, shape [n], or None
            Where it is "", or not a condition of the training rows, the gate decides. None: all unknown.
        X : ndarray, shape [n, F]
            Features for the gate, the same columns as in `fit`.
        """
        common = _as_floats(common)
        names = np.full(len(common), UNKNOWN, dtype=object) if conditions is None else _as_names(conditions)
        if not self.experts_:
            return common.copy()
        columns = {name: _as_floats(experts[name]) for name in self.experts_}
        return self.mixture_.combine(common, columns, names, _as_floats(X))

    def weigh(
        self, common: Floats, experts: Mapping[str, Floats], conditions: ArrayLike | None, X: Floats
    ) -> dict[str, Floats]:
        """Return the weight of each expert in each recording, shape [n]; parameters are those of `combine`."""
        names = np.full(len(common), UNKNOWN, dtype=object) if conditions is None else _as_names(conditions)
        columns = {name: _as_floats(experts[name]) for name in self.experts_}
        return self.mixture_.weigh(_as_floats(common), columns, names, _as_floats(X))

    def find_unseen(self, conditions: ArrayLike) -> list[Finding]:
        """Return a finding if there are conditions that are not in the training rows."""
        unseen = [name for name in list_conditions(_as_names(conditions)) if name not in self.n_subjects_]
        if not unseen:
            return []
        n = int(np.isin(_as_names(conditions), unseen).sum())
        decision = "the condition is estimated from the features" if self.experts_ else "the common model is used"
        return [
            Finding(
                "unseen-condition",
                f"{format_count(n, 'recording has', 'recordings have')} a condition not seen in training: {decision}",
                expected=format_quoted(sorted(self.n_subjects_)),
                found=format_quoted(unseen),
                hint="correct the condition if it is a typo",
            )
        ]

    def _cross_fit(self, rows: TrainingRows, folds: Sequence[Fold]) -> Floats:
        """Combine each row with what was fitted on the training rows of its fold; NaN if it is in no fold."""
        total, count = np.zeros_like(rows.common), np.zeros((len(rows.common), 1))
        for train, test in folds:
            part = rows.select(test)
            needs_gate = bool(np.any(~np.isin(part.conditions, rows.conditions[train]) | (part.conditions == UNKNOWN)))
            mixture = fit_mixture(rows.select(train), self.experts_, self.seed, with_gate=needs_gate)
            total[test] += mixture.combine(part.common, part.experts, part.conditions, part.X)
            count[test] += 1
        count[count == 0] = np.nan
        return np.asarray(total / count)

    def _mean_errors(self, rows: TrainingRows, condition: str) -> tuple[float, float]:
        is_used = (rows.conditions == condition) & (rows.evidence > 0)
        is_used &= np.isfinite(rows.common).all(axis=1) & np.isfinite(self.oof_).all(axis=1)
        if not is_used.any():
            return float("nan"), float("nan")
        target, evidence = rows.target[is_used], rows.evidence[is_used]
        errors = [squared_error(self.kind, columns[is_used], target) for columns in (rows.common, self.oof_)]
        before, after = (float(np.average(error, weights=evidence)) for error in errors)
        return before, after


def _as_floats(columns: ArrayLike) -> Floats:
    return np.asarray(columns, dtype=np.float64)


def _as_names(conditions: ArrayLike) -> NDArray[Any]:
    """Return conditions as an object array of str; None and NaN become ""."""
    values = np.asarray(conditions, dtype=object)
    return np.array([UNKNOWN if value is None or value != value else str(value) for value in values], dtype=object)
