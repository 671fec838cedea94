"""Severity for presence: predicted scores as further columns of the meta-learner that predicts the class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.metrics import loss_gain, row_losses
from pdmr_classic.models.ensemble.calibration import cross_fit
from pdmr_classic.models.ensemble.fold_data import have_all_classes
from pdmr_classic.models.learners.learners import log_odds
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.splits import Fold

# In units of subjects: of the slope from a standardised score to log-odds, and of the weights of the scores.
_SLOPE_PENALTY, _RIDGE = 1.0, 2.0


class SeverityColumns:
    """Combine the probability of the classes with predicted scores, each kept only where it helps out of fold.

    Columns are added one by one, the best first, as long as the cross-fitted log loss per subject falls by more than
    its standard error. Without one that helps, or for a recording that lacks one, the probability stays as it is.

    Attributes
    ----------
    kept_ : list of str
        The columns that help.
    combiner_ : object with `predict_proba`, or None
    oof_ : ndarray, shape [n, K]
        Cross-fitted probabilities of the training rows, the choice of columns included.

    References
    ----------
    Caruana 1997 (multi-task learning), here with tasks that share the meta-learner instead of the features.
    """

    def fit(
        self,
        probability: Floats,
        columns: Mapping[str, Floats],
        codes: Ints,
        groups: NDArray[Any],
        weights: Floats,
        folds: Sequence[Fold],
    ) -> Self:
        """Choose the columns and fit their meta-learner.

        Parameters
        ----------
        probability : ndarray, shape [n, K]
            Out-of-fold probabilities of the classes. With more than two classes, no column is kept.
        columns : mapping of str to ndarray, shape [n]
            Out-of-fold scores by name; NaN if they are not available.
        codes, groups, weights : ndarray, shape [n]
        folds : sequence of (train, test)
        """
        self.kept_: list[str] = []
        self.combiner_: _WeightedScores | None = None
        self.oof_ = probability
        if probability.shape[1] > 2:
            return self
        rows = _TrainingRows(probability, dict(columns), codes, groups, weights, list(folds))
        self.kept_ = rows.choose_columns()
        self.combiner_ = rows.fit(self.kept_)
        if self.kept_:
            self.oof_ = rows.cross_fit_choice()
        return self

    def combine(self, probability: Floats, columns: Mapping[str, Floats]) -> Floats:
        """Return the probabilities of the classes, shape [n, K], given those of the stack and the scores by name."""
        return _apply(self.combiner_, probability, columns, self.kept_)

    def split(self, probability: Floats, columns: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Return the weight of the stack's log-odds, and what the scores add to the log-odds, shape [n] each."""
        weight, added = np.ones(len(probability)), np.zeros(len(probability))
        if self.combiner_ is not None:
            complete = _finite_rows(probability, columns, self.kept_)
            table = _stack(probability, columns, self.kept_)[complete]
            weight[complete], added[complete] = self.combiner_.split(table)
        return weight, added

    def drop_training_rows(self) -> Self:
        """Return a copy without the predictions of the training rows."""
        anonymous = copy(self)
        anonymous.__dict__.pop("oof_", None)
        return anonymous


@dataclass(frozen=True, eq=False)
class _TrainingRows:
    """Out-of-fold probabilities and scores of the training rows, with what a meta-learner is fitted to."""

    probability: Floats
    columns: dict[str, Floats]
    codes: Ints
    groups: NDArray[Any]
    weights: Floats
    folds: list[Fold]

    def select(self, rows: Ints) -> _TrainingRows:
        """Return some of the rows, with the parts of the folds that are among them."""
        position = np.full(len(self.codes), -1)
        position[rows] = np.arange(len(rows))
        folds = [tuple(position[part][position[part] >= 0] for part in fold) for fold in self.folds]
        return _TrainingRows(
            self.probability[rows],
            {name: column[rows] for name, column in self.columns.items()},
            self.codes[rows],
            self.groups[rows],
            self.weights[rows],
            [(train, test) for train, test in folds if len(test)],
        )

    def choose_columns(self) -> list[str]:
        """Return the columns that help, the best first."""
        kept: list[str] = []
        losses = row_losses(self.probability, self.codes)
        while True:
            trials = {name: self.cross_fit([*kept, name]) for name in self.columns if name not in kept}
            gains = {
                name: loss_gain(losses, row_losses(oof, self.codes), self.groups, self.weights)
                for name, oof in trials.items()
            }
            best = max(gains, key=lambda name: gains[name], default=None)
            if best is None or gains[best] <= 0:
                return kept
            kept.append(best)
            losses = row_losses(trials[best], self.codes)

    def fit(self, names: Sequence[str]) -> _WeightedScores | None:
        """Return the meta-learner of these columns; None without any."""
        if not names:
            return None
        rows = np.flatnonzero(_finite_rows(self.probability, self.columns, names) & (self.weights > 0))
        evidence = weigh_evidence(self.weights[rows], self.codes[rows], self.groups[rows])
        return _WeightedScores().fit(_stack(self.probability, self.columns, names)[rows], self.codes[rows], evidence)

    def cross_fit(self, names: Sequence[str]) -> Floats:
        """Return probabilities with these columns, each row from a meta-learner fitted without its subject."""
        rows = _finite_rows(self.probability, self.columns, names)
        index = np.cumsum(rows) - 1
        splits = [(index[train[rows[train]]], index[test[rows[test]]]) for train, test in self.folds]
        combined = self.probability.copy()
        if have_all_classes(splits, self.codes[rows], self.weights[rows], self.probability.shape[1]):
            table, y, used = _stack(self.probability, self.columns, names)[rows], self.codes[rows], self.weights[rows]
            subjects = self.groups[rows]

            def fit(train: Ints) -> _WeightedScores:
                evidence = weigh_evidence(used[train], y[train], subjects[train])
                return _WeightedScores().fit(table[train], y[train], evidence)

            fitted = cross_fit(fit, table, y, splits, 2, used)
            # A row that is in no fold keeps the probability of the stack.
            combined[rows] = np.where(np.isfinite(fitted), fitted, combined[rows])
        return combined

    def cross_fit_choice(self) -> Floats:
        """Return probabilities of which not even the choice of columns has seen the row's subject."""
        total, count = np.zeros_like(self.probability), np.zeros((len(self.codes), 1))
        for train, test in self.folds:
            part = self.select(train)
            names = part.choose_columns()
            total[test] += _apply(part.fit(names), self.probability[test], self.columns, names, test)
            count[test] += 1
        return np.where(count > 0, total / np.maximum(count, 1), self.probability)


