"""Further views: folders beside video/ and audio/, such as text/, and those given as NAME=FOLDER."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.ids import find_near_matches
from pdmr_classic.io.layouts.folder_files import ignored_findings, is_hidden, list_entries, list_files
from pdmr_classic.io.layouts.layout import Discovery, ViewFolder
from pdmr_classic.io.layouts.recordings import Recording, find_name_problems, is_folder, is_split
from pdmr_classic.io.tables.table_files import FORMATS, file_id
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import format_count, format_list, format_quoted

RESERVED = frozenset(
    (
        *("video", "audio", "both", "all", "quality", "material", "label", "missing", "covariates"),
        *("stream", "status", "events"),
    )
)
"""Names with another meaning in the names of features and systems."""
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_CHANGE = "_change"
_RULE = f"lower-case letters, digits and single _, not ending in {_CHANGE}, none of {', '.join(sorted(RESERVED))}"
_SPLITS = ("train", "dev", "val", "validation", "test")


@dataclass(frozen=True)
class _Source:
    """The files of one view; `is_given` if the user names the folder."""

    name: str
    folders: tuple[Path, ...]
    is_given: bool


def is_view_name(name: str) -> bool:
    """Return whether a view can have this name.

    Examples
    --------
    >>> [is_view_name(name) for name in ("text", "eeg_2", "EEG", "a__b", "video", "text_change")]
    [True, True, False, False, False, False]
    """
    return bool(_NAME.fullmatch(name)) and name not in RESERVED and not name.endswith(_CHANGE)


def parse_views(values: Iterable[str]) -> dict[str, Path]:
    """Return the folder of each view, from texts such as `text=embeddings/bert`.

    Raises
    ------
    ConfigError
        A text has another form, a name cannot be used, or occurs twice.

    Examples
    --------
    >>> {name: path.name for name, path in parse_views(["text=bert", "eeg=eeg128"]).items()}
    {'text': 'bert', 'eeg': 'eeg128'}
    """
    views: dict[str, Path] = {}
    for value in values:
        name, separator, folder = value.partition("=")
        name, folder = name.strip(), folder.strip()
        if not separator or not folder:
            raise ConfigError("--view is not valid", expected="NAME=FOLDER", found=repr(value), hint="correct it")
        if not is_view_name(name):
            raise ConfigError("the name of a view is not valid", expected=_RULE, found=repr(name), hint="rename it")
        if name in views:
            raise ConfigError("a view is given twice", expected="one folder for each view", found=repr(name))
        views[name] = parse_location(folder)
    return views


def add_views(base: Discovery, folder: Path, settings: DataSettings) -> Discovery:
    """Add the files of further views to the recordings of a folder, matched by data_id.

    A folder beside video/ and audio/ that shares an id with them is a view, and may have further recordings. Of a
    folder that the settings name, only the files of known recordings are read. Both is told.

    Parameters
    ----------
    base : Discovery
        The recordings of the layout.
    folder : Path
    settings : DataSettings
        `views`: see `find_view_folders`.

    Raises
    ------
    ConfigError
        `views` are not valid.
    """
    given = parse_views(settings.views)
    sources, errors = [], []
    for name, path in given.items():
        folders = find_view_folders(path, folder)
        if folders:
            sources.append(_Source(name, folders, is_given=True))
        else:
            errors.append(_no_folder_finding(name, path, folder))
    used = [path for source in sources for path in source.folders]
    discovery = _drop_view_files(base, used)
    beside = _list_beside(folder, used) if is_split(folder) else []
    sources += [_Source(path.name, (path,), is_given=False) for path in beside if is_view_name(path.name)]
    unusable = [path for path in beside if not is_view_name(path.name)]
    discovery = replace(discovery, errors=(*discovery.errors, *errors))
    discovery = _add_findings(discovery, [_bad_name_finding(path) for path in unusable])
    known = {*discovery.data_ids}
    for source in sources:
        if source.is_given or source.name not in given:
            discovery = _add_view(discovery, source, known)
        else:
            discovery = _add_findings(discovery, ignored_findings(folder, folders=source.folders))
    return discovery


def find_view_folders(path: Path, folder: Path) -> tuple[Path, ...]:
    """Return the folders with the files of a view, given its folder and that of the recordings; none if there is none.

    The path is relative to the current folder or, if there is nothing, to that of the recordings. If it has a folder
    of the same name as that of the recordings (train, dev, val, test), or is beside such a folder itself because a
    model was trained with another split, that one is read. Otherwise its own files are, or those of all splits in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("data/train", "data/test", "bert/train", "bert/test"):
    ...         (Path(root) / name).mkdir(parents=True)
    ...     split = Path(root) / "data" / "test"
    ...     found = [find_view_folders(Path(root) / name, split) for name in ("bert", "bert/train")]
    >>> [path.relative_to(root).as_posix() for (path,) in found]
    ['bert/test', 'bert/test']
    """
    place = next((candidate for candidate in (path, folder / path) if is_folder(candidate)), None)
    if place is None:
        return ()
    split, own = folder.resolve().name, place.resolve().name
    if split in _SPLITS:
        if is_folder(place / split):
            return (place / split,)
        if own in _SPLITS and own != split:
            return (place.parent / split,) if is_folder(place.parent / split) else ()
    splits = tuple(place / name for name in _SPLITS if is_folder(place / name))
    return (place,) if list_files(place).recordings or not splits else splits


def view_places(folder: Path, settings: DataSettings) -> set[Path]:
    """Return the folders in which `add_views` looks for files."""
    given = {place for path in parse_views(settings.views).values() for place in find_view_folders(path, folder)}
    return given | {*(_list_beside(folder, given) if is_split(folder) else ())}


def _list_beside(folder: Path, used: Iterable[Path]) -> list[Path]:
    """Return the folders beside video/ and audio/ that no view was given with."""
    given = {path.resolve() for path in used}
    return [
        path
        for path in sorted(list_entries(folder))
        if path.name not in ("video", "audio", "labels")
        and not is_hidden(path.name)
        and is_folder(path)
        and path.resolve() not in given
        and _holds_recordings(path)
    ]


def _holds_recordings(folder: Path) -> bool:
    try:
        files = list_files(folder)
        return bool(files.recordings or files.tables)
    except DataError:
        return False  # no permission


def _add_view(discovery: Discovery, source: _Source, known: set[str]) -> Discovery:
    contents = [list_files(path) for path in source.folders]
    paths = [path for content in contents for path in content.recordings]
    used = {
        path for recording in discovery.recordings for _, first, parts in recording.files for path in (first, *parts)
    }
    if used.intersection(paths):  # --video-pattern or --audio-pattern reads this folder
        return discovery
    files = {file_id(path): path for path in paths}
    tables = [path for content in contents for path in content.tables]
    if not paths and not source.is_given:  # label tables, unless they have the names of recordings
        alike = [path for path in tables if file_id(path) in known]
        return _add_findings(discovery, ignored_findings(source.folders[0], tables=alike))
    if not known.intersection(files):
        return _refuse_view(discovery, source, files, known)
    others = sorted(files.keys() - known)
    findings = _find_near_names(source, sorted(known - files.keys()), others)
    if source.is_given and others:
        what = (
            f"{format_count(len(others), 'file')} of view {source.name} {'is' if len(others) == 1 else 'are'} not read"
        )
        what += (
            ": there is no recording with this id" if len(others) == 1 else ": there are no recordings with these ids"
        )
        findings.append(Finding("ignored-files", what, file=source.folders[0], found=format_list(others)))
        files = {data_id: path for data_id, path in files.items() if data_id in known}
    for path, content in zip(source.folders, contents, strict=True):
        findings += ignored_findings(path, files=content.others, folders=content.folders, tables=content.tables)
    by_id = {recording.data_id: recording for recording in discovery.recordings}
    for data_id, path in files.items():
        recording = by_id.get(data_id, Recording(data_id))
        by_id[data_id] = replace(recording, further=tuple(sorted((*recording.further, (source.name, path)))))
    recordings = tuple(by_id[data_id] for data_id in sorted(by_id))
    errors = (*discovery.errors, *find_name_problems(list(paths)))
    views = (*discovery.views, ViewFolder(source.name, source.folders[0]))
    return replace(_add_findings(discovery, findings), recordings=recordings, errors=errors, views=views)


def _refuse_view(discovery: Discovery, source: _Source, files: Mapping[str, Path], known: set[str]) -> Discovery:
    """Report a view without a file of a known recording: an error if the user named its folder."""
    finding = Finding(
        "view-matches-nothing",
        f"no file of view {source.name} belongs to a recording"
        + ("" if source.is_given else ": the folder is not read"),
        file=source.folders[0],
        expected=f"names such as {format_quoted(sorted(known)[:3])}, with {FORMATS}",
        found=format_quoted(sorted(files), 3) if files else "no such file",
        hint="rename the files, or pass the folder of these recordings: --view NAME=FOLDER",
    )
    if source.is_given:
        return replace(discovery, errors=(*discovery.errors, finding))
    return _add_findings(discovery, [finding])


def _find_near_names(source: _Source, known: list[str], others: list[str]) -> list[Finding]:
    near = find_near_matches(known, others)
    if not near:
        return []
    return [
        Finding(
            "near-match",
            f"some ids of view {source.name} almost match those of recordings and are not joined",
            file=source.folders[0],
            found=format_list(f"{other!r} for {data_id!r}" for data_id, other in near),
            hint="give all files of a recording the same name",
        )
    ]


def _drop_view_files(base: Discovery, folders: Sequence[Path]) -> Discovery:
    """Remove what a layout of nested folders made of the files of a view: recordings, and notes about unread files."""
    places = {path.resolve() for path in folders}
    if not places:
        return base

    def is_inside(path: Path) -> bool:
        return not places.isdisjoint(path.resolve().parents)

    return replace(
        base,
        recordings=tuple(
            recording for recording in base.recordings if not any(is_inside(path) for _, path, _ in recording.files)
        ),
        findings=tuple(finding for finding in base.findings if not _is_about(finding, folders)),
        errors=tuple(error for error in base.errors if error.file is None or not is_inside(parse_location(error.file))),
    )


def _is_about(finding: Finding, folders: Sequence[Path]) -> bool:
    is_unread = finding.code == "ignored-files" and finding.file is not None
    return is_unread and any(
        finding.found == path.name and parse_location(str(finding.file)) == path.parent for path in folders
    )


def _add_findings(discovery: Discovery, findings: Sequence[Finding]) -> Discovery:
    return replace(discovery, findings=(*discovery.findings, *findings))


def _bad_name_finding(path: Path) -> Finding:
    return Finding(
        "ignored-files",
        "the folder is not read: its name cannot be that of a view",
        file=path,
        expected=_RULE,
        found=path.name,
        hint="rename the folder, or pass --view NAME=FOLDER",
    )


def _no_folder_finding(name: str, path: Path, folder: Path) -> Finding:
    return Finding(
        "no-view",
        f"the folder of view {name} does not exist",
        file=path,
        expected=f"a folder with files for {folder.name or folder}, or with a folder {folder.resolve().name}/",
        found="no such folder, or only files of another split" if is_folder(path) else "nothing",
        hint=f"pass --view {name}=FOLDER",
    )
