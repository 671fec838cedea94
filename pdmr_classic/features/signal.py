"""The frames of a stream that count: invalid frames are gone before any functional sees a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.io.stream import Stream

# A spread below this part of the level is the rounding of float32, not a movement.
_ROUNDING = 1e-6
# Twice the longest lag that any family asks for.
_LONGEST_GAP_S = 20.0


@dataclass(frozen=True, eq=False)
class Signal:
    """Channels that share their usable frames. What several families need is computed once.

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
    follows: Mask
    frame_rate_hz: float

    @property
    def n_frames(self) -> int:
        """Usable frames."""
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
    def grid(self) -> Ints:
        """Place of each frame on a regular grid of frames, shape [V], from 0."""
        if not self.n_frames:
            return np.zeros(0, dtype=np.intp)
        return np.asarray(np.rint((self.time_s - self.time_s[0]) * self.frame_rate_hz), dtype=np.intp)

    @cached_property
    def near_grid(self) -> Ints:
        """The same with gaps of more than 20 s cut to 20 s: no pair of frames that far apart is ever formed.

        One broken timestamp would else cost a grid of all the days that it skips.
        """
        steps = np.diff(self.grid)
        longest = int(_LONGEST_GAP_S * self.frame_rate_hz) + 1
        return np.concatenate([self.grid[:1], np.cumsum(np.minimum(steps, longest))])

    @cached_property
    def mean(self) -> Floats:
        """Shape [C]; NaN without a frame."""
        return mean_or_nan(self.values)

    @cached_property
    def centred(self) -> Floats:
        """Values less their mean, shape [V, C]."""
        return self.values - self.mean

    @cached_property
    def squared(self) -> Floats:
        """Squares of the centred values, shape [V, C]."""
        return self.centred * self.centred

    @cached_property
    def variance(self) -> Floats:
        """Shape [C]; NaN without a frame."""
        return mean_or_nan(self.squared)

    @cached_property
    def varies(self) -> Mask:
        """Whether a channel moves at all, beyond the rounding of its values, shape [C]."""
        return np.asarray(self.variance > (_ROUNDING * np.abs(self.mean)) ** 2)

    @cached_property
    def scale(self) -> Floats:
        """Standard deviation, shape [C]; 1 for a channel that does not move."""
        return np.where(self.varies, np.sqrt(self.variance), 1.0)

    @cached_property
    def standardised(self) -> NDArray[np.float32]:
        """Centred values over `scale`, shape [C, V]; 0 for a channel that does not move.

        In float32, for transforms and correlations: their products are averaged, and nothing cancels or overflows.
        """
        rows = (self.centred / self.scale).T.astype(np.float32)
        rows[~self.varies] = 0.0
        return rows

    def on_grid(self, length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return standardised values on a regular grid of frames, shape [C, length], and what was seen, [length].

        Both are 0 where no frame is usable; `length` is at least the place of the last frame plus one.
        """
        rows = np.zeros((len(self.channels), length), dtype=np.float32)
        seen = np.zeros(length, dtype=np.float32)
        places = slice(self.n_frames) if self.has_no_gap else self.near_grid
        rows[:, places] = self.standardised
        seen[places] = 1.0
        return rows, seen

    @cached_property
    def steps(self) -> Floats:
        """Change from one frame to the next, shape [V - 1, C]; 0 over a gap, where it means nothing."""
        steps = np.diff(self.values, axis=0)
        if not self.has_no_gap:
            steps[~self.follows[1:]] = 0.0
        return steps

    @cached_property
    def has_no_gap(self) -> bool:
        """Whether all frames follow each other."""
        return bool(self.follows[1:].all())

    @cached_property
    def velocity(self) -> Floats:
        """Change per second between neighbours in time, shape [pairs without a gap, C]."""
        steps = self.steps if self.has_no_gap else self.steps[self.follows[1:]]
        return steps * self.frame_rate_hz

    @cached_property
    def acceleration(self) -> Floats:
        """Change of velocity per second over three neighbours in time, shape [triples without a gap, C]."""
        second = np.diff(self.steps, axis=0)
        if not self.has_no_gap:
            second = second[self.follows[2:] & self.follows[1:-1]]
        return second * self.frame_rate_hz**2


def mean_or_nan(rows: Floats) -> Floats:
    """Mean over the first axis; NaN, without a warning, where it is empty."""
    return np.asarray(rows.mean(axis=0)) if len(rows) else np.full(rows.shape[1:], np.nan)


def rms_or_nan(rows: Floats) -> Floats:
    """Root of the mean square over the first axis; NaN, without a warning, where it is empty."""
    if not len(rows):
        return np.full(rows.shape[1:], np.nan)
    return np.asarray(np.sqrt(np.einsum("t...,t...->...", rows, rows) / len(rows)))


def make_signals(stream: Stream, channels: Sequence[str]) -> list[Signal]:
    """Split channels into signals, one for each pattern of usable frames.

    A frame is usable for a channel if it is valid and the value is a number, so that one broken channel costs the
    others nothing. There is one signal in nearly all files.
    """
    if not channels:
        return []
    places = stream.places(channels)
    if not stream.incomplete[places].any():
        return [_of_valid(stream, channels, places)]
    values = stream.select(channels)
    missing = np.isnan(values) & stream.valid[:, None]
    patterns: dict[bytes, list[int]] = {}
    for place in range(len(channels)):
        patterns.setdefault(missing[:, place].tobytes(), []).append(place)
    return [
        _of_usable(stream, [channels[place] for place in group], stream.valid & ~missing[:, group[0]])
        for group in patterns.values()
    ]


def make_joint_signal(stream: Stream, channels: Sequence[str]) -> Signal:
    """Return the frames in which all of these channels are usable; channels without any value are left out."""
    places = stream.places(channels)
    if not stream.incomplete[places].any():
        return _of_valid(stream, channels if stream.valid.any() else (), places if stream.valid.any() else [])
    finite = np.isfinite(stream.select(channels))
    has_value = np.asarray(finite[stream.valid].any(axis=0))
    kept = [name for name, wanted in zip(channels, has_value, strict=True) if wanted]
    return _of_usable(stream, kept, stream.valid & finite[:, has_value].all(axis=1))


def _of_valid(stream: Stream, channels: Sequence[str], places: list[int]) -> Signal:
    values = stream.valid_values.T[places].T
    time_s = stream.time_s if stream.valid.all() else stream.time_s[stream.valid]
    return Signal(values, tuple(channels), time_s, stream.valid_follows, stream.frame_rate_hz)


def _of_usable(stream: Stream, channels: Sequence[str], usable: Mask) -> Signal:
    values = stream.select(channels).T[:, usable].astype(np.float64).T
    return Signal(values, tuple(channels), stream.time_s[usable], stream.follows_among(usable), stream.frame_rate_hz)
