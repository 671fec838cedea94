"""Columns of two modalities, scaled so that neither dominates the distance between rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from pdmr_classic.arrays import Floats
from pdmr_classic.models.learners.preprocessing import DropUninformative, KeepBest, RobustScale


class ScaleBlocks(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Select and scale the columns of two blocks separately, and set the share of each in the squared distance.

    The distance of a kernel, like the penalty of a linear model, is a sum over columns: without this step, the block
    with more columns dominates. Columns are multiplied by sqrt(share x all columns / columns of the block), so that the
    mean weight of a squared column is 1.

    Parameters
    ----------
    edge : int
        The first block are the columns before this one; the second are the others.
    share : float, optional
        Share of the second block, between 0 and 1. By default, shares are in proportion to the square roots of the
        numbers of columns: halfway between equal columns and equal blocks.
    k : int or None
        Number of columns to keep in each block, see `KeepBest`.
    numeric : bool
        Whether the target is a number, see `KeepBest`.

    Raises
    ------
    ValueError
        From `fit`: `share` is not between 0 and 1, or a value is infinite.

    Notes
    -----
    NaN becomes 0, which is the median of its column, see `RobustScale`.

    References
    ----------
    Gönen and Alpaydin 2011 (multiple kernel learning). An RBF kernel of weighted blocks is the product of one kernel
    per block; a linear kernel is their weighted sum.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.random.default_rng(0).normal(size=(200, 50)), np.arange(200) % 2
    >>> variance = ScaleBlocks(edge=40, share=0.5).fit_transform(X, y).var(axis=0)
    >>> round(float(variance[:40].sum() / variance[40:].sum()), 1)
    1.0
    """

    def __init__(
        self, edge: int = 1, share: float | None = None, k: int | None = None, *, numeric: bool = False
    ) -> None:
        self.edge = edge
        self.share = share
        self.k = k
        self.numeric = numeric

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Select and scale the columns of each block [n, F], given the target [n]."""
        table, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"share must be between 0 and 1, got {self.share}")
        self.scalers_ = []
        for block in self._split(table):
            select = KeepBest(self.k, numeric=self.numeric)
            self.scalers_.append(make_pipeline(DropUninformative(), select, RobustScale()).fit(block, target))
        widths = np.array([len(scaler[-1].scale_) for scaler in self.scalers_])
        shares = np.sqrt(widths) if self.share is None or len(widths) == 1 else np.array([1 - self.share, self.share])
        self.factors_ = np.sqrt(shares / shares.sum() * widths.sum() / widths)
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the selected columns of both blocks, scaled; shape [n, columns selected]."""
        check_is_fitted(self, "factors_")
        table = np.asarray(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))
        parts = zip(self.factors_, self.scalers_, self._split(table), strict=True)
        return np.hstack([factor * scaler.transform(block) for factor, scaler, block in parts])

    def _split(self, table: Floats) -> list[Floats]:
        """Return the blocks that have columns."""
        return [block for block in (table[:, : self.edge], table[:, self.edge :]) if block.shape[1]]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags
