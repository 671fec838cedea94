"""Columns that are fitted on the training rows of each fold: arrays, or of a large table, files beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.models.learners.large_table import LargeTable, draw_sample, write_array
from pdmr_classic.splits import Fold

FittedColumns = Floats | Path
"""Columns of all rows, shape [n, G]."""


class FoldFitted(Protocol):
    """Computes further columns of views; fitted on the training rows of each fold."""

    def fit_transform(self, X: Floats, y: NDArray[Any], groups: NDArray[Any], rows: Ints) -> Floats:
        """Fit on some rows of the table [n, F], and return the columns of all rows, shape [n, G]."""
        ...

    def transform(self, X: Floats) -> Floats:
        """Return the columns of further rows, shape [n, G]."""
        ...


def fit_in_folds(
    source: FoldFitted,
    X: Floats | LargeTable,
    y: Ints,
    groups: NDArray[Any],
    weights: Floats,
    folds: Sequence[Fold],
    *,
    name: str,
    seed: int,
) -> Sequence[FittedColumns]:
    """Return the columns of all rows for each fold, fitted on its training rows; last, those fitted on all rows.

    Of a LargeTable, they are fitted on a sample of these, and written to files with `name` and the number of the fold.
    """
    # All rows come last, so that the source remains fitted on them.
    rows = [*(train for train, _ in folds), np.arange(len(X))]
    rows = [train[weights[train] > 0] for train in rows]
    if not isinstance(X, LargeTable):
        return [source.fit_transform(X, y, groups, train) for train in rows]
    paths = []
    for k, train in enumerate(rows):
        drawn = train[draw_sample(y[train], groups[train], X.max_rows, seed)]
        own = source.fit_transform(X[drawn].read(), y[drawn], groups[drawn], np.arange(len(drawn)))
        paths.append(X.folder / f"{name}-{k}.npy")
        write_array(paths[-1], _transform_batches(source, X, drawn, own), (len(X), own.shape[1]))
    return paths


def _transform_batches(source: FoldFitted, X: LargeTable, drawn: Ints, own: Floats) -> Iterator[Floats]:
    """Yield the columns of all rows; those of the sample are its own, which may be cross-fitted."""
    start = 0
    for batch in X.batches():
        columns = source.transform(batch.read())
        first, last = np.searchsorted(drawn, (start, start + len(batch)))
        columns[drawn[first:last] - start] = own[first:last]
        yield columns
        start += len(batch)


def count_fitted(fitted: FittedColumns) -> int:
    """Return the number of fitted columns, G."""
    return int((np.load(fitted, mmap_mode="r") if isinstance(fitted, Path) else fitted).shape[1])


def append_columns(X: Any, fitted: Any, rows: Ints | slice) -> Any:
    """Return rows of a table with the fitted columns of the same rows at the end: two arrays, or two of files."""
    return X[rows].append(fitted) if isinstance(X, LargeTable) else np.hstack([X[rows], fitted[rows]])
