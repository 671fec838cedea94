"""Cross-validation folds by subject, or from a column of the labels. Every split of real data is made here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Ints, Mask
from pdmr_classic.errors import DataError
from pdmr_classic.io.labels.id_tables import SPLIT_COLUMN, TRAIN, split_name
from pdmr_classic.io.labels.subject_ids import merge_spellings
from pdmr_classic.text import format_count, format_quoted

Fold = tuple[Ints, Ints]
_ATTEMPTS = 50
_OUTER_ATTEMPTS = 20


class GroupedFolds(StratifiedGroupKFold):  # type: ignore[misc]
    """Repeated, stratified folds in which no group is in both training and test rows.

    Unlike scikit-learn's `StratifiedGroupKFold`, it repeats, requires groups, keeps every class in every training
    set, and checks each split before yielding it.

    Parameters
    ----------
    n_splits : int
        Folds per repeat.
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
        """Return the total number of folds, over all repeats."""
        return int(self.n_splits * self.n_repeats)

    def split(
        self,
        X: Any,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Iterator[Fold]:
        """Yield training and test indices, one repeat after another.

        With sample weights, every class has a row with a positive weight in every training set.

        Series and DataFrames are matched by their index; the indices yielded are positions in `X`. Groups that are
        spellings of the same subject, such as 300 and 0300, stay together.

        Raises
        ------
        ValueError
            `y` or `groups` is missing.
        DataError
            A class has too few groups for this many folds, or pandas objects have different indexes.
        """
        if y is None or groups is None:
            raise ValueError("y and groups are required: without groups, a subject could be in both training and test")
        _, y, groups = align_rows(X=X, y=y, groups=groups)
        y, groups = np.asarray(y), merge_spellings(groups)
        for repeat in range(self.n_repeats):
            yield from self._make_repeat(y, groups, _has_weight(sample_weight, len(y)), repeat)

    def _make_repeat(self, y: NDArray[Any], groups: NDArray[Any], is_used: Mask, repeat: int) -> list[Fold]:
        rows = np.zeros((len(y), 1))
        for attempt in range(_ATTEMPTS):
            seed = np.random.SeedSequence([self.random_state, repeat, attempt]).generate_state(1)[0]
            folds = list(
                StratifiedGroupKFold(self.n_splits, shuffle=True, random_state=int(seed)).split(rows, y, groups)
            )
            for train, test in folds:
                check_disjoint_groups(groups, train, test)
            # Stratification is greedy: with few subjects, it may put all of one class into a single fold.
            n_classes = len(np.unique(y))
            if all(len(np.unique(y[train[is_used[train]]])) == n_classes and len(test) for train, test in folds):
                return folds
        raise DataError(
            f"no split into {self.n_splits} folds keeps every class in every training set",
            code="too-few-groups",
            expected=f"at least {self.n_splits} subjects per class",
            hint="use fewer folds, or add subjects",
        )


def check_disjoint_groups(groups: ArrayLike, train: ArrayLike, test: ArrayLike) -> None:
    """Raise an error if a group has both training and test rows.

    Raises
    ------
    AssertionError
        The message does not name the groups: subject ids must not appear in logs.

    Examples
    --------
    >>> check_disjoint_groups(["a", "a", "b"], train=[0, 1], test=[2])
    """
    groups = np.asarray(groups)
    shared = np.intersect1d(groups[np.asarray(train)], groups[np.asarray(test)])
    if len(shared):
        raise AssertionError(f"number of groups in both training and test: {len(shared)}")


def count_feasible_folds(y: ArrayLike, groups: ArrayLike, n_folds: int) -> int:
    """Return the number of folds to use: `n_folds`, or the number of subjects in the rarest class if that is smaller.

    Raises
    ------
    DataError
        There are fewer than two classes or groups, or a class has only one group.

    Examples
    --------
    >>> count_feasible_folds(["no", "no", "yes", "yes", "yes"], ["a", "b", "c", "d", "e"], n_folds=5)
    2
    """
    y, groups = align_rows(y=y, groups=groups)
    y, groups = np.asarray(y), merge_spellings(groups)
    if len(np.unique(groups)) < 2:
        raise DataError(
            "cross-validation needs at least two subjects",
            code="too-few-groups",
            expected="several subjects: a model is evaluated on people who were not in its training data",
            found=f"{len(np.unique(groups))} in {len(groups)} recordings",
            hint="check --groups and the column subject_id",
        )
    classes = np.unique(y)
    if len(classes) < 2:
        raise DataError(
            "the labels contain only one class",
            code="one-class",
            expected="at least two different labels",
            found=", ".join(map(repr, classes.tolist())),
            hint="add recordings of another class",
        )
    n_groups = {label: len(np.unique(groups[y == label])) for label in classes.tolist()}
    rarest = min(n_groups, key=lambda label: n_groups[label])
    if n_groups[rarest] < 2:
        raise DataError(
            f"class {rarest!r} has only one subject",
            code="too-few-groups",
            expected="at least two subjects per class",
            found=", ".join(f"{label}: {count}" for label, count in n_groups.items()),
            hint="add subjects, or correct the label if it is a typo",
        )
    return min(n_folds, n_groups[rarest])


def _has_weight(sample_weight: ArrayLike | None, n_rows: int) -> Mask:
    """Return which rows have a positive weight, shape [n]; all without weights."""
    return np.ones(n_rows, dtype=bool) if sample_weight is None else np.asarray(sample_weight, dtype=float) > 0


def make_nestable_folds(
    y: NDArray[Any],
    groups: NDArray[Any],
    n_folds: int,
    n_repeats: int,
    seed: int,
    weights: ArrayLike | None = None,
) -> list[Fold]:
    """Return repeated grouped folds whose training sets can be split into grouped folds again.

    Only rows with a positive weight count as training rows.

    Raises
    ------
    DataError
        No such folds were found.
    """
    is_used, merged = _has_weight(weights, len(y)), merge_spellings(groups)
    return [
        fold for repeat in range(n_repeats) for fold in _make_nestable_repeat(y, merged, is_used, n_folds, repeat, seed)
    ]


def _make_nestable_repeat(
    y: NDArray[Any], groups: NDArray[Any], is_used: Mask, n_folds: int, repeat: int, seed: int
) -> list[Fold]:
    for attempt in range(_OUTER_ATTEMPTS):
        # Stratification is greedy: it may hold out so much of a rare class that inner folds become impossible.
        random_state = seed if not attempt else int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])
        folds = GroupedFolds(n_folds, random_state=random_state)._make_repeat(y, groups, is_used, repeat)
        if all(_is_nestable(y, groups, train[is_used[train]]) for train, _ in folds):
            return folds
    raise DataError(
        f"no split into {n_folds} outer folds leaves enough training subjects in every class",
        code="too-few-groups",
        expected="several subjects per class in each training set",
        hint="use other folds, or add subjects",
    )


