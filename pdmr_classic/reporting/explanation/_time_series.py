"""Time series of a stream, reduced to few points without hiding gaps or peaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.io.video.stream import Stream

MAX_POINTS = 600


@dataclass(frozen=True, eq=False)
class TimeBins:
    """Equal steps of time that the frames of a stream are grouped into.

    Attributes
    ----------
    start_s : float
        Time of the first frame.
    step_s : float
    n_bins : int
    places : ndarray of int, shape [T]
        The bin of each frame.
    """

    start_s: float
    step_s: float
    n_bins: int
    places: Ints

    @classmethod
    def from_stream(cls, stream: Stream, max_points: int = MAX_POINTS) -> TimeBins:
        """Return bins of one frame interval, or of as many as `max_points` bins need."""
        start_s = float(stream.time_s[0])
        duration_s = float(stream.time_s[-1]) - start_s + 1 / stream.frame_rate_hz
        n_intervals = max(int(np.ceil(round(duration_s * stream.frame_rate_hz, 6))), 1)
        intervals_per_bin = -(-n_intervals // max_points)
        step_s = intervals_per_bin / stream.frame_rate_hz
        n_bins = -(-n_intervals // intervals_per_bin)
        # Timestamps are rounded: a frame a little before the limit of a bin belongs to the next.
        places = np.floor((stream.time_s - start_s) / step_s + 0.25 / intervals_per_bin).astype(np.intp)
        return cls(start_s, step_s, n_bins, np.clip(places, 0, n_bins - 1))

    def share(self, mask: Mask) -> list[float | None]:
        """Return the share of the frames of each bin for which a mask is true; None without a frame."""
        counts = np.bincount(self.places, minlength=self.n_bins)
        chosen = np.bincount(self.places, weights=mask, minlength=self.n_bins)
        return [round(float(n / count), 3) if count else None for n, count in zip(chosen, counts, strict=True)]

    def summarise(self, values: Floats, usable: Mask) -> dict[str, list[float | None]]:
        """Return mean, minimum and maximum of the usable frames of each bin; None without one, so that gaps stay."""
        places, values = self.places[usable], values[usable]
        counts = np.bincount(places, minlength=self.n_bins)
        total = np.bincount(places, weights=values, minlength=self.n_bins)
        low, high = np.full(self.n_bins, np.inf), np.full(self.n_bins, -np.inf)
        np.minimum.at(low, places, values)
        np.maximum.at(high, places, values)
        mean = np.divide(total, counts, out=np.full(self.n_bins, np.nan), where=counts > 0)
        parts = {"mean": mean, "low": low, "high": high}
        return {name: [_round(value) for value in part] for name, part in parts.items()}


def _round(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def describe_series(stream: Stream, bins: TimeBins, channel: str, scale: float = 1.0) -> dict[str, Any]:
    """Return the values of a channel over time, times a scale: `mean`, `low` and `high` of each bin."""
    values = stream.select([channel])[:, 0].astype(np.float64) * scale
    return bins.summarise(values, stream.valid & np.isfinite(values))
