"""What a layout finds below a folder, and the interface of a layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pdmr_classic.config import LayoutName
from pdmr_classic.errors import Finding
from pdmr_classic.io.layouts.recordings import Recording


@dataclass(frozen=True)
class LabelTable:
    """A table of labels or of the members of a split.

    Attributes
    ----------
    path : Path
    split : str or None
        The split whose recordings it lists; None if a column says it.
    id_column, label_column : str or None
        Columns with the ids and the classes, if their names are known to the layout only.
    meaning : str or None
        What the values of `label_column` mean as published, written like the setting `map`.
    """

    path: Path
    split: str | None = None
    id_column: str | None = None
    label_column: str | None = None
    meaning: str | None = None


@dataclass(frozen=True)
class ViewFolder:
    """Name and folder of a further view."""

    name: str
    path: Path


@dataclass(frozen=True, eq=False)
class Discovery:
    """The recordings below a folder, and what the layout says about them.

    Attributes
    ----------
    layout : LayoutName
    recordings : tuple of Recording
        Sorted by `data_id`.
    fields : dict of str to dict
        Known facts of the recordings: `subject`, `session`, `event` and `split`, each by `data_id`.
    tables : tuple of LabelTable
        Official label and split tables; without any, labels are looked for as `labels.csv` and its kin.
    findings, errors : tuple of Finding
        What was assumed and what is not read; file names and folders that cannot be used.
    views : tuple of ViewFolder
        The views besides video and audio.
    """

    layout: LayoutName
    recordings: tuple[Recording, ...]
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    tables: tuple[LabelTable, ...] = ()
    findings: tuple[Finding, ...] = ()
    errors: tuple[Finding, ...] = ()
    views: tuple[ViewFolder, ...] = ()

    @property
    def data_ids(self) -> list[str]:
        return [recording.data_id for recording in self.recordings]


@dataclass(frozen=True)
class Layout:
    """How to recognise and read an arrangement of files.

    Attributes
    ----------
    recognise : callable
        Returns what shows that a folder has this layout, for messages; None if nothing does.
    find : callable
        Returns the recordings of a folder; raises a DataError if there are none.
    """

    recognise: Callable[[Path], str | None]
    find: Callable[[Path], Discovery]


def layout_finding(layout: LayoutName, folder: Path, evidence: str, assumed: str) -> Finding:
    """Return the message that names the layout, what shows it, and how its files are read."""
    return Finding(
        "layout",
        f"read as {layout}: {assumed}",
        file=folder,
        found=evidence,
        hint="for another arrangement, pass --layout, --video-pattern or --audio-pattern",
    )
