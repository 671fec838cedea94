"""Directions of vectors, and the distances between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats


def unit_directions(vectors: Floats, centre: Floats) -> Floats:
    """Return unit vectors pointing from `centre`: half their squared distance is the cosine distance."""
    centred = vectors - centre
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0))


def unit_distances(rows: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Return the distances between unit vectors."""
    return np.asarray(np.sqrt(np.maximum(2 - 2 * rows @ others.T, 0)))
