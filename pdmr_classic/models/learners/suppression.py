"""Personal habits: directions in which subjects of one class differ, removed or attenuated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.sample_weights import check_weights

METHODS = ("nap", "wccn")
AUTO = "auto"

_MAX_ROWS = 1500  # the Gram matrix of more recordings takes longer than fitting the learners
MIN_SUBJECTS = 3
"""Number of subjects with several recordings in a class from which directions are estimated."""

_PERMUTATIONS = 19  # an eigenvalue exceeds those of all permutations 1 time in 20 by chance
_TOLERANCE = 1e-9


class SuppressIdentity(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Remove the directions in which subjects of the same class differ: X - (X - mean) U diag(d) U^T.

    U are the leading directions of the scatter between subjects within class: of the means of each subject in each
    class, after the class means are subtracted; of a numeric target, its linear effect instead. The part of this
    scatter that comes from averaging few recordings is subtracted. The two methods differ in d:

    - "nap", nuisance attribute projection: d = 1, the directions are removed;
    - "wccn", within-class covariance normalisation: d = 1 - sqrt(a / (a + s)), where s is the variance between
      subjects in that direction and a the mean variance of a column within subjects; directions in which subjects
      differ little are hardly changed.

    Subtracting each subject's own mean instead would remove the answer where a subject has one label.

    Parameters
    ----------
    method : {"nap", "wccn"}
    number : int or "auto"
        Number of directions; "auto": those whose scatter is larger than by chance (parallel analysis). At most a third
        of the subjects with several recordings.
    numeric : bool
        Whether the target is a number instead of a class.
    seed : int
        Of the parallel analysis.

    Attributes
    ----------
    center_ : ndarray, shape [F]
    axes_ : ndarray, shape [F, r]
        U, orthonormal; no columns if there is nothing to remove.
    shares_ : ndarray, shape [r]
        d, between 0 and 1.

    Raises
    ------
    ValueError
        From `fit`: `groups` are missing, a parameter is not valid, or a value is not finite.

    Notes
    -----
    The parallel analysis compares, for each axis, the variance between subjects relative to that which comes from
    averaging few recordings, with the largest such ratio when recordings are exchanged between subjects at random.
    A subject with a single recording in a class does not contribute. No F x F matrix is
    computed. Of more than 1,500 recordings, those of randomly drawn subjects are used.

    References
    ----------
    Solomonoff, Campbell and Quillen 2007 (nuisance attribute projection); Hatch, Kajarekar and Stolcke 2006
    (within-class covariance normalisation); Horn 1965 (parallel analysis).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> subjects = np.repeat(np.arange(40), 4)
    >>> X = rng.normal(size=(160, 6))
    >>> X[:, 0] += 5 * rng.normal(size=40)[subjects]  # a habit
    >>> suppress = SuppressIdentity().fit(X, subjects % 2, groups=subjects)
    >>> suppress.axes_.shape, bool(suppress.transform(X)[:, 0].std() < 0.5)
    ((6, 1), True)
    """

    def __init__(self, method: str = "nap", number: int | str = AUTO, *, numeric: bool = False, seed: int = 0) -> None:
        self.method = method
        self.number = number
        self.numeric = numeric
        self.seed = seed

    def fit(
        self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Find the directions.

        Parameters
        ----------
        X : array-like, shape [n, F]
            Scaled and without NaN.
        y : array-like, shape [n]
        groups : array-like, shape [n]
            The subject of each row.
        sample_weight : array-like, shape [n], optional
        """
        if groups is None:
            raise ValueError("groups are required: the subject of each row")
        self._check_parameters()
        table, target = validate_data(self, X, y, dtype=np.float64)
        target = target.astype(np.float64) if self.numeric else target
        subjects = np.asarray(groups)
        check_consistent_length(table, subjects)
        weights = check_weights(sample_weight, len(table))
        self.center_ = np.average(table, axis=0, weights=weights)
        self.axes_, self.shares_ = np.zeros((table.shape[1], 0)), np.zeros(0)
        rows = _select_rows(subjects, self.seed)
        cells = _Cells.of(subjects[rows], None if self.numeric else target[rows], weights[rows])
        limit = cells.n_repeated // MIN_SUBJECTS  # one direction per three subjects, at most
        if limit and self.number != 0:
            residuals = _remove_target(table, target, weights, self.numeric)[rows]
            self.axes_, self.shares_ = self._find_directions(residuals, cells, limit)
        return self

    def _check_parameters(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if self.number != AUTO and not (isinstance(self.number, int | np.integer) and self.number >= 0):
            raise ValueError(f"number must be 'auto' or an integer from 0, got {self.number!r}")

    def _find_directions(self, residuals: Floats, cells: _Cells, limit: int) -> tuple[Floats, Floats]:
        gram = residuals @ residuals.T
        scatter = _between_scatter(gram, cells)
        order = np.flatnonzero(scatter.values > _TOLERANCE * np.trace(gram) / len(gram))[:limit]
        if self.number == AUTO:
            order = order[scatter.ratios[order] > _chance_ratio(gram, cells, limit, self.seed)]
        else:
            order = order[: int(self.number)]
        axes = residuals.T @ scatter.combinations[:, order]
        if self.method == "nap":
            return axes, np.ones(len(order))
        noise = cells.within_shares @ np.diag(cells.center(gram)) / residuals.shape[1]
        return axes, 1 - np.sqrt(noise / (noise + scatter.values[order]))

    def transform(self, X: ArrayLike) -> Floats:
        """Return the table without these directions, shape [n, F]."""
        check_is_fitted(self, "axes_")
        table = np.asarray(validate_data(self, X, dtype=np.float64, reset=False))
        return table - ((table - self.center_) @ self.axes_ * self.shares_) @ self.axes_.T

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


@dataclass(frozen=True, eq=False)
class _Cells:
    """The recordings of one subject in one class are a cell.

    Attributes
    ----------
    averaging : sparse array, shape [C, n]
        Multiplied with rows, gives the weighted mean of each cell.
    numbers : ndarray of int, shape [n]
        Cell of each row.
    sizes : ndarray, shape [C]
        Effective number of recordings in each cell.
    weights : ndarray, shape [C]
        Of the cell means in the scatter between subjects, with sum 1; 0 for a single recording.
    n_repeated : int
        Number of subjects with several recordings in a class.
    """

    averaging: Any
    numbers: Ints
    sizes: Floats
    weights: Floats
    n_repeated: int

    @classmethod
    def of(cls, subjects: NDArray[Any], classes: NDArray[Any] | None, weights: Floats) -> _Cells:
        codes = np.unique(subjects, return_inverse=True)[1]
        keys = codes if classes is None else codes * (len(classes) + 1) + np.unique(classes, return_inverse=True)[1]
        first, numbers = np.unique(keys, return_index=True, return_inverse=True)[1:]
        total = np.bincount(numbers, weights)
        sizes = total**2 / np.bincount(numbers, weights**2)
        share = weights / total[numbers]
        averaging = csr_array((share, (numbers, np.arange(len(numbers)))), shape=(len(total), len(numbers)))
        # A mean of few recordings says less; that of a single one cannot tell the subject from the recording.
        cell_weights = np.where(sizes > 1 + _TOLERANCE, 1 - 1 / sizes, 0.0) * total / np.bincount(numbers)
        n_repeated = len(np.unique(codes[first[cell_weights > 0]]))
        return cls(averaging, numbers, sizes, cell_weights / max(cell_weights.sum(), 1e-300), n_repeated)

    def subtract_means(self, rows: Floats) -> Floats:
        """Return the deviations of rows from the means of their cells."""
        return np.asarray(rows - (self.averaging @ rows)[self.numbers])

    def center(self, gram: Floats) -> Floats:
        """Return the Gram matrix of the deviations from the cell means."""
        return self.subtract_means(self.subtract_means(gram).T)

    @property
    def noise_shares(self) -> Floats:
        """Weight of each row's squared deviation in the scatter of means that comes from averaging, shape [n]."""
        spare = np.maximum(self.sizes - 1, _TOLERANCE)
        return np.asarray((self.weights / spare)[self.numbers] * self.averaging.sum(axis=0))

    @property
    def within_shares(self) -> Floats:
        """Weight of each row's squared deviation in the variance within cells, shape [n]."""
        return self.noise_shares * self.sizes[self.numbers]


def count_repeated(groups: NDArray[Any], y: NDArray[Any] | None, weights: Floats) -> int:
    """Return the number of subjects with several recordings in a class (of any score, without `y`), of rows in use."""
    is_used = weights > 0
    return _Cells.of(groups[is_used], None if y is None else y[is_used], weights[is_used]).n_repeated


def _select_rows(subjects: NDArray[Any], seed: int) -> Ints:
    """Return the rows of all subjects, or of as many randomly drawn ones as have at most 1,500 rows."""
    if len(subjects) <= _MAX_ROWS:
        return np.arange(len(subjects))
    codes, sizes = np.unique(subjects, return_inverse=True, return_counts=True)[1:]
    order = np.random.default_rng(seed).permutation(len(sizes))
    n_drawn = max(1, int(np.searchsorted(np.cumsum(sizes[order]), _MAX_ROWS, side="right")))
    return np.flatnonzero(np.isin(codes, order[:n_drawn]))


def _remove_target(table: Floats, target: NDArray[Any], weights: Floats, numeric: bool) -> Floats:
    """Return the table without the class means, or without the linear effect of a number."""
    if numeric:
        design = np.column_stack([np.ones(len(target)), target - np.average(target, weights=weights)])
    else:
        design = (np.asarray(target)[:, None] == np.unique(target)).astype(np.float64)
    root = np.sqrt(weights)[:, None]
    return np.asarray(table - design @ np.linalg.lstsq(root * design, root * table, rcond=None)[0])


@dataclass(frozen=True, eq=False)
class _Scatter:
    """Principal axes of the scatter between cells, the largest first.

    Attributes
    ----------
    values : ndarray, shape [m]
        Variance between cells, without the part that comes from averaging few recordings.
    noise : ndarray, shape [m]
        That part.
    combinations : ndarray, shape [n, m]
        The axes, as combinations of rows.
    """

    values: Floats
    noise: Floats
    combinations: Floats

    @property
    def ratios(self) -> Floats:
        """Variance between cells relative to what comes from averaging, shape [m]."""
        return np.asarray(self.values / np.maximum(self.noise, _TOLERANCE * self.noise.max(initial=1e-300)))


def _between_scatter(gram: Floats, cells: _Cells) -> _Scatter:
    """Return the scatter of the cell means of rows with these inner products, shape [n, n].

    The part that comes from averaging is subtracted within the space of the cell means.
    """
    root = np.sqrt(cells.weights[cells.weights > 0])[:, None]
    to_means = cells.averaging[cells.weights > 0].multiply(root).tocsr()
    values, axes = np.linalg.eigh(to_means @ (to_means @ gram).T)
    is_real = values > _TOLERANCE * max(values[-1], 0.0)
    scaled = axes[:, is_real] / np.sqrt(values[is_real])
    projected = scaled.T @ (to_means @ cells.subtract_means(gram).T)
    noise = (projected * cells.noise_shares) @ projected.T
    corrected, rotation = np.linalg.eigh(np.diag(values[is_real]) - noise)
    rotation = rotation[:, ::-1]
    return _Scatter(
        corrected[::-1],
        np.einsum("ik,ij,jk->k", rotation, noise, rotation, optimize=True),
        to_means.T @ scaled @ rotation,
    )


def _chance_ratio(gram: Floats, cells: _Cells, limit: int, seed: int) -> float:
    """Return the largest ratio of the leading axes if recordings are exchanged between subjects, over permutations.

    Unlike the eigenvalues, the ratios are not inflated by habits: those are then part of the noise.
    """
    rng = np.random.default_rng(seed)
    largest = 0.0
    for _ in range(_PERMUTATIONS):
        order = rng.permutation(len(gram))
        scatter = _between_scatter(gram[np.ix_(order, order)], cells)
        largest = max(largest, float(scatter.ratios[:limit].max(initial=0.0)))
    return largest
