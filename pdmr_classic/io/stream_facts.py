"""Facts about one file that only make sense compared with other files: tracker, frame rate, ranges, constant channels.

They travel with the features of the file: `check`, `fit`, `evaluate` and `predict` conclude from the same facts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.io.audio.embeddings import Embedding
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

# Enough for the usual size of a value, at a small share of the cost of all values.
_MAX_SAMPLED_VALUES = 2000
_TYPICAL_QUANTILE = 0.95


class Range(NamedTuple):
    """Range of the values of one kind of channel in one file.

    Attributes
    ----------
    low, high : float
        Over all channels of the kind and all valid frames.
    typical : float
        95th percentile of the absolute values: unlike the extremes, a few wrong frames do not change it.
    """

    low: float
    high: float
    typical: float

    @property
    def largest(self) -> float:
        """Largest absolute value."""
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True)
class StreamFacts:
    """Facts about a stream, or about an audio vector.

    Attributes
    ----------
    channels : tuple of str
        Channels of a stream; empty for an audio vector.
    n_frames : int
        Number of valid frames, or of rows that were averaged to an audio vector.
    tracker : str
        Program that wrote the file; "" if unknown.
    frame_rate_hz : float
        0 for an audio vector.
    constants : mapping of str to float
        The channels (components, by name or number) that have one value in at least two valid frames, and never
        another one. One row proves nothing: there are no constants then.
    empty : tuple of str
        Channels with fewer than two values.
    ranges : mapping of str to Range
        By kind of channel, see `range_kind`.
    conditions : mapping of str to float
        How the file was recorded and written, see `conditions.py`; empty where only `check` reads it.
    """

    channels: tuple[str, ...] = ()
    n_frames: int = 0
    tracker: str = ""
    frame_rate_hz: float = 0.0
    constants: Mapping[str, float] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    conditions: Mapping[str, float] = field(default_factory=dict)

    def varies(self, name: str) -> bool:
        """Return whether the file shows that a channel (or component of a vector) has more than one value."""
        has_channel = name in self.channels if self.channels else True
        return self.n_frames > 1 and has_channel and name not in self.constants and name not in self.empty


_STORED = tuple(field.name for field in fields(StreamFacts) if field.name != "channels")


def facts_to_json(facts: StreamFacts) -> str:
    """Return the facts without the channels, which many files share, as JSON."""
    return json.dumps({name: getattr(facts, name) for name in _STORED})


def facts_from_json(text: str, channels: tuple[str, ...]) -> StreamFacts:
    """Return the facts that `facts_to_json` wrote.

    Raises
    ------
    ValueError, TypeError, KeyError
        The text is damaged.

    Examples
    --------
    >>> facts = StreamFacts(("AU12_r",), 300, constants={"code": 17.0}, ranges={"AU intensity": Range(0.0, 4.5, 2.1)})
    >>> facts_from_json(facts_to_json(facts), facts.channels) == facts
    True
    """
    facts = json.loads(text)
    ranges = {kind: Range(*limits) for kind, limits in facts.pop("ranges").items()}
    return StreamFacts(**{**facts, "empty": tuple(facts["empty"])}, channels=channels, ranges=ranges)


class DescribedFile(Protocol):
    """A file with its facts."""

    @property
    def path(self) -> Path: ...
    @property
    def modality(self) -> str: ...
    @property
    def facts(self) -> StreamFacts: ...


@lru_cache(maxsize=4096)
def range_kind(channel: str) -> str | None:
    """Return the kind of quantity whose range is compared between files; None if a channel has none.

    Examples
    --------
    >>> [range_kind(name) for name in ("AU12_r", "pose_Rx", "pose_Tz", "gaze_angle_x", "x_30", "ch000")]
    ['AU intensity', 'head rotation', 'head position', 'gaze angle', 'landmark', None]
    """
    kind = channel_kind(channel)
    if kind == "pose":
        return "head rotation" if channel.startswith("pose_R") else "head position"
    return {"au_intensity": "AU intensity", "gaze": "gaze angle", "landmark": "landmark"}.get(kind)


def describe_stream(stream: Stream) -> StreamFacts:
    """Return the facts about a stream, over its valid frames.

    Examples
    --------
    >>> values = np.array([[0.5, 17], [1.5, 17], [9, 17]], dtype=np.float32)
    >>> stream = Stream(values, ("AU12_r", "code"), np.arange(3) / 30, 30.0, np.array([True, True, False]))
    >>> facts = describe_stream(stream)
    >>> facts.n_frames, facts.constants, facts.ranges["AU intensity"].high
    (2, {'code': 17.0}, 1.5)
    """
    rows = stream.values.T if stream.valid.all() else stream.values.T[:, stream.valid]
    facts = StreamFacts(stream.channels, rows.shape[1], stream.tracker, float(stream.frame_rate_hz))
    if not facts.n_frames:
        return facts
    low, high = _find_extremes(rows, np.minimum), _find_extremes(rows, np.maximum)
    # NaN, for a channel without values, differs from itself.
    same = {row: np.count_nonzero(np.isfinite(rows[row])) for row in np.flatnonzero(~(low < high))}
    return replace(
        facts,
        constants={stream.channels[row]: float(low[row]) for row, count in same.items() if count > 1},
        empty=tuple(stream.channels[row] for row, count in same.items() if count < 2),
        ranges=_collect_ranges(stream.channels, rows, low, high),
    )


def describe_embedding(embedding: Embedding) -> StreamFacts:
    """Return the facts about an audio vector; components are named as in the file, otherwise numbered from 0."""
    names = embedding.names or tuple(map(str, range(len(embedding.values))))
    constants = {names[row]: float(embedding.values[row]) for row in embedding.constant}
    return StreamFacts(n_frames=embedding.n_rows, tracker=embedding.tracker, constants=constants)


def _find_extremes(rows: NDArray[np.float32], function: np.ufunc) -> Floats:
    """Return the minimum or maximum of each row, ignoring NaN; NaN for a row without values."""
    extremes = np.asarray(function.reduce(rows, axis=1), dtype=np.float64)
    # Ignoring NaN takes several times as long, and few channels have any.
    for row in np.flatnonzero(np.isnan(extremes)):
        finite = rows[row][np.isfinite(rows[row])]
        extremes[row] = function.reduce(finite) if len(finite) else np.nan
    return extremes


def _collect_ranges(
    channels: tuple[str, ...], rows: NDArray[np.float32], low: Floats, high: Floats
) -> dict[str, Range]:
    ranges = {}
    for kind, members in _group_by_kind(channels).items():
        used = [row for row in members if np.isfinite(low[row])]
        if used:
            ranges[kind] = Range(float(low[used].min()), float(high[used].max()), _find_typical(rows, used))
    return ranges


def _find_typical(rows: NDArray[np.float32], used: list[int]) -> float:
    step = max(len(used) * rows.shape[1] // _MAX_SAMPLED_VALUES, 1)
    sizes = np.abs(rows[used, ::step]).ravel()
    sizes = sizes[~np.isnan(sizes)]
    rank = int(_TYPICAL_QUANTILE * (len(sizes) - 1))
    return float(np.partition(sizes, rank)[rank]) if len(sizes) else 0.0


# Files of one data set mostly share their channels.
@lru_cache(maxsize=64)
def _group_by_kind(channels: tuple[str, ...]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = {}
    for row, channel in enumerate(channels):
        if kind := range_kind(channel):
            members.setdefault(kind, []).append(row)
    return members
