"""The video of one recording as numbers: a stream of named channels, with its clock and its mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.errors import Finding

# A step between frames of more than this many frame intervals is a gap: nothing is derived across it.
GAP_INTERVALS = 1.5


@dataclass(frozen=True, eq=False)
class Stream:
    """What one recording's video says, frame by frame.

    Attributes
    ----------
    values : ndarray of float32, shape [T, C]
        One column a channel, in the channel's own unit (mm, rad, px, AU intensity 0..5); NaN where unknown.
    channels : tuple of str, length C
    time_s : ndarray of float64, shape [T]
        Strictly increasing.
    frame_rate_hz : float
    valid : ndarray of bool, shape [T]
        False where the tracker itself says that it failed, or where the whole face stands still for too long.
    face_switches : int
        How often the tracked face changed its id.
    frozen_s : float
        Time that was lost to a frozen face.
    content : str
        Hash of the file's bytes.
    findings : tuple of Finding

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

    @property
    def n_frames(self) -> int:
        return len(self.time_s)

    @cached_property
    def follows(self) -> Mask:
        """Shape [T]: whether the frame before is the one just before in time, with no frame missing between."""
        return np.concatenate([[False], np.diff(self.time_s) < GAP_INTERVALS / self.frame_rate_hz])

    @cached_property
    def valid_values(self) -> Floats:
        """Values of the V valid frames, shape [V, C], a channel's frames side by side in memory.

        In float64: sums of squares of pixels and millimetres over thousands of frames cancel in float32.
        """
        rows = self.values.T if self.valid.all() else self.values.T[:, self.valid]
        return rows.astype(np.float64).T

    @cached_property
    def incomplete(self) -> Mask:
        """Shape [C]: whether a channel lacks a value in a valid frame."""
        return np.asarray(np.isnan(self.valid_values).any(axis=0))

    @cached_property
    def valid_follows(self) -> Mask:
        """Shape [V]: whether the valid frame before is the one just before in time."""
        return self.follows_among(self.valid)

    def follows_among(self, usable: Mask) -> Mask:
        """Return for each usable frame whether the usable frame before is the one just before in time."""
        if usable.all():
            return self.follows
        rows = np.flatnonzero(usable)
        follows = self.follows[rows]
        follows[1:] &= np.diff(rows) == 1
        follows[:1] = False
        return follows

    def places(self, channels: Sequence[str]) -> list[int]:
        """Return where channels stand among all."""
        place = {name: index for index, name in enumerate(self.channels)}
        return [place[name] for name in channels]

    def select(self, channels: Sequence[str]) -> NDArray[np.float32]:
        """Return the values of some channels, shape [T, len(channels)]."""
        # By rows of the transpose, in which a channel's frames lie side by side: ten times as fast.
        return self.values.T[self.places(channels)].T
