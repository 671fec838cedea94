"""Unbroken runs of activity: how many, how long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask


@dataclass(frozen=True, eq=False)
class Bouts:
    """Runs of active frames of several channels; a run ends where a gap begins.

    Attributes
    ----------
    channel : ndarray of int, shape [bouts]
        Which channel each bout is of.
    frames : ndarray of int, shape [bouts]
        How long it is.
    n_channels : int
    """

    channel: Ints
    frames: Ints
    n_channels: int

    @classmethod
    def of(cls, active: Mask, follows: Mask) -> Bouts:
        """Find the bouts of channels, active [V, C], where frames follow each other."""
        n_frames, n_channels = active.shape
        if not n_frames:
            return cls(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), n_channels)
        # All channels as one line, each ended by an inactive frame that keeps them apart.
        line = np.zeros((n_channels, n_frames + 1), dtype=bool)
        line[:, :-1] = active.T
        goes_on = line[:, 1:].copy()
        goes_on[:, :-1] &= follows[1:] & line[:, :-2]
        goes_on[:, -1] = False
        starts = line.copy()
        starts[:, 1:-1] &= ~goes_on[:, :-1]
        stops = line[:, :-1] & ~goes_on
        first = np.flatnonzero(starts[:, :-1])
        return cls(first // n_frames, np.flatnonzero(stops) - first + 1, n_channels)

    @property
    def count(self) -> Ints:
        """Bouts of each channel, shape [C]."""
        return np.asarray(np.bincount(self.channel, minlength=self.n_channels))

    @property
    def total(self) -> Floats:
        """Active frames of each channel, shape [C]."""
        return np.asarray(np.bincount(self.channel, self.frames.astype(np.float64), minlength=self.n_channels))

    @property
    def mean(self) -> Floats:
        """Mean length in frames, shape [C]; NaN without a bout."""
        nothing = np.full(self.n_channels, np.nan)
        return np.asarray(np.divide(self.total, self.count, out=nothing, where=self.count > 0))

    @property
    def longest(self) -> Floats:
        """Longest length in frames, shape [C]; NaN without a bout."""
        found = np.full(self.n_channels, -np.inf)
        np.maximum.at(found, self.channel, self.frames)
        return np.where(np.isfinite(found), found, np.nan)

    @property
    def std(self) -> Floats:
        """Standard deviation of the lengths in frames, shape [C]; NaN with fewer than two bouts."""
        apart = (self.frames - self.mean[self.channel]) ** 2
        squares = np.bincount(self.channel, apart, minlength=self.n_channels)
        several = self.count > 1
        variance = np.divide(squares, self.count, out=np.full(self.n_channels, np.nan), where=several)
        return np.asarray(np.sqrt(variance))
