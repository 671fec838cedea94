"""MPDD: `Video/openface/ID/event_1/event_1_all.npy` (2026), or `Training/5s/Visual/openface/001_001.npy` (2025)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.labels.id_tables import TEST, TRAIN, split_name
from pdmr_classic.io.layouts._grouping import group_files, make_recordings
from pdmr_classic.io.layouts._patterns import walk_files
from pdmr_classic.io.layouts.folder_files import ignored_findings, list_entries, list_files
from pdmr_classic.io.layouts.layout import Discovery, LabelTable, Layout, layout_finding
from pdmr_classic.io.layouts.recordings import Recording, is_folder
from pdmr_classic.text import format_count, format_list

_FEATURES = ("openface", "resnet", "densenet", "mfcc64", "mfcc", "mfccs", "opensmile", "wav2vec", "wav2vec2")
_SPLIT = r"(?:(?P<split>train|dev|val|test|training|testing)/)?"
_FILE_2026 = re.compile(
    rf"(?P<modality>video|audio)/{_SPLIT}(?P<feature>[^/]+)/(?P<subject>[^/]+)/"
    r"(?:event_|[EVA]_?)(?P<event>\d+)(?:/event_\d+_all)?\.npy",
    re.IGNORECASE,
)
_FILE_2025 = re.compile(
    rf"{_SPLIT}(?P<window>\d+s)/(?P<modality>audio|visual)/(?P<feature>[^/]+)/(?P<subject>[^/_]+)_(?P<event>[^/]+)\.npy",
    re.IGNORECASE,
)
_AUDIO_FEATURES = ("wav2vec", "opensmile", "mfcc")
_WINDOWS = ("5s", "1s")
# label2 and bin_category, as published.
_MEANING = "0=Normal,1=Depression"
_TABLES_2025 = {"Training_Validation_files.json": TRAIN, "Testing_files.json": TEST}


@dataclass(frozen=True)
class _File:
    path: Path
    modality: str
    feature: str
    subject: str
    event: str
    split: str | None
    window: str | None

    @property
    def data_id(self) -> str:
        return f"{self.subject}_{self.event}" if self.window else f"{self.subject}_E{self.event}"


def recognise(folder: Path) -> str | None:
    """Return a folder that only this layout has; None if there is none."""
    places = [
        Path(modality, split, name)
        for modality in ("Video", "Audio")
        for split in ("", TRAIN, TEST)
        for name in _FEATURES
    ]
    places += [
        Path(split, window, modality)
        for split in ("", "Training", "Testing")
        for window in _WINDOWS
        for modality in ("Audio", "Visual")
    ]
    return next((place.as_posix() for place in places if is_folder(folder / place)), None)


def find(folder: Path) -> Discovery:
    """Return one recording per person and event.

    Raises
    ------
    DataError
        No file has the path of an MPDD feature.
    """
    paths = list(walk_files(folder))
    files = [file for path in paths if (file := _parse_path(path, folder)) is not None]
    chosen = _choose_files(files)
    if not chosen:
        raise DataError(
            "there are no recordings of layout mpdd in this folder",
            code="no-recordings",
            file=folder,
            expected="files such as Video/openface/1/event_1.npy, or Training/5s/Visual/openface/001_001.npy",
            found=format_list(path.relative_to(folder).as_posix() for path in paths) or "an empty folder",
            hint="pass the folder of one track, such as MPDD-AVG2026-trainval/Young, or another --layout",
        )
    recordings, errors = _join(chosen)
    fields: dict[str, dict[str, str]] = {"subject": {}, "event": {}, "split": {}}
    for file in chosen:
        fields["subject"][file.data_id] = file.subject
        fields["event"][file.data_id] = file.event
        if file.split:
            fields["split"][file.data_id] = file.split
    tables, others = _find_tables(folder)
    read = {file.path for file in chosen} | {table.path for table in tables}
    unread = [path for path in paths if path not in read and path not in others]
    findings = [
        layout_finding("mpdd", folder, recognise(folder) or "", _describe(chosen)),
        *_window_findings(chosen, folder),
        *_unread_findings(unread, folder),
        *ignored_findings(folder, tables=others),
    ]
    known = {name: values for name, values in fields.items() if values}
    return Discovery("mpdd", recordings, known, tables, tuple(findings), tuple(errors))


def _parse_path(path: Path, folder: Path) -> _File | None:
    name = path.relative_to(folder).as_posix()
    match = _FILE_2026.fullmatch(name) or _FILE_2025.fullmatch(name)
    if match is None:
        return None
    parts = match.groupdict()
    modality = "audio" if parts["modality"].casefold() == "audio" else "video"
    split = split_name(parts["split"]) if parts["split"] else None
    return _File(
        path, modality, parts["feature"].casefold(), parts["subject"], parts["event"], split, parts.get("window")
    )


def _choose_files(files: Sequence[_File]) -> list[_File]:
    """Return the files of one video and one audio feature, and of one window."""
    windows = {file.window for file in files}
    window = next((name for name in _WINDOWS if name in windows), next(iter(sorted(filter(None, windows))), None))
    features = {file.feature for file in files if file.modality == "audio"}
    audio = next((name for known in _AUDIO_FEATURES for name in sorted(features) if name.startswith(known)), None)
    wanted = {"video": "openface", "audio": audio}
    return [file for file in files if file.window == window and file.feature == wanted[file.modality]]


def _join(files: Sequence[_File]) -> tuple[tuple[Recording, ...], list[Finding]]:
    by_id, errors = group_files((file.data_id, file.modality, file.path) for file in files)
    return make_recordings(by_id), errors


def _describe(files: Sequence[_File]) -> str:
    names = {file.modality: file.feature for file in files}
    sources = " and ".join(f"{modality} from {names[modality]}" for modality in ("video", "audio") if modality in names)
    return f"{sources}, one recording per person and event, the first folder of a path is the person"


def _window_findings(files: Sequence[_File], folder: Path) -> list[Finding]:
    window = files[0].window
    if window is None:
        return []
    what = f"each row is a window of {window}, not a frame"
    return [Finding("windows", what, file=folder, hint=f"pass --fps {1 / int(window[:-1]):g}")]


def _unread_findings(paths: Sequence[Path], folder: Path) -> list[Finding]:
    """Return one finding for each folder of features and file type that is not read."""
    by_kind: dict[str, list[Path]] = {}
    for path in paths:
        parts = path.relative_to(folder).parts[:-1]
        depth = next((place + 1 for place, part in enumerate(parts) if part.casefold().startswith(_FEATURES)), 1)
        by_kind.setdefault("/".join([*parts[:depth], f"*{path.suffix}"]), []).append(path)
    return [
        Finding(
            "ignored-files",
            f"{format_count(len(group), 'file is', 'files are')} not read: {kind}",
            file=folder,
            found=format_list(path.name for path in group),
        )
        for kind, group in sorted(by_kind.items())
    ]


def _find_tables(folder: Path) -> tuple[tuple[LabelTable, ...], list[Path]]:
    """Return the label tables: split_labels_train.csv beside the features, or the JSON lists of 2025."""
    places = [place for place in (folder, folder / "labels") if is_folder(place)]
    paths = [path for place in places for path in list_files(place).tables]
    tables = [
        LabelTable(path, id_column="ID", label_column="label2", meaning=_MEANING)
        for path in paths
        if path.name.startswith("split_labels")
    ]
    for place in (folder, folder / "Training", folder / "Testing"):
        if is_folder(place / "labels"):
            tables += [
                LabelTable(path, _TABLES_2025[path.name], "audio_feature_path", "bin_category", _MEANING)
                for path in sorted(list_entries(place / "labels"))
                if path.name in _TABLES_2025
            ]
    used = {table.path for table in tables}
    return tuple(tables), [path for path in paths if path not in used]


MPDD_LAYOUT = Layout(recognise, find)
