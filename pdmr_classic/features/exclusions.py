"""Channels that are never learned from, because they mark recordings instead of describing behaviour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.features.names import AUDIO, VIDEO, audio_cluster, is_vector_component, parse_name, vector_modalities
from pdmr_classic.io.ids import natural_order
from pdmr_classic.io.stream_facts import DescribedFile
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.storage.mapped_table import iterate_columns, iterate_rows
from pdmr_classic.text import format_count, format_list

# Fewer recordings in equal steps, or in order, can be chance.
_MIN_EQUAL_STEPS, _MIN_RECORDINGS_IN_ORDER = 5, 10
# Numbers may have been rounded when they were written.
_STEP_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exclusions:
    """Channels of streams and components of vectors to leave out.

    Attributes
    ----------
    names : mapping of str to tuple of str
        By modality: channels of a stream; components of a vector, by name or, without names, by number.
    """

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.names.values())

    def __getitem__(self, modality: str) -> tuple[str, ...]:
        return self.names.get(modality, ())

    @classmethod
    def from_dict(cls, names: Mapping[str, Sequence[str]] | None) -> Self:
        """Return the exclusions that a model stores (`as_dict`); none for a model without this entry."""
        return cls({modality: tuple(excluded) for modality, excluded in (names or {}).items()})

    def as_dict(self) -> dict[str, list[str]]:
        """Return the names by modality, ready for JSON."""
        return {modality: list(self[modality]) for modality in dict.fromkeys([VIDEO, AUDIO, *self.names])}

    def drop_channels(self, stream: Stream, modality: str = VIDEO) -> Stream:
        """Return a stream without the excluded channels, so that no family can use them."""
        kept = [row for row, name in enumerate(stream.channels) if name not in self[modality]]
        if len(kept) == len(stream.channels):
            return stream
        return replace(stream, values=stream.values.T[kept].T, channels=tuple(stream.channels[row] for row in kept))

    def drop_components(
        self, names: tuple[str, ...], values: Floats, modality: str = AUDIO
    ) -> tuple[tuple[str, ...], Floats]:
        """Return features without those of excluded components, and without the norms of clusters that have one."""
        if not self[modality]:
            return names, values
        components = [name for name in names if is_vector_component(name, modality)]
        excluded = {name for name in components if component_key(name) in self[modality]}
        excluded |= {audio_cluster(number) for number, name in enumerate(components) if name in excluded}
        kept = [column for column, name in enumerate(names) if name not in excluded]
        return tuple(names[column] for column in kept), values[kept]


NO_EXCLUSIONS = Exclusions()


def component_key(feature: str) -> str:
    """Return the name of a component of a vector in `Exclusions`, given its feature.

    Examples
    --------
    >>> component_key("audio__vector__007"), component_key("audio__vector__F0")
    ('7', 'F0')
    """
    functional = parse_name(feature).functional
    return str(int(functional)) if functional.isdecimal() else functional


def find_exclusions(
    files: Iterable[DescribedFile], features: pd.DataFrame | None = None
) -> tuple[Exclusions, list[Finding]]:
    """Return the channels and components that mark recordings, and a finding for each kind.

    A channel that is constant inside every file but differs between files is an id, a label, a score or the like,
    whatever its name is. A component that rises by equal steps from one recording to the next is a counter.

    Parameters
    ----------
    files : iterable of DescribedFile
    features : DataFrame, optional
        Vectors of the recordings, as `FeatureExtractor` returns them: required to find counters.
    """
    files = list(files)
    modalities = dict.fromkeys([VIDEO, AUDIO, *sorted({file.modality for file in files})])
    constants = {modality: _find_constants(files, modality) for modality in modalities}
    vectors = [] if features is None else vector_modalities(map(str, features.columns))
    counters = {name: find_counter_components(features, name) for name in vectors if features is not None}
    findings = [_constant_finding(modality, names) for modality, names in constants.items() if names]
    findings += [_counter_finding(modality, names) for modality, names in counters.items() if names]
    excluded = {name: dict.fromkeys([*constants[name], *counters.get(name, ())]) for name in modalities}
    return Exclusions({name: tuple(names) for name, names in excluded.items()}), findings


def _find_constants(files: Iterable[DescribedFile], modality: str) -> dict[str, int]:
    """Return the channels that are constant in every file that has them, with their number of values (at least 2)."""
    facts = [file.facts for file in files if file.modality == modality]
    values: dict[str, set[float]] = {}
    for file in facts:
        for name, value in file.constants.items():
            values.setdefault(name, set()).add(value)
    candidates = {
        name: len(found) for name, found in values.items() if len(found) > 1 and not _is_presence(name, found)
    }
    return {name: count for name, count in candidates.items() if not any(file.varies(name) for file in facts)}


def _is_presence(name: str, values: set[float]) -> bool:
    """Return whether these are values of an action unit, which can be present or absent throughout a short file."""
    return channel_kind(name) == "au_presence" and values <= {0.0, 1.0}


def find_counter_components(features: pd.DataFrame, modality: str = AUDIO) -> list[str]:
    """Return the components of a modality's vectors that count the recordings, in the order of their ids.

    All steps between successive recordings have the same sign, and are equal or, because recordings can be missing,
    multiples of the smallest step.

    Examples
    --------
    >>> ids = [f"{number}" for number in range(1, 13)]
    >>> table = {"audio__vector__000": np.arange(12) * 0.5, "audio__vector__001": np.arange(12) ** 0.5}
    >>> find_counter_components(pd.DataFrame(table, index=ids))
    ['0']
    """
    names = [name for name in map(str, features.columns) if is_vector_component(name, modality)]
    if not names:
        return []
    order = natural_order(features.index)
    is_known = np.concatenate([rows[names].notna().any(axis=1).to_numpy() for rows in iterate_rows(features)])[order]
    return [
        component_key(name)
        for name, values in iterate_columns(features, features.columns.get_indexer(pd.Index(names)))
        if is_known.sum() > _MIN_EQUAL_STEPS and _counts(values[order][is_known])
    ]


def _counts(values: Floats) -> bool:
    steps = np.diff(values)
    if not ((steps > 0).all() or (steps < 0).all()):
        return False
    multiples = np.abs(steps) / np.abs(steps).min()
    is_equal = bool((np.abs(multiples - 1) < _STEP_TOLERANCE).all())
    is_multiple = bool((np.abs(multiples - np.rint(multiples)) < _STEP_TOLERANCE).all())
    return is_equal or (is_multiple and len(values) >= _MIN_RECORDINGS_IN_ORDER)


def _constant_finding(modality: str, names: Mapping[str, int]) -> Finding:
    noun = "channel" if modality == VIDEO else f"{modality} component" if modality == AUDIO else f"{modality} column"
    what = (
        f"{format_count(len(names), f'{noun} is', f'{noun}s are')} constant inside every file and differ"
        f"{'s' if len(names) == 1 else ''} between files, as ids, labels and scores do: models do not learn from them"
    )
    found = format_list(f"{name} ({count} values)" for name, count in names.items())
    return Finding(
        "identifying-channel", what, found=found, hint="remove the columns, so that no other program learns from them"
    )


def _counter_finding(modality: str, names: Sequence[str]) -> Finding:
    noun = f"{modality} component"
    what = (
        f"{format_count(len(names), f'{noun} counts', f'{noun}s count')} the recordings "
        "(equal steps from one to the next): models do not learn from them"
    )
    return Finding("counter-component", what, found=format_list(names), hint="remove the row numbers from the files")
