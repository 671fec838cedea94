"""Severity for presence: predicted scores as further columns of the meta-learner that predicts the class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.metrics import row_losses
from pdmr_classic.models.ensemble.combiner import Combiner, predict_folds
from pdmr_classic.models.ensemble.fold_data import have_all_classes
from pdmr_classic.models.learners.learners import log_odds
from pdmr_classic.splits import Fold

PRESENCE = "presence"


class SeverityColumns:
    """Combine the probability of the classes with predicted scores, each kept only where it helps out of fold.

    Columns are added one by one, the best first, as long as the cross-fitted log loss per subject falls by more than
    its standard error. Without one that helps, or for a recording that lacks one, the probability stays as it is.

    Attributes
    ----------
    kept_ : list of str
        The columns that help.
    combiner_ : Combiner or None
    oof_ : ndarray, shape [n, K]
        Cross-fitted probabilities of the training rows.

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
        self.combiner_ = None
        self.oof_ = probability
        if probability.shape[1] > 2:
            return self
        losses = row_losses(probability, codes)
        while True:
            trials = {
                name: self._cross_fit([*self.kept_, name], probability, columns, codes, groups, weights, folds)
                for name in columns
                if name not in self.kept_
            }
            gains = {name: _gain(losses, row_losses(oof, codes), groups, weights) for name, oof in trials.items()}
            best = max(gains, key=lambda name: gains[name], default=None)
            if best is None or gains[best] <= 0:
                break
            self.kept_.append(best)
            self.oof_, losses = trials[best], row_losses(trials[best], codes)
        if self.kept_:
            rows = _finite_rows(probability, columns, self.kept_) & (weights > 0)
            table = _stack(probability, columns, self.kept_)[rows]
            self.combiner_ = self._make_combiner(self.kept_).fit(table, codes[rows], weights[rows], groups[rows])
        return self

    def combine(self, probability: Floats, columns: Mapping[str, Floats]) -> Floats:
        """Return the probabilities of the classes, shape [n, K], given those of the stack and the scores by name."""
        if self.combiner_ is None:
            return probability
        rows = _finite_rows(probability, columns, self.kept_)
        combined = probability.copy()
        if rows.any():
            combined[rows] = self.combiner_.predict_proba(_stack(probability, columns, self.kept_)[rows])
        return combined

    def drop_training_rows(self) -> Self:
        """Return a copy without the predictions of the training rows."""
        anonymous = copy(self)
        anonymous.__dict__.pop("oof_", None)
        return anonymous

    def _cross_fit(
        self,
        names: list[str],
        probability: Floats,
        columns: Mapping[str, Floats],
        codes: Ints,
        groups: NDArray[Any],
        weights: Floats,
        folds: Sequence[Fold],
    ) -> Floats:
        rows = _finite_rows(probability, columns, names)
        index = np.cumsum(rows) - 1
        splits = [(index[train[rows[train]]], index[test[rows[test]]]) for train, test in folds]
        combined = probability.copy()
        if have_all_classes(splits, codes[rows], weights[rows], probability.shape[1]):
            table = _stack(probability, columns, names)[rows]
            combiner = self._make_combiner(names)
            combined[rows] = predict_folds(combiner, table, codes[rows], groups[rows], splits, weights[rows])
        return combined

    @staticmethod
    def _make_combiner(names: Sequence[str]) -> Combiner:
        # As many votes for the classes as for all scores together.
        return Combiner([1] * (1 + len(names)), [PRESENCE, *names], votes=[float(len(names)), *[1.0] * len(names)])


def _finite_rows(probability: Floats, columns: Mapping[str, Floats], names: Sequence[str]) -> Mask:
    return np.asarray(np.isfinite(_stack(probability, columns, names)).all(axis=1))


def _stack(probability: Floats, columns: Mapping[str, Floats], names: Sequence[str]) -> Floats:
    return np.column_stack([log_odds(probability), *(columns[name] for name in names)])


def _gain(before: Floats, after: Floats, groups: NDArray[Any], weights: Floats) -> float:
    """Return how much the loss falls per subject, minus its standard error."""
    used = np.isfinite(before) & np.isfinite(after) & (weights > 0)
    if not used.any():
        return 0.0
    _, subject = np.unique(groups[used], return_inverse=True)
    total = np.bincount(subject, (weights * (before - after))[used]) / np.bincount(subject, weights[used])
    error = total.std(ddof=1) / np.sqrt(len(total)) if len(total) > 1 else np.inf
    return float(total.mean() - error)
