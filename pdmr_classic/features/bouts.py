"""Bouts, that is, uninterrupted runs of activity: their number and duration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask


@dataclass(frozen=True, eq=False)
class Bouts:
    """Runs of active frames in several channels; a gap ends a run.

    Attributes
    ----------
    channel : ndarray of int, shape [bouts]
        Channel index of each bout.
    frames : ndarray of int, shape [bouts]
        Length of each bout in frames.
    n_channels : int
    """

    channel: Ints
    frames: Ints
    n_channels: int

    @classmethod
    def from_mask(cls, active: Mask, contiguous: Mask) -> Bouts:
        """Find the bouts in `active` [V, C]; `contiguous` [V] marks frames that directly follow the previous one."""
        n_frames, n_channels = active.shape
        if not n_frames:
            return cls(np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp), n_channels)
        # All channels in one array, each followed by an inactive frame as separator.
        rows = np.zeros((n_channels, n_frames + 1), dtype=bool)
        rows[:, :-1] = active.T
        continues = rows[:, 1:].copy()
        continues[:, :-1] &= contiguous[1:] & rows[:, :-2]
        continues[:, -1] = False
        starts = rows.copy()
        starts[:, 1:-1] &= ~continues[:, :-1]
        stops = rows[:, :-1] & ~continues
        first = np.flatnonzero(starts[:, :-1])
        return cls(first // n_frames, np.flatnonzero(stops) - first + 1, n_channels)

    @property
    def count(self) -> Ints:
        """Number of bouts per channel, shape [C]."""
        return np.asarray(np.bincount(self.channel, minlength=self.n_channels))

    @property
    def total(self) -> Floats:
        """Number of active frames per channel, shape [C]."""
        return np.asarray(np.bincount(self.channel, self.frames.astype(np.float64), minlength=self.n_channels))

    @property
    def mean(self) -> Floats:
        """Mean length in frames, shape [C]; NaN without a bout."""
        mean = np.full(self.n_channels, np.nan)
        return np.asarray(np.divide(self.total, self.count, out=mean, where=self.count > 0))

    @property
    def longest(self) -> Floats:
        """Maximum length in frames, shape [C]; NaN without a bout."""
        longest = np.full(self.n_channels, -np.inf)
        np.maximum.at(longest, self.channel, self.frames)
        return np.where(np.isfinite(longest), longest, np.nan)

    @property
    def std(self) -> Floats:
        """Standard deviation of the lengths in frames, shape [C]; NaN with fewer than two bouts."""
        squared_deviations = (self.frames - self.mean[self.channel]) ** 2
        squares = np.bincount(self.channel, squared_deviations, minlength=self.n_channels)
        variance = np.divide(squares, self.count, out=np.full(self.n_channels, np.nan), where=self.count > 1)
        return np.asarray(np.sqrt(variance))
