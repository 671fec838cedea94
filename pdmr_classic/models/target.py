"""What is learned: which labels are allowed, and which class F1 is about."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.wording import counted

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
            found=", ".join(f"{label!r} for {data_id!r}" for data_id, label in list(unknown.items())[:3]),
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
