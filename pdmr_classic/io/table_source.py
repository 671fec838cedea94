"""What a data set needs to know of a feature table that stands for its recordings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

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
    view_kinds : mapping of str to ViewKind
        As for `Dataset`.
    """

    @property
    def path(self) -> Path: ...
    @property
    def is_synthetic(self) -> bool: ...
    @property
    def view_kinds(self) -> Mapping[str, ViewKind]: ...
    def discover(self) -> Discovery:
        """Return the recordings of the table; their files exist only as names."""
        ...
