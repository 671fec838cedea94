"""Rows that are attacked: recordings, or halves of recordings, with the number of their subject and of their label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.errors import DataError
from pdmr_classic.splits import Fold, GroupedFolds

_SUBJECTS_PER_FOLD = 10
_MAX_FOLDS = 5
# Of a subject within one label: more add little, and pairs grow with the square.
_MAX_RECORDINGS = 8


@dataclass(frozen=True, eq=False)
class Rows:
    """Subject and label of each row, as numbers.

    Attributes
    ----------
    subject, label : ndarray of int, shape [n]
    """

    subject: Ints
    label: Ints

    def __len__(self) -> int:
        return len(self.subject)

    def select(self, index: Ints | Mask) -> Rows:
        """Return some of the rows."""
        return Rows(self.subject[index], self.label[index])

    @property
    def cells(self) -> Ints:
        """A number for each combination of subject and label, shape [n]."""
        return np.unique(np.stack([self.subject, self.label]), axis=1, return_inverse=True)[1].reshape(-1)

    @property
    def repeated(self) -> Ints:
        """Subjects with two rows of one label: without them, there is no pair of one subject."""
        _, first, counts = np.unique(self.cells, return_index=True, return_counts=True)
        return np.unique(self.subject[first[counts > 1]])

    def pairs(self) -> tuple[Ints, Ints]:
        """Return the rows of each pair within one label, shapes [P] and [P]."""
        parts = [index[np.stack(np.triu_indices(len(index), 1))] for index in self._by_label()]
        first, second = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), dtype=np.intp)
        return first, second

    def _by_label(self) -> Iterator[Ints]:
        for label in np.unique(self.label):
            yield np.flatnonzero(self.label == label)

    def sample(self, rng: np.random.Generator, max_rows: int) -> Ints:
        """Return the rows to attack: a bounded number of each subject and label, and in total, whole subjects."""
        order = rng.permutation(len(self))
        place = pd.Series(self.cells[order]).groupby(self.cells[order]).cumcount().to_numpy()
        kept = order[place < _MAX_RECORDINGS]
        subjects, codes, sizes = np.unique(self.subject[kept], return_inverse=True, return_counts=True)
        shuffled = rng.permutation(len(subjects))
        fits = np.zeros(len(subjects), dtype=bool)
        fits[shuffled[np.cumsum(sizes[shuffled]) <= max_rows]] = True
        return np.sort(kept[fits[codes]])


def find_usable(X: Floats) -> Mask:
    """Return which rows have any value, shape [n]."""
    return np.asarray(np.isfinite(X).any(axis=1))


def make_subject_folds(rows: Rows, seed: int, n_folds: int | None = None) -> list[Fold]:
    """Return grouped folds: with about ten held-out subjects or more each, because pairs need several of them."""
    n_subjects = len(np.unique(rows.subject))
    n_folds = n_folds or int(np.clip(n_subjects // _SUBJECTS_PER_FOLD, 2, _MAX_FOLDS))
    try:
        return _split(rows.label, rows.subject, n_folds, seed)
    except DataError:  # a label of a single subject: then folds cannot be balanced
        return _split(np.zeros(len(rows), dtype=np.intp), rows.subject, n_folds, seed)


def _split(labels: NDArray[np.intp], subjects: Ints, n_folds: int, seed: int) -> list[Fold]:
    return list(GroupedFolds(n_folds, random_state=seed).split(np.zeros((len(labels), 1)), labels, subjects))


@dataclass(frozen=True, eq=False)
class Spaces:
    """One thing that is attacked, such as the inputs of the model, in one or several forms, such as one a member.

    Attributes
    ----------
    train, test : dict of str to ndarray, shape [n, F]
        By the name of the form: of the subjects that attackers are trained on, and of those that are attacked. A row
        that a form does not have is NaN.
    """

    train: dict[str, Floats]
    test: dict[str, Floats]


def has_pairs(groups: pd.Series, status: pd.Series | None, in_training: pd.Series | None) -> bool:
    """Return whether two people to attack have two recordings of one label."""
    unseen = np.ones(len(groups), dtype=bool)
    if in_training is not None:
        unseen = ~groups.isin(groups[in_training]).to_numpy()
    labels = np.zeros(len(groups)) if status is None else pd.factorize(status)[0]
    rows = Rows(pd.factorize(groups)[0], np.asarray(labels, dtype=np.intp))
    return len(rows.select(unseen).repeated) > 1
