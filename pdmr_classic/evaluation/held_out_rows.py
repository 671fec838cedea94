"""Rows of out-of-fold predictions: which recording of which subject was held out in which fold of which repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Ints


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """One row per recording and repeat, predicted by a model that was not trained on the recording's subject.

    Subclasses add what was predicted, as arrays with one entry per row, and what is common to all rows.

    Attributes
    ----------
    recording : ndarray of str, shape [n]
        The `data_id`, or its pseudonym after `pseudonymise`.
    subject : ndarray of int, shape [n]
        Arbitrary numbers.
    repeat, fold : ndarray of int, shape [n]
        Fold numbers start at 0 in each repeat.
    is_one_way : bool
        The subjects train no model: all models were trained on other subjects (an official split).
    """

    recording: NDArray[Any]
    subject: Ints
    repeat: Ints
    fold: Ints
    is_one_way: bool = field(default=False, kw_only=True)

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def row_keys(self) -> pd.MultiIndex:
        """Repeat and recording of each row, which identify it."""
        return pd.MultiIndex.from_arrays([self.repeat, self.recording.astype(str)])

    def subset(self, rows: NDArray[Any]) -> Self:
        """Return the selected rows; `rows` is a mask or an array of indices."""
        columns = {name: values for name, values in vars(self).items() if isinstance(values, np.ndarray)}
        return replace(self, **{name: values[rows] for name, values in columns.items()})

    def repeat_rows(self) -> Iterator[Ints]:
        """Yield the row indices of each repeat."""
        return (np.flatnonzero(self.repeat == number) for number in np.unique(self.repeat))

    def fold_rows(self, rows: Ints) -> Iterator[Ints]:
        """Yield the row indices of each fold, given the rows of one repeat."""
        return (rows[self.fold[rows] == number] for number in np.unique(self.fold[rows]))

    def pseudonymise(self, pseudonyms: Mapping[str, str]) -> Self:
        """Replace each `data_id` by its pseudonym, and number the subjects in the order of the pseudonyms."""
        recording = np.array([pseudonyms[str(data_id)] for data_id in self.recording], dtype=object)
        order = np.argsort(recording.astype(str), kind="stable")
        subject = np.empty_like(self.subject)
        subject[order] = pd.factorize(self.subject[order])[0]
        return replace(self, recording=recording, subject=subject)

    def sort_rows(self) -> Self:
        """Return the rows sorted by repeat, fold and recording."""
        return self.subset(np.lexsort((self.recording.astype(str), self.fold, self.repeat)))


Rows = TypeVar("Rows", bound=HeldOutRows)


def match_rows(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """Return the rows (repeat and recording) that two systems have in common, in the order of the first."""
    rows = b.row_keys.get_indexer(a.row_keys)
    return a.subset(np.flatnonzero(rows >= 0)), b.subset(rows[rows >= 0])
