"""One file to one row of features: what a worker process does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings, Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features.names import feature_name
from pdmr_classic.features.registry import Family
from pdmr_classic.features.signal import Signal, make_signals
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.embeddings import read_embedding
from pdmr_classic.io.openface import read_stream
from pdmr_classic.io.stream import Stream

_UNITS = ("au_intensity", "au_presence")

# From a stream to a stream, or from an audio vector to one.
Alteration = Callable[[Any], Any]


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


def video_row(path: Path, settings: Settings, families: tuple[Family, ...], alter: Alteration | None = None) -> FileRow:
    """Read one stream, alter it if asked, and compute its features; see `read_stream` for what is raised."""
    stream = read_stream(path, settings.reading)
    stream = alter(stream) if alter is not None else stream
    names, values = stream_features(stream, families, settings.features)
    return FileRow(names, values, stream.content, stream.findings)


def audio_row(path: Path, settings: Settings, families: tuple[Family, ...], alter: Alteration | None = None) -> FileRow:
    """Read one audio vector, alter it if asked, and compute its features; see `read_embedding` for what is raised."""
    embedding = read_embedding(path)
    embedding = alter(embedding) if alter is not None else embedding
    found = [(family, family.function(embedding.values, settings.features)) for family in families]
    names = _joined(tuple(_names(family.view, tuple(result)) for family, result in found))
    values = np.array([value for _, result in found for value in result.values()], dtype=np.float64)
    return FileRow(names, values, embedding.content, embedding.findings)


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
    _keep_memory()
    names: list[tuple[str, ...]] = []
    values: list[Floats] = []
    made: dict[tuple[str, ...], list[Signal]] = {}
    for family in families:
        if family.kinds:
            for signal in _signals_of(stream, family, made):
                result = family.function(signal, settings)
                names.append(_channel_names(family.view, signal.channels, tuple(result)))
                values += result.values()
        else:
            single = family.function(stream, settings)
            names.append(_names(family.view, tuple(single)))
            values.append(np.array(list(single.values()), dtype=np.float64))
    flat = np.concatenate(values) if values else np.empty(0)
    # Learners work in float32: what does not fit there is no measurement of a face either.
    # One NaN for all: computed ones carry a sign, which the cache would lose and a comparison of bytes would see.
    flat[~(np.abs(flat) <= np.finfo(np.float32).max)] = np.nan
    return _joined(tuple(names)), flat


def _signals_of(stream: Stream, family: Family, made: dict[tuple[str, ...], list[Signal]]) -> list[Signal]:
    """Return the signals of a family's channels; families share them, and what is computed on them."""
    units = _UNITS if family.units_apart else ()
    groups = [tuple(kind for kind in family.kinds if kind not in units), *((unit,) for unit in units)]
    found: list[Signal] = []
    for group in groups:
        if group and set(group) <= set(family.kinds):
            if group not in made:
                made[group] = make_signals(stream, [name for name in stream.channels if channel_kind(name) in group])
            found += made[group]
    return found


# Files of one set share their names: one tuple for all of them is cheap to keep and to hand between processes.
@lru_cache(maxsize=256)
def _channel_names(view: str, channels: tuple[str, ...], functionals: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(feature_name(view, channel, functional) for functional in functionals for channel in channels)


@lru_cache(maxsize=256)
def _names(view: str, keys: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(feature_name(view, channel, functional) for channel, functional in keys)


@lru_cache(maxsize=64)
def _joined(parts: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(name for part in parts for name in part)


@lru_cache(maxsize=1)
def _keep_memory() -> None:
    """Let the C library keep memory that is freed instead of giving it back to the system at once.

    The arrays of one stream are just large enough to be given back after every use, and faulting their pages in anew
    costs as much as the computing. A block of under 32 MB, allocated and freed untouched, raises glibc's thresholds.
    """
    np.empty(31 << 20, dtype=np.uint8)
