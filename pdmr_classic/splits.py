"""Grouped folds, and folds that a column of the labels gives. Every split of the package comes from here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from pdmr_classic.arrays import Ints
from pdmr_classic.errors import DataError
from pdmr_classic.text import format_count, format_quoted

Fold = tuple[Ints, Ints]
SPLIT_COLUMN = "split"
"""The column of the labels that gives the outer folds of an evaluation."""
_ATTEMPTS = 50
_OUTER_ATTEMPTS = 20


class GroupedFolds(StratifiedGroupKFold):  # type: ignore[misc]
    """Repeated, stratified folds in which no group is on both sides.

    Beyond scikit-learn's `StratifiedGroupKFold`: it repeats, it refuses to run without groups, every training part
    has every class, and every split is checked before it is handed out.

    Parameters
    ----------
    n_splits : int
        Folds of one repeat.
    n_repeats : int
    random_state : int

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    >>> subjects = np.array(["a", "a", "b", "b", "c", "c", "d", "d"])
    >>> folds = GroupedFolds(n_splits=2, n_repeats=1)
    >>> [sorted(set(subjects[test].tolist())) for _, test in folds.split(y, y, subjects)]
    [['c', 'd'], ['a', 'b']]
    """

    def __init__(self, n_splits: int = 5, *, n_repeats: int = 1, random_state: int = 0) -> None:
        super().__init__(n_splits=n_splits, shuffle=True, random_state=random_state)
        self.n_repeats = n_repeats

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds of all repeats."""
        return int(self.n_splits * self.n_repeats)

    def split(self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None) -> Iterator[Fold]:
        """Yield training and test indices, repeat after repeat.

        Raises
        ------
        ValueError
            `y` or `groups` is missing.
        DataError
            There are too few groups of a class for this many folds.
        """
        if y is None or groups is None:
            raise ValueError(
                "y and groups must be given: without groups a subject could stand on both sides of a split"
            )
        y, groups = np.asarray(y), np.asarray(groups)
        for repeat in range(self.n_repeats):
            yield from self._one_repeat(y, groups, repeat)

    def _one_repeat(self, y: NDArray[Any], groups: NDArray[Any], repeat: int) -> list[Fold]:
        rows = np.zeros((len(y), 1))
        for attempt in range(_ATTEMPTS):
            seed = np.random.SeedSequence([self.random_state, repeat, attempt]).generate_state(1)[0]
            folds = list(
                StratifiedGroupKFold(self.n_splits, shuffle=True, random_state=int(seed)).split(rows, y, groups)
            )
            for train, test in folds:
                check_no_shared_group(groups, train, test)
            # Stratification is greedy: with few subjects it may leave all of one class in one fold.
            if all(len(np.unique(y[train])) == len(np.unique(y)) and len(test) for train, test in folds):
                return folds
        raise DataError(
            f"no {self.n_splits} folds keep every class in training",
            code="too-few-groups",
            expected=f"at least {self.n_splits} subjects of every class",
            hint="use fewer folds, or add subjects",
        )


def check_no_shared_group(groups: ArrayLike, train: ArrayLike, test: ArrayLike) -> None:
    """Raise if a group has rows on both sides.

    Raises
    ------
    AssertionError
        It names no group: subject ids do not belong into logs.

    Examples
    --------
    >>> check_no_shared_group(["a", "a", "b"], train=[0, 1], test=[2])
    """
    groups = np.asarray(groups)
    shared = np.intersect1d(groups[np.asarray(train)], groups[np.asarray(test)])
    if len(shared):
        raise AssertionError(f"{len(shared)} groups are on both sides of a split")


