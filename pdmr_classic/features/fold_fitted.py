"""Families that are fitted: what they learn, they learn from the training rows of a fold, never from all data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.features.families.kinemes import N_KINEMES, KinemeHistogram
from pdmr_classic.features.families.tangent import TangentMap
from pdmr_classic.features.names import MATERIAL, prefix


class _Map(Protocol):
    def fit(self, material: Floats) -> Self: ...
    def transform(self, material: Floats) -> Floats: ...


_COVARIANCE, _KINEMES = prefix(MATERIAL, "covariance"), prefix(MATERIAL, "kineme")
_MAPS: dict[str, Callable[[int], _Map]] = {
    _COVARIANCE: lambda seed: TangentMap(),
    _KINEMES: KinemeHistogram,
}


def count_fitted(names: Sequence[str]) -> int:
    """Return how many features are made of these material columns."""
    columns = {prefix: sum(name.startswith(prefix) for name in names) for prefix in _MAPS}
    return columns[_COVARIANCE] + (N_KINEMES if columns[_KINEMES] else 0)


class FittedFamilies:
    """Turn the material columns of a table into features of the video.

    Parameters
    ----------
    names : sequence of str
        Of all columns.
    seed : int
    """

    def __init__(self, names: Sequence[str], seed: int = 0) -> None:
        self.seed = seed
        found = {prefix: [k for k, name in enumerate(names) if name.startswith(prefix)] for prefix in _MAPS}
        self.columns = {prefix: np.array(places, dtype=np.intp) for prefix, places in found.items() if places}

    def __bool__(self) -> bool:
        """Whether there is any material."""
        return bool(self.columns)

    def fit(self, X: Floats) -> Self:
        """Fit every map on rows of the table, shape [n, F]."""
        self.maps_ = {prefix: _MAPS[prefix](self.seed).fit(X[:, places]) for prefix, places in self.columns.items()}
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the fitted features of rows of the table, shape [n, fitted]; NaN where there is no material."""
        parts = [self.maps_[prefix].transform(X[:, places]) for prefix, places in self.columns.items()]
        return np.hstack(parts) if parts else np.empty((len(X), 0))
