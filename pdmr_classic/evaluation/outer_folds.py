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
from pdmr_classic.splits import (
    SPLIT_COLUMN,
    column_folds,
    feasible_folds,
    nestable_folds,
)

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
        reporter.note(Finding("given-folds", f"the folds are those of the column {SPLIT_COLUMN!r}, once"))
        folds_of_column = column_folds(y, subjects, split)
        return [OuterFold(0, fold, *sides) for fold, sides in enumerate(folds_of_column)], f"column {SPLIT_COLUMN}"
    if split is not None:
        reporter.note(Finding("one-split", f"the column {SPLIT_COLUMN!r} has a single value, and is left aside"))
    _refuse_too_few(y, subjects)
    n_folds = feasible_folds(y, subjects, folds)
    if n_folds < folds:
        what = f"{n_folds} outer folds instead of {folds}: the rarest class has no more subjects"
        reporter.note(Finding("fewer-folds", what))
    made = enumerate(nestable_folds(y, subjects, n_folds, repeats, seed))
    return [OuterFold(place // n_folds, place % n_folds, *sides) for place, sides in made], "grouped folds"


def _refuse_too_few(y: NDArray[Any], subjects: NDArray[Any]) -> None:
    feasible_folds(y, subjects, 2)
    counts = {str(label): len(np.unique(subjects[y == label])) for label in np.unique(y)}
    if min(counts.values()) < _LEAST_SUBJECTS:
        raise DataError(
            "there are too few subjects to evaluate",
            code="too-few-groups",
            expected=f"at least {_LEAST_SUBJECTS} subjects of every class: one is held out, two make inner folds",
            found=", ".join(f"{label}: {count}" for label, count in counts.items()),
            hint="add subjects",
        )
