"""One file to one row of features: what a worker process does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import Finding
from pdmr_classic.features.registry import Family
from pdmr_classic.features.signal import Floats, signals
from pdmr_classic.io.embeddings import read_embedding
from pdmr_classic.io.openface import Stream, channel_kind, read_stream


@dataclass(frozen=True, eq=False)
class FileRow:
    """The features of one file.

    Attributes
    ----------
    names : tuple of str, length F
    values : ndarray of float64, shape [F]
    content : str
        Hash of the file's bytes.
    findings : tuple of Finding
    """

    names: tuple[str, ...]
    values: Floats
    content: str = ""
    findings: tuple[Finding, ...] = ()

    def renamed(self, path: Path) -> FileRow:
        """Return the row with its findings about another file of the same content."""
        return replace(self, findings=tuple(replace(finding, file=path) for finding in self.findings))


def video_row(path: Path, reading: ReadingSettings, families: tuple[Family, ...]) -> FileRow:
    """Read one stream and compute its features; see `read_stream` for what is raised."""
    stream = read_stream(path, reading)
    names, values = stream_features(stream, families)
    return FileRow(names, values, stream.content, stream.findings)


def audio_row(path: Path, families: tuple[Family, ...]) -> FileRow:
    """Read one audio vector and compute its features; see `read_embedding` for what is raised."""
    embedding = read_embedding(path)
    found = [
        (family.view, *key, value) for family in families for key, value in family.function(embedding.values).items()
    ]
    names = _names(tuple((view, channel, functional) for view, channel, functional, _ in found))
    return FileRow(names, np.array([value for *_, value in found]), embedding.content, embedding.findings)


def stream_features(stream: Stream, families: tuple[Family, ...]) -> tuple[tuple[str, ...], Floats]:
    """Compute families on one stream.

    Returns
    -------
    names : tuple of str, length F
        `view__channel__functional`.
    values : ndarray of float64, shape [F]
        NaN where a feature cannot be known.
    """
    keys: list[tuple[str, str, str]] = []
    values: list[Floats] = []
    for family in families:
        if family.kinds:
            channels = [name for name in stream.channels if channel_kind(name) in family.kinds]
            for signal in signals(stream, channels):
                result = family.function(signal)
                keys += [(family.view, channel, functional) for functional in result for channel in signal.channels]
                values += result.values()
        else:
            single = family.function(stream)
            keys += [(family.view, *key) for key in single]
            values.append(np.array(list(single.values()), dtype=np.float64))
    flat = np.concatenate(values) if values else np.empty(0)
    # Learners work in float32: what does not fit there is no measurement of a face either.
    flat[np.abs(flat) > np.finfo(np.float32).max] = np.nan
    return _names(tuple(keys)), flat


# Files of one set share their names: one tuple for all of them is cheap to keep and to hand between processes.
@lru_cache(maxsize=64)
def _names(keys: tuple[tuple[str, str, str], ...]) -> tuple[str, ...]:
    return tuple("__".join(key) for key in keys)
