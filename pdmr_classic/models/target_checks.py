"""Validate labels, subjects, weights and learners before any recording is read."""

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
from pdmr_classic.splits import count_feasible_folds
from pdmr_classic.text import format_count, format_list

POSITIVE, NEGATIVE = "Depression", "Normal"


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
        n_folds, findings = _count_inner_folds(self.status, groups, self.weights, requested_folds)
        return replace(self, groups=groups, n_folds=n_folds, findings=findings)


def check_target(
    status: pd.Series, groups: pd.Series, settings: Settings, sample_weight: ArrayLike | None = None
) -> Target:
    """Validate learners, labels, subjects and weights, and choose the positive class.

    Parameters
    ----------
    status, groups : Series of str, length n
        Label and subject of each recording, in the same order.
    settings : Settings
    sample_weight : array-like of float, length n, optional

    Raises
    ------
    DataError
        A label is unknown, there is only one class, or there are too few subjects.
    ConfigError
        A learner is unknown, no learner remains, or the positive class is not given or unknown.
    """
    _check_learners(settings.learning)
    check_labels(status, settings.data.classes)
    weights = check_weights(sample_weight, len(status))
    n_folds, findings = _count_inner_folds(status, groups, weights, settings.learning.folds)
    classes = sorted(map(str, status.unique()))
    positive = choose_positive_class(classes, settings.data.positive)
    return Target(status, groups, weights, classes, positive, n_folds, findings)


def _check_learners(learning: LearningSettings) -> None:
    unknown = [name for name in learning.learners if name not in LEARNERS]
    if unknown:
        raise ConfigError(
            "unknown learner",
            expected=", ".join(LEARNERS),
            found=", ".join(unknown),
            hint="correct the name in the settings: [learning] learners = [...]",
        )
    if not select_learners(learning):
        raise ConfigError(
            "--no-training-rows leaves no learner to train",
            expected=", ".join(name for name, learner in LEARNERS.items() if not learner.stores_rows),
            found=", ".join(learning.learners),
            hint="add another learner, or drop --no-training-rows (training_rows = true)",
        )


def _count_inner_folds(
    status: pd.Series, groups: pd.Series, weights: Floats, requested: int
) -> tuple[int, tuple[Finding, ...]]:
    n_folds = count_feasible_folds(status, groups, requested)
    if (weights == 0).any():
        # Rows with weight 0 are not trained on: the remaining rows must have enough subjects too.
        count_feasible_folds(status[weights > 0], groups[weights > 0], requested)
    if n_folds == requested:
        return n_folds, ()
    what = f"{n_folds} folds instead of {requested}: the rarest class has only {n_folds} subjects"
    return n_folds, (Finding("fewer-folds", what),)


def check_labels(status: pd.Series, allowed: Sequence[str] | None) -> None:
    """Raise if a label is not one of the classes.

    Without a list of classes, a set that uses the labels of the PDMR challenge (Depression, Normal) may contain no
    other label: otherwise a typo would silently add a third class.

    Raises
    ------
    DataError
    """
    labels = sorted(status.unique())
    if allowed is None:
        folded = {label.casefold() for label in labels}
        allowed = (POSITIVE, NEGATIVE) if {POSITIVE.casefold(), NEGATIVE.casefold()} <= folded else labels
    unknown = status[~status.isin(list(allowed))]
    if len(unknown):
        raise DataError(
            f"{format_count(len(unknown), 'recording has', 'recordings have')} an unknown label",
            code="unknown-label",
            column="status",
            expected=" or ".join(allowed),
            found=format_list(f"{label!r} for {data_id!r}" for data_id, label in unknown.items()),
            hint="correct the labels, or list the classes in a settings file: [data] classes = [...]",
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
        raise ConfigError("--positive must be one of the classes", expected=" or ".join(classes), found=repr(requested))
    if len(classes) != 2:
        return None
    if requested is None and POSITIVE not in classes:
        raise ConfigError(
            "the positive class is not specified",
            expected=" or ".join(classes),
            hint=f"pass --positive, for example --positive {classes[-1]}",
        )
    return requested or POSITIVE
