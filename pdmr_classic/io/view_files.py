"""Files of a modality: streams or vectors. Video is read as streams, audio as vectors; a further view is either.

A view is one kind as a whole. Its files are vectors if each has one row, or one column without a name; otherwise they
are streams. Rows of a vector view are never averaged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.audio.embeddings import Embedding, read_embedding
from pdmr_classic.io.layouts.layout import ViewFolder
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.text import format_count

FileKind = Literal["stream", "vector"]
STREAM: FileKind = "stream"
VECTOR: FileKind = "vector"
VIDEO, AUDIO = "video", "audio"
KINDS: dict[str, FileKind] = {VIDEO: STREAM, AUDIO: VECTOR}
"""Kind of the files of the modalities that every data set can have."""
# In the names of features, these stand for the components of a vector.
_VECTOR_CHANNELS = ("netvlad", "vector")


@dataclass(frozen=True)
class ViewKind:
    """What the files of a further view hold.

    Attributes
    ----------
    kind : {"stream", "vector"}
    width : int
        Number of columns in most files that were looked at; 0 if none can be read.
    """

    kind: FileKind
    width: int = 0


def find_view_kinds(recordings: Sequence[Recording]) -> dict[str, ViewKind]:
    """Return the kind of each further view, from all of its files up to the first that shows a stream."""
    paths: dict[str, list[Path]] = {}
    for recording in recordings:
        for name, path in recording.further:
            paths.setdefault(name, []).append(path)
    return {name: _find_kind(paths[name]) for name in sorted(paths)}


def _find_kind(paths: Iterable[Path]) -> ViewKind:
    columns: list[int] = []  # lengths of single columns without a name
    widths: Counter[int] = Counter()
    for path in paths:
        try:
            embedding = read_embedding(path)
        except DataError:
            continue  # told when the features are extracted
        width = len(embedding.values)
        if embedding.n_rows > 1:
            return ViewKind(STREAM, width)
        widths[width] += 1
        if any(finding.code == "transposed" for finding in embedding.findings):
            columns.append(width)
    # One channel over time, in recordings of different durations.
    if columns and 2 * max(Counter(columns).values()) <= len(columns) > 1:
        return ViewKind(STREAM, 1)
    return ViewKind(VECTOR, widths.most_common(1)[0][0] if widths else 0)


def describe_views(folders: Iterable[ViewFolder], kinds: Mapping[str, ViewKind]) -> list[Finding]:
    """Return a finding that tells how each further view is read."""
    return [
        Finding(
            "view",
            f"{folder.path.name}/ is read as a further view"
            + ("" if folder.path.name == folder.name else f" {folder.name}")
            + f": {kinds[folder.name].kind}s of {format_count(kinds[folder.name].width, 'column')}",
            file=folder.path,
        )
        for folder in folders
        if folder.name in kinds
    ]


def read_vector(path: Path, modality: str) -> Embedding:
    """Read a vector of a modality; see `read_embedding`.

    Raises
    ------
    DataError
        As `read_embedding`, or the file of a further view has several rows.
    """
    embedding = read_embedding(path)
    if modality not in KINDS and embedding.n_rows > 1:
        raise DataError(
            f"the file has several rows, but view {modality} consists of vectors",
            code="odd-rows",
            file=path,
            expected="one row per recording, as in the other files or in training",
            found=format_count(embedding.n_rows, "row"),
            hint="write one vector per recording; rows are averaged in audio only",
        )
    return embedding


def read_modality_stream(path: Path, modality: str, settings: ReadingSettings, parts: tuple[Path, ...] = ()) -> Stream:
    """Read a stream of a modality; see `read_stream`.

    Settings that state how the video was recorded (tracker, face, units, frame rate) do not apply to further views:
    their frame rate is that of their timestamps, or else 30 Hz. A column keeps the meaning that OpenFace gives to its
    name, such as AU12_r.
    """
    if modality == VIDEO:
        return read_stream(path, settings, parts=parts)
    stream = read_stream(path, ReadingSettings(min_confidence=settings.min_confidence), parts=parts)
    stream = replace(stream, findings=tuple(map(_without_fps, stream.findings)))
    if not {*_VECTOR_CHANNELS} & {*stream.channels}:
        return stream
    names = tuple(f"{name}_channel" if name in _VECTOR_CHANNELS else name for name in stream.channels)
    return replace(stream, channels=names)


def _without_fps(finding: Finding) -> Finding:
    """Return a finding without the advice to pass --fps, which states the rate of the video."""
    has_advice = finding.hint is not None and "--fps" in finding.hint
    return replace(finding, hint="add a column timestamp, in s") if has_advice else finding
