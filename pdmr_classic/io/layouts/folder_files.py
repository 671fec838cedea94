"""List the files of a folder: recordings, tables that describe recordings, and files and folders that are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.labels.id_tables import is_id_table
from pdmr_classic.io.tables.table_files import file_id, is_table_file, table_suffix
from pdmr_classic.text import format_count, format_list

_HIDDEN = re.compile(r"^(\.|~\$|__MACOSX$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_DOCUMENT = re.compile(
    r"(read_?me|notes?|licen[cs]e|copying|changelog|todo|citation|info|description)\b", re.IGNORECASE
)
_LABELS = "labels"


@dataclass(frozen=True)
class FolderFiles:
    """Content of one folder, each list sorted; hidden files are left out.

    Attributes
    ----------
    recordings : list of Path
    tables : list of Path
        Label and split tables, without `labels.csv` and its kin.
    others : list of Path
        Files that cannot be read as recordings.
    folders : list of Path
    """

    recordings: list[Path]
    tables: list[Path]
    others: list[Path]
    folders: list[Path]


def list_files(folder: Path) -> FolderFiles:
    """Sort the entries of a folder into recordings, tables of recordings, other files and folders.

    Raises
    ------
    DataError
        The folder cannot be read.
    """
    return sort_files(list_entries(folder))


def sort_files(entries: Iterable[Path]) -> FolderFiles:
    """Sort files and folders as `list_files` does."""
    files = FolderFiles([], [], [], [])
    candidates = []
    for entry in sorted(entries):
        if _HIDDEN.match(entry.name):
            continue
        if is_table_file(entry) and not _is_document(entry):
            if file_id(entry) != _LABELS:
                candidates.append(entry)
        elif _is_folder(entry):
            files.folders.append(entry)
        elif entry.stem != _LABELS:  # labels.json
            files.others.append(entry)
    tables = set(find_id_tables(candidates))
    files.recordings.extend(entry for entry in candidates if entry not in tables)
    files.tables.extend(entry for entry in candidates if entry in tables)
    return files


def find_id_tables(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the tables of recordings; of names that differ only in numbers, the first one decides whether to look."""
    by_form: dict[str, list[Path]] = {}
    for path in paths:
        by_form.setdefault(re.sub(r"\d+", "0", path.name), []).append(path)
    for siblings in by_form.values():
        if is_id_table(siblings[0]):
            yield siblings[0]
            yield from filter(is_id_table, siblings[1:])


def list_entries(folder: Path) -> list[Path]:
    """Return the entries of a folder.

    Raises
    ------
    DataError
        It cannot be read.
    """
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(
            "the folder cannot be read",
            code="unreadable",
            file=folder,
            expected="a readable folder",
            found=error.strerror,
            hint="fix its permissions",
        ) from None


def ignored_findings(
    folder: Path, *, files: Sequence[Path] = (), folders: Sequence[Path] = (), tables: Sequence[Path] = ()
) -> list[Finding]:
    """Return one finding for each kind of files and folders that are not read.

    Parameters
    ----------
    folder : Path
        Names are reported relative to it.
    files, folders, tables
        What is left out; `tables` describe recordings.
    """
    findings = []
    if tables:
        what = f"{format_count(len(tables), 'table describes', 'tables describe')} recordings and is not read as one"
        what = what if len(tables) == 1 else what.replace("is not read as one", "are not read as recordings")
        findings.append(Finding("label-table", what, file=folder, found=_names(tables, folder)))
    by_suffix: dict[str, list[Path]] = {}
    for path in files:
        by_suffix.setdefault(table_suffix(path) or path.suffix.lower() or "no suffix", []).append(path)
    for suffix, paths in sorted(by_suffix.items()):
        what = f"{format_count(len(paths), 'file is', 'files are')} not read ({suffix})"
        findings.append(Finding("ignored-files", what, file=folder, found=_names(paths, folder)))
    if folders:
        what = f"{format_count(len(folders), 'folder is', 'folders are')} not read"
        hint = "for files in nested folders, pass --layout flat on the folder above, or --video-pattern"
        findings.append(Finding("ignored-files", what, file=folder, found=_names(folders, folder), hint=hint))
    return findings


def is_hidden(name: str) -> bool:
    """Return whether a file or folder belongs to the operating system or an editor."""
    return bool(_HIDDEN.match(name))


def _names(paths: Sequence[Path], folder: Path) -> str:
    return format_list(path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path for path in paths)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_document(path: Path) -> bool:
    """Return whether a text file is prose by its name."""
    return table_suffix(path) == ".txt" and bool(_DOCUMENT.match(path.name))
