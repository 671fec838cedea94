"""Compute one row of features from one file; runs in worker processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings, Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features._resting_face import subtract_resting_face
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.names import AUDIO, VIDEO, feature_name
from pdmr_classic.features.registry import Family
from pdmr_classic.features.signal import Signal, make_signals
from pdmr_classic.io.conditions import describe_stream_conditions, describe_vector_conditions
from pdmr_classic.io.stream_facts import StreamFacts, describe_embedding, describe_stream
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.io.view_files import STREAM, VECTOR, FileKind, read_modality_stream, read_vector

_UNITS = ("au_intensity", "au_presence")

# Maps a stream to a stream, or an audio vector to an audio vector.
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
    facts : StreamFacts
        Facts about the file as it is: of all channels, and before resting levels are subtracted.
    source : str
        Modality and kind of the file: the same bytes have other features in another modality.
    """

    names: tuple[str, ...]
    values: Floats
    content: str = ""
    findings: tuple[Finding, ...] = ()
    facts: StreamFacts = field(default_factory=StreamFacts)
    source: str = ""

    def with_path(self, path: Path) -> FileRow:
        """Return the row with its findings attributed to another file with the same content."""
        return replace(self, findings=tuple(replace(finding, file=path) for finding in self.findings))


def compute_stream_row(
    path: Path,
    settings: Settings,
    families: tuple[Family, ...],
    alter: Alteration | None = None,
    *,
    modality: str = VIDEO,
    parts: tuple[Path, ...] = (),
    exclusions: Exclusions = NO_EXCLUSIONS,
) -> FileRow:
    """Read one stream, apply `alter`, and compute its features; raises as `read_modality_stream` does.

    Features are computed without the channels in `exclusions`.
    """
    stream = read_modality_stream(path, modality, settings.reading, parts)
    stream = alter(stream) if alter is not None else stream
    facts = replace(describe_stream(stream), conditions=describe_stream_conditions(stream, path))
    stream = prepare_stream(stream, settings, modality, exclusions)
    names, values = compute_stream_features(stream, families, settings.features)
    row = FileRow(names, values, stream.content, stream.findings, facts, file_source(modality, STREAM))
    # The cache does not know which part a finding is about.
    return row.with_path(path) if parts else row


def prepare_stream(stream: Stream, settings: Settings, modality: str, exclusions: Exclusions) -> Stream:
    """Return a stream as features are computed from it: without excluded channels, and relative to the resting face."""
    stream = exclusions.drop_channels(stream, modality)
    is_relative = settings.reading.resting_face and modality == VIDEO
    return subtract_resting_face(stream) if is_relative else stream


def compute_vector_row(
    path: Path,
    settings: Settings,
    families: tuple[Family, ...],
    alter: Alteration | None = None,
    *,
    modality: str = AUDIO,
    exclusions: Exclusions = NO_EXCLUSIONS,
) -> FileRow:
    """Read one vector, apply `alter`, and compute its features; raises as `read_vector` does.

    Features of the components in `exclusions` are left out.
    """
    embedding = read_vector(path, modality)
    embedding = alter(embedding) if alter is not None else embedding
    results = [(family, family.function(embedding, settings.features)) for family in families]
    names = _concatenate_names(tuple(_key_names(family.view, tuple(result)) for family, result in results))
    values = np.array([value for _, result in results for value in result.values()], dtype=np.float64)
    names, values = exclusions.drop_components(names, values, modality)
    facts = replace(describe_embedding(embedding), conditions=describe_vector_conditions(embedding, path))
    return FileRow(names, values, embedding.content, embedding.findings, facts, file_source(modality, VECTOR))


def file_source(modality: str, kind: FileKind) -> str:
    """Return how a file is read, which its features depend on."""
    return f"{modality} {kind}"


def compute_stream_features(
    stream: Stream, families: tuple[Family, ...], settings: FeatureSettings
) -> tuple[tuple[str, ...], Floats]:
    """Compute the features of one stream.

    Returns
    -------
    names : tuple of str, length F
        `view__channel__functional`.
    values : ndarray of float64, shape [F]
        NaN if a feature cannot be computed.
    """
    _retain_freed_memory()
    names: list[tuple[str, ...]] = []
    values: list[Floats] = []
    signals_by_kinds: dict[tuple[str, ...], list[Signal]] = {}
    for family in families:
        if family.kinds:
            for signal in _get_signals(stream, family, signals_by_kinds):
                result = family.function(signal, settings)
                names.append(_channel_names(family.view, signal.channels, tuple(result)))
                values += result.values()
        else:
            features = family.function(stream, settings)
            names.append(_key_names(family.view, tuple(features)))
            values.append(np.array(list(features.values()), dtype=np.float64))
    flat = np.concatenate(values) if values else np.empty(0)
    # Learners use float32: values beyond its range are not plausible measurements.
    # A single NaN for all: computed NaNs differ in sign, which would break byte-wise comparison with cached rows.
    flat[~(np.abs(flat) <= np.finfo(np.float32).max)] = np.nan
    return _concatenate_names(tuple(names)), flat


def _get_signals(stream: Stream, family: Family, signals_by_kinds: dict[tuple[str, ...], list[Signal]]) -> list[Signal]:
    """Return the signals of a family's channels; families with the same kinds share them."""
    units = _UNITS if family.separate_units else ()
    groups = [tuple(kind for kind in family.kinds if kind not in units), *((unit,) for unit in units)]
    signals: list[Signal] = []
    for group in groups:
        if group and set(group) <= set(family.kinds):
            if group not in signals_by_kinds:
                channels = [name for name in stream.channels if channel_kind(name) in group]
                signals_by_kinds[group] = make_signals(stream, channels)
            signals += signals_by_kinds[group]
    return signals


# Files of one data set share their names: a single tuple saves memory and transfer between processes.
@lru_cache(maxsize=256)
def _channel_names(view: str, channels: tuple[str, ...], functionals: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(feature_name(view, channel, functional) for functional in functionals for channel in channels)


@lru_cache(maxsize=256)
def _key_names(view: str, keys: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return tuple(feature_name(view, channel, functional) for channel, functional in keys)


@lru_cache(maxsize=64)
def _concatenate_names(parts: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(name for part in parts for name in part)


@lru_cache(maxsize=1)
def _retain_freed_memory() -> None:
    """Make the C library retain freed memory instead of returning it to the system at once.

    The arrays of one stream are just large enough to be returned after each use, and new page faults cost as much as
    the computation. Allocating and freeing an untouched block of less than 32 MB raises glibc's thresholds.
    """
    np.empty(31 << 20, dtype=np.uint8)
