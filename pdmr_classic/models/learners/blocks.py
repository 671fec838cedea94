"""Columns of several modalities, scaled so that none dominates the distance between rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.learners.preprocessing import DropUninformative, KeepBest, RobustScale


class ScaleBlocks(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Select and scale the columns of each block separately, and set the share of each in the squared distance.

    The distance of a kernel, like the penalty of a linear model, is a sum over columns: without this step, the block
    with more columns dominates. Columns are multiplied by sqrt(share x all columns / columns of the block), so that the
    mean weight of a squared column is 1.

    Parameters
    ----------
    blocks : sequence of array-like of int
        Column indices of each block but the last; the columns in none of them are the last block.
    share : float, optional
        Share of the last block, between 0 and 1. The others, and by default all blocks, have shares in proportion to
        the square roots of their numbers of columns: halfway between equal columns and equal blocks.
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
    >>> variance = ScaleBlocks([np.arange(40)], share=0.5).fit_transform(X, y).var(axis=0)
    >>> round(float(variance[:40].sum() / variance[40:].sum()), 1)
    1.0
    """

    def __init__(
        self,
        blocks: Sequence[ArrayLike] = ((0,),),
        share: float | None = None,
        k: int | None = None,
        *,
        numeric: bool = False,
    ) -> None:
        self.blocks = blocks
        self.share = share
        self.k = k
        self.numeric = numeric

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Select and scale the columns of each block [n, F], given the target [n]."""
        table, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"share must be between 0 and 1, got {self.share}")
        chosen = [np.asarray(block, dtype=np.intp) for block in self.blocks]
        last = np.setdiff1d(np.arange(table.shape[1]), np.concatenate([np.zeros(0, dtype=np.intp), *chosen]))
        self.blocks_ = [block for block in (*chosen, last) if len(block)]
        self.scalers_ = []
        for block in self.blocks_:
            select = KeepBest(self.k, numeric=self.numeric)
            pipeline = make_pipeline(DropUninformative(), select, RobustScale())
            self.scalers_.append(pipeline.fit(table[:, block], target))
        widths = np.array([len(scaler[-1].scale_) for scaler in self.scalers_])
        shares = self._find_shares(widths, self.share if len(last) else None)
        self.factors_ = np.sqrt(shares / shares.sum() * widths.sum() / widths)
        return self

    @staticmethod
    def _find_shares(widths: Ints, share: float | None) -> Floats:
        roots = np.sqrt(widths)
        if share is None or len(widths) == 1:
            return roots
        return np.append((1 - share) * (roots[:-1] / roots[:-1].sum()), share)

    def transform(self, X: ArrayLike) -> Floats:
        """Return the selected columns of all blocks, block by block, scaled; shape [n, columns selected]."""
        check_is_fitted(self, "factors_")
        table = np.asarray(validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False))
        parts = zip(self.factors_, self.scalers_, self.blocks_, strict=True)
        return np.hstack([factor * scaler.transform(table[:, block]) for factor, scaler, block in parts])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags
