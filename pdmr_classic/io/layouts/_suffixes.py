"""Files of one recording that share an id and differ in their suffix, such as 300_CLNF_AUs.txt and 300_COVAREP.csv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import Finding
from pdmr_classic.io.layouts._grouping import group_files
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.io.tables.table_files import file_id, is_table_file
from pdmr_classic.text import format_count, format_list


@dataclass(frozen=True)
class Naming:
    """Suffixes of the files of a recording, in lower case and without the file type.

    Attributes
    ----------
    video, audio : str
    parts : tuple of str
        Further files of the video stream.
    """

    video: str
    audio: str
    parts: tuple[str, ...] = ()

    @property
    def suffixes(self) -> tuple[str, ...]:
        return (self.video, *self.parts, self.audio)


DAIC_WOZ = Naming("_clnf_aus", "_covarep", ("_clnf_pose", "_clnf_gaze", "_clnf_features"))
E_DAIC = Naming("_openface2.1.0_pose_gaze_aus", "_opensmile2.3.0_egemaps")
CLNF = Naming("_aus", "_covarep", ("_pose", "_gaze", "_features"))
PLAIN = Naming("_video", "_audio")


@dataclass(frozen=True)
class NamedFile:
    """A file with the id of its recording and its suffix; `suffix` is None if the naming does not have it."""

    data_id: str
    suffix: str | None
    path: Path


def split_suffix(path: Path, naming: Naming) -> NamedFile:
    """Return the id and the suffix that a file name gives."""
    name = file_id(path)
    ends = [suffix for suffix in naming.suffixes if is_table_file(path) and name.casefold().endswith(suffix)]
    longest = max(ends, key=len, default=None)
    return NamedFile(name[: -len(longest)] if longest else name, longest, path)


def join_suffixes(
    files: Iterable[NamedFile], naming: Naming, folder: Path
) -> tuple[tuple[Recording, ...], list[Finding], list[Finding]]:
    """Join files of the same id to recordings.

    Returns
    -------
    tuple of Recording
    list of Finding
        Recordings without their main video file, or with only some of its parts.
    list of Finding
        Ids that are not valid, and files of the same kind and id.
    """
    ordered = sorted(files, key=lambda file: file.path)
    by_id, errors = group_files((file.data_id, file.suffix, file.path) for file in ordered if file.suffix is not None)
    recordings = tuple(_make_recording(data_id, by_id[data_id], naming) for data_id in sorted(by_id))
    usable = tuple(recording for recording in recordings if recording.files)
    return usable, _find_missing(by_id, naming, folder), errors


def _make_recording(data_id: str, paths: dict[str, Path], naming: Naming) -> Recording:
    parts = tuple(paths[part] for part in naming.parts if part in paths)
    video = paths.get(naming.video)
    return Recording(data_id, video, paths.get(naming.audio), parts if video is not None else ())


def _find_missing(by_id: dict[str, dict[str, Path]], naming: Naming, folder: Path) -> list[Finding]:
    findings = []
    has_video = [data_id for data_id, paths in by_id.items() if naming.video in paths]
    for part in naming.parts:
        if ids := [data_id for data_id in has_video if part not in by_id[data_id]]:
            what = f"{format_count(len(ids), 'recording has', 'recordings have')} no file {part}"
            findings.append(Finding("missing-files", what, file=folder, found=format_list(ids)))
    lost = [data_id for data_id, paths in by_id.items() if naming.video not in paths and {*naming.parts} & {*paths}]
    if lost:
        what = (
            f"{format_count(len(lost), 'recording has', 'recordings have')} no file {naming.video}: "
            "its other video files are not read"
        )
        findings.append(Finding("missing-files", what, file=folder, found=format_list(lost)))
    return findings


def kind_findings(files: Sequence[NamedFile], folder: Path) -> list[Finding]:
    """Return one finding for each kind of file that is not read; a kind is the name without the id."""
    by_kind: dict[str, list[Path]] = {}
    for file in files:
        by_kind.setdefault(file.path.name.removeprefix(file.data_id), []).append(file.path)
    return [
        Finding(
            "ignored-files",
            f"{format_count(len(paths), 'file is', 'files are')} not read: *{kind}",
            file=folder,
            found=format_list(path.name for path in sorted(paths)),
        )
        for kind, paths in sorted(by_kind.items())
    ]
