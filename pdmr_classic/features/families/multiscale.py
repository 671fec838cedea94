"""Stability of behaviour over windows of 1 s to 30 s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.action_units import is_active
from pdmr_classic.features.registry import BEHAVIOURAL, channel_family
from pdmr_classic.features.signal import Signal
from pdmr_classic.io.trackers.channels import channel_kind

SCALES_S = (1, 5, 30)
# Windows with a smaller share of frames outside long gaps are left out.
_MIN_SHARE = 0.5


@channel_family("multiscale", kinds=(*BEHAVIOURAL, "au_presence"), separate_units=True)
def multiscale(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Functionals of each channel in windows, and their variation between windows.

    Formula: in non-overlapping windows of 1, 5 and 30 s (and of `chunk_frames` frames, if set): mean, std, range,
    velocity_rms; for action units also active = share of active frames (for AU_c, only this); mean and standard
    deviation of each over the windows

    Unit: that of the channel; velocity_rms: per second; active: share

    Source: multi-scale motion patterns, after Zhang et al. 2025 (chunks of 5,000 frames) and Girard et al. 2014

    velocity_rms uses only successive usable frames. Windows with gaps in more than half of their time are left out; NaN
    without a window (std: with fewer than two).
    """
    seconds = _Windows.from_signal(signal, np.floor(signal.time_s + 1e-6).astype(np.intp), signal.frame_rate_hz)
    scales = {f"{scale}s": seconds.merge(scale) for scale in SCALES_S}
    if settings.chunk_frames is not None:
        chunks = signal.grid // settings.chunk_frames
        scales[f"{settings.chunk_frames}frames"] = _Windows.from_signal(signal, chunks, settings.chunk_frames)
    features: dict[str, Floats] = {}
    for scale, windows in scales.items():
        rows = windows.functionals(signal)
        means, stds = _summarise_windows(list(rows.values()))
        features |= {f"{name}_{scale}_mean": mean for name, mean in zip(rows, means, strict=True)}
        features |= {f"{name}_{scale}_std": std for name, std in zip(rows, stds, strict=True)}
    return features


@dataclass(frozen=True, eq=False)
class _Windows:
    """Sums and extremes in consecutive windows, which can be merged to longer windows.

    Attributes
    ----------
    number : ndarray of int, shape [W]
        Window number of each row; windows without frames have no row.
    frames : float
        Frames in a complete window.
    count, pairs : ndarray, shape [W]
        Frames, and steps between successive measured frames (counted with the later frame).
    sums : dict of str to ndarray, shape [W, C]
        Sums of centred values (`total`), their squares, squared steps, and active frames (`active`).
    low, high : ndarray, shape [W, C], or None
        Extremes of the centred values.
    """

    number: Ints
    frames: float
    count: Ints
    pairs: Ints
    sums: dict[str, Floats]
    low: Floats | None
    high: Floats | None

    @classmethod
    def from_signal(cls, signal: Signal, window: Ints, frames: float) -> _Windows:
        """Reduce a signal to windows; `window` is the window number of each frame, in ascending order."""
        kind = channel_kind(signal.channels[0])
        starts = _run_starts(window)
        rows: dict[str, Floats] = {}
        if kind.startswith("au_"):
            rows["active"] = is_active(signal).T.astype(np.float64)
        if kind != "au_presence":
            squared_steps = np.zeros_like(signal.values.T)
            np.multiply(signal.steps.T, signal.steps.T, out=squared_steps[:, 1:])
            rows |= {"total": signal.centred.T, "squares": signal.squared.T, "squared_steps": squared_steps}
        has_level = "total" in rows
        return cls(
            number=window[starts],
            frames=frames,
            count=np.diff(np.append(starts, signal.n_frames)),
            pairs=np.add.reduceat(signal.has_step.astype(np.intp), starts) if len(starts) else starts,
            sums={name: _reduce_windows(np.add, values, starts) for name, values in rows.items()},
            low=_reduce_windows(np.minimum, rows["total"], starts) if has_level else None,
            high=_reduce_windows(np.maximum, rows["total"], starts) if has_level else None,
        )

    def merge(self, n: int) -> _Windows:
        """Merge each `n` consecutive windows."""
        if n == 1 or not len(self.number):
            return self
        number = self.number // n
        starts = _run_starts(number)
        return _Windows(
            number=number[starts],
            frames=self.frames * n,
            count=np.add.reduceat(self.count, starts),
            pairs=np.add.reduceat(self.pairs, starts),
            sums={name: np.add.reduceat(values, starts, axis=0) for name, values in self.sums.items()},
            low=None if self.low is None else np.minimum.reduceat(self.low, starts, axis=0),
            high=None if self.high is None else np.maximum.reduceat(self.high, starts, axis=0),
        )

    def functionals(self, signal: Signal) -> dict[str, Floats]:
        """Return the functionals of windows with enough frames, each of shape [W', C]."""
        usable = self.count >= _MIN_SHARE * self.frames
        count, pairs = self.count[usable, None], self.pairs[usable, None]
        functionals: dict[str, Floats] = {}
        if self.low is not None and self.high is not None:
            mean = self.sums["total"][usable] / count
            variance = np.maximum(self.sums["squares"][usable] / count - mean**2, 0.0)
            mean_square = np.divide(
                self.sums["squared_steps"][usable], pairs, out=np.full_like(mean, np.nan), where=pairs > 0
            )
            functionals = {
                "mean": mean + signal.mean,
                "std": np.sqrt(variance),
                "range": self.high[usable] - self.low[usable],
                "velocity_rms": np.sqrt(mean_square) * signal.frame_rate_hz,
            }
        if "active" in self.sums:
            functionals["active"] = self.sums["active"][usable] / count
        return functionals


def _run_starts(number: Ints) -> Ints:
    """Return the start of each run of equal numbers."""
    return np.flatnonzero(np.concatenate([[True], np.diff(number) > 0])) if len(number) else number


def _reduce_windows(function: np.ufunc, rows: Floats, starts: Ints) -> Floats:
    """Reduce rows of shape [C, V] over the frames of each window, to shape [W, C]."""
    if not len(starts):
        return np.empty((0, len(rows)))
    return np.asarray(function.reduceat(rows, starts, axis=1).T)


def _summarise_windows(functionals: list[Floats]) -> tuple[Floats, Floats]:
    """Return mean and std over windows of several functionals, each [W, C], as [functionals, C]."""
    rows = np.stack(functionals)
    finite = np.isfinite(rows)
    count = finite.sum(axis=1)
    if not finite.all():
        rows = np.where(finite, rows, 0.0)
    mean = np.divide(rows.sum(axis=1), count, out=np.full(count.shape, np.nan), where=count > 0)
    deviations = (rows - mean[:, None]) * finite
    variance = np.divide(
        (deviations * deviations).sum(axis=1), count, out=np.full(count.shape, np.nan), where=count > 1
    )
    return mean, np.sqrt(variance)