def list_held_out(column: pd.Series) -> list[str]:
    """Return the values of the column `split` that are held out, sorted: all except train, if one is train.

    Examples
    --------
    >>> list_held_out(pd.Series(["train", "test", "dev"])), list_held_out(pd.Series(["1", "2"]))
    (['dev', 'test'], ['1', '2'])
    """
    values = sorted(set(column))
    held_out = [value for value in values if split_name(value) != TRAIN]
    return held_out or values


def count_class_subjects(y: NDArray[Any], groups: NDArray[Any], rows: ArrayLike) -> dict[str, int]:
    """Return the number of subjects of each class of `y` among some rows.

    Examples
    --------
    >>> count_class_subjects(np.array(["no", "yes", "yes"]), np.array(["a", "b", "b"]), rows=[1, 2])
    {'no': 0, 'yes': 1}
    """
    y_rows, group_rows = y[np.asarray(rows)], groups[np.asarray(rows)]
    return {str(label): len(np.unique(group_rows[y_rows == label])) for label in np.unique(y)}


def make_column_folds(
    y: NDArray[Any], groups: NDArray[Any], column: pd.Series, weights: ArrayLike | None = None
) -> list[Fold]:
    """Return one fold per held-out value of the `split` column, sorted by value.

    If a value is train (or training), each other value is held out and all folds train on train. Otherwise, each value
    is held out, and its fold trains on all others.

    Parameters
    ----------
    y, groups : ndarray, shape [n]
    column : Series of str, length n
        Index `data_id`.
    weights : array-like of float, shape [n], optional
        Only rows with a positive weight count as training rows.

    Raises
    ------
    DataError
        A cell is empty, a group has several values, or a training set has too few groups of a class.
    """
    _check_split_column(column, groups)
    values = column.to_numpy(dtype=object)
    is_train = np.array([split_name(value) == TRAIN for value in values])
    is_used = _has_weight(weights, len(y))
    return [
        _make_column_fold(value, values, is_train if is_train.any() else values != value, y, groups, is_used)
        for value in list_held_out(column)
    ]


