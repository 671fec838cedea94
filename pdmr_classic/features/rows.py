"""One file to one row of features: what a worker process does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from pdmr_classic.config import FeatureSettings, Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features.registry import Family
from pdmr_classic.features.signal import Floats, Signal, signals
from pdmr_classic.io.embeddings import read_embedding
from pdmr_classic.io.openface import Stream, channel_kind, read_stream

_UNITS = ("au_intensity", "au_presence")


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


def video_row(path: Path, settings: Settings, families: tuple[Family, ...]) -> FileRow:
    """Read one stream and compute its features; see `read_stream` for what is raised."""
    stream = read_stream(path, settings.reading)
    names, values = stream_features(stream, families, settings.features)
    return FileRow(names, values, stream.content, stream.findings)


def audio_row(path: Path, settings: Settings, families: tuple[Family, ...]) -> FileRow:
    """Read one audio vector and compute its features; see `read_embedding` for what is raised."""
    embedding = read_embedding(path)
    found = [
        (family.view, *key, value)
        for family in families
        for key, value in family.function(embedding.values, settings.features).items()
    ]
    names = _names(tuple((view, channel, functional) for view, channel, functional, _ in found))
    return FileRow(names, np.array([value for *_, value in found]), embedding.content, embedding.findings)


def stream_features(
    stream: Stream, families: tuple[Family, ...], settings: FeatureSettings
) -> tuple[tuple[str, ...], Floats]:
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
    made: dict[tuple[str, ...], list[Signal]] = {}
    for family in families:
        if family.kinds:
            for signal in _signals_of(stream, family.kinds, made):
                result = family.function(signal, settings)
                keys += [(family.view, channel, functional) for functional in result for channel in signal.channels]
                values += result.values()
        else:
            single = family.function(stream, settings)
            keys += [(family.view, *key) for key in single]
            values.append(np.array(list(single.values()), dtype=np.float64))
    flat = np.concatenate(values) if values else np.empty(0)
    # Learners work in float32: what does not fit there is no measurement of a face either.
    # One NaN for all: computed ones carry a sign, which the cache would lose and a comparison of bytes would see.
    flat[~(np.abs(flat) <= np.finfo(np.float32).max)] = np.nan
    return _names(tuple(keys)), flat


def _signals_of(stream: Stream, kinds: tuple[str, ...], made: dict[tuple[str, ...], list[Signal]]) -> list[Signal]:
    """Return the signals of some kinds of channel; families share them, and what is computed on them.

    Action units stand alone: what is asked of them is not what is asked of another measurement.
    """
    found: list[Signal] = []
    for group in (tuple(kind for kind in kinds if kind not in _UNITS), *((unit,) for unit in _UNITS)):
        if set(group) <= set(kinds) and group:
            if group not in made:
                made[group] = signals(stream, [name for name in stream.channels if channel_kind(name) in group])
            found += made[group]
    return found


# Files of one set share their names: one tuple for all of them is cheap to keep and to hand between processes.
@lru_cache(maxsize=64)
def _names(keys: tuple[tuple[str, str, str], ...]) -> tuple[str, ...]:
    return tuple("__".join(key) for key in keys)
