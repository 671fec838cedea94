"""What happens to columns inside a fold, before a learner sees them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pdmr_classic.arrays import Floats, Mask

_LEAST_KNOWN = 5


class DropUninformative(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Drop columns that are constant, known in hardly any row, or a copy of an earlier one, in the training rows.

    NaN is a value of its own: a column that is constant where it is known, but not known everywhere, stays. One that
    fewer than five rows know says little of the others, and a model would keep what it says of these.

    Examples
    --------
    >>> import numpy as np
    >>> DropUninformative().fit_transform(np.array([[1.0, 5.0, 1.0], [2.0, 5.0, 2.0]]))
    array([[1.],
           [2.]])
    """

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        table = _checked(self, X) + 0.0  # -0.0 becomes 0.0; the bytes of a NaN may differ too
        table[np.isnan(table)] = np.nan
        known = np.isfinite(table)
        same = (table == table[0]).all(axis=0)
        self.support_ = (known.sum(axis=0) >= min(_LEAST_KNOWN, len(table))) & ~same
        seen: set[bytes] = set()
        for place in np.flatnonzero(self.support_):
            column = table[:, place].tobytes()
            self.support_[place] = column not in seen
            seen.add(column)
        # A table without any information still has to be a table.
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
    """Keep the `k` columns with the largest F ratio between classes (one-way ANOVA), NaN left out column by column.

    Parameters
    ----------
    k : int or None
        None keeps every column.

    Notes
    -----
    `sklearn.feature_selection.f_classif` computes the same ratio but refuses NaN.
    """

    def __init__(self, k: int | None = None) -> None:
        self.k = k

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        table, labels = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        n_columns = table.shape[1]
        self.scores_ = f_ratio(table, labels) if self.k is not None and self.k < n_columns else np.zeros(n_columns)
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


def _checked(estimator: Any, X: ArrayLike) -> Floats:
    return np.asarray(validate_data(estimator, X, dtype=np.float64, ensure_all_finite="allow-nan"))


def f_ratio(X: Floats, y: ArrayLike) -> Floats:
    """Return the F ratio of each column, shape [F]; 0 where it cannot be computed."""
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    member = np.eye(len(classes))[codes]
    known = np.isfinite(X)
    n_known = known.sum(axis=0)
    mean = np.divide(np.where(known, X, 0.0).sum(axis=0), n_known, out=np.zeros(X.shape[1]), where=n_known > 0)
    centred = np.where(known, X - mean, 0.0)
    n_class = member.T @ known
    sums = member.T @ centred
    between = np.divide(sums**2, n_class, out=np.zeros_like(sums), where=n_class > 0).sum(axis=0)
    within = np.maximum((centred**2).sum(axis=0) - between, 0.0)
    freedom = n_known - len(classes)
    usable = (freedom > 0) & (within > 0)
    ratio = np.divide(between * freedom, within * (len(classes) - 1), out=np.zeros(X.shape[1]), where=usable)
    return np.asarray(ratio)


class RobustScale(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Centre columns at their median, scale them by the spread of their middle 90%, fill gaps, cut the tails.

    Parameters
    ----------
    limit : float
        In standard deviations of a normal column: a heavy tail in one functional must not own a kernel's distance.

    Notes
    -----
    As `SimpleImputer("median")`, `RobustScaler(quantile_range=(5, 95), unit_variance=True)` and a clip do, but for the
    median, which is rounded to a hundredth of the spread: it is often the value of one recording, which a model need
    not hold. From one sort of all columns: those walk the columns one by one, which takes ten times as long as fitting
    the SVM. The middle 90% instead of the quartiles: an AU that rests most of the time has no interquartile range.
    """

    def __init__(self, limit: float = 5.0) -> None:
        self.limit = limit

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        table = _checked(self, X)
        with np.errstate(all="ignore"):  # a spread may be as large, or as small, as numbers can be
            low, middle, high = _column_quantiles(table, (0.05, 0.5, 0.95))
            spread = (high - low) / (2 * _NORMAL_95)
            self.scale_ = np.where((spread > 0) & np.isfinite(spread), spread, 1.0)
            step = self.scale_ / _STEPS_OF_CENTRE
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
_STEPS_OF_CENTRE = 100


def _column_quantiles(table: Floats, wanted: tuple[float, ...]) -> list[Floats]:
    """Return linear quantiles of each column over its known rows; NaN for a column without any."""
    ordered = np.sort(table, axis=0)  # NaN comes last
    last = np.isfinite(table).sum(axis=0) - 1
    columns = np.arange(table.shape[1])
    found = []
    for q in wanted:
        place = q * np.maximum(last, 0)
        low = place.astype(np.intp)
        high = np.minimum(low + 1, np.maximum(last, 0))
        below, above = ordered[low, columns], ordered[high, columns]
        found.append(below + (place - low) * (above - below))
    return found


AUDIO_FORMS = ("as_is", "l2", "signed_root")


class AudioForm(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Normalise the audio vector among other columns, and reduce it to principal components.

    Parameters
    ----------
    columns : array-like of int
        Places of the vector; the other columns pass, and stand first in the result.
    form : {"as_is", "l2", "signed_root"}
        Unit length; or the signed root of each component, then unit length.
    components : int or None
        At most this many principal components, fitted on the training rows; None leaves the vector whole.

    Notes
    -----
    NaN counts as 0 in the length and as the column's mean in the components; without components it stays NaN.

    References
    ----------
    Jégou and Chum 2012 (signed root and whitening of aggregated descriptors).
    """

    def __init__(self, columns: ArrayLike, form: str = "as_is", components: int | None = None) -> None:
        self.columns = columns
        self.form = form
        self.components = components

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        table = _checked(self, X)
        if self.form not in AUDIO_FORMS:
            raise ValueError(f"form must be one of {', '.join(AUDIO_FORMS)}, got {self.form!r}")
        is_audio = np.zeros(table.shape[1], dtype=bool)
        is_audio[np.asarray(self.columns, dtype=np.intp)] = True
        self.is_audio_ = is_audio
        self.pca_ = None
        if self.components is not None:
            vectors = self._normalised(table[:, is_audio])
            self.mean_ = np.nan_to_num(vectors).mean(axis=0)
            self.pca_ = PCA(min(self.components, *vectors.shape), svd_solver="full").fit(self._filled(vectors))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        check_is_fitted(self, "is_audio_")
        table = np.asarray(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))
        vectors = self._normalised(table[:, self.is_audio_])
        if self.pca_ is not None:
            vectors = self.pca_.transform(self._filled(vectors))
        return np.hstack([table[:, ~self.is_audio_], vectors])

    def _normalised(self, vectors: Floats) -> Floats:
        if self.form == "as_is":
            return vectors
        if self.form == "signed_root":
            vectors = np.sign(vectors) * np.sqrt(np.abs(vectors))
        length = np.sqrt(np.nansum(vectors**2, axis=1, keepdims=True))
        return np.asarray(np.divide(vectors, length, out=vectors.copy(), where=length > 0))

    def _filled(self, vectors: Floats) -> Floats:
        return np.where(np.isfinite(vectors), vectors, self.mean_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