def _check_split_column(column: pd.Series, groups: NDArray[Any]) -> None:
    empty = column[column == ""]
    if len(empty):
        raise DataError(
            f"the column {SPLIT_COLUMN!r} is empty for {format_count(len(empty), 'labelled recording')}",
            code="no-split",
            column=SPLIT_COLUMN,
            found=format_quoted(empty.index),
            hint="fill in the column, or remove it",
        )
    n_shared = int((pd.Series(column.to_numpy(dtype=object)).groupby(groups).nunique() > 1).sum())
    if n_shared:
        raise DataError(
            f"{format_count(n_shared, 'subject has', 'subjects have')} several values in the column {SPLIT_COLUMN!r}",
            code="shared-subjects",
            column=SPLIT_COLUMN,
            expected="one value per subject",
            hint="correct the column, or remove it to use grouped folds",
        )


def make_left_out_folds(
    y: NDArray[Any],
    groups: NDArray[Any],
    column: pd.Series,
    weights: ArrayLike | None = None,
    *,
    known_people: bool = False,
) -> list[Fold]:
    """Return one fold per value of a column, sorted by value, that holds it out and trains on the other values.

    A group with several values is held out with each of them; its other rows are then in neither set, except with
    `known_people`.

    Parameters
    ----------
    y, groups : ndarray, shape [n]
    column : Series of str, length n
        Index `data_id`.
    weights : array-like of float, shape [n], optional
        Only rows with a positive weight count as training rows.
    known_people : bool
        Train on the other rows of held-out groups, too, such as other sessions of the same people. This is the only
        split of this package with a group on both sides; it says nothing about new people.

    Raises
    ------
    DataError
        A cell is empty, there is only one value, or a training set has too few groups of a class.

    Examples
    --------
    >>> y = np.array(["no", "yes"] * 6)
    >>> groups = np.array([f"S{k}" for k in range(11)] + ["S0"])
    >>> folds = make_left_out_folds(y, groups, pd.Series(["a"] * 6 + ["b"] * 6))
    >>> [(len(train), len(test)) for train, test in folds]
    [(5, 6), (5, 6)]
    """
    name = str(column.name or "column")
    empty = column[column == ""]
    if len(empty) or column.nunique() < 2:
        raise DataError(
            f"the values of the column {name!r} cannot be held out",
            code="bad-leave",
            column=name,
            expected="at least two values, and no empty cell",
            found=f"{column.nunique()} value, {format_count(len(empty), 'empty cell')}"
            if column.nunique() == 1
            else f"empty cells for {format_quoted(empty.index)}",
            hint="fill in the column, or choose another one",
        )
    values, subjects = column.to_numpy(dtype=object), merge_spellings(groups)
    is_used = _has_weight(weights, len(y))
    folds = []
    for value in sorted(set(values)):
        test = np.flatnonzero(values == value)
        if known_people:
            train = np.flatnonzero(values != value)
        else:
            train = np.flatnonzero((values != value) & ~np.isin(subjects, subjects[test]))
            check_disjoint_groups(subjects, train, test)
        if not _is_nestable(y, groups, train[is_used[train]]):
            raise DataError(
                f"holding out {name} {value!r} leaves too few subjects to train on",
                code="too-few-groups",
                column=name,
                expected="several subjects per class with other values"
                + ("" if known_people else ", and not also with this one")
                + ("" if is_used.all() else ", with a positive weight"),
                hint="choose another column, or use grouped folds (without --leave)",
            )
        folds.append((train, test))
    return folds


def _make_column_fold(
    value: str,
    values: NDArray[Any],
    is_train: NDArray[Any],
    y: NDArray[Any],
    groups: NDArray[Any],
    is_used: Mask,
) -> Fold:
    train, test = np.flatnonzero(is_train), np.flatnonzero(values == value)
    check_disjoint_groups(groups, train, test)
    used = train[is_used[train]]
    if not _is_nestable(y, groups, used):
        with_weight = "" if is_used.all() else " with a positive weight"
        raise DataError(
            f"holding out {SPLIT_COLUMN} {value!r} leaves too few subjects{with_weight} to train on",
            code="too-few-groups",
            column=SPLIT_COLUMN,
            expected=f"at least two subjects per class{with_weight} in the remaining recordings",
            found=", ".join(f"{label}: {n}" for label, n in count_class_subjects(y, groups, used).items()),
            hint="remove the column to use grouped folds",
        )
    return train, test


def _is_nestable(y: NDArray[Any], groups: NDArray[Any], train: Ints) -> bool:
    try:
        count_feasible_folds(y[train], groups[train], 2)
    except DataError:
        return False
    return len(np.unique(y[train])) == len(np.unique(y))
