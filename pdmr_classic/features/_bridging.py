"""Short gaps between usable frames, filled by linear interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask

LONGEST_BRIDGED_GAP_S = 0.2
"""Shorter than most behaviour: a blink, the fastest one, takes 0.1 to 0.4 s."""


@dataclass(frozen=True, eq=False)
class Bridge:
    """Position of usable frames among the frames of a signal in which short gaps are filled.

    Attributes
    ----------
    positions : ndarray of int, shape [V]
        Index of each usable frame among all frames, ascending.
    n_frames : int
        Number of usable and interpolated frames.

    Examples
    --------
    >>> bridge = Bridge.from_grid(np.array([0, 2, 20]), n_before=1, n_after=0, frame_rate_hz=30.0)
    >>> bridge.positions.tolist(), bridge.n_frames
    ([1, 3, 4], 5)
    >>> bridge.interpolate(np.array([[1.0], [2.0], [7.0]])).ravel().tolist()
    [1.0, 1.0, 1.5, 2.0, 7.0]
    """

    positions: Ints
    n_frames: int

    @classmethod
    def from_grid(cls, grid: Ints, n_before: int, n_after: int, frame_rate_hz: float) -> Bridge:
        """Fill gaps of at most 0.2 s; the frames around a longer gap are neighbours.

        Parameters
        ----------
        grid : ndarray of int, shape [V]
            Index of each usable frame on a regular frame grid.
        n_before, n_after : int
            Number of unusable frames at the start and at the end of the recording.
        """
        longest = int(LONGEST_BRIDGED_GAP_S * frame_rate_hz + 1e-6)
        steps = np.diff(grid)
        steps[steps > longest + 1] = 1
        first = n_before if n_before <= longest else 0
        positions = first + np.concatenate([[0], np.cumsum(steps)])
        return cls(positions, int(positions[-1]) + 1 + (n_after if n_after <= longest else 0))

    @property
    def measured(self) -> Mask:
        """Whether each frame is a usable one, not interpolated; shape [n_frames]."""
        measured = np.zeros(self.n_frames, dtype=bool)
        measured[self.positions] = True
        return measured

    def interpolate(self, values: Floats) -> Floats:
        """Return values [n_frames, C] from those of usable frames [V, C]; at the ends, the nearest value is held."""
        filled = np.empty((values.shape[1], self.n_frames))
        filled[:, self.positions] = values.T
        missing = np.flatnonzero(~self.measured)
        following = np.searchsorted(self.positions, missing)
        left, right = np.maximum(following - 1, 0), np.minimum(following, len(values) - 1)
        distance = np.maximum(self.positions[right] - self.positions[left], 1)
        weight = (missing - self.positions[left]) / distance
        # In this form, the result is exact between equal values.
        filled[:, missing] = values[left].T + weight * (values[right] - values[left]).T
        return filled.T

    def interpolate_times(self, time_s: Floats, frame_rate_hz: float) -> Floats:
        """Return the time of each frame, shape [n_frames]; at the ends, time continues at the frame rate."""
        frames = np.arange(self.n_frames)
        n_beyond = frames - np.clip(frames, self.positions[0], self.positions[-1])
        return np.asarray(np.interp(frames, self.positions, time_s) + n_beyond / frame_rate_hz)

    def extend_contiguous(self, contiguous: Mask) -> Mask:
        """Return whether each frame directly follows the previous one, shape [n_frames]; False after a long gap."""
        extended = np.ones(self.n_frames, dtype=bool)
        extended[self.positions[1:]] = contiguous[1:] | (np.diff(self.positions) > 1)
        extended[:1] = False
        return extended
