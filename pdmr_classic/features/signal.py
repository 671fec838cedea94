"""Signals: the usable frames of channels, without invalid frames, as input of all functionals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.io.video.stream import Stream

# Relative variation below this threshold is float32 rounding, not movement.
_ROUNDING_TOLERANCE = 1e-6
# Twice the longest lag in any family.
_LONGEST_GAP_S = 20.0
# In frames: the indices of any number of such gaps fit into 64 bits.
_MAX_STEP = 2.0**40


@dataclass(frozen=True, eq=False)
class Signal:
    """Channels with the same usable frames. Quantities needed by several families are computed once.

    Attributes
    ----------
    values : ndarray of float64, shape [V, C]
        Values of the V usable frames, all finite, contiguous in memory by channel.
    channels : tuple of str, length C
    time_s : ndarray of float64, shape [V]
    contiguous : ndarray of bool, shape [V]
        Whether each usable frame directly follows the previous one in time; False after a gap.
    frame_rate_hz : float
    """

    values: Floats
    channels: tuple[str, ...]
    time_s: Floats
    contiguous: Mask
    frame_rate_hz: float

    @property
    def n_frames(self) -> int:
        """Number of usable frames."""
        return len(self.time_s)

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """Start and stop of each run of frames without a gap."""
        if not self.n_frames:
            return []
        starts = np.flatnonzero(~self.contiguous)
        stops = np.append(starts[1:], self.n_frames)
        return list(zip(starts.tolist(), stops.tolist(), strict=True))

    @cached_property
    def grid(self) -> Ints:
        """Index of each frame on a regular frame grid, shape [V], starting at 0 and strictly increasing.

        Contiguous frames are one step apart. Indices computed from time alone would drift, collide or leave the grid:
        frame rates are rounded (30.01 Hz counts as 30), and timestamps jitter.
        """
        if not self.n_frames:
            return np.zeros(0, dtype=np.intp)
        gaps = np.clip(np.rint(np.diff(self.time_s) * self.frame_rate_hz), 2, _MAX_STEP)
        steps = np.where(self.contiguous[1:], 1, gaps.astype(np.intp))
        return np.concatenate([[0], np.cumsum(steps)]).astype(np.intp)

    @cached_property
    def capped_grid(self) -> Ints:
        """`grid` with gaps capped at 20 s, which is longer than any lag between two frames.

        Otherwise, a single wrong timestamp could require a grid of several days.
        """
        steps = np.diff(self.grid)
        longest = int(_LONGEST_GAP_S * self.frame_rate_hz) + 1
        return np.concatenate([self.grid[:1], np.cumsum(np.minimum(steps, longest))])

    @cached_property
    def mean(self) -> Floats:
        """Mean per channel, shape [C]; NaN without frames."""
        return mean_or_nan(self.values)

    @cached_property
    def centred(self) -> Floats:
        """Values minus their mean, shape [V, C]."""
        return self.values - self.mean

    @cached_property
    def squared(self) -> Floats:
        """Squares of the centred values, shape [V, C]."""
        return self.centred * self.centred

    @cached_property
    def variance(self) -> Floats:
        """Variance per channel, shape [C]; NaN without frames."""
        return mean_or_nan(self.squared)

    @cached_property
    def is_varying(self) -> Mask:
        """Whether each channel varies by more than rounding, shape [C]."""
        return np.asarray(self.variance > (_ROUNDING_TOLERANCE * np.abs(self.mean)) ** 2)

    @cached_property
    def scale(self) -> Floats:
        """Standard deviation per channel, shape [C]; 1 for a constant channel."""
        return np.where(self.is_varying, np.sqrt(self.variance), 1.0)

    @cached_property
    def standardised(self) -> NDArray[np.float32]:
        """Centred values divided by `scale`, shape [C, V]; 0 for a constant channel.

        float32 is sufficient for transforms and correlations, which average products of these values.
        """
        rows = (self.centred / self.scale).T.astype(np.float32)
        rows[~self.is_varying] = 0.0
        return rows

    def place_on_grid(self, length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return standardised values on the frame grid, shape [C, length], and an indicator of usable frames, [length].

        Both are 0 if a frame is not usable; `length` must be at least the index of the last frame plus one.
        """
        rows = np.zeros((len(self.channels), length), dtype=np.float32)
        usable = np.zeros(length, dtype=np.float32)
        indices = slice(self.n_frames) if self.is_gapless else self.capped_grid
        rows[:, indices] = self.standardised
        usable[indices] = 1.0
        return rows, usable

    @cached_property
    def steps(self) -> Floats:
        """Difference between successive frames, shape [V - 1, C]; 0 across a gap."""
        steps = np.diff(self.values, axis=0)
        if not self.is_gapless:
            steps[~self.contiguous[1:]] = 0.0
        return steps

    @cached_property
    def is_gapless(self) -> bool:
        """Whether there is no gap between frames."""
        return bool(self.contiguous[1:].all())

    @cached_property
    def velocity(self) -> Floats:
        """Change per second between successive frames, shape [pairs without a gap, C]."""
        steps = self.steps if self.is_gapless else self.steps[self.contiguous[1:]]
        return steps * self.frame_rate_hz

    @cached_property
    def acceleration(self) -> Floats:
        """Change of velocity per second over three successive frames, shape [triples without a gap, C]."""
        second = np.diff(self.steps, axis=0)
        if not self.is_gapless:
            second = second[self.contiguous[2:] & self.contiguous[1:-1]]
        return second * self.frame_rate_hz**2


