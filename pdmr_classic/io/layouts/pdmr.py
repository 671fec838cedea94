"""PDMR: `video/001.csv` and `audio/001.csv`, or one folder of files of one modality."""

from __future__ import annotations

from pathlib import Path

from pdmr_classic.io.layouts._split_tables import find_split_tables
from pdmr_classic.io.layouts.folder_files import ignored_findings
from pdmr_classic.io.layouts.layout import Discovery, Layout
from pdmr_classic.io.layouts.recordings import find_recordings, is_split


def recognise(folder: Path) -> str | None:
    """Return the folders that show this layout; None if there are none."""
    return "video/ or audio/" if is_split(folder) else None


def find(folder: Path) -> Discovery:
    """Return the recordings of video/ and audio/.

    Raises
    ------
    DataError
        There are no recordings.
    """
    recordings, findings, errors = find_recordings(folder)
    tables, others = find_split_tables([folder])
    if is_split(folder):
        findings += ignored_findings(folder, tables=others)
    return Discovery("pdmr", recordings, tables=tables, findings=tuple(findings), errors=tuple(errors))


PDMR_LAYOUT = Layout(recognise, find)
