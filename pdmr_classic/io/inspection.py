"""Read every file of a data set, change nothing, and say what is there and what is wrong with which file."""

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
from pdmr_classic.io.embeddings import read_embedding
from pdmr_classic.io.openface import read_stream
from pdmr_classic.io.stream import Stream
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.workers import change_to, working_folder

_FILES_A_TASK = 16


@dataclass(frozen=True)
class FileFacts:
    """What one file holds, or why it was refused.

    Attributes
    ----------
    channels : tuple of str
        Of a stream; empty for an audio vector.
    width : int
        Of an audio vector; 0 for a stream.
    n_frames : int
    duration_s, frame_rate_hz, coverage : float
        Of a stream; coverage is the share of valid frames.
    refused : Finding or None
    signature : ndarray of float32, or None
        Where it was asked for: mean and standard deviation of each channel over valid frames, shape [2 C]; the audio
        vector itself, shape [D]. A copy that was cut, resampled or rounded has nearly the same.
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
    refused: Finding | None = None
    signature: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


def inspect_files(
    dataset: Dataset,
    reading: ReadingSettings,
    *,
    signatures: bool = False,
    jobs: int = 1,
    reporter: Reporter | None = None,
) -> list[FileFacts]:
    """Read every file of a data set and return the facts of each, in the order of its recordings."""
    reporter = reporter or LogReporter()
    files = [
        (recording.data_id, modality, path)
        for recording in dataset.recordings
        for modality, path in (("video", recording.video), ("audio", recording.audio))
        if path is not None
    ]
    chunks = [files[start : start + _FILES_A_TASK] for start in range(0, len(files), _FILES_A_TASK)]
    parallel = joblib.Parallel(n_jobs=jobs if len(chunks) > 2 else 1, return_as="generator")
    facts: list[FileFacts] = []
    tasks = (joblib.delayed(_inspect)(chunk, reading, signatures, working_folder()) for chunk in chunks)
    for found in parallel(tasks):
        facts += found
        reporter.progress("reading", len(facts), len(files))
    return facts


def find_repeated_contents(facts: Sequence[FileFacts]) -> list[Finding]:
    """Return a finding for each content that several recordings share: one of them may be a copy of another."""
    places = defaultdict(list)
    for fact in facts:
        if fact.content:
            places[fact.content].append(fact)
    return [
        Finding(
            "same-content",
            "recordings have the same content; if they stand on both sides of a split, the score is a leak",
            file=copies[0].path,
            found=", ".join(str(copy.path) for copy in copies[1:4]),
        )
        for copies in places.values()
        if len(copies) > 1
    ]


def _inspect(
    files: Sequence[tuple[str, str, Path]], reading: ReadingSettings, signatures: bool, folder: str
) -> list[FileFacts]:
    change_to(folder)
    return [_inspect_one(data_id, modality, path, reading, signatures) for data_id, modality, path in files]


def _inspect_one(data_id: str, modality: str, path: Path, reading: ReadingSettings, signatures: bool) -> FileFacts:
    try:
        if modality == "audio":
            vector = read_embedding(path)
            return FileFacts(
                data_id,
                modality,
                path,
                width=len(vector.values),
                content=vector.content,
                findings=vector.findings,
                signature=vector.values.astype(np.float32) if signatures else None,
            )
        stream = read_stream(path, reading)
    except DataError as error:
        return FileFacts(data_id, modality, path, refused=error.finding)
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
        signature=_signature(stream) if signatures else None,
    )


def _signature(stream: Stream) -> NDArray[np.float32]:
    values = stream.values[stream.valid].astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a channel without a valid frame stays NaN
        return np.concatenate([np.nanmean(values, axis=0), np.nanstd(values, axis=0)]).astype(np.float32)
