"""How steady behaviour is over windows of seconds to half a minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.action_units import is_active
from pdmr_classic.features.registry import BEHAVIOURAL, channel_family
from pdmr_classic.features.signal import Signal
from pdmr_classic.io.channels import channel_kind

SCALES_S = (1, 5, 30)
# A window of which less was seen than this says nothing of itself.
_SEEN = 0.5


@channel_family("multiscale", kinds=(*BEHAVIOURAL, "au_presence"), units_apart=True)
def multiscale(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Steadiness of each channel: functionals of windows, and how they vary from window to window.

    Formula: in windows of 1, 5 and 30 s side by side (and of `chunk_frames` frames, where the settings ask for them):
    mean, std, range, velocity_rms; of action units also active, the share of active frames (AU_c: that alone);
    each summarised by its mean and std over the windows

    Unit: the channel's; velocity_rms: per second; active: share

    Source: multi-scale motion patterns after Zhang et al. 2025 (chunks of 5,000 frames) and Girard et al. 2014

    Windows of which less than half was seen are left out; NaN without a window, and for the std with fewer than two.
    """
    second = _Windows.of(signal, np.floor(signal.time_s + 1e-6).astype(np.intp), signal.frame_rate_hz)
    scales = {f"{scale}s": second.joined(scale) for scale in SCALES_S}
    if settings.chunk_frames is not None:
        chunks = signal.grid // settings.chunk_frames
        scales[f"{settings.chunk_frames}frames"] = _Windows.of(signal, chunks, settings.chunk_frames)
    found: dict[str, Floats] = {}
    for scale, windows in scales.items():
        rows = windows.functionals(signal)
        means, stds = _over_windows(list(rows.values()))
        found |= {f"{name}_{scale}_mean": mean for name, mean in zip(rows, means, strict=True)}
        found |= {f"{name}_{scale}_std": std for name, std in zip(rows, stds, strict=True)}
    return found


@dataclass(frozen=True, eq=False)
class _Windows:
    """Sums and extremes over windows side by side, from which those of longer windows follow.

    Attributes
    ----------
    number : ndarray of int, shape [W]
        Which window each row is of; windows without a usable frame have none.
    frames : float
        That a window would have if all were seen.
    count, pairs : ndarray, shape [W]
        Usable frames, and steps between neighbours, which belong to the later one.
    sums : dict of str to ndarray, shape [W, C]
        `total` and `squares` of the centred values, `moved` of squared steps, `active` of active frames.
    low, high : ndarray, shape [W, C], or None
        Of the centred values.
    """

    number: Ints
    frames: float
    count: Ints
    pairs: Ints
    sums: dict[str, Floats]
    low: Floats | None
    high: Floats | None

    @classmethod
    def of(cls, signal: Signal, window: Ints, frames: float) -> _Windows:
        """Reduce a signal to windows; `window` numbers the one of each frame, rising."""
        kind = channel_kind(signal.channels[0])
        starts = _starts(window)
        rows: dict[str, Floats] = {}
        if kind.startswith("au_"):
            rows["active"] = is_active(signal).T.astype(np.float64)
        if kind != "au_presence":
            moved = np.zeros_like(signal.values.T)
            np.multiply(signal.steps.T, signal.steps.T, out=moved[:, 1:])
            rows |= {"total": signal.centred.T, "squares": signal.squared.T, "moved": moved}
        has_level = "total" in rows
        return cls(
            number=window[starts],
            frames=frames,
            count=np.diff(np.append(starts, signal.n_frames)),
            pairs=np.add.reduceat(signal.follows.astype(np.intp), starts) if len(starts) else starts,
            sums={name: _reduced(np.add, values, starts) for name, values in rows.items()},
            low=_reduced(np.minimum, rows["total"], starts) if has_level else None,
            high=_reduced(np.maximum, rows["total"], starts) if has_level else None,
        )

    def joined(self, times: int) -> _Windows:
        """Return windows that are that many times as long."""
        if times == 1 or not len(self.number):
            return self
        number = self.number // times
        starts = _starts(number)
        return _Windows(
            number=number[starts],
            frames=self.frames * times,
            count=np.add.reduceat(self.count, starts),
            pairs=np.add.reduceat(self.pairs, starts),
            sums={name: np.add.reduceat(values, starts, axis=0) for name, values in self.sums.items()},
            low=None if self.low is None else np.minimum.reduceat(self.low, starts, axis=0),
            high=None if self.high is None else np.maximum.reduceat(self.high, starts, axis=0),
        )

    def functionals(self, signal: Signal) -> dict[str, Floats]:
        """Return each functional of each window that was seen well enough, shape [W', C]."""
        seen = self.count >= _SEEN * self.frames
        count, pairs = self.count[seen, None], self.pairs[seen, None]
        found: dict[str, Floats] = {}
        if self.low is not None and self.high is not None:
            mean = self.sums["total"][seen] / count
            variance = np.maximum(self.sums["squares"][seen] / count - mean**2, 0.0)
            moved = np.divide(self.sums["moved"][seen], pairs, out=np.full_like(mean, np.nan), where=pairs > 0)
            found = {
                "mean": mean + signal.mean,
                "std": np.sqrt(variance),
                "range": self.high[seen] - self.low[seen],
                "velocity_rms": np.sqrt(moved) * signal.frame_rate_hz,
            }
        if "active" in self.sums:
            found["active"] = self.sums["active"][seen] / count
        return found


def _starts(number: Ints) -> Ints:
    """Return where each run of equal numbers begins."""
    return np.flatnonzero(np.concatenate([[True], np.diff(number) > 0])) if len(number) else number


def _reduced(function: np.ufunc, rows: Floats, starts: Ints) -> Floats:
    """Reduce the frames of each window, rows [C, V] to shape [W, C]."""
    if not len(starts):
        return np.empty((0, len(rows)))
    return np.asarray(function.reduceat(rows, starts, axis=1).T)


def _over_windows(functionals: list[Floats]) -> tuple[Floats, Floats]:
    """Return mean and std over windows of several functionals, each [W, C], as [functionals, C]."""
    rows = np.stack(functionals)
    known = np.isfinite(rows)
    count = known.sum(axis=1)
    if not known.all():
        rows = np.where(known, rows, 0.0)
    mean = np.divide(rows.sum(axis=1), count, out=np.full(count.shape, np.nan), where=count > 0)
    apart = (rows - mean[:, None]) * known
    variance = np.divide((apart * apart).sum(axis=1), count, out=np.full(count.shape, np.nan), where=count > 1)
    return mean, np.sqrt(variance)
