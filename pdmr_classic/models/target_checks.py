"""What is learned, checked before any file is read: labels, subjects and weights that go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import LearningSettings, Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.models.ensemble.sample_weights import check_weights
from pdmr_classic.models.learners.learners import LEARNERS, select_learners
from pdmr_classic.splits import feasible_folds
from pdmr_classic.text import format_count, format_list

POSITIVE, NEGATIVE = "Depression", "Normal"


@dataclass(frozen=True, eq=False)
class Target:
    """Labels, subjects and weights of recordings that can be learned from.

    Attributes
    ----------
    status, groups : Series of str, length n
        Label and subject of each recording, in the same order.
    weights : ndarray, shape [n]
        How much each recording counts in whatever is learned, tuned or chosen.
    classes : list of str
        Sorted.
    positive : str or None
        The class that F1 is about; None with more than two classes.
    n_folds : int
        As many inner folds as the settings want and the subjects allow.
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
        """The place of each label in `classes`, shape [n]."""
        return np.searchsorted(np.array(self.classes), self.status.to_numpy(dtype=str))

    def with_groups(self, groups: pd.Series, wanted_folds: int) -> Target:
        """Return the same labels with other subjects.

        Raises
        ------
        DataError
            There are too few of them.
        """
        n_folds, findings = _inner_folds(self.status, groups, self.weights, wanted_folds)
        return replace(self, groups=groups, n_folds=n_folds, findings=findings)


def check_target(
    status: pd.Series, groups: pd.Series, settings: Settings, sample_weight: ArrayLike | None = None
) -> Target:
    """Refuse learners, labels and subjects that do not serve; return those that do.

    Parameters
    ----------
    status, groups : Series of str, length n
        Label and subject of each recording, in the same order.
    settings : Settings
    sample_weight : array-like of float, length n, optional

    Raises
    ------
    DataError
        Labels that do not go together, one class, or too few subjects.
    ConfigError
        An unknown learner, none that is left, or a positive class that is missing or unknown.
    """
    _check_learners(settings.learning)
    check_labels(status, settings.data.classes)
    weights = check_weights(sample_weight, len(status))
    n_folds, findings = _inner_folds(status, groups, weights, settings.learning.folds)
    classes = sorted(map(str, status.unique()))
    positive = positive_class(classes, settings.data.positive)
    return Target(status, groups, weights, classes, positive, n_folds, findings)


def _check_learners(learning: LearningSettings) -> None:
    unknown = [name for name in learning.learners if name not in LEARNERS]
    if unknown:
        raise ConfigError(
            "there is no such learner",
            expected=", ".join(LEARNERS),
            found=", ".join(unknown),
            hint="correct the name in the settings: [learning] learners = [...]",
        )
    if not select_learners(learning):
        raise ConfigError(
            "no learner is left without those that keep rows of their training data",
            expected=", ".join(name for name, learner in LEARNERS.items() if not learner.keeps_rows),
            found=", ".join(learning.learners),
            hint="name another learner, or allow training rows",
        )


def _inner_folds(status: pd.Series, groups: pd.Series, weights: Floats, wanted: int) -> tuple[int, tuple[Finding, ...]]:
    n_folds = feasible_folds(status, groups, wanted)
    if (weights == 0).any():
        # Rows of weight 0 teach nothing: without them there must be people enough as well.
        feasible_folds(status[weights > 0], groups[weights > 0], wanted)
    if n_folds == wanted:
        return n_folds, ()
    what = f"{n_folds} folds instead of {wanted}: the rarest class has no more subjects"
    return n_folds, (Finding("fewer-folds", what),)


def check_labels(status: pd.Series, allowed: Sequence[str] | None) -> None:
    """Refuse labels that are not among the classes.

    Without a list of classes, a set with the labels of the PDMR challenge (Depression, Normal) may hold no other: a
    slip of the pen would quietly make a third class.

    Raises
    ------
    DataError
    """
    found = sorted(status.unique())
    if allowed is None:
        folded = {label.casefold() for label in found}
        allowed = (POSITIVE, NEGATIVE) if {POSITIVE.casefold(), NEGATIVE.casefold()} <= folded else found
    unknown = status[~status.isin(list(allowed))]
    if len(unknown):
        raise DataError(
            f"{format_count(len(unknown), 'recording has', 'recordings have')} an unknown label",
            code="unknown-label",
            column="status",
            expected=" or ".join(allowed),
            found=format_list(f"{label!r} for {data_id!r}" for data_id, label in unknown.items()),
            hint="correct the labels, or name the classes in a settings file: [data] classes = [...]",
        )


def positive_class(classes: Sequence[str], wanted: str | None) -> str | None:
    """Return the class that F1 is about: the wanted one, else Depression; None with more than two classes.

    Raises
    ------
    ConfigError
        It is none of the classes, or was not given where it must be.

    Examples
    --------
    >>> positive_class(["Depression", "Normal"], None)
    'Depression'
    """
    if wanted is not None and wanted not in classes:
        raise ConfigError("--positive names no class", expected=" or ".join(classes), found=repr(wanted))
    if len(classes) != 2:
        return None
    if wanted is None and POSITIVE not in classes:
        raise ConfigError(
            "which class is F1 about?",
            expected=" or ".join(classes),
            hint=f"pass --positive, such as --positive {classes[-1]}",
        )
    return wanted or POSITIVE
