"""Distances between the vectors of a large set: in single precision, and in all dimensions only where it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.storage.mapped_table import iterate_columns, iterate_rows
from pdmr_classic.subjects._directions import unit_directions, unit_distances

MIN_LARGE_ROWS = 10_000
_N_DIRECTIONS = 128
# Rows of which the directions are computed, and of which the distance to the nearest other row is.
_N_SAMPLED = 2500
# Of squared distances between unit vectors in single precision.
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class LargeVectors:
    """Unit vectors, and their projection to the directions of the largest variance.

    A projection never increases a distance, so that no pair is missed that is near in all dimensions.

    Attributes
    ----------
    points : ndarray of float32, shape [n, D]
    projected : ndarray of float32, shape [n, directions]
    """

    points: NDArray[np.float32]
    projected: NDArray[np.float32]

    @classmethod
    def read(cls, table: pd.DataFrame, min_finite_share: float) -> Self:
        """Read the vectors [n, D] from their mean, without components that are constant or mostly missing."""
        used, means = [], []
        for column, (_, values) in enumerate(iterate_columns(table)):
            known = values[np.isfinite(values)]
            if len(known) >= min_finite_share * len(values) and known.min() < known.max():
                used.append(column)
                means.append(known.mean())
        points, first = np.empty((len(table), len(used)), dtype=np.float32), 0
        for rows in iterate_rows(table):
            values = rows.iloc[:, used].to_numpy(dtype=np.float64)
            values = np.where(np.isfinite(values), values, means)
            points[first : first + len(rows)] = unit_directions(values, np.array(means))
            first += len(rows)
        sample = points[np.sort(np.random.default_rng(0).permutation(len(points))[:_N_SAMPLED])]
        directions = np.linalg.eigh(sample.T.astype(np.float64) @ sample)[1][:, ::-1][:, :_N_DIRECTIONS]
        return cls(points, points @ directions.astype(np.float32))

    def typical_distance(self, quantile: float, n_block: int) -> float:
        """Return a quantile of the distances to the nearest earlier row in random order, of some of the rows."""
        order = np.random.default_rng(0).permutation(len(self.points))
        rank = np.argsort(order)
        nearest = []
        for start in range(0, len(order), n_block * max(len(order) // _N_SAMPLED, 1)):
            rows = order[start : start + n_block]
            distances = unit_distances(self.points[rows], self.points)
            distances[rank >= rank[rows][:, None]] = np.inf
            nearest.append(distances.min(axis=1))
        return float(np.quantile(np.concatenate(nearest)[1:], quantile))

    def measure(self, block: slice, first: int, limit: float) -> Floats:
        """Return the limit relative to the distance of some rows to those from a position on; 0 if far apart."""
        rows, others = self.projected[block], self.projected[first:]
        squared = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * rows @ others.T
        near = np.flatnonzero((squared <= limit**2 + _ROUNDING).any(axis=0))
        distances = unit_distances(self.points[block].astype(np.float64), self.points[first + near].astype(np.float64))
        closeness = np.zeros(squared.shape, dtype=np.float32)
        closeness[:, near] = np.divide(limit, distances, out=np.full_like(distances, np.inf), where=distances > 0)
        return np.asarray(closeness)
