"""Validate labels, subjects, weights and learners before any recording is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels.classes import (
    NEGATIVE,
    POSITIVE,
    find_score_columns,
    is_no_label,
    looks_like_score,
    parse_number,
    spelling_key,
    suggest_cutoff,
)
from pdmr_classic.io.labels.labels import find_status_column, read_weights
from pdmr_classic.io.labels.subject_ids import normalise_subjects
from pdmr_classic.models.learners.learners import LEARNERS, check_learners
from pdmr_classic.plugins import load_plugins
from pdmr_classic.sample_weights import check_weights
from pdmr_classic.splits import count_class_subjects, count_feasible_folds
from pdmr_classic.text import format_count, format_list

_MIN_SUBJECTS = 2


@dataclass(frozen=True, eq=False)
class Target:
    """Validated labels, subjects and weights of the training recordings.

    Attributes
    ----------
    status, groups : Series of str, length n
        Label and subject of each recording, in the same order.
    weights : ndarray, shape [n]
        Sample weights, used in training, tuning and threshold selection.
    classes : list of str
        Sorted.
    positive : str or None
        The positive class of F1; None with more than two classes.
    n_folds : int
        Number of inner folds: the requested number, or fewer if there are too few subjects.
    findings : tuple of Finding
    """

    status: pd.Series
    groups: pd.Series
    weights: Floats
    classes: list[str]
    positive: str | None
    n_folds: int
    findings: tuple[Finding, ...] = ()

    @property
    def codes(self) -> Ints:
        """Index of each label in `classes`, shape [n]."""
        return np.searchsorted(np.array(self.classes), self.status.to_numpy(dtype=str))

    def replace_groups(self, groups: pd.Series, requested_folds: int) -> Target:
        """Return a copy with other subjects.

        Raises
        ------
        DataError
            There are too few subjects.
        """
        _, groups = align_rows(status=self.status, groups=groups)
        n_folds, findings = _count_inner_folds(self.status, groups, self.weights, requested_folds)
        return replace(self, groups=groups, n_folds=n_folds, findings=findings)

    def select_rows(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a feature table that have a label."""
        return features if len(features) == len(self.status) else features.loc[self.status.index]


def select_target(data: Dataset, settings: Settings) -> tuple[Dataset, Target]:
    """Return the labelled recordings with their validated target: all that `fit` checks before it reads a recording.

    `check` calls it, too, so that both come to the same conclusion.

    Raises
    ------
    DataError
        There are no labels, or `check_target` refuses them, or a weight is not valid.
    ConfigError
        As `check_target`, or the column of the weights does not exist.
    """
    labelled = data.select_labelled()
    status, groups = labelled.status, labelled.groups
    assert labelled.labels is not None
    assert status is not None
    assert groups is not None
    column = find_status_column(labelled.labels)
    weights = read_weights(labelled.labels, settings.data.weights)
    return labelled, check_target(status, groups, settings, weights, column=column, min_recordings=3)


def check_target(
    status: pd.Series,
    groups: pd.Series,
    settings: Settings,
    sample_weight: ArrayLike | None = None,
    *,
    column: str = "status",
    min_recordings: int = 2,
) -> Target:
    """Validate learners, labels, subjects and weights, and choose the positive class.

    Parameters
    ----------
    status, groups : Series of str, length n
        Label and subject of each recording, matched by their index.
    settings : Settings
    sample_weight : array-like of float, length n, optional
    column : str
        Column of the labels, for messages.
    min_recordings : int
        As for `check_labels`; by default 2, because training rows of a fold have at least two subjects of each class.

    Raises
    ------
    DataError
        A label is unknown, there is only one class, there are too few subjects, the labels are scores, or the indexes
        of `status` and `groups` differ.
    ConfigError
        A learner is unknown, no learner remains, or the positive class is not given or unknown.
    """
    status, groups, sample_weight = align_rows(status=status, groups=groups, sample_weight=sample_weight)
    load_plugins(settings.plugins.modules)
    if not settings.learning.lite:
        check_learners(settings.learning.learners, LEARNERS, settings.learning, section="learning")
    check_labels(status, settings.data.classes, column, min_recordings=min_recordings)
    weights = check_weights(sample_weight, len(status))
    groups, merged = merge_subjects(groups, status)
    n_folds, findings = _count_inner_folds(status, groups, weights, settings.learning.folds)
    classes = sorted(map(str, status.unique()))
    positive = choose_positive_class(classes, settings.data.positive)
    return Target(status, groups, weights, classes, positive, n_folds, (*merged, *findings))


def merge_subjects(groups: pd.Series, status: pd.Series | None) -> tuple[pd.Series, list[Finding]]:
    """Return subjects with one spelling for each person, for those who pass their own table of features.

    Raises
    ------
    DataError
        A recording has no subject, or it is not clear whether subjects are the same person.
    """
    is_known = groups.notna()
    is_text = any(isinstance(subject, str) for subject in groups[is_known].unique())
    if is_known.all() and (not is_text or list(groups) == list(groups.index)):
        return groups, []  # numbers have one spelling, and recordings without subjects stay what they are
    subjects, findings = normalise_subjects(groups.astype(object).where(is_known, "").map(str), status)
    missing = groups[subjects == ""]
    if len(missing):
        raise DataError(
            f"{format_count(len(missing), 'recording has', 'recordings have')} no subject",
            code="no-group",
            expected="a subject for each recording",
            found=format_list(f"{subject!r} for {data_id!r}" for data_id, subject in missing.items()),
            hint="name the subjects; otherwise the same person could be on both sides of a split",
        )
    return subjects, findings


