"""Steps of a compiled base learner: NumPy arrays, and how they map rows to rows."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
from scipy.special import softmax

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.models.learners.learners import MIN_PROBABILITY


class Step(Protocol):
    """Maps rows [n, F] to rows [n, G]."""

    def apply(self, X: Floats) -> Floats: ...


@dataclass(frozen=True, eq=False)
class Columns:
    """Select columns.

    Attributes
    ----------
    indices : ndarray of int, shape [G]
    """

    indices: Ints

    def apply(self, X: Floats) -> Floats:
        return X[:, self.indices]


@dataclass(frozen=True, eq=False)
class Projection:
    """Project on principal components.

    Attributes
    ----------
    mean : ndarray, shape [D]
        Replaces NaN.
    axes : ndarray, shape [D, components]
    offset : ndarray, shape [components]
        Subtracted from the projection.
    """

    mean: Floats
    axes: Floats
    offset: Floats

    def apply(self, X: Floats) -> Floats:
        return np.where(np.isfinite(X), X, self.mean) @ self.axes - self.offset


@dataclass(frozen=True, eq=False)
class AudioVector:
    """Normalise the audio vector, and reduce it to principal components; see `NormalizeAudio`.

    Attributes
    ----------
    is_audio : ndarray of bool, shape [F]
        The columns of the vector; the others come first in the result.
    form : str
        One of `AUDIO_FORMS`.
    projection : Projection or None
    """

    is_audio: Mask
    form: str
    projection: Projection | None = None

    def apply(self, X: Floats) -> Floats:
        vectors = self._normalise(X[:, self.is_audio])
        if self.projection is not None:
            vectors = self.projection.apply(vectors)
        return np.hstack([X[:, ~self.is_audio], vectors])

    def _normalise(self, vectors: Floats) -> Floats:
        if self.form == "as_is":
            return vectors
        if self.form == "signed_root":
            vectors = np.sign(vectors) * np.sqrt(np.abs(vectors))
        length = np.sqrt(np.nansum(vectors**2, axis=1, keepdims=True))
        return vectors / np.where(length > 0, length, 1.0)


@dataclass(frozen=True, eq=False)
class Scale:
    """Centre and scale columns; NaN becomes 0, and outliers are clipped; see `RobustScale` and `ScaleBlocks`.

    Attributes
    ----------
    center, scale : ndarray, shape [F]
    limit : float
    factor : ndarray, shape [F], or None
        Multiplies the clipped columns.
    """

    center: Floats
    scale: Floats
    limit: float
    factor: Floats | None = None

    def apply(self, X: Floats) -> Floats:
        scaled = (X - self.center) / self.scale
        scaled[np.isnan(scaled)] = 0.0
        # np.clip takes longer on a single row.
        np.minimum(scaled, self.limit, out=scaled)
        np.maximum(scaled, -self.limit, out=scaled)
        return scaled if self.factor is None else scaled * self.factor


@dataclass(frozen=True, eq=False)
class Suppress:
    """Remove or attenuate directions; see `SuppressIdentity`.

    Attributes
    ----------
    center : ndarray, shape [F]
    axes : ndarray, shape [F, r]
    shares : ndarray, shape [r]
    """

    center: Floats
    axes: Floats
    shares: Floats

    def apply(self, X: Floats) -> Floats:
        return X - ((X - self.center) @ self.axes * self.shares) @ self.axes.T


@dataclass(frozen=True, eq=False)
class Linear:
    """Multiply by coefficients and add an intercept.

    Attributes
    ----------
    coefficients : ndarray, shape [F, S]
    intercept : ndarray, shape [S]
    """

    coefficients: Floats
    intercept: Floats

    def apply(self, X: Floats) -> Floats:
        return X @ self.coefficients + self.intercept


@dataclass(frozen=True, eq=False)
class RbfKernel:
    """Return exp(-gamma x squared distance) to each support vector.

    Attributes
    ----------
    vectors : ndarray, shape [V, F]
    gamma : float
    """

    vectors: Floats
    gamma: float

    def apply(self, X: Floats) -> Floats:
        distance = (X**2).sum(axis=1)[:, None] + (self.vectors**2).sum(axis=1) - 2 * X @ self.vectors.T
        return np.asarray(np.exp(-self.gamma * np.maximum(distance, 0.0)))


@dataclass(frozen=True, eq=False)
class PairwiseVotes:
    """Turn the margins of all pairs of classes into one score per class, as scikit-learn does for an SVM.

    Attributes
    ----------
    signs : ndarray, shape [pairs, K]
        Of the pairs (0, 1), (0, 2), …: 1 for the first class, which a positive margin is for, and -1 for the second.
    """

    signs: Floats

    def apply(self, X: Floats) -> Floats:
        votes = (X >= 0) @ np.maximum(self.signs, 0) + (X < 0) @ np.maximum(-self.signs, 0)
        confidence = X @ self.signs
        return np.asarray(votes + confidence / (3 * (np.abs(confidence) + 1)))


@dataclass(frozen=True, eq=False)
class Softmax:
    """Turn log-odds [n, 1] into the probability of the second class, or scores [n, K] into those of all classes."""

    is_binary: bool

    def apply(self, X: Floats) -> Floats:
        return np.asarray(0.5 * (1 + np.tanh(X / 2)) if self.is_binary else softmax(X, axis=1))


@dataclass(frozen=True, eq=False)
class LogOdds:
    """Turn the probability of the second class [n, 1] into log-odds, or those of all classes into their logarithms."""

    is_binary: bool

    def apply(self, X: Floats) -> Floats:
        p = np.minimum(np.maximum(X, MIN_PROBABILITY), 1 - MIN_PROBABILITY)
        return np.log(p / (1 - p)) if self.is_binary else np.log(p)


def store_single(step: Any) -> Any:
    """Return a step whose numbers are stored in single precision; it still computes in double precision."""
    arrays = {field.name: getattr(step, field.name) for field in fields(step)}
    single = {
        name: value.astype(np.float32)
        for name, value in arrays.items()
        # A center can be large relative to the scale.
        if isinstance(value, np.ndarray) and value.dtype == np.float64 and name != "center"
    }
    return replace(step, **single)
