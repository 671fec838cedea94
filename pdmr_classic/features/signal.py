"""The frames of a stream that count: invalid frames are gone before any functional sees a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.io.openface import Stream

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Signal:
    """Channels that share their usable frames.

    Attributes
    ----------
    values : ndarray of float64, shape [V, C]
        The V usable frames, finite everywhere; a channel's frames lie side by side in memory.
    channels : tuple of str, length C
    time_s : ndarray of float64, shape [V]
    follows : ndarray of bool, shape [V]
        Whether the usable frame before is the one just before in time. Where not, there is a gap.
    frame_rate_hz : float
    """

    values: Floats
    channels: tuple[str, ...]
    time_s: Floats
    follows: NDArray[np.bool_]
    frame_rate_hz: float

    @property
    def n_frames(self) -> int:
        return len(self.time_s)

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Start and stop of each stretch of frames without a gap."""
        if not self.n_frames:
            return []
        starts = np.flatnonzero(~self.follows)
        stops = np.append(starts[1:], self.n_frames)
        return list(zip(starts.tolist(), stops.tolist(), strict=True))

    @cached_property
    def velocity(self) -> Floats:
        """Change per second between neighbours in time, shape [pairs without a gap, C]."""
        steps = np.diff(self.values, axis=0)
        return self._kept(steps, self.follows[1:]) * self.frame_rate_hz

    @cached_property
    def acceleration(self) -> Floats:
        """Change of velocity per second over three neighbours in time, shape [triples without a gap, C]."""
        second = np.diff(self.values, n=2, axis=0)
        return self._kept(second, self.follows[2:] & self.follows[1:-1]) * self.frame_rate_hz**2

    @staticmethod
    def _kept(steps: Floats, keep: NDArray[np.bool_]) -> Floats:
        return steps if keep.all() else steps[keep]


def signals(stream: Stream, channels: Sequence[str]) -> list[Signal]:
    """Split channels into signals, one for each pattern of usable frames.

    A frame is usable for a channel if it is valid and the value is a number, so that one broken channel costs the
    others nothing. There is one signal in nearly all files.
    """
    values = stream.select(channels)
    missing = np.isnan(values) & stream.valid[:, None]
    if not missing.any():
        return [_signal(stream, values, tuple(channels), stream.valid)] if channels else []
    places: dict[bytes, list[int]] = {}
    for place in range(len(channels)):
        places.setdefault(missing[:, place].tobytes(), []).append(place)
    return [
        _signal(
            stream,
            values[:, group],
            tuple(channels[place] for place in group),
            stream.valid & ~missing[:, group[0]],
        )
        for group in places.values()
    ]


def joint_signal(stream: Stream, channels: Sequence[str]) -> Signal:
    """Return the frames in which all of these channels are usable; channels without any value are left out."""
    values = stream.select(channels)
    has_value = np.asarray(np.isfinite(values[stream.valid]).any(axis=0))
    values = values[:, has_value]
    kept = tuple(name for name, wanted in zip(channels, has_value, strict=True) if wanted)
    return _signal(stream, values, kept, stream.valid & np.isfinite(values).all(axis=1))


def _signal(
    stream: Stream, values: NDArray[np.float32], channels: tuple[str, ...], usable: NDArray[np.bool_]
) -> Signal:
    # float64: sums of squares of pixels and millimetres over thousands of frames cancel in float32.
    if usable.all():
        return Signal(
            np.asfortranarray(values, dtype=np.float64),
            channels,
            stream.time_s,
            stream.follows,
            stream.frame_rate_hz,
        )
    rows = np.flatnonzero(usable)
    follows = stream.follows[rows]
    follows[1:] &= np.diff(rows) == 1
    follows[:1] = False
    chosen = np.asfortranarray(values.T[:, rows].T, dtype=np.float64)
    return Signal(chosen, channels, stream.time_s[rows], follows, stream.frame_rate_hz)