def feasible_folds(y: ArrayLike, groups: ArrayLike, wanted: int) -> int:
    """Return how many folds the subjects allow: as many as wanted, or as the rarest class has subjects.

    Raises
    ------
    DataError
        Fewer than two classes, fewer than two groups, or a class with a single group.

    Examples
    --------
    >>> feasible_folds(["no", "no", "yes", "yes", "yes"], ["a", "b", "c", "d", "e"], wanted=5)
    2
    """
    y, groups = np.asarray(y), np.asarray(groups)
    if len(np.unique(groups)) < 2:
        raise DataError(
            "there are fewer than two subjects",
            code="too-few-groups",
            expected="several subjects: a model is judged on people that it has not seen",
            found=f"{len(np.unique(groups))} in {len(groups)} recordings",
            hint="check --groups and the column subject_id",
        )
    classes = np.unique(y)
    if len(classes) < 2:
        raise DataError(
            "there is a single class",
            code="one-class",
            expected="at least two different labels",
            found=", ".join(map(repr, classes.tolist())),
            hint="add recordings of another class",
        )
    n_groups = {label: len(np.unique(groups[y == label])) for label in classes.tolist()}
    rarest = min(n_groups, key=lambda label: n_groups[label])
    if n_groups[rarest] < 2:
        raise DataError(
            f"class {rarest!r} has a single subject",
            code="too-few-groups",
            expected="at least two subjects of every class",
            found=", ".join(f"{label}: {count}" for label, count in n_groups.items()),
            hint="add subjects, or correct the label if it is a slip of the pen",
        )
    return min(wanted, n_groups[rarest])


def nestable_folds(y: NDArray[Any], groups: NDArray[Any], n_folds: int, n_repeats: int, seed: int) -> list[Fold]:
    """Return repeated grouped folds whose training parts can be split into grouped folds themselves.

    Raises
    ------
    DataError
        There are no such folds.
    """
    for attempt in range(_OUTER_ATTEMPTS):
        # Stratification is greedy: it may hold out so many of a rare class that no inner folds are left.
        random_state = seed if not attempt else int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])
        splitter = GroupedFolds(n_folds, n_repeats=n_repeats, random_state=random_state)
        folds = list(splitter.split(y, y, groups))
        if all(_is_nestable(y, groups, train) for train, _ in folds):
            return folds
    raise DataError(
        f"no {n_folds} outer folds leave enough subjects of every class to learn from",
        code="too-few-groups",
        expected="several subjects of every class in each training part",
        hint="use fewer folds, or add subjects",
    )


def column_folds(y: NDArray[Any], groups: NDArray[Any], column: pd.Series) -> list[Fold]:
    """Return one fold for each distinct value of a column `split`, in the order of the values.

    Parameters
    ----------
    y, groups : ndarray, shape [n]
    column : Series of str, length n
        Index `data_id`.

    Raises
    ------
    DataError
        A cell is empty, a group has several values, or some training part has too few groups of a class.
    """
    _refuse_unusable(column, groups)
    values = column.to_numpy(dtype=object)
    return [_held_out(value, values, y, groups) for value in sorted(set(values))]


def _refuse_unusable(column: pd.Series, groups: NDArray[Any]) -> None:
    empty = column[column == ""]
    if len(empty):
        raise DataError(
            f"{len(empty)} labelled recordings have no {SPLIT_COLUMN}",
            code="no-split",
            column=SPLIT_COLUMN,
            found=format_quoted(empty.index),
            hint="fill the column, or remove it",
        )
    n_shared = int((pd.Series(column.to_numpy(dtype=object)).groupby(groups).nunique() > 1).sum())
    if n_shared:
        raise DataError(
            f"{format_count(n_shared, 'subject is', 'subjects are')} on both sides of the column {SPLIT_COLUMN!r}",
            code="shared-subjects",
            column=SPLIT_COLUMN,
            expected="one value a subject",
            hint="mend the column, or remove it: grouped folds are made then",
        )


def _held_out(value: str, values: NDArray[Any], y: NDArray[Any], groups: NDArray[Any]) -> Fold:
    train, test = np.flatnonzero(values != value), np.flatnonzero(values == value)
    check_no_shared_group(groups, train, test)
    if not _is_nestable(y, groups, train):
        raise DataError(
            f"without {SPLIT_COLUMN} {value!r} too few subjects are left to learn from",
            code="too-few-groups",
            column=SPLIT_COLUMN,
            expected="several subjects of every class in every other part",
            hint="remove the column: grouped folds are made then",
        )
    return train, test


def _is_nestable(y: NDArray[Any], groups: NDArray[Any], train: Ints) -> bool:
    try:
        feasible_folds(y[train], groups[train], 2)
    except DataError:
        return False
    return len(np.unique(y[train])) == len(np.unique(y))
