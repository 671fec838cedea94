"""What a data set needs to know of a feature table that stands for its recordings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from pdmr_classic.errors import DataError
from pdmr_classic.io.labels.groups import GroupsSource
from pdmr_classic.io.layouts.layout import Discovery
from pdmr_classic.io.view_files import ViewKind


class TableSource(Protocol):
    """A feature table that stands for the recordings from which it was extracted.

    Attributes
    ----------
    path : Path
        The table. Labels are looked for in it, if it is a folder, and next to it.
    is_synthetic : bool
        Whether the recordings are marked as synthetic.
    has_subject_column : bool
        Whether a column of labels, which is not read, contains the subjects.
    view_kinds : mapping of str to ViewKind
        As for `Dataset`.
    """

    @property
    def path(self) -> Path: ...
    @property
    def is_synthetic(self) -> bool: ...
    @property
    def has_subject_column(self) -> bool: ...
    @property
    def view_kinds(self) -> Mapping[str, ViewKind]: ...
    def discover(self) -> Discovery:
        """Return the recordings of the table; their files exist only as names."""
        ...


def refuse_unused_subjects(table: TableSource | None, source: GroupsSource | None) -> None:
    """Refuse to take each recording for its own subject if a column of the feature table contains the subjects.

    Raises
    ------
    DataError
    """
    if table is not None and table.has_subject_column and source == "recording":
        raise DataError(
            "the subjects in the feature table are not read, and the labels contain none",
            code="unused-subjects",
            file=table.path,
            column="label__subject_id",
            expected="the subject of each recording, so that no person is on both sides of a split",
            found="labels without subject ids",
            hint="pass a table with data_id,status,subject_id as --labels, or the subjects with --groups",
        )
