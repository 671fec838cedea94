"""Base learners of a lite model: few numbers, no rows of training data, and not tuned."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import RidgeClassifier

from pdmr_classic.models.learners.algorithm import ClippedExtraTrees, Learner, algorithm_params
from pdmr_classic.models.learners.member import Params


class _ScaledRidge(RidgeClassifier):  # type: ignore[misc]
    """A ridge classifier whose penalty is relative to the number of columns; the classes weigh the same.

    The least-squares SVM with a linear kernel: on wide tables it is closer to the RBF SVM than a logistic regression.
    """

    def __init__(self, penalty: float = 1.0) -> None:
        super().__init__(class_weight="balanced")
        self.penalty = penalty

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _ScaledRidge:
        self.alpha = self.penalty * X.shape[1]
        super().fit(X, y, sample_weight)
        return self


def _lite_ridge(params: Params, seed: int) -> Any:
    return _ScaledRidge(params.get("penalty", 1.0))


def _lite_trees(params: Params, seed: int) -> Any:
    return ClippedExtraTrees(**algorithm_params(params), random_state=seed, n_jobs=1)


LITE_LEARNERS: dict[str, Learner] = {
    learner.name: learner
    for learner in (
        Learner("lite_ridge", _lite_ridge, "kernel", needs_scaling=True),
        Learner("lite_trees", _lite_trees, "forest"),
    )
}
"""Chosen in benchmarks/light.py: the smallest combination whose F1 is close to that of the full stack on each set."""
