"""The outer folds: who is held out when. Grouped and stratified, or as a column `split` of the labels says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Ints
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.progress import Reporter
from pdmr_classic.splits import GroupedFolds, check_no_shared_group, feasible_folds
from pdmr_classic.text import counted, quoted

SPLIT_COLUMN = "split"
_ATTEMPTS = 20
_LEAST_SUBJECTS = 3


@dataclass(frozen=True, eq=False)
class OuterFold:
    """The rows that one model learns from, and those that it is judged on."""

    repeat: int
    fold: int
    train: Ints
    test: Ints

    def sizes(self, groups: NDArray[Any]) -> dict[str, int]:
        """Return how many recordings and subjects stand on each side."""
        return {
            "repeat": self.repeat,
            "fold": self.fold,
            "n_train": len(self.train),
            "n_test": len(self.test),
            "train_subjects": len(np.unique(groups[self.train])),
            "test_subjects": len(np.unique(groups[self.test])),
        }


def outer_folds(
    status: pd.Series,
    groups: pd.Series,
    split: pd.Series | None,
    *,
    folds: int,
    repeats: int,
    seed: int,
    reporter: Reporter,
) -> tuple[list[OuterFold], str]:
    """Return the outer folds, and where they come from.

    Parameters
    ----------
    status, groups : Series of str, length n
    split : Series of str or None
        The column `split` of the labels: each distinct value is one held-out fold.
    folds, repeats, seed : int
        Of the grouped folds, where there is no such column; fewer folds where the rarest class has fewer subjects.

    Raises
    ------
    DataError
        A subject has several values of `split`, or some training part would have too few subjects of a class.
    """
    y, subjects = status.to_numpy(dtype=object), groups.to_numpy(dtype=object)
    if split is not None and split[split != ""].nunique() > 1:
        reporter.tell(Finding("given-folds", f"the folds are those of the column {SPLIT_COLUMN!r}, once"))
        return _given(y, subjects, split), f"column {SPLIT_COLUMN}"
    if split is not None:
        reporter.tell(Finding("one-split", f"the column {SPLIT_COLUMN!r} has a single value, and is left aside"))
    _refuse_too_few(y, subjects)
    n_folds = feasible_folds(y, subjects, folds)
    if n_folds < folds:
        what = f"{n_folds} outer folds instead of {folds}: the rarest class has no more subjects"
        reporter.tell(Finding("fewer-folds", what))
    return _grouped(y, subjects, n_folds, repeats, seed), "grouped folds"


def _grouped(y: NDArray[Any], subjects: NDArray[Any], n_folds: int, repeats: int, seed: int) -> list[OuterFold]:
    for attempt in range(_ATTEMPTS):
        # Stratification is greedy: it may hold out so many of a rare class that no inner folds are left.
        random_state = seed if not attempt else int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])
        splitter = GroupedFolds(n_folds, n_repeats=repeats, random_state=random_state)
        found = [
            OuterFold(place // n_folds, place % n_folds, train, test)
            for place, (train, test) in enumerate(splitter.split(y, y, subjects))
        ]
        if all(_can_be_learned(y[outer.train], subjects[outer.train], y) for outer in found):
            return found
    raise DataError(
        f"no {n_folds} outer folds leave enough subjects of every class to learn from",
        code="too-few-groups",
        expected="several subjects of every class in each training part",
        mend="use fewer folds, or add subjects",
    )


def _refuse_too_few(y: NDArray[Any], subjects: NDArray[Any]) -> None:
    feasible_folds(y, subjects, 2)
    counts = {str(label): len(np.unique(subjects[y == label])) for label in np.unique(y)}
    if min(counts.values()) < _LEAST_SUBJECTS:
        raise DataError(
            "there are too few subjects to evaluate",
            code="too-few-groups",
            expected=f"at least {_LEAST_SUBJECTS} subjects of every class: one is held out, two make inner folds",
            found=", ".join(f"{label}: {count}" for label, count in counts.items()),
            mend="add subjects",
        )


def _can_be_learned(y: NDArray[Any], subjects: NDArray[Any], all_y: NDArray[Any]) -> bool:
    try:
        feasible_folds(y, subjects, 2)
    except DataError:
        return False
    return len(np.unique(y)) == len(np.unique(all_y))


def _given(y: NDArray[Any], subjects: NDArray[Any], split: pd.Series) -> list[OuterFold]:
    empty = split[split == ""]
    if len(empty):
        raise DataError(
            f"{len(empty)} labelled recordings have no {SPLIT_COLUMN}",
            code="no-split",
            column=SPLIT_COLUMN,
            found=quoted(empty.index),
            mend="fill the column, or remove it",
        )
    values = split.to_numpy(dtype=object)
    spread = pd.Series(values).groupby(subjects).nunique()
    shared = spread.index[spread > 1]
    if len(shared):
        raise DataError(
            f"{counted(len(shared), 'subject is', 'subjects are')} on both sides of the column {SPLIT_COLUMN!r}",
            code="shared-subjects",
            column=SPLIT_COLUMN,
            expected="one value a subject",
            mend="mend the column, or remove it: grouped folds are made then",
        )
    return [_held_out(place, value, values, y, subjects) for place, value in enumerate(sorted(set(values)))]


def _held_out(place: int, value: str, values: NDArray[Any], y: NDArray[Any], subjects: NDArray[Any]) -> OuterFold:
    train, test = np.flatnonzero(values != value), np.flatnonzero(values == value)
    check_no_shared_group(subjects, train, test)
    if not _can_be_learned(y[train], subjects[train], y):
        raise DataError(
            f"without {SPLIT_COLUMN} {value!r} too few subjects are left to learn from",
            code="too-few-groups",
            column=SPLIT_COLUMN,
            expected="several subjects of every class in every other part",
            mend="remove the column: grouped folds are made then",
        )
    return OuterFold(0, place, train, test)
