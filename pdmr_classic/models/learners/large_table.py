"""A training table on disk in single precision, of which learners read rows in batches or a sample of subjects."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import TargetError
from pdmr_classic.models.learners.algorithm import clip_to_float32
from pdmr_classic.storage.mapped_table import iterate_rows

_BATCH_VALUES = 2**22
_MAPPED_VALUES = 2**20
_MIN_SUBJECTS_PER_CLASS = 10


@dataclass(frozen=True, eq=False)
class LargeTable:
    """Rows and columns of arrays on disk, side by side; it holds no values and is cheap to send to a process.

    Attributes
    ----------
    parts : tuple of (Path, ndarray of int)
        Each file, an array [N, columns] of float32, and the columns of it.
    rows : ndarray of int, shape [n]
        Rows of the files.
    max_rows : int
        Size of the samples from which everything learns that needs its rows at once, see `draw_sample`.
    """

    parts: tuple[tuple[Path, Ints], ...]
    rows: Ints
    max_rows: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), sum(len(columns) for _, columns in self.parts)

    @property
    def folder(self) -> Path:
        """Folder of the files."""
        return self.parts[0][0].parent

    def __getitem__(self, key: Any) -> Any:
        """Return a smaller table for rows (indices or a mask), and an array for `[:, columns]`, of one column [n]."""
        if isinstance(key, tuple):
            _, columns = key
            chosen = np.arange(self.shape[1])[columns]
            values, first = np.empty((len(self), *chosen.shape)), 0
            for batch in self.batches():
                values[first : first + len(batch)] = batch._read_columns(np.atleast_1d(chosen)).reshape(
                    -1, *chosen.shape
                )
                first += len(batch)
            return values
        return replace(self, rows=self.rows[key])

    def select_columns(self, columns: Ints) -> LargeTable:
        """Return some columns of a table with one file."""
        ((path, own),) = self.parts
        return replace(self, parts=((path, own[columns]),))

    def append(self, path: Path) -> LargeTable:
        """Return the table with all columns of another file, which has the same rows, at the end."""
        n_columns = np.load(path, mmap_mode="r").shape[1]
        return replace(self, parts=(*self.parts, (path, np.arange(n_columns))))

    def read(self) -> Floats:
        """Return the values, shape [n, F]."""
        values = np.empty(self.shape)
        first = 0
        for path, columns in self.parts:
            last = first + len(columns)
            self._copy_rows(path, columns, values[:, first:last])
            first = last
        return values

    def _copy_rows(self, path: Path, columns: Ints, values: Floats) -> None:
        """Copy columns of a file into an array, shape [n, C].

        The file is mapped anew for every megabyte: around each row that is read, others get into memory, too.
        """
        n_rows = max(_MAPPED_VALUES // max(len(columns), 1), 1)
        for start in range(0, len(self), n_rows):
            table = np.load(path, mmap_mode="r")
            rows = self.rows[start : start + n_rows]
            is_whole = len(columns) == table.shape[1] and bool((columns == np.arange(len(columns))).all())
            values[start : start + n_rows] = table[rows] if is_whole else table[np.ix_(rows, columns)]

    def _read_columns(self, chosen: Ints) -> Floats:
        """Return some columns by their positions, without a copy of the others, shape [n, C]."""
        values, first = np.empty((len(self), len(chosen))), 0
        for path, columns in self.parts:
            is_own = (chosen >= first) & (chosen < first + len(columns))
            own = columns[chosen[is_own] - first]
            part = np.empty((len(self), len(own)))
            self._copy_rows(path, own, part)
            values[:, is_own] = part
            first += len(columns)
        return values

    def batches(self) -> Iterator[LargeTable]:
        """Yield consecutive rows, as many as take up about 32 MiB."""
        n_rows = max(_BATCH_VALUES // max(self.shape[1], 1), 1)
        for start in range(0, len(self), n_rows):
            yield self[np.arange(start, min(start + n_rows, len(self)))]


def map_batches(function: Callable[[Floats], NDArray[Any]], X: Floats | LargeTable) -> NDArray[Any]:
    """Return the rows that a function of rows returns, computed batch by batch if the table is on disk."""
    if not isinstance(X, LargeTable):
        return function(X)
    return np.concatenate([function(batch.read()) for batch in X.batches()])


@contextmanager
def open_table(features: pd.DataFrame, max_rows: int) -> Iterator[Floats | LargeTable]:
    """Open a feature table: as an array, or, above `max_rows` rows, as a temporary file.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
    max_rows : int
        Above it, values are in single precision; those beyond its range are clipped.

    Yields
    ------
    ndarray of float64, shape [n, F], or LargeTable

    Raises
    ------
    ValueError
        A value is infinite.
    TargetError
        The file cannot be written.
    """
    if len(features) <= max_rows:
        yield _check_values(features)
        return
    with tempfile.TemporaryDirectory(prefix="pdmr-classic-") as folder:
        path = Path(folder) / "features.npy"
        write_array(path, map(_check_values, iterate_rows(features)), features.shape)
        yield LargeTable(((path, np.arange(features.shape[1])),), np.arange(len(features)), max_rows)


def _check_values(features: pd.DataFrame) -> Floats:
    values = features.to_numpy(dtype=np.float64)
    return np.asarray(check_array(values, ensure_all_finite="allow-nan", ensure_min_features=0))


def write_array(path: Path, chunks: Iterable[Floats], shape: tuple[int, int]) -> None:
    """Write consecutive rows as one array of float32.

    Raises
    ------
    TargetError
    """
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    try:
        # Not a memory map: a full disk would end the process without a message.
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in chunks:
                file.write(np.ascontiguousarray(clip_to_float32(chunk), dtype="<f4").data)
    except OSError as error:
        raise TargetError(
            "the temporary file of a large feature table cannot be written",
            file=path,
            expected=f"{shape[0] * shape[1] * 4 / 2**30:.1f} GiB of free space",
            found=error.strerror or type(error).__name__,
            hint="name another folder in the environment variable TMPDIR",
        ) from error


def draw_sample(y: NDArray[Any], groups: NDArray[Any], max_rows: int, seed: int) -> Ints:
    """Return the rows of subjects drawn at random, at most `max_rows`, in order; all rows if there are no more.

    Subjects are drawn from each class in proportion to their rows, at least ten of each class, and one of every class.
    If these have more than `max_rows` rows, some rows of subjects with very many are drawn, first one of each subject
    and class.

    Parameters
    ----------
    y : ndarray, shape [n]
        Class numbers; scores are not stratified.
    groups : ndarray, shape [n]
    max_rows, seed : int

    Examples
    --------
    >>> draw_sample(np.zeros(6, dtype=int), np.array(list("aabbcc")), 6, seed=0).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    if len(y) <= max_rows:
        return np.arange(len(y))
    rng = np.random.default_rng(seed)
    subject = np.unique(groups, return_inverse=True)[1]
    codes = y.astype(np.intp) if np.issubdtype(y.dtype, np.integer) else np.zeros(len(y), dtype=np.intp)
    # Of the classes of a subject, the rarest, so that subjects with it are drawn.
    rarity = np.argsort(np.argsort(np.bincount(codes), kind="stable"), kind="stable")[codes]
    order = np.lexsort((rarity, subject))
    firsts = order[np.unique(subject[order], return_index=True)[1]]
    n_rows = np.bincount(subject)
    drawn = np.zeros(len(n_rows), dtype=bool)
    for code in np.unique(codes[firsts]):
        candidates = rng.permutation(np.flatnonzero(codes[firsts] == code))
        total = np.cumsum(n_rows[candidates])
        allowed = max_rows * total[-1] / len(y)
        drawn[candidates[: max(int((total <= allowed).sum()), _MIN_SUBJECTS_PER_CLASS)]] = True
    for code in np.setdiff1d(codes, codes[drawn[subject]]):
        drawn[subject[np.argmax(codes == code)]] = True
    rows = np.flatnonzero(drawn[subject])
    if len(rows) <= max_rows:
        return rows
    rows = rng.permutation(rows)
    of_class = np.unique(codes[rows], return_index=True)[1]
    of_pair = np.unique(np.column_stack((codes[rows], subject[rows])), axis=0, return_index=True)[1]
    rank = np.full(len(rows), 2)
    rank[of_pair] = 1
    rank[of_class] = 0
    return np.sort(rows[np.argsort(rank, kind="stable")[: max(max_rows, len(of_class))]])
