"""Find the splits of a data set: folders train/ and test/, official split tables, or a label column `split`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.ids import find_near_matches
from pdmr_classic.io.labels.id_tables import DEV, SPLIT_COLUMN, TEST, TRAIN, read_id_table, split_name
from pdmr_classic.io.labels.labels import find_labels, read_labels
from pdmr_classic.io.layouts.discover import discover, recognise_layout
from pdmr_classic.io.layouts.folder_files import is_hidden, list_entries
from pdmr_classic.io.layouts.layout import Discovery, LabelTable
from pdmr_classic.io.layouts.recordings import describe_folder, has_files, is_existing_file, is_folder, is_split
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import format_count, format_list, format_quoted

SYNTHETIC_MARK = "SYNTHETIC.md"
_TABLE_HINT = "fit, evaluate, predict, validate and explain also take feature tables"
# Folder names of the splits; a folder of the second kind alone does not make a root.
_ROOT_FOLDERS = (TRAIN, TEST)
# So many subfolders are looked into, to suggest a data set.
_MAX_FOLDERS = 50
_DEV_FOLDERS = (DEV, "val", "validation")


@dataclass(frozen=True)
class SplitSource:
    """Where to load one split from: `scan_dataset(folder, split=split)`.

    Attributes
    ----------
    name : str
    folder : Path
    split : str or None
        None if the folder is the split.
    """

    name: str
    folder: Path
    split: str | None = None


def resolve_split(path: str | Path, split: str | None, settings: DataSettings | None = None) -> Path:
    """Return the folder to read for a split, given the split itself, its root, or a data set with split tables.

    Raises
    ------
    DataError
        The folder does not exist or has no recordings, or it has two splits and `split` is None.
    """
    path = parse_location(path)
    if not is_folder(path):
        raise DataError(
            "the data folder does not exist",
            code="no-folder",
            file=path,
            expected="a folder",
            found=_describe_path(path),
            hint="pass the folder that contains the recordings"
            + (f"; {_TABLE_HINT}" if is_existing_file(path) else ""),
        )
    settings = settings or DataSettings()
    if is_split(path):
        return path
    folders = _split_folders(path)
    # A folder named val/ is asked for as dev.
    wanted = [name for name in folders if split in (name, split_name(name))]
    if wanted:
        return path / wanted[0]
    if split is None and len(folders) == 1:
        return path / folders[0]
    if split is None and folders:
        raise DataError(
            f"the folder contains both {' and '.join(f'{name}/' for name in folders)}",
            code="which-split",
            file=path,
            expected="one split",
            found=f"{'two' if len(folders) == 2 else len(folders)} splits",
            hint="pass one of these folders, or --split",
        )
    has_pattern = settings.video_pattern or settings.audio_pattern
    if not folders and (has_pattern or recognise_layout(path, settings) is not None or has_files(path)):
        return path
    raise DataError(
        "there are no recordings in this folder",
        code="no-recordings",
        file=path,
        expected=f"video/ or audio/ with CSV files{f', or a folder {split}/ that contains them' if split else ''}",
        found=describe_folder(path),
        hint=_suggest_folders(path, settings)
        or "pass the folder that contains the recordings, or --layout, --video-pattern or --audio-pattern",
    )


def _suggest_folders(path: Path, settings: DataSettings) -> str | None:
    """Return a hint if data sets are one or two folders below, such as the tracks of MPDD."""
    below = _subfolders(path)
    for folders in (below, [folder for parent in below for folder in _subfolders(parent)]):
        found = [folder.relative_to(path).as_posix() for folder in folders if recognise_layout(folder, settings)]
        if found:
            break
    return f"pass one of the data sets in it: {format_list(found)}" if found else None


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in list_entries(path) if is_folder(entry) and not is_hidden(entry.name))[
        :_MAX_FOLDERS
    ]


def _split_folders(path: Path) -> list[str]:
    names = [name for name in _ROOT_FOLDERS if is_folder(path / name)]
    dev = [name for name in _DEV_FOLDERS if names and is_folder(path / name)]
    return [name for name in (TRAIN, *dev, TEST) if name in (*names, *dev)]


def _describe_path(path: Path) -> str:
    try:
        return "a file" if path.exists() else "nothing"
    except OSError as error:
        return error.strerror or "nothing"


def find_splits(path: Path, settings: DataSettings | None = None) -> list[SplitSource]:
    """Return the splits of a data set, or the folder itself if it has no splits.

    Raises
    ------
    DataError
        The folder does not exist, or contains no recordings.
    """
    settings = settings or DataSettings()
    if is_folder(path) and not is_split(path) and (folders := _split_folders(path)):
        return [SplitSource(name, path / name) for name in folders]
    folder = resolve_split(path, None, settings)
    splits, _ = assign_splits(discover(folder, settings), find_labels(folder), settings.id_column)
    names = order_splits(splits.values())
    if not names:
        return [SplitSource(folder.resolve().name, folder)]
    return [SplitSource(name, folder, name) for name in names]


def is_synthetic(folder: Path) -> bool:
    """Return whether a split or its root is marked as synthetic."""
    return any((parent / SYNTHETIC_MARK).is_file() for parent in (folder, folder.resolve().parent))


def parse_split(name: str | None) -> str | None:
    """Return the name of a split after checking it; None stays None.

    Raises
    ------
    ConfigError
        The name is not "train", "dev" or "test".
    """
    if name is not None and name not in (TRAIN, DEV, TEST):
        raise ConfigError("unknown split", expected="train, dev or test", found=repr(name))
    return name


# ------------------------------------------------------------------------------------ splits of recordings


def order_splits(names: Iterable[str]) -> list[str]:
    """Return the distinct names, with train, dev and test first."""
    distinct = set(names)
    known = [name for name in (TRAIN, DEV, TEST) if name in distinct]
    return [*known, *sorted(distinct - {*known})]


def assign_splits(
    discovery: Discovery, labels: Path | None, id_column: str | None = None
) -> tuple[dict[str, str], list[Finding]]:
    """Return the split of each recording, and errors if a recording is in several; no splits if nothing tells them.

    Parameters
    ----------
    discovery : Discovery
    labels : Path or None
        Label table; its column `split` counts if some recordings are in train and others are not.
    id_column : str or None
        Column of the label table with the data_id.
    """
    if known := discovery.fields.get("split"):
        return known, []
    splits: dict[str, str] = {}
    errors: list[Finding] = []
    for table in discovery.tables:
        for data_id, split in _read_table_splits(table, discovery).items():
            if splits.setdefault(data_id, split) != split:
                errors.append(_several_splits_finding(table, data_id, split, splits[data_id]))
    if not splits and any(table.split is not None for table in discovery.tables):
        errors.append(_no_match_finding(discovery))
    if not splits:
        column = _read_split_column(labels, id_column)
        splits = {data_id: column[key] for data_id, key in find_table_keys(discovery, column).items()}
        if TRAIN not in splits.values() or len({*splits.values()}) < 2:
            return {}, errors
    return splits, errors


def _read_table_splits(table: LabelTable, discovery: Discovery) -> dict[str, str]:
    if table.split is None:
        by_key = _read_split_column(table.path, table.id_column)
    else:
        rows = read_id_table(table.path)
        by_key = {} if rows is None else dict.fromkeys(map(str, rows.index), table.split)
    return {data_id: by_key[key] for data_id, key in find_table_keys(discovery, by_key).items()}


def _read_split_column(path: Path | None, id_column: str | None = None) -> dict[str, str]:
    """Return the split of each id in a label table; empty without a column `split`, or if it cannot be read."""
    if path is None:
        return {}
    try:
        table, _ = read_labels(path, DataSettings(id_column=id_column), with_status=False)
    except (DataError, ConfigError):  # whoever needs the labels reports it
        return {}
    if SPLIT_COLUMN not in table:
        return {}
    pairs = zip(map(str, table.index), map(str, table[SPLIT_COLUMN]), strict=True)
    return {data_id: split_name(split) for data_id, split in pairs if split}


def find_table_keys(discovery: Discovery, keys: Mapping[str, object] | Iterable[str]) -> dict[str, str]:
    """Return the key of each recording in a table: its data_id, an almost equal id, or its subject.

    An almost equal id (300.0 for 300) counts if only one key and one recording are so alike.
    """
    available = dict.fromkeys(keys)
    matches = {data_id: data_id for data_id in discovery.data_ids if data_id in available}
    subjects = discovery.fields.get("subject", {})
    if not matches:
        matches = {data_id: subjects[data_id] for data_id in discovery.data_ids if subjects.get(data_id) in available}
    rest = [data_id for data_id in discovery.data_ids if data_id not in matches]
    near = find_near_matches(rest, [key for key in available if key not in {*matches.values()}])
    times = Counter(key for _, key in near)
    return matches | {data_id: key for data_id, key in near if times[key] == 1}


def _several_splits_finding(table: LabelTable, data_id: str, split: str, other: str) -> Finding:
    return Finding(
        "shared-subjects",
        "a recording is in two splits",
        file=table.path,
        expected="each recording in one split table",
        found=f"{data_id!r} in {' and '.join(order_splits((split, other)))}",
        hint="remove it from one of the tables",
    )


def _no_match_finding(discovery: Discovery) -> Finding:
    table = next(table for table in discovery.tables if table.split is not None)
    rows = read_id_table(table.path)
    return Finding(
        "labels-match-nothing",
        "no id in the split tables matches a recording, so that the splits are unknown",
        file=table.path,
        expected=f"ids such as {format_quoted(discovery.data_ids[:3])}",
        found="no known column of ids" if rows is None else format_quoted(map(str, rows.index)),
        hint="correct the ids in the tables, or move the tables elsewhere",
    )


def choose_split(splits: Mapping[str, str], data_ids: list[str], split: str, folder: Path) -> list[Finding]:
    """Return what to tell about the recordings that are not in a split.

    Raises
    ------
    DataError
        No recording is in the split.
    """
    counts = Counter(splits[data_id] for data_id in data_ids if data_id in splits)
    sizes = ", ".join(f"{name}: {counts[name]}" for name in order_splits(counts))
    if split not in counts:
        raise DataError(
            f"no recording is in the split {split!r}",
            code="no-recordings",
            file=folder,
            expected=f"recordings with split {split}",
            found=sizes,
            hint="pass --ids FILE to predict other recordings" if split == TEST else "pass another split",
        )
    others = [name for name in order_splits(counts) if name != split]
    findings = []
    if others:
        what = f"only the {format_count(counts[split], 'recording')} of split {split} are used"
        findings.append(Finding("split", what, file=folder, found=sizes))
    if unassigned := [data_id for data_id in data_ids if data_id not in splits]:
        findings.append(make_unassigned_finding(unassigned, folder))
    return findings


def make_unassigned_finding(data_ids: list[str], folder: Path) -> Finding:
    """Return the warning about recordings that no table assigns to a split."""
    n = format_count(len(data_ids), "recording is", "recordings are")
    return Finding("no-split", f"{n} in no split and left out", file=folder, found=format_list(data_ids))


def which_split_error(folder: Path, names: list[str]) -> DataError:
    """Return the error for a data set with several splits, of which none was chosen."""
    return DataError(
        "the data set has several splits",
        code="which-split",
        file=folder,
        expected="one split",
        found=format_quoted(names),
        hint="pass --split",
    )
