"""Find the video and audio files of each `data_id` in a folder, and check the file names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import find_near_matches, id_problem, invalid_id_finding, text_problem
from pdmr_classic.io.layouts.folder_files import ignored_findings, list_entries, list_files
from pdmr_classic.io.tables.table_files import FORMATS, file_id
from pdmr_classic.text import format_list


@dataclass(frozen=True)
class Recording:
    """The files of one `data_id`; None for a missing modality.

    Attributes
    ----------
    data_id : str
    video, audio : Path or None
    video_parts : tuple of Path
        Further files of the same video, joined to the first by frame number, as OpenFace 0.x (CLNF) writes them.
    further : tuple of (str, Path)
        Name and file of each further view, such as text, sorted by name.
    events : tuple of (str, Recording)
        If the recording stands for a person: name and recording of each event, sorted by name. It has no files itself.
    """

    data_id: str
    video: Path | None = None
    audio: Path | None = None
    video_parts: tuple[Path, ...] = ()
    further: tuple[tuple[str, Path], ...] = ()
    events: tuple[tuple[str, Recording], ...] = ()

    @property
    def files(self) -> list[tuple[str, Path, tuple[Path, ...]]]:
        """Modality, first file and further files of each available modality; of a person, those of all events."""
        if self.events:
            return [file for _, recording in self.events for file in recording.files]
        files = [("video", self.video, self.video_parts), ("audio", self.audio, ())]
        further = [(name, path, ()) for name, path in self.further]
        return [*((modality, path, parts) for modality, path, parts in files if path is not None), *further]

    @property
    def singles(self) -> tuple[Recording, ...]:
        """The recordings that have files: those of the events, or else this one."""
        return tuple(recording for _, recording in self.events) or (self,)


def is_folder(path: Path) -> bool:
    """Return whether a path is an existing folder; False for an invalid or inaccessible path."""
    try:
        return path.is_dir()
    except OSError:  # the name is too long, or a parent folder is not accessible
        return False


def is_existing_file(path: Path) -> bool:
    """Return whether a path is an existing file; False for an invalid or inaccessible path."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_split(path: Path) -> bool:
    """Return whether a folder contains video/ or audio/."""
    return is_folder(path / "video") or is_folder(path / "audio")


def describe_folder(path: Path) -> str:
    """Return a short description of the content of a folder, for messages."""
    names = sorted(entry.name + "/" * is_folder(entry) for entry in list_entries(path))
    return format_list(names) or "an empty folder"


def find_recordings(folder: Path) -> tuple[tuple[Recording, ...], list[Finding], list[Finding]]:
    """Return the recordings in video/ and audio/, findings, and errors for file names that cannot be used.

    In a folder without video/ and audio/, all files are of one modality: audio in a folder of that name, else video.

    Raises
    ------
    DataError
        There are no recordings.
    """
    findings = []
    if is_split(folder):
        folders = {"video": folder / "video", "audio": folder / "audio"}
    else:
        modality = "audio" if folder.resolve().name == "audio" else "video"
        folders = {modality: folder}
        findings.append(
            Finding(
                "bare-folder",
                f"the folder has no video/ or audio/; its files are read as {modality}",
                file=folder,
            )
        )
    contents = {modality: list_files(subfolder) for modality, subfolder in folders.items() if is_folder(subfolder)}
    for modality, content in contents.items():
        findings += ignored_findings(
            folders[modality], files=content.others, folders=content.folders, tables=content.tables
        )
    paths = {modality: content.recordings for modality, content in contents.items()}
    if not any(paths.values()):
        raise no_recordings_error(folder)
    recordings, name_findings, errors = join_files(paths.get("video", ()), paths.get("audio", ()), folder)
    return recordings, [*findings, *name_findings], errors


def has_files(folder: Path) -> bool:
    """Return whether a folder itself contains files of recordings."""
    return bool(list_files(folder).recordings)


def no_recordings_error(folder: Path) -> DataError:
    """Return the error for a folder in which nothing was found."""
    return DataError(
        "there are no recordings in this folder",
        code="no-recordings",
        file=folder,
        expected=FORMATS,
        found=describe_folder(folder),
        hint="pass the folder that contains the recordings, or --video-pattern and --audio-pattern",
    )


def join_files(
    video: Sequence[Path], audio: Sequence[Path], folder: Path
) -> tuple[tuple[Recording, ...], list[Finding], list[Finding]]:
    """Join the files of the same name to recordings; return these, findings, and errors for unusable names."""
    # File names that are not valid text are reported below and cannot be data_ids.
    by_id = [{file_id(path): path for path in paths if not text_problem(file_id(path))} for paths in (video, audio)]
    ids = sorted({*by_id[0], *by_id[1]})
    recordings = tuple(Recording(data_id, by_id[0].get(data_id), by_id[1].get(data_id)) for data_id in ids)
    all_paths = [*video, *audio]
    return (
        recordings,
        find_near_names(recordings, folder),
        find_name_problems(all_paths),
    )


def find_name_problems(paths: Sequence[Path]) -> list[Finding]:
    """Return an error for each file whose name is no valid data_id, or collides with that of an earlier file."""
    return [*_find_invalid_ids(paths), *_find_collisions(paths)]


def _find_invalid_ids(paths: Iterable[Path]) -> list[Finding]:
    return [invalid_id_finding(path, problem) for path in paths if (problem := id_problem(file_id(path)))]


def _find_collisions(paths: Iterable[Path]) -> list[Finding]:
    """Return a finding for each file whose id differs from an earlier one only in case, or only in its suffix."""
    first: dict[str, Path] = {}
    collisions = []
    for path in paths:
        data_id = file_id(path)
        earlier = first.setdefault(data_id.casefold(), path)
        if file_id(earlier) != data_id or (earlier is not path and earlier.parent == path.parent):
            is_suffix = file_id(earlier) == data_id and earlier.name.casefold() != path.name.casefold()
            collisions.append(
                Finding(
                    "ids-collide",
                    f"the names of two files differ only in {'their suffix' if is_suffix else 'case'}",
                    file=path,
                    expected="one file per recording and modality"
                    if is_suffix
                    else "ids that differ in more than case, with the same spelling in video/ and audio/",
                    found="/".join(earlier.parts[-2:]) if earlier.parent != path.parent else earlier.name,
                    hint="rename one of the files"
                    if earlier.parent == path.parent
                    else "if they are the same recording, give both files the same name; otherwise rename one",
                )
            )
    return collisions


def find_near_names(recordings: Sequence[Recording], folder: Path) -> list[Finding]:
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
