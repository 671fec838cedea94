"""Scores to probabilities, fitted on out-of-fold scores only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.linear_model import LogisticRegression

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.splits import Fold

# Nearly unregularised: two parameters for two classes.
_STRENGTH = 100.0


class Calibrator:
    """A sigmoid (softmax for more classes) from one learner's scores to class probabilities.

    Notes
    -----
    Platt 1999 for two classes. scikit-learn's `CalibratedClassifierCV` cannot pass groups to its own folds without an
    ensemble; here the scores handed in are out-of-fold already.
    """

    def fit(self, scores: Floats, y: Ints, weights: Floats | None = None) -> Self:
        """Fit on out-of-fold scores [n, S], class numbers [n] and weights [n]."""
        self.centre_ = np.average(scores, axis=0, weights=weights)
        spread = np.sqrt(np.average((scores - self.centre_) ** 2, axis=0, weights=weights))
        self.spread_ = np.where(spread > 0, spread, 1.0)
        self.model_ = LogisticRegression(C=_STRENGTH, max_iter=1000).fit(self._scaled(scores), y, weights)
        # Out of fold, a learner that knows nothing ranks a little against the labels: turned round, it would seem to
        # know something (and with leaking folds, a perfect learner would be turned upside down). It says the shares.
        if len(self.model_.classes_) == 2 and self.model_.coef_[0, 0] < 0:
            share = np.average(y == self.model_.classes_[1], weights=weights)
            self.model_.coef_[:], self.model_.intercept_[:] = 0.0, np.log(share / (1 - share))
        return self

    def predict_proba(self, scores: Floats) -> Floats:
        """Return probabilities, shape [n, K]."""
        return np.asarray(self.model_.predict_proba(self._scaled(scores)))

    def _scaled(self, scores: Floats) -> Floats:
        return np.asarray((scores - self.centre_) / self.spread_)


def cross_fit(
    fit: Callable[[Ints], Any],
    columns: Floats,
    y: Ints,
    folds: Sequence[Fold],
    n_classes: int,
    weights: Floats,
) -> Floats:
    """Return probabilities [n, K] of every row from models that were fitted on the other folds' rows.

    Parameters
    ----------
    fit : callable
        From the places of training rows to something with `predict_proba`.
    columns : ndarray, shape [n, S]
        Out-of-fold scores.
    y : ndarray of int, shape [n]
    folds : sequence of (train, test)
        Of one or more repeats; a row's probabilities are averaged over repeats. NaN for a row in no fold.
    weights : ndarray, shape [n]
        Rows of weight 0 are not trained on.
    """
    total = np.zeros((len(columns), n_classes))
    times = np.zeros(len(columns))
    for all_train, test in folds:
        train = all_train[weights[all_train] > 0]
        if len(test) and len(np.unique(y[train])) == n_classes:
            total[test] += fit(train).predict_proba(columns[test])
            times[test] += 1
    times[times == 0] = np.nan
    return total / times[:, None]
