"""How steady behaviour is over windows of seconds to half a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.action_units import is_active
from pdmr_classic.features.registry import BEHAVIOURAL, channel_family
from pdmr_classic.features.signal import Floats, Signal
from pdmr_classic.io.openface import channel_kind

SCALES_S = (1, 5, 30)
# A window of which less was seen than this says nothing of itself.
_SEEN = 0.5


@channel_family("multiscale", kinds=(*BEHAVIOURAL, "au_presence"))
def multiscale(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Steadiness of each channel: functionals of windows, and how they vary from window to window.

    Formula: in windows of 1, 5 and 30 s side by side (and of `chunk_frames` frames, where the settings ask for them):
    mean, std, range, velocity_rms; of action units also active, the share of active frames (AU_c: that alone);
    each summarised by its mean and std over the windows

    Unit: the channel's; velocity_rms: per second; active: share

    Source: multi-scale motion patterns after Zhang et al. 2025 (chunks of 5,000 frames) and Girard et al. 2014

    Windows of which less than half was seen are left out; NaN without a window, and for the std with fewer than two.
    """
    is_unit = channel_kind(signal.channels[0]).startswith("au_")
    is_presence = channel_kind(signal.channels[0]) == "au_presence"
    second = _Windows.of(signal, np.floor(signal.time_s + 1e-6).astype(np.intp), signal.frame_rate_hz, is_unit)
    scales = {f"{scale}s": second.joined(scale) for scale in SCALES_S}
    if settings.chunk_frames is not None:
        chunks = signal.grid // settings.chunk_frames
        scales[f"{settings.chunk_frames}frames"] = _Windows.of(signal, chunks, settings.chunk_frames, is_unit)
    found: dict[str, Floats] = {}
    for scale, windows in scales.items():
        for name, rows in windows.functionals(signal.frame_rate_hz).items():
            if name == "active" or not is_presence:
                mean, std = _over_windows(rows)
                found |= {f"{name}_{scale}_mean": mean, f"{name}_{scale}_std": std}
    return found


@dataclass(frozen=True, eq=False)
class _Windows:
    """Sums over windows side by side, from which those of longer windows follow.

    Attributes
    ----------
    number : ndarray of int, shape [W]
        Which window each row is of; windows without a usable frame have none.
    frames : float
        That a window would have if all were seen.
    count, pairs : ndarray, shape [W]
        Usable frames, and steps between neighbours, which belong to the later one.
    total, squares, low, high, moved : ndarray, shape [W, C]
        Of centred values; `moved` is the sum of squared steps.
    active : ndarray, shape [W, C], or None
        Active frames.
    """

    number: NDArray[np.intp]
    frames: float
    count: NDArray[np.intp]
    pairs: NDArray[np.intp]
    total: Floats
    squares: Floats
    low: Floats
    high: Floats
    moved: Floats
    mean: Floats
    active: Floats | None

    @classmethod
    def of(cls, signal: Signal, window: NDArray[np.intp], frames: float, is_unit: bool) -> _Windows:
        n = signal.n_frames
        starts = np.flatnonzero(np.concatenate([[True], np.diff(window) > 0])) if n else np.zeros(0, dtype=np.intp)
        values = signal.centred.T
        moved = np.zeros_like(values)
        np.multiply(signal.steps.T, signal.steps.T, out=moved[:, 1:])
        return cls(
            number=window[starts],
            frames=frames,
            count=np.diff(np.append(starts, n)),
            pairs=np.add.reduceat(signal.follows.astype(np.intp), starts) if n else np.zeros(0, dtype=np.intp),
            total=_reduced(np.add, values, starts),
            squares=_reduced(np.add, signal.squared.T, starts),
            low=_reduced(np.minimum, values, starts),
            high=_reduced(np.maximum, values, starts),
            moved=_reduced(np.add, moved, starts),
            mean=signal.mean,
            active=_reduced(np.add, is_active(signal).T.astype(np.float64), starts) if is_unit else None,
        )

    def joined(self, times: int) -> _Windows:
        """Return windows that are that many times as long."""
        if times == 1 or not len(self.number):
            return self
        number = self.number // times
        starts = np.flatnonzero(np.concatenate([[True], np.diff(number) > 0]))
        return _Windows(
            number=number[starts],
            frames=self.frames * times,
            count=np.add.reduceat(self.count, starts),
            pairs=np.add.reduceat(self.pairs, starts),
            total=np.add.reduceat(self.total, starts, axis=0),
            squares=np.add.reduceat(self.squares, starts, axis=0),
            low=np.minimum.reduceat(self.low, starts, axis=0),
            high=np.maximum.reduceat(self.high, starts, axis=0),
            moved=np.add.reduceat(self.moved, starts, axis=0),
            mean=self.mean,
            active=None if self.active is None else np.add.reduceat(self.active, starts, axis=0),
        )

    def functionals(self, rate: float) -> dict[str, Floats]:
        """Return each functional of each window that was seen well enough, shape [W', C]."""
        seen = self.count >= _SEEN * self.frames
        count, pairs = self.count[seen, None], self.pairs[seen, None]
        mean = self.total[seen] / count
        variance = np.maximum(self.squares[seen] / count - mean**2, 0.0)
        moved = np.divide(self.moved[seen], pairs, out=np.full_like(mean, np.nan), where=pairs > 0)
        found = {
            "mean": mean + self.mean,
            "std": np.sqrt(variance),
            "range": self.high[seen] - self.low[seen],
            "velocity_rms": np.sqrt(moved) * rate,
        }
        return found if self.active is None else found | {"active": self.active[seen] / count}


def _reduced(function: np.ufunc, rows: Floats, starts: NDArray[np.intp]) -> Floats:
    """Reduce the frames of each window, rows [C, V] to shape [W, C]."""
    if not len(starts):
        return np.empty((0, len(rows)))
    return np.asarray(function.reduceat(rows, starts, axis=1).T)


def _over_windows(rows: Floats) -> tuple[Floats, Floats]:
    known = np.isfinite(rows).all(axis=1)
    rows = rows[known]
    nothing = np.full(rows.shape[1], np.nan)
    return (rows.mean(axis=0) if len(rows) else nothing, rows.std(axis=0) if len(rows) > 1 else nothing)
