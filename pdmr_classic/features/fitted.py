"""Families that are fitted: what they learn, they learn from the training rows of a fold, never from all data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, Self

import numpy as np

from pdmr_classic.features.kinemes import KinemeHistogram
from pdmr_classic.features.signal import Floats
from pdmr_classic.features.tangent import TangentMap


class _Map(Protocol):
    def fit(self, material: Floats) -> Self: ...
    def transform(self, material: Floats) -> Floats: ...


_MAPS: dict[str, Callable[[], _Map]] = {
    "material__covariance__": TangentMap,
    "material__kineme__": KinemeHistogram,
}


class FittedFamilies:
    """Turn the material columns of a table into features of the video.

    Parameters
    ----------
    names : sequence of str
        Of all columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        found = {prefix: [k for k, name in enumerate(names) if name.startswith(prefix)] for prefix in _MAPS}
        self.columns = {prefix: np.array(places, dtype=np.intp) for prefix, places in found.items() if places}

    def __bool__(self) -> bool:
        """Whether there is any material."""
        return bool(self.columns)

    def fit(self, X: Floats) -> Self:
        """Fit every map on rows of the table, shape [n, F]."""
        self.maps_ = {prefix: _MAPS[prefix]().fit(X[:, places]) for prefix, places in self.columns.items()}
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the fitted features of rows of the table, shape [n, fitted]; NaN where there is no material."""
        parts = [self.maps_[prefix].transform(X[:, places]) for prefix, places in self.columns.items()]
        return np.hstack(parts) if parts else np.empty((len(X), 0))
