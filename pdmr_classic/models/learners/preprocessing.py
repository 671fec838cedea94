"""Column selection, scaling and audio normalisation, fitted on the training rows of each fold."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Mask

_MIN_FINITE = 5
# In units of the last digit: what summing a thousand equal values amounts to.
_ROUNDING_ERRORS = 64.0


class DropUninformative(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Drop columns that are constant, nearly empty, or copies of an earlier column in the training rows.

    NaN counts as a value: a column that is constant except for NaN is not dropped. A column with fewer than five finite
    values is hardly informative, and a model could memorise those rows.

    Examples
    --------
    >>> import numpy as np
    >>> DropUninformative().fit_transform(np.array([[1.0, 5.0, 1.0], [2.0, 5.0, 2.0]]))
    array([[1.],
           [2.]])
    """

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        table = _to_floats(self, X) + 0.0  # turns -0.0 into 0.0; NaN can also have different bytes
        table[np.isnan(table)] = np.nan
        is_constant = (table == table[0]).all(axis=0)
        self.support_ = (np.isfinite(table).sum(axis=0) >= min(_MIN_FINITE, len(table))) & ~is_constant
        earlier: set[bytes] = set()
        for k in np.flatnonzero(self.support_):
            column = table[:, k].tobytes()
            self.support_[k] = column not in earlier
            earlier.add(column)
        # Learners need at least one column.
        self.support_[0] |= not self.support_.any()
        return self

    def _get_support_mask(self) -> Mask:
        check_is_fitted(self)
        return np.asarray(self.support_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class KeepBest(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Keep the `k` columns that are most related to the target, ignoring NaN in each column.

    Parameters
    ----------
    k : int or None
        None keeps all columns.
    numeric : bool
        False: the target is a class, and columns are ranked by the F ratio between classes (one-way ANOVA). True: it is
        a number, and they are ranked by the squared correlation with it.

    Notes
    -----
    `sklearn.feature_selection.f_classif` and `r_regression` compute the same but do not accept NaN.
    """

    def __init__(self, k: int | None = None, *, numeric: bool = False) -> None:
        self.k = k
        self.numeric = numeric

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        X, y = align_rows(X=X, y=y)
        table, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        n_columns = table.shape[1]
        relation = squared_correlation if self.numeric else f_ratio
        self.scores_ = relation(table, target) if self.k is not None and self.k < n_columns else np.zeros(n_columns)
        return self

    def _get_support_mask(self) -> Mask:
        check_is_fitted(self)
        n = len(self.scores_)
        mask = np.zeros(n, dtype=bool)
        mask[np.argsort(-self.scores_, kind="stable")[: self.k if self.k is not None else n]] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags


def _to_floats(estimator: Any, X: ArrayLike) -> Floats:
    return np.asarray(validate_data(estimator, X, dtype=np.float64, ensure_all_finite="allow-nan"))


def f_ratio(X: Floats, y: ArrayLike) -> Floats:
    """Return the F ratio of each column, shape [F]; infinite if only classes differ, 0 if it cannot be computed."""
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    one_hot = np.eye(len(classes))[codes]
    is_finite = np.isfinite(X)
    n_finite = is_finite.sum(axis=0)
    mean = np.divide(np.where(is_finite, X, 0.0).sum(axis=0), n_finite, out=np.zeros(X.shape[1]), where=n_finite > 0)
    centred = np.where(is_finite, X - mean, 0.0)
    n_class = one_hot.T @ is_finite
    sums = one_hot.T @ centred
    between = np.divide(sums**2, n_class, out=np.zeros_like(sums), where=n_class > 0).sum(axis=0)
    within = np.maximum((centred**2).sum(axis=0) - between, 0.0)
    degrees_of_freedom = n_finite - len(classes)
    # Sums of squares of equal values are not exactly 0: below the rounding error there is no spread.
    tolerance = _ROUNDING_ERRORS * np.finfo(np.float64).eps
    largest = np.abs(np.where(is_finite, X, 0.0)).max(axis=0, initial=0.0)
    rounding = n_finite * (tolerance * largest) ** 2
    has_spread, separates = within > rounding + tolerance * between, between > rounding
    ratio = np.divide(
        between * degrees_of_freedom,
        within * (len(classes) - 1),
        out=np.where(separates & ~has_spread, np.inf, 0.0),
        where=has_spread,
    )
    return np.where(degrees_of_freedom > 0, ratio, 0.0)


def squared_correlation(X: Floats, y: ArrayLike) -> Floats:
    """Return the squared Pearson correlation of each column with y, over its finite values; 0 if it is undefined.

    Examples
    --------
    >>> squared_correlation(np.array([[1.0, 5.0], [2.0, 5.0], [np.nan, 5.0]]), [1.0, 2.0, 9.0])
    array([1., 0.])
    """
    is_finite = np.isfinite(X)
    n = np.maximum(is_finite.sum(axis=0), 1)
    scores = np.where(is_finite, np.asarray(y, dtype=np.float64)[:, None], 0.0)
    x = np.where(is_finite, X - np.where(is_finite, X, 0.0).sum(axis=0) / n, 0.0)
    target = np.where(is_finite, scores - scores.sum(axis=0) / n, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = (x**2).sum(axis=0) * (target**2).sum(axis=0)
        squared = (x * target).sum(axis=0) ** 2
        is_defined = (spread > 0) & np.isfinite(spread)
        return np.asarray(np.divide(squared, spread, out=np.zeros(X.shape[1]), where=is_defined))


class RobustScale(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Centre columns at their median, scale them by the range of their middle 90%, impute NaN, and clip outliers.

    Parameters
    ----------
    limit : float
        Clipping limit in standard deviations (of a normal column), so that a heavy tail does not dominate the kernel.

    Notes
    -----
    Equivalent to `SimpleImputer("median")`, `RobustScaler(quantile_range=(5, 95), unit_variance=True)` and clipping,
    except that the median is rounded to a hundredth of the scale: it is often the value of a single recording, which a
    model should not store. All columns are sorted at once, because scikit-learn processes them one by one, which takes
    ten times as long as fitting the SVM. The middle 90% is used instead of the quartiles, because an AU that is
    inactive most of the time has an interquartile range of 0.
    """

    def __init__(self, limit: float = 5.0) -> None:
        self.limit = limit

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        table = _to_floats(self, X)
        with np.errstate(all="ignore"):  # the spread can overflow or underflow
            low, middle, high = _column_quantiles(table, (0.05, 0.5, 0.95))
            spread = (high - low) / (2 * _NORMAL_95)
            self.scale_ = np.where((spread > 0) & np.isfinite(spread), spread, 1.0)
            step = self.scale_ / _CENTER_STEPS_PER_SCALE
            rounded = np.round(middle / step) * step
        center = np.where((spread > 0) & np.isfinite(rounded), rounded, middle)
        self.center_ = np.where(np.isfinite(middle), center, 0.0)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        check_is_fitted(self, "scale_")
        table = np.asarray(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))
        scaled = (table - self.center_) / self.scale_
        scaled[np.isnan(scaled)] = 0.0
        return np.clip(scaled, -self.limit, self.limit, out=scaled)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


_NORMAL_95 = 1.6448536269514722
_CENTER_STEPS_PER_SCALE = 100


def _column_quantiles(table: Floats, levels: tuple[float, ...]) -> list[Floats]:
    """Return linearly interpolated quantiles of the finite values of each column; NaN for an empty column."""
    ordered = np.sort(table, axis=0)  # NaN is sorted last
    last = np.isfinite(table).sum(axis=0) - 1
    columns = np.arange(table.shape[1])
    quantiles = []
    for q in levels:
        position = q * np.maximum(last, 0)
        low = position.astype(np.intp)
        high = np.minimum(low + 1, np.maximum(last, 0))
        below, above = ordered[low, columns], ordered[high, columns]
        quantiles.append(below + (position - low) * (above - below))
    return quantiles


AUDIO_FORMS = ("as_is", "l2", "signed_root")


class NormalizeAudio(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Normalise the audio vector of a table, and reduce it to principal components.

    Parameters
    ----------
    columns : array-like of int
        Column indices of the vector; the other columns are passed through and come first in the result.
    form : {"as_is", "l2", "signed_root"}
        "l2" scales to unit length; "signed_root" takes the signed square root of each value first.
    components : int or None
        Maximum number of principal components, fitted on the training rows; None keeps the full vector.

    Notes
    -----
    NaN counts as 0 in the length and is replaced by the column mean before PCA; without PCA it stays NaN.

    References
    ----------
    Jégou and Chum 2012 (signed root and whitening of aggregated descriptors).
    """

    def __init__(self, columns: ArrayLike, form: str = "as_is", components: int | None = None) -> None:
        self.columns = columns
        self.form = form
        self.components = components

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        table = _to_floats(self, X)
        if self.form not in AUDIO_FORMS:
            raise ValueError(f"form must be one of {', '.join(AUDIO_FORMS)}, got {self.form!r}")
        is_audio = np.zeros(table.shape[1], dtype=bool)
        is_audio[np.asarray(self.columns, dtype=np.intp)] = True
        self.is_audio_ = is_audio
        self.pca_ = None
        if self.components is not None:
            vectors = self._normalise(table[:, is_audio])
            self.mean_ = np.nan_to_num(vectors).mean(axis=0)
            self.pca_ = PCA(min(self.components, *vectors.shape), svd_solver="full").fit(self._impute(vectors))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        check_is_fitted(self, "is_audio_")
        table = np.asarray(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))
        vectors = self._normalise(table[:, self.is_audio_])
        if self.pca_ is not None:
            vectors = self.pca_.transform(self._impute(vectors))
        return np.hstack([table[:, ~self.is_audio_], vectors])

    def _normalise(self, vectors: Floats) -> Floats:
        if self.form == "as_is":
            return vectors
        if self.form == "signed_root":
            vectors = np.sign(vectors) * np.sqrt(np.abs(vectors))
        length = np.sqrt(np.nansum(vectors**2, axis=1, keepdims=True))
        return np.asarray(np.divide(vectors, length, out=vectors.copy(), where=length > 0))

    def _impute(self, vectors: Floats) -> Floats:
        return np.where(np.isfinite(vectors), vectors, self.mean_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