def _apply(
    combiner: _WeightedScores | None,
    probability: Floats,
    columns: Mapping[str, Floats],
    names: Sequence[str],
    rows: Ints | None = None,
) -> Floats:
    """Return the probabilities of some rows with the columns; those of the stack where one is missing."""
    if combiner is None:
        return probability
    own = {name: columns[name] if rows is None else columns[name][rows] for name in names}
    complete = _finite_rows(probability, own, names)
    combined = probability.copy()
    if complete.any():
        combined[complete] = combiner.predict_proba(_stack(probability, own, names)[complete])
    return combined


class _WeightedScores:
    """Weighted average of the log-odds of the classes and those that predicted scores stand for.

    The log-odds of a score come from a logistic regression with a penalised slope. The weights of all scores are fitted
    by log loss with a ridge penalty towards 0. A combiner of members, which calibrates its columns freely, and a
    logistic regression on log-odds and scores were both measured to be overconfident: on forty subjects they raised the
    log loss from .30 to .31 to .40, although the scores had the higher AUC (synthetic sets).
    """

    def fit(self, table: Floats, y: Ints, weights: Floats) -> Self:
        """Fit on log-odds and scores [n, 1 + scores], classes of 0 and 1 [n], and weights [n]."""
        self.curves_ = [_fit_curve(column, y, weights) for column in table[:, 1:].T]
        columns = self._to_log_odds(table)

        def loss(shares: Floats) -> tuple[float, Floats]:
            log_odds_ = columns[:, 0] + columns[:, 1:] @ shares - columns[:, 0] * shares.sum()
            value = weights @ (np.logaddexp(0.0, log_odds_) - y * log_odds_) + _RIDGE * shares @ shares
            gradient = (columns[:, 1:] - columns[:, :1]).T @ (weights * (expit(log_odds_) - y)) + 2 * _RIDGE * shares
            return float(value), gradient

        n_scores = columns.shape[1] - 1
        fitted = minimize(loss, np.zeros(n_scores), jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * n_scores).x
        self.shares_ = fitted / max(float(fitted.sum()), 1.0)
        return self

    def predict_proba(self, table: Floats) -> Floats:
        """Return the probabilities of both classes, shape [n, 2]."""
        p = expit(self._to_log_odds(table) @ np.append(1 - self.shares_.sum(), self.shares_))
        return np.column_stack([1 - p, p])

    def split(self, table: Floats) -> tuple[float, Floats]:
        """Return the weight of the log-odds of the classes, and the weighted log-odds of the scores, shape [n]."""
        return float(1 - self.shares_.sum()), self._to_log_odds(table)[:, 1:] @ self.shares_

    def _to_log_odds(self, table: Floats) -> Floats:
        curves = [
            intercept + slope * column for (intercept, slope), column in zip(self.curves_, table[:, 1:].T, strict=True)
        ]
        return np.column_stack([table[:, 0], *curves])


def _fit_curve(scores: Floats, y: Ints, weights: Floats) -> tuple[float, float]:
    """Return intercept and slope of a logistic regression of the class on a score, with a penalised slope."""
    centre = float(np.average(scores, weights=weights))
    spread = float(np.sqrt(np.average((scores - centre) ** 2, weights=weights))) or 1.0
    z = (scores - centre) / spread

    def loss(parameters: Floats) -> tuple[float, Floats]:
        log_odds_ = parameters[0] + parameters[1] * z
        residual = weights * (expit(log_odds_) - y)
        value = weights @ (np.logaddexp(0.0, log_odds_) - y * log_odds_) + 0.5 * _SLOPE_PENALTY * parameters[1] ** 2
        return float(value), np.array([residual.sum(), residual @ z + _SLOPE_PENALTY * parameters[1]])

    intercept, slope = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B").x
    return float(intercept - slope * centre / spread), float(slope / spread)


def _finite_rows(probability: Floats, columns: Mapping[str, Floats], names: Sequence[str]) -> Mask:
    return np.asarray(np.isfinite(_stack(probability, columns, names)).all(axis=1))


def _stack(probability: Floats, columns: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    return np.column_stack([log_odds(probability), *(columns[name] for name in names)])
