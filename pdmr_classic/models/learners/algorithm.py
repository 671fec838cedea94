"""What the ensemble needs to know about a learning algorithm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from pdmr_classic.arrays import Floats
from pdmr_classic.models.learners.member import Params

PREPROCESSING_PARAMS = frozenset({"k", "audio", "audio_components", "audio_share", "suppress", "suppress_number"})
"""Hyperparameters of the steps before the algorithm."""


@dataclass(frozen=True)
class Learner:
    """A learning algorithm.

    Attributes
    ----------
    name : str
    build : callable
        Maps hyperparameters and a seed to an unfitted estimator.
    kind : str
        Learners of one kind on one view share their votes in the average, because they make similar predictions.
    needs_scaling : bool
        Whether columns are imputed and scaled first.
    stores_rows : bool
        Whether the fitted learner contains rows of its training data.
    numeric : bool
        Whether it predicts a number instead of a class.
    reads_batches : bool
        Whether it learns from all rows of a table on disk, see `LargeTable`; others learn from a sample of subjects.
    is_own : bool
        Whether a user registered it, see `register_learner`.
    """

    name: str
    build: Callable[[Params, int], Any]
    kind: str
    needs_scaling: bool = False
    stores_rows: bool = False
    numeric: bool = False
    reads_batches: bool = False
    is_own: bool = False


def algorithm_params(params: Params) -> dict[str, Any]:
    """Return the parameters of the algorithm, without those of its preprocessing."""
    return {key: value for key, value in params.items() if key not in PREPROCESSING_PARAMS}


def clip_to_float32(X: Floats) -> Floats:
    """Return the values within single precision, beyond which scikit-learn's forests raise an error."""
    limits = np.finfo(np.float32)
    return np.clip(X, limits.min, limits.max)


class ClippedExtraTrees(ExtraTreesClassifier):  # type: ignore[misc]
    """Extra trees for values of any size, see `clip_to_float32`."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ClippedExtraTrees:
        super().fit(clip_to_float32(X), y, sample_weight)
        return self

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(clip_to_float32(X))
