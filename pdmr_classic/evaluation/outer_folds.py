"""Make the outer folds: grouped and stratified, or given by the label column `split`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.evaluation.known_people import KNOWN_PEOPLE as KNOWN_PEOPLE
from pdmr_classic.evaluation.known_people import NEW_PEOPLE as NEW_PEOPLE
from pdmr_classic.evaluation.known_people import HeldOut
from pdmr_classic.io.labels.id_tables import SPLIT_COLUMN as SPLIT_COLUMN
from pdmr_classic.io.labels.id_tables import TRAIN, split_name
from pdmr_classic.io.labels.sessions import holds_sessions, is_session_name
from pdmr_classic.progress import Reporter
from pdmr_classic.splits import (
    count_class_subjects,
    count_feasible_folds,
    list_held_out,
    make_column_folds,
    make_left_out_folds,
    make_nestable_folds,
)
from pdmr_classic.text import format_count

SUBJECT_COLUMN = "subject_id"
_MIN_SUBJECTS = 3


@dataclass(frozen=True, eq=False)
class OuterFold:
    """Training rows and held-out rows of one outer fold.

    `held_out` is the value of the label column `split` or of `--leave` that is held out, such as dev or site A; empty
    for other folds, and if it may name a single person, because evaluations store it.
    """

    repeat: int
    fold: int
    train: Ints
    test: Ints
    held_out: str = ""

    def count_rows(self, groups: NDArray[Any]) -> dict[str, Any]:
        """Return the numbers of recordings and subjects in the training set and the test set."""
        return {
            "repeat": self.repeat,
            "fold": self.fold,
            **({"held_out": self.held_out} if self.held_out else {}),
            "n_train": len(self.train),
            "n_test": len(self.test),
            "n_train_subjects": len(np.unique(groups[self.train])),
            "n_test_subjects": len(np.unique(groups[self.test])),
        }

    def restrict(self, rows: Mask) -> OuterFold:
        """Return the fold without some of its rows; `rows` is a mask of those to keep."""
        return replace(self, train=self.train[rows[self.train]], test=self.test[rows[self.test]])


def are_one_way(outer: Sequence[OuterFold]) -> bool:
    """Return whether no held-out row is a training row of another fold, as with an official split.

    Examples
    --------
    >>> rows = np.array([0, 1]), np.array([2]), np.array([3])
    >>> are_one_way([OuterFold(0, 0, rows[0], rows[1]), OuterFold(0, 1, rows[0], rows[2])])
    True
    """
    held_out = np.concatenate([fold.test for fold in outer])
    return not any(np.isin(fold.train, held_out).any() for fold in outer)


def describe_held_out(outer: Sequence[OuterFold], groups: pd.Series) -> HeldOut:
    """Return who is held out: people who are in no training set of the fold, or another visit of those who are.

    Examples
    --------
    >>> rows = np.array([0]), np.array([1])
    >>> describe_held_out([OuterFold(0, 0, *rows)], pd.Series(["S1", "S2"]))
    'new people'
    >>> describe_held_out([OuterFold(0, 0, *rows)], pd.Series(["S1", "S1"]))
    'another visit of known people'
    """
    subjects = groups.to_numpy(dtype=str)
    is_known = any(np.isin(subjects[fold.test], subjects[fold.train]).any() for fold in outer)
    return KNOWN_PEOPLE if is_known else NEW_PEOPLE


def choose_outer_folds(
    status: pd.Series,
    groups: pd.Series,
    labels: pd.DataFrame,
    settings: Settings,
    *,
    weights: Floats | None,
    has_classes: bool = True,
    reporter: Reporter,
) -> tuple[list[OuterFold], str]:
    """Return the outer folds and their source: from the column to leave out, the column `split`, or grouped folds.

    Parameters
    ----------
    status, groups : Series of str, length n
    labels : DataFrame
        Label table of the same rows.
    settings : Settings
    weights : ndarray, length n, optional
        Sample weights.
    has_classes : bool
        False if `status` holds ranges of scores, by which the folds are stratified.
    reporter : Reporter

    Raises
    ------
    ConfigError, DataError
        See `make_value_folds` and `make_outer_folds`.
    """
    options = settings.evaluation
    if options.leave is not None:
        is_subject = options.leave in (SUBJECT_COLUMN, settings.data.groups)
        column = groups.rename(options.leave) if is_subject else labels[options.leave]
        return make_value_folds(
            status,
            groups,
            column,
            known_people=is_session_name(options.leave)
            or (options.leave == settings.data.baseline and holds_sessions(column)),
            weights=weights,
            has_classes=has_classes,
            reporter=reporter,
        )
    return make_outer_folds(
        status,
        groups,
        labels.get(SPLIT_COLUMN),
        folds=options.folds,
        repeats=options.repeats,
        seed=settings.learning.seed,
        weights=weights,
        has_classes=has_classes,
        reporter=reporter,
    )


def make_outer_folds(
    status: pd.Series,
    groups: pd.Series,
    split: pd.Series | None,
    *,
    folds: int,
    repeats: int,
    seed: int,
    weights: Floats | None = None,
    has_classes: bool = True,
    reporter: Reporter,
) -> tuple[list[OuterFold], str]:
    """Return the outer folds and their source ("column split" or "grouped folds").

    Parameters
    ----------
    status, groups : Series of str, length n
    split : Series of str or None
        The label column `split`. If it has the value train, each other value is held out and all folds train on
        train; otherwise each value is one held-out fold, and its fold trains on the others.
    folds, repeats, seed : int
        Number, repeats and random seed of the grouped folds, used without a column `split`; fewer folds if the rarest
        class has fewer subjects.
    weights : ndarray, shape [n], optional
        Sample weights: each training set has two subjects of every class with a positive weight.

    Raises
    ------
    DataError
        A subject has several values of `split`, or a training set would have too few subjects of a class.
    """
    y, subjects = status.to_numpy(dtype=object), groups.to_numpy(dtype=object)
    if split is not None and split[split != ""].nunique() > 1:
        column_folds = make_column_folds(y, subjects, split, weights)
        held_out = list_held_out(split)
        names = held_out if _are_parts_of_a_set(split, subjects) else [""] * len(held_out)
        reporter.note(_column_finding(split, held_out, are_scored=len({*names}) > 1))
        outer = [OuterFold(0, n, *rows, name) for n, (rows, name) in enumerate(zip(column_folds, names, strict=True))]
        return outer, f"column {SPLIT_COLUMN}"
    if split is not None:
        reporter.note(Finding("split-ignored", f"the column {SPLIT_COLUMN!r} has only one value and is ignored"))
    n_folds = count_feasible_folds(y, subjects, folds)
    _check_subject_counts(y, subjects, weights, n_folds)
    if n_folds < folds:
        rarest = "the rarest class" if has_classes else "the rarest range of scores"
        what = f"{n_folds} outer folds instead of {folds}: {rarest} has only {n_folds} subjects"
        reporter.note(Finding("fewer-folds", what))
    grouped_folds = make_nestable_folds(y, subjects, n_folds, repeats, seed, weights)
    return [OuterFold(k // n_folds, k % n_folds, *rows) for k, rows in enumerate(grouped_folds)], "grouped folds"


def make_value_folds(
    status: pd.Series,
    groups: pd.Series,
    column: pd.Series,
    *,
    known_people: bool = False,
    weights: Floats | None = None,
    has_classes: bool = True,
    reporter: Reporter,
) -> tuple[list[OuterFold], str]:
    """Return one outer fold per value of a label column, and their source ("left out: " and the column).

    Subjects with several values train no model that predicts one of them, except with `known_people`: the values are
    sessions, and the other sessions of the same people are trained on. If each value is a subject, subjects are left
    out one at a time. Values are named only if all have several subjects, because evaluations store them.

    Raises
    ------
    ConfigError
        Each value belongs to a single subject, and subjects have several.
    DataError
        As `make_left_out_folds`.
    """
    y, subjects = status.to_numpy(dtype=object), groups.to_numpy(dtype=object)
    values = column.to_numpy(dtype=object)
    n_subjects = pd.Series(subjects).groupby(values).nunique()
    is_subject = len(n_subjects) == len(np.unique(subjects.astype(str)))
    if len(n_subjects) > 1 and (n_subjects == 1).all() and not is_subject:
        raise ConfigError(
            f"--leave {column.name} has only one subject per value",
            expected="a column whose values are shared by several subjects, such as site or corpus",
            hint=f"to hold out one subject at a time, use --leave {SUBJECT_COLUMN}",
        )
    n_values = pd.Series(values).groupby(subjects).transform("nunique").to_numpy()
    known_people = known_people and bool((n_values > 1).any())
    folds = make_left_out_folds(y, subjects, column, weights, known_people=known_people)
    is_named = bool((n_subjects > 1).all())
    if known_people and (n_values == 1).any():
        n = format_count(int((n_values == 1).sum()), "recording is", "recordings are")
        reporter.note(Finding("left-out", f"{n} of subjects with one value of {column.name}: scored as new people"))
    for what in _describe_values(y if has_classes else None, values, folds, is_named=is_named):
        reporter.note(Finding("left-out", what))
    names = sorted(set(values))
    outer = [OuterFold(0, n, *rows, str(names[n]) if is_named else "") for n, rows in enumerate(folds)]
    return outer, f"left out: {column.name}"


def _describe_values(
    y: NDArray[Any] | None, values: NDArray[Any], folds: Sequence[tuple[Ints, Ints]], *, is_named: bool
) -> list[str]:
    """Return what to tell: the folds, rows in neither set, and values with one class."""
    what = [f"each of {len(folds)} values is held out once; --folds and --repeats are ignored"]
    n_removed = [len(values) - len(train) - len(test) for train, test in folds]
    if any(n_removed):
        counts = ", ".join(map(str, n_removed))
        what.append(f"subjects with several values: recordings that are not trained on, by held-out value: {counts}")
    one_class = [] if y is None else [str(values[test[0]]) for _, test in folds if len(np.unique(y[test])) == 1]
    if one_class:
        names = f": {', '.join(one_class)}" if is_named else ""
        what.append(f"{len(one_class)} of {len(folds)} values have one class only, so they have no AUC{names}")
    return what


def _are_parts_of_a_set(split: pd.Series, subjects: NDArray[Any]) -> bool:
    """Return whether the values of `split` are train and others with several subjects each, not numbered folds."""
    n_subjects = pd.Series(subjects).groupby(split.to_numpy(dtype=object)).nunique()
    return any(split_name(value) == TRAIN for value in n_subjects.index) and bool((n_subjects > 1).all())


def _column_finding(split: pd.Series, held_out: Sequence[str], *, are_scored: bool) -> Finding:
    """Return what to tell about folds from the column `split`."""
    what = f"the outer folds are the values of the column {SPLIT_COLUMN!r}; --folds and --repeats are ignored"
    if not any(split_name(value) == TRAIN for value in split):
        return Finding("split-column", what)
    counts = ", ".join(f"{value}: {int((split == value).sum())}" for value in held_out)
    what = f"trained on split train, tested on {counts}; --folds and --repeats are ignored"
    several = "the scores pool these splits; the scores of each are in the subgroups of split"
    return Finding("split-column", what, hint=several if are_scored else None)


def _check_subject_counts(y: NDArray[Any], subjects: NDArray[Any], weights: Floats | None, n_folds: int) -> None:
    is_used = np.ones(len(y), dtype=bool) if weights is None else weights > 0
    counts = count_class_subjects(y, subjects, np.flatnonzero(is_used))
    rarest = min(counts, key=lambda label: counts[label])
    # Two of four are held out if there are two folds.
    n_needed = max(_MIN_SUBJECTS, 4 if n_folds == 2 else 0)
    if counts[rarest] < n_needed:
        with_weight = "" if is_used.all() else " with a positive weight"
        raise DataError(
            f"too few subjects{with_weight} for an evaluation: class {rarest!r} has {counts[rarest]}",
            code="too-few-groups",
            expected=f"at least {n_needed} subjects per class{with_weight}: two must remain after holding out a fold",
            found=", ".join(f"{label}: {count}" for label, count in counts.items()),
            hint="add subjects" if is_used.all() else "add subjects, or give more of them a positive weight",
        )
