"""Large tables of numbers in a temporary file that is mapped into memory, read and written some rows at a time."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import TargetError

MIN_MAPPED_BYTES = 2**28
"""A table of 13,000 rows and 2,500 columns; smaller ones are in memory."""
_BATCH_VALUES = 2**22


def is_large(n_rows: int, n_columns: int) -> bool:
    """Return whether a table in double precision would be mapped from a file."""
    return n_rows * n_columns * np.dtype(np.float64).itemsize >= MIN_MAPPED_BYTES


def allocate_table(n_rows: int, n_columns: int, dtype: type[np.floating[Any]] = np.float64) -> Floats:
    """Return an array to fill, shape [n, F]: in memory, or if it is large, mapped from a temporary file.

    The file has no name, and its space is free again when the array is. Fill it batch by batch, with `release_pages`
    after each.

    Raises
    ------
    TargetError
        There is not enough space for the file.
    """
    n_bytes = n_rows * n_columns * np.dtype(dtype).itemsize
    if n_bytes < MIN_MAPPED_BYTES:
        return np.empty((n_rows, n_columns), dtype=dtype)
    try:
        with tempfile.TemporaryFile(prefix="pdmr-classic-") as file:
            _reserve(file, n_bytes)
            mapped = mmap.mmap(file.fileno(), n_bytes)
    except OSError as error:
        raise TargetError(
            "the temporary file of a large feature table cannot be written",
            file=tempfile.gettempdir(),
            expected=f"{n_bytes / 2**30:.1f} GiB of free space",
            found=error.strerror or type(error).__name__,
            hint="name another folder in the environment variable TMPDIR",
        ) from error
    return np.frombuffer(mapped, dtype=dtype).reshape(n_rows, n_columns)


def _reserve(file: IO[bytes], n_bytes: int) -> None:
    """Give a file its size, and its space where that is possible: a full disk would end the process later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, n_bytes)
    else:
        file.truncate(n_bytes)


def release_pages(table: NDArray[Any] | pd.DataFrame) -> None:
    """Let go of the memory of a mapped table; its values are read from the file again. Nothing for other tables."""
    owner: Any = table.to_numpy() if isinstance(table, pd.DataFrame) and _is_one_block(table) else table
    while isinstance(owner, np.ndarray):
        owner = owner.base
    owner = owner.obj if isinstance(owner, memoryview) else owner
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def _is_one_block(table: pd.DataFrame) -> bool:
    """Return whether the values can be had without a copy."""
    return bool(table.shape[1]) and np.shares_memory(table.iloc[:1].to_numpy(), table.iloc[:1].to_numpy())


def iterate_rows(table: pd.DataFrame, n_rows: int | None = None) -> Iterator[pd.DataFrame]:
    """Yield consecutive rows of a table, by default as many as take up 32 MiB; an empty table as a whole.

    The memory of a mapped table is released after each batch, so that no more than one is in memory.

    Examples
    --------
    >>> [len(rows) for rows in iterate_rows(pd.DataFrame({"a": range(5)}), 2)]
    [2, 2, 1]
    """
    step = n_rows or max(_BATCH_VALUES // max(table.shape[1], 1), 1)
    for start in range(0, max(len(table), 1), step):
        yield table.iloc[start : start + step]
        release_pages(table)


def iterate_columns(table: pd.DataFrame, columns: NDArray[np.intp] | None = None) -> Iterator[tuple[str, Floats]]:
    """Yield the name and the values of each column, or of some by their positions; many are read at a time.

    Examples
    --------
    >>> [(name, values.tolist()) for name, values in iterate_columns(pd.DataFrame({"a": [1.0, 2.0]}))]
    [('a', [1.0, 2.0])]
    """
    n_columns = max(_BATCH_VALUES // max(len(table), 1), 1)
    columns = np.arange(table.shape[1]) if columns is None else columns
    for start in range(0, len(columns), n_columns):
        chosen = columns[start : start + n_columns]
        yield from zip(map(str, table.columns[chosen]), copy_columns(table, chosen), strict=True)


def copy_columns(table: pd.DataFrame, columns: NDArray[np.intp]) -> Floats:
    """Return some columns by their positions, as the rows of an array, shape [columns, n].

    Examples
    --------
    >>> copy_columns(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), np.array([1])).tolist()
    [[3.0, 4.0]]
    """
    values, first = np.empty((len(columns), len(table))), 0
    for rows in iterate_rows(table):
        values[:, first : first + len(rows)] = rows.iloc[:, columns].to_numpy(dtype=np.float64).T
        first += len(rows)
    return values


def copy_rows(table: pd.DataFrame, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> pd.DataFrame:
    """Return some rows and columns by their positions; if they are many, mapped from another temporary file.

    Raises
    ------
    TargetError
        There is not enough space for the file.

    Examples
    --------
    >>> copy_rows(pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), np.array([1]), np.array([1]))
         b
    1  4.0
    """
    values = allocate_table(len(rows), len(columns))
    step = max(_BATCH_VALUES // max(table.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        # Not [rows, columns] at once, of which pandas 2 would take the columns first, of all rows.
        batch = table.iloc[rows[start : start + step]]
        values[start : start + step] = batch.iloc[:, columns].to_numpy(dtype=np.float64)
        release_pages(values)
        release_pages(table)
    return pd.DataFrame(values, table.index[rows], table.columns[columns], copy=False)
