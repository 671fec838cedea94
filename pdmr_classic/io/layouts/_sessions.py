"""Session folders `300_P/` of DAIC-WOZ and E-DAIC, with split tables beside them or in labels/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pdmr_classic.config import LayoutName
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.layouts._split_tables import find_split_tables
from pdmr_classic.io.layouts._suffixes import NamedFile, Naming, join_suffixes, kind_findings
from pdmr_classic.io.layouts.folder_files import ignored_findings, is_hidden, list_entries, list_files
from pdmr_classic.io.layouts.layout import Discovery, Layout, layout_finding
from pdmr_classic.io.layouts.recordings import is_folder
from pdmr_classic.io.tables.table_files import file_id, is_table_file
from pdmr_classic.text import format_count, format_list

_SESSION = re.compile(r"(\d+)_P", re.IGNORECASE)
# 300_P/300_P/features/300_….csv
_MAX_DEPTH = 3


def make_session_layout(name: LayoutName, naming: Naming, sources: str) -> Layout:
    """Return the layout of session folders whose files have these suffixes.

    Parameters
    ----------
    name : LayoutName
    naming : Naming
    sources : str
        Which files are read, for a message.
    """

    def recognise(folder: Path) -> str | None:
        path = find_session_file(list_sessions(folder), naming)
        return None if path is None else path.relative_to(folder).as_posix()

    def find(folder: Path) -> Discovery:
        discovery = find_sessions(folder, name, naming)
        assumed = f"{sources}, one subject per session, splits from the split tables"
        finding = layout_finding(name, folder, recognise(folder) or "", assumed)
        return replace(discovery, findings=(finding, *discovery.findings))

    return Layout(recognise, find)


def list_sessions(folder: Path) -> list[Path]:
    """Return the session folders in a folder or, if there are none, in its subfolders."""
    folders = _subfolders(folder)
    here = [path for path in folders if _SESSION.fullmatch(path.name)]
    return here or [path for below in folders for path in _subfolders(below) if _SESSION.fullmatch(path.name)]


def find_session_file(sessions: list[Path], naming: Naming) -> Path | None:
    """Return a file with one of the suffixes of a naming, or None."""
    return next((file.path for session in sessions for file in _session_files(session, naming) if file.suffix), None)


def find_sessions(folder: Path, layout: LayoutName, naming: Naming) -> Discovery:
    """Return the recordings in session folders, with the official splits.

    Raises
    ------
    DataError
        No session has files of this layout.
    """
    sessions = list_sessions(folder)
    files = [file for session in sessions for file in _session_files(session, naming)]
    recordings, findings, errors = join_suffixes(files, naming, folder)
    if not recordings:
        raise DataError(
            f"there are no recordings of layout {layout} in this folder",
            code="no-recordings",
            file=folder,
            expected=f"folders such as 300_P with files such as 300{naming.video} or 300{naming.audio}",
            found=format_list(path.name for path in sessions) or "no such folder",
            hint="pass the folder that contains the session folders, or another --layout",
        )
    ids = {recording.data_id for recording in recordings}
    findings += _find_empty_sessions(sessions, ids, folder)
    findings += kind_findings([file for file in files if file.suffix is None], folder)
    tables, others = find_split_tables([folder, *sorted({path.parent for path in sessions})])
    findings += ignored_findings(folder, tables=others)
    findings += _find_unread_entries(folder, sessions)
    subjects = {data_id: data_id for data_id in sorted(ids)}
    return Discovery(layout, recordings, {"subject": subjects}, tables, tuple(findings), tuple(errors))


def _session_files(session: Path, naming: Naming) -> Iterator[NamedFile]:
    data_id = session.name[: -len("_P")]
    for path in _walk(session, _MAX_DEPTH):
        rest = file_id(path).removeprefix(data_id).casefold()
        is_known = is_table_file(path) and rest in naming.suffixes and path.name.startswith(data_id)
        yield NamedFile(data_id, rest if is_known else None, path)


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for entry in sorted(list_entries(folder)):
        if is_hidden(entry.name):
            continue
        if not is_folder(entry):
            yield entry
        elif depth > 1:
            yield from _walk(entry, depth - 1)


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in list_entries(folder) if not is_hidden(entry.name) and is_folder(entry))


def _find_empty_sessions(sessions: list[Path], ids: set[str], folder: Path) -> list[Finding]:
    empty = [path.name for path in sessions if path.name[: -len("_P")] not in ids]
    if not empty:
        return []
    what = f"{format_count(len(empty), 'session folder has', 'session folders have')} no video and no audio file"
    return [Finding("missing-files", what, file=folder, found=format_list(empty))]


def _find_unread_entries(folder: Path, sessions: list[Path]) -> list[Finding]:
    files = list_files(folder)
    read = {*sessions, *(path.parent for path in sessions), folder / "labels"}
    folders = [path for path in files.folders if path not in read]
    return ignored_findings(folder, files=[*files.recordings, *files.others], folders=folders)
