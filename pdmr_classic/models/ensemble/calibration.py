"""Calibration: maps out-of-fold scores to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.splits import Fold

# Almost unregularised, because there are only two parameters for two classes.
_C = 100.0


class Calibrator:
    """Maps the scores of one learner to class probabilities by a sigmoid (softmax for more than two classes).

    Notes
    -----
    Platt 1999 for two classes. scikit-learn's `CalibratedClassifierCV` cannot pass groups to its folds without an
    ensemble; here, the scores are already out-of-fold.
    """

    def fit(self, scores: Floats, y: Ints, weights: Floats | None = None) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n] and weights [n]."""
        self.centre_ = np.average(scores, axis=0, weights=weights)
        spread = np.sqrt(np.average((scores - self.centre_) ** 2, axis=0, weights=weights))
        self.spread_ = np.where(spread > 0, spread, 1.0)
        self.model_ = LogisticRegression(C=_C, max_iter=1000).fit(self._scale(scores), y, weights)
        # Out-of-fold scores of an uninformative learner correlate slightly negatively with the labels. A negative slope
        # would make it look informative (and invert a perfect learner if folds leak), so it predicts the class shares.
        if len(self.model_.classes_) == 2 and self.model_.coef_[0, 0] < 0:
            share = np.average(y == self.model_.classes_[1], weights=weights)
            self.model_.coef_[:], self.model_.intercept_[:] = 0.0, np.log(share / (1 - share))
        return self

    def predict_proba(self, scores: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return np.asarray(self.model_.predict_proba(self._scale(scores)))

    def _scale(self, scores: Floats) -> Floats:
        return np.asarray((scores - self.centre_) / self.spread_)


def cross_fit(
    fit: Callable[[Ints], Any],
    columns: Floats,
    y: Ints,
    folds: Sequence[Fold],
    n_classes: int,
    weights: Floats,
) -> Floats:
    """Return out-of-fold probabilities [n, K] of all rows.

    Parameters
    ----------
    fit : callable
        Maps the indices of training rows to an object with `predict_proba`.
    columns : ndarray, shape [n, S]
        Out-of-fold scores.
    y : ndarray of int, shape [n]
    folds : sequence of (train, test)
        One or more repeats, over which the probabilities are averaged. NaN for a row that is not in any fold.
    weights : ndarray, shape [n]
        Rows with weight 0 are not used for fitting.
    """
    total = np.zeros((len(columns), n_classes))
    count = np.zeros(len(columns))
    for all_train, test in folds:
        train = all_train[weights[all_train] > 0]
        if len(test) and len(np.unique(y[train])) == n_classes:
            total[test] += fit(train).predict_proba(columns[test])
            count[test] += 1
    count[count == 0] = np.nan
    return total / count[:, None]
