"""Find the video and audio files of each `data_id` in a folder, and check the file names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import find_near_matches, id_problem, text_problem
from pdmr_classic.text import format_list

_IGNORED = re.compile(r"^(\.|~\$)")


@dataclass(frozen=True)
class Recording:
    """The files of one `data_id`; None for a missing modality.

    Attributes
    ----------
    data_id : str
    video, audio : Path or None
    video_parts : tuple of Path
        Further files of the same video, joined to the first by frame number, as OpenFace 0.x (CLNF) writes them.
    """

    data_id: str
    video: Path | None = None
    audio: Path | None = None
    video_parts: tuple[Path, ...] = ()

    @property
    def files(self) -> list[tuple[str, Path, tuple[Path, ...]]]:
        """Modality, first file and further files of each available modality."""
        files = [("video", self.video, self.video_parts), ("audio", self.audio, ())]
        return [(modality, path, parts) for modality, path, parts in files if path is not None]


def is_folder(path: Path) -> bool:
    """Return whether a path is an existing folder; False for an invalid or inaccessible path."""
    try:
        return path.is_dir()
    except OSError:  # the name is too long, or a parent folder is not accessible
        return False


def is_split(path: Path) -> bool:
    """Return whether a folder contains video/ or audio/."""
    return is_folder(path / "video") or is_folder(path / "audio")


def describe_folder(path: Path) -> str:
    """Return a short description of the content of a folder, for messages."""
    names = sorted(entry.name + "/" * is_folder(entry) for entry in _list_entries(path))
    return format_list(names) or "an empty folder"


def find_recordings(folder: Path) -> tuple[tuple[Recording, ...], list[Finding], list[Finding]]:
    """Return the recordings of a folder, findings, and errors for file names that cannot be used."""
    findings = []
    if is_split(folder):
        folders = {"video": folder / "video", "audio": folder / "audio"}
    else:
        modality = "audio" if folder.resolve().name == "audio" else "video"
        folders = {modality: folder}
        findings.append(
            Finding(
                "bare-folder",
                f"the folder has no video/ or audio/; its CSV files are read as {modality}",
                file=folder,
            )
        )
    paths = {modality: csv_files(subfolder) for modality, subfolder in folders.items() if is_folder(subfolder)}
    all_paths = [path for group in paths.values() for path in group]
    if not all_paths:
        raise DataError(
            "there are no recordings in this folder",
            code="no-recordings",
            file=folder,
            expected="CSV files",
            found=describe_folder(folder),
            hint="pass the folder that contains the recordings",
        )
    # File names that are not valid text are reported below and cannot be data_ids.
    by_id = {
        modality: {path.stem: path for path in group if not text_problem(path.stem)}
        for modality, group in paths.items()
    }
    ids = sorted(set().union(*by_id.values()))
    video, audio = by_id.get("video", {}), by_id.get("audio", {})
    recordings = tuple(Recording(data_id, video.get(data_id), audio.get(data_id)) for data_id in ids)
    findings += _near_match_findings(recordings, folder)
    return recordings, findings, [*_find_invalid_ids(all_paths), *_find_collisions(all_paths)]


def csv_files(folder: Path) -> list[Path]:
    """Return the CSV files of recordings in a folder, sorted, without hidden files and editor backups."""
    return sorted(
        entry
        for entry in _list_entries(folder)
        if entry.suffix.lower() == ".csv" and entry.stem != "labels" and not _IGNORED.match(entry.name)
    )


def _list_entries(folder: Path) -> list[Path]:
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


def _find_invalid_ids(paths: Iterable[Path]) -> list[Finding]:
    return [
        Finding(
            "bad-id",
            "the file name is not a valid data_id",
            file=path,
            expected="a name that is valid on every operating system and in results.jsonl",
            found=problem,
            hint="rename the file",
        )
        for path in paths
        if (problem := id_problem(path.stem))
    ]


def _find_collisions(paths: Iterable[Path]) -> list[Finding]:
    """Return a finding for each file whose id differs from an earlier one only in case, or only in its suffix."""
    first: dict[str, Path] = {}
    collisions = []
    for path in paths:
        earlier = first.setdefault(path.stem.casefold(), path)
        if earlier.stem != path.stem or (earlier is not path and earlier.parent == path.parent):
            collisions.append(
                Finding(
                    "ids-collide",
                    "the names of two files differ only in case",
                    file=path,
                    expected="ids that differ in more than case, with the same spelling in video/ and audio/",
                    found="/".join(earlier.parts[-2:]) if earlier.parent != path.parent else earlier.name,
                    hint="rename one of the files"
                    if earlier.parent == path.parent
                    else "if they are the same recording, give both files the same name; otherwise rename one",
                )
            )
    return collisions


def _near_match_findings(recordings: Sequence[Recording], folder: Path) -> list[Finding]:
    """Return a finding if ids of video-only and audio-only recordings almost match."""
    video_ids = [recording.data_id for recording in recordings if recording.audio is None]
    audio_ids = [recording.data_id for recording in recordings if recording.video is None]
    near_matches = find_near_matches(video_ids, audio_ids)
    if not near_matches:
        return []
    pairs = format_list(f"{audio_id!r} in audio for {video_id!r} in video" for video_id, audio_id in near_matches)
    what = "some video and audio ids almost match and are treated as separate recordings"
    return [
        Finding(
            "near-match",
            what,
            file=folder,
            found=pairs,
            hint="give the video and the audio file of a recording the same name",
        )
    ]
