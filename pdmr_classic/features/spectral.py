"""How a channel's movement is spread over frequency."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from pdmr_classic.features.registry import channel_family
from pdmr_classic.features.signal import Floats, Signal

BANDS_HZ = ((0.1, 0.3), (0.3, 1.0), (1.0, 3.0), (3.0, 7.0))
"""Posture shifts; slow nods and expressions; nods and shakes; fidgeting, blinks and jitter."""
# A segment holds at least two periods of the slowest movement it is asked about.
_LONG_S, _SHORT_S = 20.0, 4.0
_LONG_FROM_HZ = 0.3


@channel_family("spectral", kinds=("pose", "gaze", "au_intensity", "other"))
def spectral(signal: Signal) -> Mapping[str, Floats]:
    """Power of each channel in bands fit for behaviour, and the shape of its spectrum.

    Formula: Welch: Hann windows with half overlap, means removed, of 4 s (20 s for the band from 0.1 Hz), never across
    a gap; power_<band> = log10 of the density integrated over the band (plus 1e-12); over 0.3..7 Hz: centroid =
    sum(f P) / sum(P), entropy = -sum(p log p) / log(n), edge85 = frequency below which 85% of the power lies

    Unit: log10 of the channel's unit squared; Hz (centroid, edge85); none (entropy)

    Source: Welch 1967; bands after Song et al. 2018 (spectral representation of behaviour primitives)

    NaN where no stretch without a gap is as long as a window, where a band lies above half the frame rate, and for
    the shape of a spectrum without power.
    """
    features: dict[str, Floats] = {}
    spectra = {length: welch(signal, length) for length in (_LONG_S, _SHORT_S)}
    for low, high in BANDS_HZ:
        frequencies, density = spectra[_LONG_S if low < _LONG_FROM_HZ else _SHORT_S]
        features[f"power_{low:g}_{high:g}hz"] = _log_power(frequencies, density, low, high)
    return features | _shape(*spectra[_SHORT_S], low=BANDS_HZ[1][0], high=BANDS_HZ[-1][1])


def welch(signal: Signal, length_s: float) -> tuple[Floats, Floats]:
    """Return frequencies [F] in Hz and the one-sided density [F, C]; the density is NaN without a long enough run."""
    length = round(length_s * signal.frame_rate_hz)
    frequencies = scipy.fft.rfftfreq(max(length, 1), 1 / signal.frame_rate_hz)
    starts = _window_starts(signal.runs, length)
    if length < 4 or not len(starts):
        return frequencies, np.full((len(frequencies), signal.values.shape[1]), np.nan)
    windows = signal.values.T[:, starts[:, None] + np.arange(length)]  # [C, windows, length]
    windows = windows - windows.mean(axis=2, keepdims=True)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    # float32 transforms: the density is a mean of squares, nothing cancels.
    transform = scipy.fft.rfft((windows * taper).astype(np.float32), axis=2)
    density = (transform.real**2 + transform.imag**2).mean(axis=1, dtype=np.float64).T
    density /= signal.frame_rate_hz * (taper @ taper)
    density[1 : -1 if length % 2 == 0 else None] *= 2
    return frequencies, density


def _window_starts(runs: list[tuple[int, int]], length: int) -> NDArray[np.intp]:
    step = max(length // 2, 1)
    return np.concatenate([np.arange(start, stop - length + 1, step) for start, stop in runs] or [np.arange(0)])


def _log_power(frequencies: Floats, density: Floats, low: float, high: float) -> Floats:
    inside = (frequencies >= low) & (frequencies < high)
    if frequencies[-1] < high:
        return np.full(density.shape[1], np.nan)
    return np.asarray(np.log10(density[inside].sum(axis=0) * (frequencies[1] - frequencies[0]) + 1e-12))


def _shape(frequencies: Floats, density: Floats, low: float, high: float) -> dict[str, Floats]:
    inside = (frequencies >= low) & (frequencies < high)
    f, power = frequencies[inside], density[inside]
    total = power.sum(axis=0)
    if len(f) < 2:
        return dict.fromkeys(("centroid_hz", "entropy", "edge85_hz"), np.full(density.shape[1], np.nan))
    share = power / np.where(total > 0, total, np.nan)
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return {
        "centroid_hz": f @ share,
        "entropy": -(share * logs).sum(axis=0) / np.log(len(f)),
        "edge85_hz": np.where(total > 0, f[np.argmax(np.cumsum(share, axis=0) >= 0.85, axis=0)], np.nan),
    }
