"""Read every file of a data set and report the content and the problems of each; nothing is changed."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.stream_facts import StreamFacts, describe_embedding, describe_stream
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.io.view_files import KINDS, VECTOR, FileKind, read_modality_stream, read_vector
from pdmr_classic.progress import LogReporter, Reporter, announce, shows_progress
from pdmr_classic.storage.bytes import total_size
from pdmr_classic.text import format_count, format_list, format_size
from pdmr_classic.workers import change_working_folder, working_folder

_FILES_PER_TASK = 16
SIGNATURE_FUNCTIONALS = ("mean", "std", "min", "max")


@dataclass(frozen=True)
class FileFacts:
    """Content of one file, or the error that prevented reading it.

    Attributes
    ----------
    channels : tuple of str
        Channels of a stream; empty for an audio vector.
    width : int
        Width of an audio vector; 0 for a stream.
    components : tuple of str
        Names of the components of an audio vector, if they have names.
    n_frames : int
    duration_s, frame_rate_hz, coverage : float
        Properties of a stream; coverage is the share of valid frames.
    tracker, evidence : str
        Program that wrote a stream, and what shows it; empty if it was not recognised.
    n_columns, n_unused : int
        Number of columns of a stream's file, and of those that are not read.
    error : Finding or None
    facts : StreamFacts
        What is compared with the other files of the set.
    signature : ndarray of float32, or None
        Audio: the vector itself, shape [D]. Stream, if requested: `SIGNATURE_FUNCTIONALS` of each channel over valid
        frames, shape [4 C], by which copies are recognised.
    """

    data_id: str
    modality: str
    path: Path
    channels: tuple[str, ...] = ()
    width: int = 0
    n_frames: int = 0
    duration_s: float = 0.0
    frame_rate_hz: float = 0.0
    coverage: float = 0.0
    content: str = ""
    findings: tuple[Finding, ...] = ()
    error: Finding | None = None
    tracker: str = ""
    evidence: str = ""
    n_columns: int = 0
    n_unused: int = 0
    facts: StreamFacts = field(default_factory=StreamFacts)
    signature: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    components: tuple[str, ...] = ()


@shows_progress
def inspect_files(
    dataset: Dataset,
    reading: ReadingSettings,
    *,
    signatures: bool = False,
    jobs: int = 1,
    reporter: Reporter | None = None,
) -> list[FileFacts]:
    """Read every file of a data set and return the facts of each, in the order of the recordings."""
    reporter = reporter or LogReporter()
    kinds = {**KINDS, **{name: view.kind for name, view in dataset.view_kinds.items()}}
    files = [
        (recording.data_id, modality, kinds[modality], path, parts)
        for recording in dataset.singles
        for modality, path, parts in recording.files
    ]
    chunks = [files[start : start + _FILES_PER_TASK] for start in range(0, len(files), _FILES_PER_TASK)]
    parallel = joblib.Parallel(n_jobs=jobs if len(chunks) > 2 else 1, return_as="generator")
    facts: list[FileFacts] = []
    size = total_size(path for _, _, _, main, parts in files for path in (main, *parts))
    announce(reporter, f"to read: {format_count(len(files), 'file')}, {format_size(size)}")
    tasks = (joblib.delayed(_inspect_chunk)(chunk, reading, signatures, working_folder()) for chunk in chunks)
    for chunk_facts in parallel(tasks):
        facts += chunk_facts
        reporter.progress("reading", len(facts), len(files))
    return facts


def find_repeated_contents(facts: Sequence[FileFacts]) -> list[Finding]:
    """Return a finding for each group of recordings with identical content, which may be copies."""
    facts_by_content = defaultdict(list)
    for fact in facts:
        if fact.content:
            facts_by_content[fact.content].append(fact)
    return [
        Finding(
            "same-content",
            "recordings have identical content; in both training and test data they would inflate the scores",
            file=copies[0].path,
            found=format_list(copy.path for copy in copies[1:]),
            hint="keep one of them",
        )
        for copies in facts_by_content.values()
        if len(copies) > 1
    ]


def _inspect_chunk(
    files: Sequence[tuple[str, str, FileKind, Path, tuple[Path, ...]]],
    reading: ReadingSettings,
    signatures: bool,
    folder: str,
) -> list[FileFacts]:
    change_working_folder(folder)
    return [_inspect_file(*file, reading, signatures) for file in files]


def _inspect_file(
    data_id: str,
    modality: str,
    kind: FileKind,
    path: Path,
    parts: tuple[Path, ...],
    reading: ReadingSettings,
    signatures: bool,
) -> FileFacts:
    try:
        if kind == VECTOR:
            vector = read_vector(path, modality)
            return FileFacts(
                data_id,
                modality,
                path,
                width=len(vector.values),
                components=vector.names,
                content=vector.content,
                findings=vector.findings,
                facts=describe_embedding(vector),
                signature=vector.values.astype(np.float32),
            )
        stream = read_modality_stream(path, modality, reading, parts)
    except DataError as error:
        return FileFacts(data_id, modality, path, error=error.finding)
    return FileFacts(
        data_id,
        modality,
        path,
        channels=stream.channels,
        n_frames=stream.n_frames,
        duration_s=float(stream.time_s[-1]) + 1 / stream.frame_rate_hz,
        frame_rate_hz=stream.frame_rate_hz,
        coverage=float(np.mean(stream.valid)),
        content=stream.content,
        findings=stream.findings,
        tracker=stream.tracker,
        evidence=stream.evidence,
        n_columns=stream.n_columns,
        n_unused=stream.n_unused,
        facts=describe_stream(stream),
        signature=_signature(stream) if signatures else None,
    )


def _signature(stream: Stream) -> NDArray[np.float32]:
    # One row of NaN if no frame is valid: there is no minimum of nothing.
    values = stream.values[stream.valid] if stream.valid.any() else np.full((1, len(stream.channels)), np.nan)
    values = values.astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel without a valid frame stays NaN
        functions = (np.nanmean, np.nanstd, np.nanmin, np.nanmax)
        return np.concatenate([function(values, axis=0) for function in functions]).astype(np.float32)
