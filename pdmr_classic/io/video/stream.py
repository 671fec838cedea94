"""The video of one recording as a stream: named channels, timestamps and a mask of valid frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.errors import Finding

# A longer step, in frame intervals, is a gap.
GAP_INTERVALS = 1.5


@dataclass(frozen=True, eq=False)
class Stream:
    """Video of one recording, frame by frame.

    Attributes
    ----------
    values : ndarray of float32, shape [T, C]
        One column per channel, in the unit of the channel (mm, rad, px, AU intensity 0..5); NaN if missing.
    channels : tuple of str, length C
    time_s : ndarray of float64, shape [T]
        Strictly increasing.
    frame_rate_hz : float
    valid : ndarray of bool, shape [T]
        False if the tracker reports a failure, or the whole face is frozen for too long.
    face_switches : int
        Number of changes of the face id.
    frozen_s : float
        Total duration of frozen frames.
    content : str
        Hash of the file's bytes.
    findings : tuple of Finding
    tracker : str
        Program that wrote the file, as far as its columns tell; "" if they do not.
    evidence : str
        Title of the tracker, and the columns that betray it.
    n_columns, n_unused : int
        Number of columns in the file, and of those that are not read.
    confidence : ndarray of float64, shape [T], or None
        The tracker's confidence in each frame, if the file has it.

    Examples
    --------
    >>> values = np.array([[0.0, 1.5], [0.1, 1.7], [0.9, 0.0]], dtype=np.float32)
    >>> stream = Stream(values, ("pose_Rx", "AU12_r"), np.arange(3) / 30, 30.0, np.array([True, True, False]))
    >>> stream.n_frames, stream.valid_values.shape
    (3, (2, 2))
    >>> stream.select(["AU12_r"]).ravel().tolist()
    [1.5, 1.7000000476837158, 0.0]
    """

    values: NDArray[np.float32]
    channels: tuple[str, ...]
    time_s: Floats
    frame_rate_hz: float
    valid: Mask
    face_switches: int = 0
    frozen_s: float = 0.0
    content: str = ""
    findings: tuple[Finding, ...] = ()
    tracker: str = ""
    evidence: str = ""
    n_columns: int = 0
    n_unused: int = 0
    confidence: Floats | None = None

    @property
    def n_frames(self) -> int:
        return len(self.time_s)

    @cached_property
    def contiguous(self) -> Mask:
        """Whether each frame directly follows the previous one in time, without a gap; shape [T]."""
        return np.concatenate([[False], np.diff(self.time_s) < GAP_INTERVALS / self.frame_rate_hz])

    @cached_property
    def valid_values(self) -> Floats:
        """Values of the V valid frames, shape [V, C], contiguous in memory by channel.

        In float64, because sums of squares of pixels or millimetres over thousands of frames cancel in float32.
        """
        rows = self.values.T if self.valid.all() else self.values.T[:, self.valid]
        return rows.astype(np.float64).T

    @cached_property
    def incomplete(self) -> Mask:
        """Whether each channel has a missing value in a valid frame; shape [C]."""
        return np.asarray(np.isnan(self.valid_values).any(axis=0))

    @cached_property
    def valid_contiguous(self) -> Mask:
        """Whether each valid frame directly follows the previous valid frame in time; shape [V]."""
        return self.find_contiguous(self.valid)

    def find_contiguous(self, usable: Mask) -> Mask:
        """Return whether each usable frame directly follows the previous usable frame in time."""
        if usable.all():
            return self.contiguous
        rows = np.flatnonzero(usable)
        contiguous = self.contiguous[rows]
        contiguous[1:] &= np.diff(rows) == 1
        contiguous[:1] = False
        return contiguous

    def channel_indices(self, channels: Sequence[str]) -> list[int]:
        """Return the column index of each channel."""
        indices = {name: index for index, name in enumerate(self.channels)}
        return [indices[name] for name in channels]

    def select(self, channels: Sequence[str]) -> NDArray[np.float32]:
        """Return the values of the given channels, shape [T, len(channels)]."""
        # Rows of the transpose are contiguous in memory: ten times as fast.
        return self.values.T[self.channel_indices(channels)].T
