"""Features that are fitted inside each fold, compiled: kinemes, and the tangent space of AU covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.compiled.steps import Columns, Linear, Scale


@dataclass(frozen=True, eq=False)
class Kinemes:
    """Share of a recording's windows that are nearest to each cluster centre; see `KinemeHistogram`.

    Attributes
    ----------
    columns : ndarray of int, shape [windows x code]
    centers : ndarray, shape [clusters, code]
    """

    columns: Ints
    centers: Floats

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.centers)

    def apply(self, X: Floats) -> Floats:
        windows = X[:, self.columns].reshape(len(X), -1, self.centers.shape[1])
        is_used = np.asarray(np.isfinite(windows).all(axis=2))
        closeness = np.where(is_used[:, :, None], windows, 0.0) @ self.centers.T - (self.centers**2).sum(axis=1) / 2
        nearest = np.eye(len(self.centers))[np.argmax(closeness, axis=2)] * is_used[:, :, None]
        count = is_used.sum(axis=1)[:, None]
        shares = np.full((len(X), len(self.centers)), np.nan)
        return np.asarray(np.divide(nearest.sum(axis=1), count, out=shares, where=count > 0))


@dataclass(frozen=True, eq=False)
class Tangent:
    """Matrix logarithm of whitened covariances, as vectors; see `TangentMap`.

    Attributes
    ----------
    columns : ndarray of int, shape [C (C + 1) / 2]
        Upper triangle of the covariance.
    whitening : ndarray, shape [C, C]
        Inverse square root of the mean.
    """

    columns: Ints
    whitening: Floats

    @property
    def width(self) -> int:
        """Number of features."""
        return len(self.columns)

    def apply(self, X: Floats) -> Floats:
        triangles = X[:, self.columns]
        vectors = np.full_like(triangles, np.nan)
        complete = np.isfinite(triangles).all(axis=1)
        upper = np.triu_indices(len(self.whitening))
        matrices = np.zeros((int(complete.sum()), *self.whitening.shape))
        matrices[:, upper[0], upper[1]] = matrices[:, upper[1], upper[0]] = triangles[complete]
        values, axes = np.linalg.eigh(self.whitening @ matrices @ self.whitening)
        logarithm = (axes * np.log(values)[:, None, :]) @ axes.transpose(0, 2, 1)
        vectors[complete] = logarithm[:, upper[0], upper[1]] * tangent_weights(len(self.whitening))
        return vectors


@dataclass(frozen=True, eq=False)
class Absent:
    """Columns of NaN: there was too little to fit in training.

    Attributes
    ----------
    width : int
    """

    width: int

    def apply(self, X: Floats) -> Floats:
        return np.full((len(X), self.width), np.nan)


@dataclass(frozen=True, eq=False)
class Joined:
    """Canonical variates of two modalities, their products, and their differences; see `JoinedFeatures`.

    Attributes
    ----------
    first, second : tuple of Step
        From the whole table to the variates of each modality.
    """

    first: tuple[Columns | Scale | Linear, ...]
    second: tuple[Columns | Scale | Linear, ...]
    n_pairs: int

    @property
    def width(self) -> int:
        """Number of features."""
        return 4 * self.n_pairs

    def apply(self, X: Floats) -> Floats:
        u = v = X
        for step in self.first:
            u = step.apply(u)
        for step in self.second:
            v = step.apply(v)
        return np.hstack([u, v, u * v, u - v])


FittedFeatures = Kinemes | Tangent | Absent | Joined


def tangent_weights(size: int) -> Floats:
    """Return the weights of the upper triangle, so that the length of the vector is the norm of the matrix."""
    upper = np.triu_indices(size)
    return np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))