def _count_inner_folds(
    status: pd.Series, groups: pd.Series, weights: Floats, requested: int
) -> tuple[int, tuple[Finding, ...]]:
    n_folds = count_feasible_folds(status, groups, requested)
    _check_weighted_subjects(status, groups, weights)
    if n_folds == requested:
        return n_folds, ()
    what = f"{n_folds} folds instead of {requested}: the rarest class has only {n_folds} subjects"
    return n_folds, (Finding("fewer-folds", what),)


def _check_weighted_subjects(status: pd.Series, groups: pd.Series, weights: Floats) -> None:
    """Raise if the rows with a positive weight, which are the only ones to be trained on, lack subjects of a class."""
    y, subjects = status.to_numpy(dtype=object), groups.to_numpy(dtype=object)
    counts = count_class_subjects(y, subjects, np.flatnonzero(weights > 0))
    rarest = min(counts, key=lambda label: counts[label])
    if counts[rarest] < _MIN_SUBJECTS:
        raise DataError(
            f"class {rarest!r} has only {format_count(counts[rarest], 'subject')} with a positive weight",
            code="too-few-groups",
            expected=f"at least {_MIN_SUBJECTS} subjects per class with a positive weight",
            found=", ".join(f"{label}: {count}" for label, count in counts.items()),
            hint="give more recordings a positive weight",
        )


def check_labels(
    status: pd.Series, allowed: Sequence[str] | None, column: str = "status", *, min_recordings: int = 3
) -> None:
    """Raise if a label is not one of the classes, means that there is none, or is a score.

    Without a list of classes, a set that uses the labels of the PDMR challenge (Depression, Normal) may contain no
    other label: otherwise a typo would silently add a third class. `min_recordings` is as for `looks_like_score`.

    Raises
    ------
    DataError
    """
    labels = sorted(status.unique())
    if allowed is None:
        _refuse_missing_labels(status, column)
        _refuse_scores(status, column, min_recordings)
        folded = {label.casefold() for label in labels}
        allowed = (POSITIVE, NEGATIVE) if {POSITIVE.casefold(), NEGATIVE.casefold()} <= folded else labels
    unknown = status[~status.isin(list(allowed))]
    if len(unknown):
        raise DataError(
            f"{format_count(len(unknown), 'recording has', 'recordings have')} an unknown label",
            code="unknown-label",
            column=column,
            expected=" or ".join(allowed),
            found=format_list(f"{label!r} for {data_id!r}" for data_id, label in unknown.items()),
            hint="correct the labels, or list the classes in a settings file: [data] classes = [...]",
        )


def _refuse_missing_labels(status: pd.Series, column: str) -> None:
    missing = status[[is_no_label(str(label)) for label in status]]
    if len(missing):
        raise DataError(
            f"{format_count(len(missing), 'label means', 'labels mean')} that there is no label",
            code="unknown-label",
            column=column,
            expected="a class for each recording",
            found=format_list(f"{label!r} for {data_id!r}" for data_id, label in missing.items()),
            hint="leave out these recordings, or name the classes in a settings file: [data] classes = [...]",
        )


def _refuse_scores(status: pd.Series, column: str, min_recordings: int) -> None:
    is_named_score = bool(find_score_columns([column])) and status.nunique() > 2
    if not (
        looks_like_score(status, min_recordings)
        or (is_named_score and all(parse_number(label) is not None for label in status.unique()))
    ):
        return
    numbers = sorted(status.unique(), key=lambda label: parse_number(label) or 0.0)
    raise DataError(
        "the labels are scores and not classes",
        code="scores",
        column=column,
        expected="a few classes, such as Depression and Normal",
        found=f"{format_count(len(numbers), 'different number')}: {format_list(numbers)}",
        hint=f"pass {suggest_cutoff(column)}; if the numbers are classes, name them with --map",
    )


def choose_positive_class(classes: Sequence[str], requested: str | None) -> str | None:
    """Return the positive class of F1: the requested one, otherwise Depression; None with more than two classes.

    Raises
    ------
    ConfigError
        The requested class is unknown, or none was requested and there is no class Depression.

    Examples
    --------
    >>> choose_positive_class(["Depression", "Normal"], None)
    'Depression'
    """
    if requested is not None and requested not in classes:
        same = [name for name in classes if spelling_key(name) == spelling_key(requested)]
        requested = same[0] if len(same) == 1 else requested
    if requested is not None and requested not in classes:
        raise ConfigError("--positive must be one of the classes", expected=" or ".join(classes), found=repr(requested))
    if len(classes) != 2:
        return None
    if requested is None and POSITIVE not in classes:
        raise ConfigError(
            "the positive class is not specified",
            code="no-positive",
            expected=" or ".join(classes),
            hint=f"pass --positive, for example --positive {classes[-1]}"
            + (", or --map 0=Normal,1=Depression if that is what they mean" if list(classes) == ["0", "1"] else ""),
        )
    return requested or POSITIVE