def mean_or_nan(rows: Floats) -> Floats:
    """Return the mean over the first axis; NaN, without a warning, if it is empty."""
    return np.asarray(rows.mean(axis=0)) if len(rows) else np.full(rows.shape[1:], np.nan)


def rms_or_nan(rows: Floats) -> Floats:
    """Return the root mean square over the first axis; NaN, without a warning, if it is empty."""
    if not len(rows):
        return np.full(rows.shape[1:], np.nan)
    return np.asarray(np.sqrt(np.einsum("t...,t...->...", rows, rows) / len(rows)))


def make_signals(stream: Stream, channels: Sequence[str]) -> list[Signal]:
    """Group channels into signals, one for each pattern of usable frames.

    A frame is usable for a channel if it is valid and the value is finite, so one channel with missing values does not
    affect the others. Nearly all files give a single signal.
    """
    if not channels:
        return []
    indices = stream.channel_indices(channels)
    if not stream.incomplete[indices].any():
        return [_select_valid(stream, channels, indices)]
    values = stream.select(channels)
    missing = np.isnan(values) & stream.valid[:, None]
    patterns: dict[bytes, list[int]] = {}
    for index in range(len(channels)):
        patterns.setdefault(missing[:, index].tobytes(), []).append(index)
    return [
        _select_usable(stream, [channels[index] for index in group], stream.valid & ~missing[:, group[0]])
        for group in patterns.values()
    ]


def make_joint_signal(stream: Stream, channels: Sequence[str]) -> Signal:
    """Return the frames in which all given channels are usable; channels without any value are left out."""
    indices = stream.channel_indices(channels)
    if not stream.incomplete[indices].any():
        return _select_valid(stream, channels if stream.valid.any() else (), indices if stream.valid.any() else [])
    finite = np.isfinite(stream.select(channels))
    has_value = np.asarray(finite[stream.valid].any(axis=0))
    names = [name for name, is_present in zip(channels, has_value, strict=True) if is_present]
    return _select_usable(stream, names, stream.valid & finite[:, has_value].all(axis=1))


def _select_valid(stream: Stream, channels: Sequence[str], indices: list[int]) -> Signal:
    values = stream.valid_values.T[indices].T
    time_s = stream.time_s if stream.valid.all() else stream.time_s[stream.valid]
    return Signal(values, tuple(channels), time_s, stream.valid_contiguous, stream.frame_rate_hz)


def _select_usable(stream: Stream, channels: Sequence[str], usable: Mask) -> Signal:
    values = stream.select(channels).T[:, usable].astype(np.float64).T
    return Signal(values, tuple(channels), stream.time_s[usable], stream.find_contiguous(usable), stream.frame_rate_hz)
