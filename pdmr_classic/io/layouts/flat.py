"""Files told apart by suffix (001_video.csv, 001_audio.csv), or in nested folders (S01/session2/clip3.csv)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pdmr_classic.errors import Finding
from pdmr_classic.io.layouts._grouping import group_files, make_recordings
from pdmr_classic.io.layouts._split_tables import find_split_tables
from pdmr_classic.io.layouts._suffixes import (
    CLNF,
    DAIC_WOZ,
    E_DAIC,
    PLAIN,
    NamedFile,
    Naming,
    join_suffixes,
    split_suffix,
)
from pdmr_classic.io.layouts.folder_files import FolderFiles, ignored_findings, list_files, sort_files
from pdmr_classic.io.layouts.layout import Discovery, Layout, layout_finding
from pdmr_classic.io.layouts.recordings import Recording, no_recordings_error
from pdmr_classic.io.tables.table_files import file_id
from pdmr_classic.text import format_list

_NAMINGS = (DAIC_WOZ, E_DAIC, CLNF, PLAIN)
_MODALITIES = {"video": "video", "visual": "video", "audio": "audio"}
_MAX_DEPTH = 6


def recognise(folder: Path) -> str | None:
    """Return files that show this layout: known suffixes, split tables beside recordings, or folders of one depth."""
    files = list_files(folder)
    if files.recordings:
        naming = find_naming(files.recordings)
        names = [path for path in files.recordings if naming and split_suffix(path, naming).suffix]
        return format_list(path.name for path in names) or None
    nested = _collect(folder)
    depths = {len(path.relative_to(folder).parts) for path in nested.recordings}
    if len(depths) != 1 or len(nested.recordings) < 2:
        return None
    return format_list(path.relative_to(folder).as_posix() for path in nested.recordings)


def find(folder: Path) -> Discovery:
    """Return the recordings of a folder and of the folders in it.

    Raises
    ------
    DataError
        There are no recordings.
    """
    files = _collect(folder)
    if not files.recordings:
        raise no_recordings_error(folder)
    naming = find_naming(files.recordings)
    if naming is not None:
        recordings, findings, errors = _join_named(files.recordings, naming, folder)
        assumed = "the suffix of a name tells the file of a recording: " + ", ".join(naming.suffixes)
    else:
        recordings, findings, errors = _join_nested(files.recordings, folder)
        assumed = "files are video (below a folder audio/: audio), and data_ids are their paths with _ between folders"
    tables, others = find_split_tables([folder])
    known = {table.path for table in tables}
    unread = ignored_findings(
        folder, files=files.others, tables=[path for path in {*files.tables, *others} if path not in known]
    )
    evidence = format_list(path.relative_to(folder).as_posix() for path in files.recordings)
    finding = layout_finding("flat", folder, evidence, assumed)
    return Discovery("flat", recordings, {}, tables, (finding, *findings, *unread), tuple(errors))


def find_naming(paths: Sequence[Path]) -> Naming | None:
    """Return the naming whose suffixes tell apart several files of a recording; None if no naming does."""
    for naming in _NAMINGS:
        kinds: dict[str, set[str]] = {}
        for path in paths:
            file = split_suffix(path, naming)
            if file.suffix:
                kinds.setdefault(f"{path.parent}/{file.data_id}", set()).add(file.suffix)
        is_unmistakable = naming in (DAIC_WOZ, E_DAIC)
        if any(naming.video in found and (len(found) > 1 or is_unmistakable) for found in kinds.values()):
            return naming
    return None


def _collect(folder: Path) -> FolderFiles:
    """Return the files of a folder and of the folders in it; the list of folders stays empty."""
    below = list_files(folder)
    every = FolderFiles([], [], [], [])
    for _ in range(_MAX_DEPTH):
        for name in ("recordings", "tables", "others"):
            getattr(every, name).extend(getattr(below, name))
        if not below.folders:
            break
        groups = [list_files(path) for path in below.folders]
        below = FolderFiles(
            *([path for group in groups for path in getattr(group, name)] for name in FolderFiles.__dataclass_fields__)
        )
    return every


def _join_named(
    paths: Sequence[Path], naming: Naming, folder: Path
) -> tuple[tuple[Recording, ...], list[Finding], list[Finding]]:
    files = []
    for path in paths:
        file = split_suffix(path, naming)
        files.append(NamedFile("_".join([*path.relative_to(folder).parts[:-1], file.data_id]), file.suffix, path))
    recordings, findings, errors = join_suffixes(files, naming, folder)
    rest = sort_files(file.path for file in files if file.suffix is None)
    return recordings, [*findings, *ignored_findings(folder, files=rest.recordings)], errors


def _join_nested(paths: Sequence[Path], folder: Path) -> tuple[tuple[Recording, ...], list[Finding], list[Finding]]:
    files = []
    for path in sorted(paths):
        parts = path.relative_to(folder).parts[:-1]
        modality = next((_MODALITIES[part.casefold()] for part in parts if part.casefold() in _MODALITIES), "video")
        names = [part for part in parts if part.casefold() not in _MODALITIES]
        files.append(("_".join([*names, file_id(path)]), modality, path))
    by_id, errors = group_files(files)
    return make_recordings(by_id), [], errors


FLAT_LAYOUT = Layout(recognise, find)
