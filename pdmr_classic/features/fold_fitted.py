"""Features fitted inside each fold, on its training rows only, such as tangent-space and kineme features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.features.families.kinemes import N_KINEMES, KinemeHistogram
from pdmr_classic.features.families.tangent import TangentMap
from pdmr_classic.features.names import MATERIAL, feature_prefix


class _FoldTransformer(Protocol):
    def fit(self, material: Floats) -> Self: ...
    def transform(self, material: Floats) -> Floats: ...


_COVARIANCE, _KINEMES = feature_prefix(MATERIAL, "covariance"), feature_prefix(MATERIAL, "kineme")
_TRANSFORMERS: dict[str, Callable[[int], _FoldTransformer]] = {
    _COVARIANCE: lambda seed: TangentMap(),
    _KINEMES: KinemeHistogram,
}


def count_fold_fitted_features(names: Sequence[str]) -> int:
    """Return the number of features computed from the material columns in `names`."""
    columns = {prefix: sum(name.startswith(prefix) for name in names) for prefix in _TRANSFORMERS}
    return columns[_COVARIANCE] + (N_KINEMES if columns[_KINEMES] else 0)


class FoldFittedFeatures:
    """Transform the material columns of a feature table into video features.

    Parameters
    ----------
    names : sequence of str
        Names of all columns.
    seed : int
    """

    def __init__(self, names: Sequence[str], seed: int = 0) -> None:
        self.seed = seed
        indices = {prefix: [k for k, name in enumerate(names) if name.startswith(prefix)] for prefix in _TRANSFORMERS}
        self.columns = {prefix: np.array(columns, dtype=np.intp) for prefix, columns in indices.items() if columns}

    def __bool__(self) -> bool:
        """Return whether there are any material columns."""
        return bool(self.columns)

    def fit(self, X: Floats) -> Self:
        """Fit all transformers on rows of the table, shape [n, F]."""
        self.transformers_ = {
            prefix: _TRANSFORMERS[prefix](self.seed).fit(X[:, columns]) for prefix, columns in self.columns.items()
        }
        return self

    def fit_transform(self, X: Floats, y: NDArray[Any], groups: NDArray[Any], rows: Ints) -> Floats:
        """Fit on some rows of the table, shape [n, F], and return the features of all rows."""
        return self.fit(X[rows]).transform(X)

    def transform(self, X: Floats) -> Floats:
        """Return the features of rows of the table, shape [n, features]; NaN if the material is missing."""
        parts = [self.transformers_[prefix].transform(X[:, columns]) for prefix, columns in self.columns.items()]
        return np.hstack(parts) if parts else np.empty((len(X), 0))
