"""Signals: the usable frames of channels, with short gaps interpolated, as input of all functionals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.features._bridging import Bridge
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

    In signals made from a stream, gaps of at most 0.2 s are filled by linear interpolation, as scattered lost frames
    would otherwise end bouts, fixations and windows. Quantities that depend on single steps between frames use measured
    frames only, because interpolated ones are smoother.

    Attributes
    ----------
    values : ndarray of float64, shape [V, C]
        Values of the V usable or interpolated frames, all finite, contiguous in memory by channel.
    channels : tuple of str, length C
    time_s : ndarray of float64, shape [V]
    contiguous : ndarray of bool, shape [V]
        Whether each frame directly follows the previous one in time; False after a gap.
    frame_rate_hz : float
    measured : ndarray of bool, shape [V], optional
        False for interpolated frames (default: none is interpolated).
    """

    values: Floats
    channels: tuple[str, ...]
    time_s: Floats
    contiguous: Mask
    frame_rate_hz: float
    measured: Mask | None = None

    @property
    def n_frames(self) -> int:
        """Number of usable or interpolated frames."""
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
        """Return standardised values on the frame grid, shape [C, length], and an indicator of its frames, [length].

        Both are 0 in a gap; `length` must be at least the index of the last frame plus one.
        """
        rows = np.zeros((len(self.channels), length), dtype=np.float32)
        usable = np.zeros(length, dtype=np.float32)
        indices = slice(self.n_frames) if self.is_gapless else self.capped_grid
        rows[:, indices] = self.standardised
        usable[indices] = 1.0
        return rows, usable

    @cached_property
    def steps(self) -> Floats:
        """Difference between successive measured frames, shape [V - 1, C]; 0 where there is none."""
        steps = np.diff(self.values, axis=0)
        if not self.has_all_steps:
            steps[~self.has_step[1:]] = 0.0
        return steps

    @cached_property
    def has_step(self) -> Mask:
        """Whether each frame and the one directly before it are both measured, shape [V]."""
        if self.measured is None:
            return self.contiguous
        has_step = self.contiguous & self.measured
        has_step[1:] &= self.measured[:-1]
        return has_step

    @cached_property
    def has_all_steps(self) -> bool:
        """Whether there is no gap and no interpolated frame."""
        return bool(self.has_step[1:].all())

    @cached_property
    def is_gapless(self) -> bool:
        """Whether there is no gap between frames."""
        return bool(self.contiguous[1:].all())

    @cached_property
    def velocity(self) -> Floats:
        """Change per second between successive measured frames, shape [pairs, C]."""
        steps = self.steps if self.has_all_steps else self.steps[self.has_step[1:]]
        return steps * self.frame_rate_hz

    @cached_property
    def acceleration(self) -> Floats:
        """Change of velocity per second over three successive measured frames, shape [triples, C]."""
        second = np.diff(self.steps, axis=0)
        if not self.has_all_steps:
            second = second[self.has_step[2:] & self.has_step[1:-1]]
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
    affect the others. Nearly all files give a single signal. Gaps of at most 0.2 s are interpolated.
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
    """Return the frames in which all given channels are usable; channels without any value are left out.

    Gaps of at most 0.2 s are interpolated.
    """
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
    signal = Signal(values, tuple(channels), time_s, stream.valid_contiguous, stream.frame_rate_hz)
    return _bridge_gaps(signal, stream)


def _select_usable(stream: Stream, channels: Sequence[str], usable: Mask) -> Signal:
    values = stream.select(channels).T[:, usable].astype(np.float64).T
    contiguous = stream.find_contiguous(usable)
    signal = Signal(values, tuple(channels), stream.time_s[usable], contiguous, stream.frame_rate_hz)
    return _bridge_gaps(signal, stream)


def _bridge_gaps(signal: Signal, stream: Stream) -> Signal:
    """Fill gaps of at most 0.2 s; a signal without such a gap is returned as it is."""
    if not signal.n_frames or (signal.is_gapless and signal.n_frames == stream.n_frames):
        return signal
    rate = signal.frame_rate_hz
    before_s, after_s = signal.time_s[0] - stream.time_s[0], stream.time_s[-1] - signal.time_s[-1]
    bridge = Bridge.from_grid(signal.grid, round(before_s * rate), round(after_s * rate), rate)
    if bridge.n_frames == signal.n_frames:
        return signal
    return Signal(
        values=bridge.interpolate(signal.values),
        channels=signal.channels,
        time_s=bridge.interpolate_times(signal.time_s, rate),
        contiguous=bridge.extend_contiguous(signal.contiguous),
        frame_rate_hz=rate,
        measured=bridge.measured,
    )
