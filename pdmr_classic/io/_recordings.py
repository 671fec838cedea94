"""Files to recordings: which files belong to one `data_id`, and which names cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import find_near_matches, invalid_id, invalid_text
from pdmr_classic.text import format_list

_IGNORED = re.compile(r"^(\.|~\$)")


@dataclass(frozen=True)
class Recording:
    """One `data_id` and where its modalities are; None stands for one that it does not have."""

    data_id: str
    video: Path | None = None
    audio: Path | None = None


def is_folder(path: Path) -> bool:
    """Return whether there is such a folder; a name that no folder can have is none."""
    try:
        return path.is_dir()
    except OSError:  # too long, or below a folder that may not be entered
        return False


def is_split(path: Path) -> bool:
    """Return whether a folder holds video/ or audio/."""
    return is_folder(path / "video") or is_folder(path / "audio")


def listing(path: Path) -> str:
    """Return what a folder holds, in a few words."""
    names = sorted(entry.name + "/" * is_folder(entry) for entry in _entries(path))
    return format_list(names) or "an empty folder"


def find_recordings(folder: Path) -> tuple[tuple[Recording, ...], list[Finding], list[Finding]]:
    """Return recordings, what was noticed about them, and the files whose names cannot be used."""
    findings = []
    if is_split(folder):
        places = {"video": folder / "video", "audio": folder / "audio"}
    else:
        modality = "audio" if folder.resolve().name == "audio" else "video"
        places = {modality: folder}
        findings.append(
            Finding(
                "bare-folder",
                f"the folder has no video/ or audio/; its CSVs are read as {modality}",
                file=folder,
            )
        )
    paths = {modality: csv_files(place) for modality, place in places.items() if is_folder(place)}
    every = [path for found in paths.values() for path in found]
    if not every:
        raise DataError(
            "there are no recordings here",
            code="no-recordings",
            file=folder,
            expected="CSV files",
            found=listing(folder),
            hint="name the folder that holds them",
        )
    # A name that is no text can stand in no table either.
    files = {name: {path.stem: path for path in found if not invalid_text(path.stem)} for name, found in paths.items()}
    ids = sorted(set().union(*files.values()))
    recordings = tuple(
        Recording(data_id, **{name: found.get(data_id) for name, found in files.items()}) for data_id in ids
    )
    findings += _near_modalities(recordings, folder)
    return recordings, findings, [*_wrong_ids(every), *_collisions(every)]


def csv_files(folder: Path) -> list[Path]:
    """Return the files of recordings in a folder, sorted; those of systems and editors are none."""
    return sorted(
        entry
        for entry in _entries(folder)
        if entry.suffix.lower() == ".csv" and entry.stem != "labels" and not _IGNORED.match(entry.name)
    )


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(
            "the folder cannot be read",
            code="unreadable",
            file=folder,
            expected="a folder that may be read",
            found=error.strerror,
            hint="mend its permissions",
        ) from None


def _wrong_ids(paths: Iterable[Path]) -> list[Finding]:
    return [
        Finding(
            "bad-id",
            "the name of the file can be no data_id",
            file=path,
            expected="a name that any system and results.jsonl can hold",
            found=wrong,
            hint="rename it",
        )
        for path in paths
        if (wrong := invalid_id(path.stem))
    ]


def _collisions(paths: Iterable[Path]) -> list[Finding]:
    """Return a finding for each file whose id an earlier one has, but for the case of letters or of its suffix."""
    first: dict[str, Path] = {}
    found = []
    for path in paths:
        twin = first.setdefault(path.stem.casefold(), path)
        if twin.stem != path.stem or (twin is not path and twin.parent == path.parent):
            found.append(
                Finding(
                    "ids-collide",
                    "two files have the same id but for the case of letters",
                    file=path,
                    expected="ids that differ in more than that, and one spelling of each",
                    found="/".join(twin.parts[-2:]) if twin.parent != path.parent else twin.name,
                    hint="rename one of them",
                )
            )
    return found


def _near_modalities(recordings: Sequence[Recording], folder: Path) -> list[Finding]:
    """Tell of streams and vectors that nearly have the same id: they are two recordings of one modality each."""
    video = [recording.data_id for recording in recordings if recording.audio is None]
    audio = [recording.data_id for recording in recordings if recording.video is None]
    near = find_near_matches(video, audio)
    if not near:
        return []
    pairs = format_list(f"{other!r} in audio for {data_id!r} in video" for data_id, other in near)
    what = "files of video and audio nearly have the same id; ids are matched exactly"
    return [Finding("near-match", what, file=folder, found=pairs, hint="rename them alike, if they belong together")]
