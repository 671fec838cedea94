"""Make the outer folds: grouped and stratified, or given by the label column `split`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Ints
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.progress import Reporter
from pdmr_classic.splits import (
    SPLIT_COLUMN,
    count_feasible_folds,
    make_column_folds,
    make_nestable_folds,
)

_MIN_SUBJECTS = 3


@dataclass(frozen=True, eq=False)
class OuterFold:
    """Training rows and held-out rows of one outer fold."""

    repeat: int
    fold: int
    train: Ints
    test: Ints

    def count_rows(self, groups: NDArray[Any]) -> dict[str, int]:
        """Return the numbers of recordings and subjects in the training set and the test set."""
        return {
            "repeat": self.repeat,
            "fold": self.fold,
            "n_train": len(self.train),
            "n_test": len(self.test),
            "n_train_subjects": len(np.unique(groups[self.train])),
            "n_test_subjects": len(np.unique(groups[self.test])),
        }


def make_outer_folds(
    status: pd.Series,
    groups: pd.Series,
    split: pd.Series | None,
    *,
    folds: int,
    repeats: int,
    seed: int,
    reporter: Reporter,
) -> tuple[list[OuterFold], str]:
    """Return the outer folds and their source ("column split" or "grouped folds").

    Parameters
    ----------
    status, groups : Series of str, length n
    split : Series of str or None
        The label column `split`: each distinct value is one held-out fold.
    folds, repeats, seed : int
        Number, repeats and random seed of the grouped folds, used without a column `split`; fewer folds if the rarest
        class has fewer subjects.

    Raises
    ------
    DataError
        A subject has several values of `split`, or a training set would have too few subjects of a class.
    """
    y, subjects = status.to_numpy(dtype=object), groups.to_numpy(dtype=object)
    if split is not None and split[split != ""].nunique() > 1:
        what = f"the outer folds are the values of the column {SPLIT_COLUMN!r}; --folds and --repeats are ignored"
        reporter.note(Finding("split-column", what))
        column_folds = make_column_folds(y, subjects, split)
        return [OuterFold(0, fold, *rows) for fold, rows in enumerate(column_folds)], f"column {SPLIT_COLUMN}"
    if split is not None:
        reporter.note(Finding("split-ignored", f"the column {SPLIT_COLUMN!r} has only one value and is ignored"))
    _check_subject_counts(y, subjects)
    n_folds = count_feasible_folds(y, subjects, folds)
    if n_folds < folds:
        what = f"{n_folds} outer folds instead of {folds}: the rarest class has only {n_folds} subjects"
        reporter.note(Finding("fewer-folds", what))
    grouped_folds = make_nestable_folds(y, subjects, n_folds, repeats, seed)
    return [OuterFold(k // n_folds, k % n_folds, *rows) for k, rows in enumerate(grouped_folds)], "grouped folds"


def _check_subject_counts(y: NDArray[Any], subjects: NDArray[Any]) -> None:
    count_feasible_folds(y, subjects, 2)
    counts = {str(label): len(np.unique(subjects[y == label])) for label in np.unique(y)}
    if min(counts.values()) < _MIN_SUBJECTS:
        raise DataError(
            "too few subjects for an evaluation",
            code="too-few-groups",
            expected=f"at least {_MIN_SUBJECTS} subjects per class: one held out, two for the inner folds",
            found=", ".join(f"{label}: {count}" for label, count in counts.items()),
            hint="add subjects",
        )
