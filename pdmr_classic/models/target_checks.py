"""What is learned: which labels are allowed, and which class F1 is about."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.models.learners.learners import LEARNERS, chosen_learners
from pdmr_classic.splits import feasible_folds
from pdmr_classic.text import counted, listed

POSITIVE, NEGATIVE = "Depression", "Normal"


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
            f"{counted(len(unknown), 'recording has', 'recordings have')} an unknown label",
            code="unknown-label",
            column="status",
            expected=" or ".join(allowed),
            found=listed(f"{label!r} for {data_id!r}" for data_id, label in unknown.items()),
            mend="correct the labels, or name the classes in a settings file: [data] classes = [...]",
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
            mend=f"pass --positive, such as --positive {classes[-1]}",
        )
    return wanted or POSITIVE


def check_learnable(status: pd.Series, groups: pd.Series, settings: Settings) -> None:
    """Refuse learners, labels and subjects that do not serve.

    Parameters
    ----------
    status, groups : Series of str, length n
        Label and subject of each recording, in the same order.
    settings : Settings

    Raises
    ------
    DataError
        Labels that do not go together, one class, or too few subjects.
    ConfigError
        An unknown learner, none that is left, or a positive class that is missing or unknown.
    """
    unknown = [name for name in settings.learning.learners if name not in LEARNERS]
    if unknown:
        raise ConfigError(
            "there is no such learner",
            expected=", ".join(LEARNERS),
            found=", ".join(unknown),
            mend="correct the name in the settings: [learning] learners = [...]",
        )
    if not chosen_learners(settings.learning):
        raise ConfigError(
            "no learner is left without those that keep rows of their training data",
            expected=", ".join(name for name, learner in LEARNERS.items() if not learner.keeps_rows),
            found=", ".join(settings.learning.learners),
            mend="name another learner, or allow training rows",
        )
    check_labels(status, settings.data.classes)
    feasible_folds(status, groups, settings.learning.folds)
    positive_class(sorted(status.unique()), settings.data.positive)
