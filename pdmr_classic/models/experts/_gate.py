"""The gate: probability of each condition, from the features of a recording."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import DataError
from pdmr_classic.models.ensemble.calibration import Calibrator
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.splits import GroupedFolds, count_feasible_folds

# A regularised logistic regression on the robustly scaled columns that differ most between conditions.
_MEMBER = Member("gate", "linear", {"C": 0.1, "k": 50})
_N_FOLDS = 5
_ONE_BLOCK: dict[str, Ints] = {}  # no column is treated as an audio vector


class ConditionGate:
    """Multinomial logistic regression of the condition on features, calibrated on grouped out-of-fold scores.

    Where it cannot be cross-validated by subject, or has no columns, it predicts the shares of the conditions.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: Floats, codes: Ints, groups: NDArray[Any], n_conditions: int) -> Self:
        """Fit on features [n, F] that may be NaN, condition numbers [n] and subjects [n]."""
        weights = weigh_evidence(np.ones(len(codes)), codes, groups)
        self.shares_ = np.bincount(codes, weights=weights, minlength=n_conditions) / weights.sum()
        self.present_, present_codes = np.unique(codes, return_inverse=True)
        self.model_ = None
        oof = self._cross_fit(X, present_codes, groups)
        if oof is not None:
            self.calibrator_ = Calibrator().fit(oof, present_codes, weights)
            self.model_ = fit_member(_MEMBER, X, present_codes, _ONE_BLOCK, self.seed)
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Return the probability of each condition, shape [n, C]."""
        probability = np.tile(self.shares_, (len(X), 1))
        if self.model_ is not None and len(X):
            probability[:, self.present_] = self.calibrator_.predict_proba(raw_scores(self.model_, X))
        return probability

    def _cross_fit(self, X: Floats, codes: Ints, groups: NDArray[Any]) -> Floats | None:
        if X.shape[1] == 0:
            return None
        try:
            n_folds = count_feasible_folds(codes, groups, _N_FOLDS)
            folds = list(GroupedFolds(n_folds, random_state=self.seed).split(X, codes, groups))
        except DataError:
            return None
        n_classes = int(codes.max()) + 1
        scores = np.zeros((len(codes), 1 if n_classes == 2 else n_classes))
        for train, test in folds:
            model = fit_member(_MEMBER, X[train], codes[train], _ONE_BLOCK, self.seed)
            scores[test] = raw_scores(model, X[test])
        return scores
