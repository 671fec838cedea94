"""Canonical variates: what two modalities of the same recordings have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.pipeline import Pipeline, make_pipeline

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.learners.preprocessing import DropUninformative, RobustScale

N_PAIRS = 4
"""Largest number of pairs of variates."""
_SUBJECTS_PER_COMPONENT, _MAX_COMPONENTS = 5, 30
_MAX_SUBJECTS = 1000  # eigenvectors of more subjects take longer than fitting the learners
_RIDGE = 0.5
_TOLERANCE = 1e-9


class Suppressor(Protocol):
    """Removes what distinguishes subjects of the same class."""

    def fit(self, X: Floats, y: NDArray[Any], groups: NDArray[Any]) -> Any: ...
    def transform(self, X: Floats) -> Floats: ...


MakeSuppressor = Callable[[], Suppressor]


@dataclass(frozen=True, eq=False)
class Projection:
    """From the columns of one modality to its variates.

    Attributes
    ----------
    scale : Pipeline
        Drops uninformative columns, scales the others and replaces NaN.
    suppress : Suppressor or None
    center : ndarray, shape [columns]
    weights : ndarray, shape [columns, pairs]
    """

    scale: Pipeline
    suppress: Suppressor | None
    center: Floats
    weights: Floats

    def transform(self, X: Floats) -> Floats:
        """Return the variates of rows, shape [n, pairs]."""
        return np.asarray((self.prepare(X) - self.center) @ self.weights)

    def prepare(self, X: Floats) -> Floats:
        """Return the scaled columns, without personal habits if these are suppressed."""
        scaled = np.asarray(self.scale.transform(X))
        return scaled if self.suppress is None else np.asarray(self.suppress.transform(scaled))


class CanonicalVariates:
    """Pairs of linear combinations of two modalities with the highest correlation between subjects.

    Each modality is scaled robustly, averaged over the recordings of a subject, and reduced to principal components: at
    most 30, and at most a fifth of the number of subjects. The covariances of the components are shrunk halfway
    towards a multiple of the identity (canonical ridge). Variates have unit variance over subjects.

    Parameters
    ----------
    make_suppressor : callable, optional
        Makes a transformer that removes personal habits from the scaled columns first.
    seed : int
        Of more than 1,000 subjects, 1,000 drawn at random are used.

    Attributes
    ----------
    first_, second_ : Projection
    n_pairs_ : int
        0 if there is too little to fit on.

    References
    ----------
    Hotelling 1936; Vinod 1976 (canonical ridge). For Gaussian modalities, these are the combinations with the largest
    mutual information (Borga 2001).

    Notes
    -----
    `sklearn.cross_decomposition.CCA` has no ridge, and cca-zoo would be a further dependency for one singular value
    decomposition; the tests compare with the former.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> latent = rng.normal(size=100)
    >>> video, audio = (latent[:, None] + rng.normal(size=(100, 5)) for _ in range(2))
    >>> u, v = CanonicalVariates().fit(video, audio, np.zeros(100), np.arange(100)).transform(video, audio)
    >>> bool(np.corrcoef(u[:, 0], v[:, 0])[0, 1] > 0.7)
    True
    """

    def __init__(self, make_suppressor: MakeSuppressor | None = None, *, seed: int = 0) -> None:
        self.make_suppressor = make_suppressor
        self.seed = seed

    def fit(self, first: Floats, second: Floats, y: NDArray[Any], groups: NDArray[Any]) -> Self:
        """Fit on the columns [n, F] of two modalities, targets and subjects [n] of the same rows; NaN is allowed."""
        self.n_pairs_ = 0
        rows = _draw_subjects(groups, self.seed)
        parts = [self._reduce(table[rows], y[rows], groups[rows]) for table in (first, second)]
        scores = [scores for _, _, scores in parts]
        if any(columns.shape[1] == 0 for columns in scores):
            return self
        whitening = [1 / np.sqrt((1 - _RIDGE) * columns.var(axis=0) + _RIDGE * columns.var()) for columns in scores]
        cross = (scores[0] * whitening[0]).T @ (scores[1] * whitening[1]) / len(scores[0])
        left, _, right = np.linalg.svd(cross, full_matrices=False)
        self.n_pairs_ = min(N_PAIRS, left.shape[1])
        directions = (left[:, : self.n_pairs_], right[: self.n_pairs_].T)
        self.first_, self.second_ = (
            _make_projection(*part, factor[:, None] * axes)
            for part, factor, axes in zip(parts, whitening, directions, strict=True)
        )
        return self

    def transform(self, first: Floats, second: Floats) -> tuple[Floats, Floats]:
        """Return the variates of both modalities, shape [n, pairs] each."""
        return self.first_.transform(first), self.second_.transform(second)

    def _reduce(self, table: Floats, y: NDArray[Any], groups: NDArray[Any]) -> tuple[Projection, Floats, Floats]:
        """Return how columns are prepared, the principal axes of subject means, and the scores on them."""
        scale = make_pipeline(DropUninformative(), RobustScale()).fit(table)
        suppress = None
        if self.make_suppressor is not None:
            suppress = self.make_suppressor()
            suppress.fit(np.asarray(scale.transform(table)), y, groups=groups)
        unreduced = Projection(scale, suppress, np.zeros(0), np.zeros((0, 0)))
        means = subject_means(unreduced.prepare(table), groups)
        center = means.mean(axis=0)
        axes = _principal_axes(means - center)
        return Projection(scale, suppress, center, axes), axes, (means - center) @ axes


def _make_projection(reduced: Projection, axes: Floats, scores: Floats, directions: Floats) -> Projection:
    spread = (scores @ directions).std(axis=0)
    return Projection(reduced.scale, reduced.suppress, reduced.center, axes @ (directions / spread))


def subject_means(table: Floats, groups: NDArray[Any]) -> Floats:
    """Return the mean of each subject's rows, in the order of the sorted subjects, shape [subjects, F]."""
    _, subject, count = np.unique(groups, return_inverse=True, return_counts=True)
    total = np.zeros((len(count), table.shape[1]))
    np.add.at(total, subject, table)
    return np.asarray(total / count[:, None])


def _draw_subjects(groups: NDArray[Any], seed: int) -> Ints:
    subjects = np.unique(groups)
    if len(subjects) <= _MAX_SUBJECTS:
        return np.arange(len(groups))
    drawn = np.random.default_rng(seed).choice(subjects, _MAX_SUBJECTS, replace=False)
    return np.flatnonzero(np.isin(groups, drawn))


def _principal_axes(centered: Floats) -> Floats:
    """Return the leading principal axes, shape [F, components]; no columns if there is no variance."""
    n_subjects, n_columns = centered.shape
    limit = min(n_subjects // _SUBJECTS_PER_COMPONENT, _MAX_COMPONENTS, n_columns)
    if limit == 0:
        return np.zeros((n_columns, 0))
    is_wide = n_columns > n_subjects
    gram = centered @ centered.T if is_wide else centered.T @ centered
    values, vectors = eigh(gram, subset_by_index=(len(gram) - limit, len(gram) - 1))
    used = values > _TOLERANCE * max(np.trace(gram), 1e-300)
    axes = vectors[:, used][:, ::-1]
    return np.asarray(centered.T @ axes / np.sqrt(values[used][::-1])) if is_wide else np.asarray(axes)
