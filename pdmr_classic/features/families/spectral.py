"""How a channel's movement is spread over frequency."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.registry import BEHAVIOURAL, channel_family
from pdmr_classic.features.signal import Signal

BANDS_HZ = ((0.0, 0.1), (0.1, 0.3), (0.3, 1.0), (1.0, 3.0), (3.0, 7.0))
"""Drift; posture; slow nods and expressions; nods and shakes; fidgeting, blinks and jitter."""
# A segment holds two periods of the slowest movement that it is asked about, and one of 0.3 Hz and above.
_LONG_S, _SHORT_S = 20.0, 4.0
_LONG_BELOW_HZ = 0.3
_SLOW_HZ = (0.05, 0.1, 0.15, 0.2)
_EDGE = 0.85
_NOTHING = 1e-12


@channel_family("spectral", kinds=BEHAVIOURAL)
def spectral(signal: Signal, settings: FeatureSettings) -> Mapping[str, Floats]:
    """Power of each channel in bands fit for behaviour, and the shape of its spectrum.

    Formula: Welch: Hann windows of 4 s (20 s below 0.3 Hz), half overlapping, means removed, never across a gap;
    power_<band> = log10(density integrated over the band + 1e-12), a bin counting by the part of it that is inside;
    relative_<band> = share of the band in the power of 0..7 Hz (bands from 0.3 Hz: of 0.3..7 Hz); over 0.3..7 Hz:
    centroid, spread, entropy = -sum(p log p) / log(n), edge85 = frequency below which 85% lies (linear between bins),
    peak (parabola through the log); amplitude_<f> = root of the density at fixed low frequencies (which do not depend
    on the length of the recording)

    Unit: log10 of the channel's unit squared; share; Hz (centroid, spread, edge85, peak); none (entropy); the channel's
    per root Hz (amplitude)

    Source: Welch 1967; Song et al. 2018 (spectral representation of behaviour); bands: see BANDS_HZ

    NaN where no stretch without a gap is as long as a window, where a band lies above half the frame rate, and for
    the shape of a spectrum without power.
    """
    long, short = welch(signal, _LONG_S), welch(signal, _SHORT_S)
    power = np.stack([_power(*(long if low < _LONG_BELOW_HZ else short), low, high) for low, high in BANDS_HZ])
    found = {
        f"power_{low:g}_{high:g}hz": row for (low, high), row in zip(BANDS_HZ, np.log10(power + _NOTHING), strict=True)
    }
    found |= {f"relative_{low:g}_{high:g}hz": row for (low, high), row in zip(BANDS_HZ, _relative(power), strict=True)}
    found |= _shape(*short, low=_LONG_BELOW_HZ, high=BANDS_HZ[-1][1])
    amplitude = np.sqrt(_rows_at(*long, _SLOW_HZ))
    return found | {f"amplitude_{hz:g}hz": row for hz, row in zip(_SLOW_HZ, amplitude, strict=True)}


def welch(signal: Signal, length_s: float) -> tuple[Floats, Floats]:
    """Return frequencies [F] in Hz and the one-sided density [F, C]; the density is NaN without a long enough run."""
    length = round(length_s * signal.frame_rate_hz)
    frequencies = scipy.fft.rfftfreq(max(length, 2), 1 / signal.frame_rate_hz)
    runs = [(start, stop) for start, stop in signal.runs if stop - start >= length]
    if length < 4 or not runs:
        return frequencies, np.full((len(frequencies), len(signal.channels)), np.nan)
    centred = signal.standardised
    step = length // 2
    cut = [sliding_window_view(centred[:, start:stop], length, axis=1)[:, ::step] for start, stop in runs]
    windows = cut[0] if len(cut) == 1 else np.concatenate(cut, axis=1)  # [C, windows, length]
    windows = windows - windows.mean(axis=2, keepdims=True)
    taper = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    windows *= taper
    transform = scipy.fft.rfft(windows, axis=2, overwrite_x=True)
    parts = transform.view(np.float32)
    power = np.square(parts, out=parts).mean(axis=1)
    density = (power[:, ::2] + power[:, 1::2]).astype(np.float64).T
    density *= signal.scale**2 / (signal.frame_rate_hz * float(taper @ taper))
    density[1 : -1 if length % 2 == 0 else None] *= 2
    return frequencies, density


def band_power(signal: Signal, low: float, high: float) -> float:
    """Return log10 of the power of a signal's only channel in a band, as `spectral` does; NaN if unknown."""
    if not signal.channels:
        return np.nan
    return float(np.log10(_power(*welch(signal, _SHORT_S), low, high)[0] + _NOTHING))


def _power(frequencies: Floats, density: Floats, low: float, high: float) -> Floats:
    """Integrate the density over a band, shape [C]; NaN where the band reaches beyond half the frame rate."""
    if frequencies[-1] < high:
        return np.full(density.shape[1], np.nan)
    return np.asarray(_widths(frequencies, low, high) @ density)


def _relative(power: Floats) -> Floats:
    """Return shares of the bands, shape [bands, C]: of all of them, or of those that the short window knows."""
    slow = np.array([low < _LONG_BELOW_HZ for low, _ in BANDS_HZ])
    total = np.where(slow[:, None], power.sum(axis=0), power[~slow].sum(axis=0))
    shares = np.divide(power, total, out=np.full_like(power, np.nan), where=total > _NOTHING)
    return np.asarray(shares)


def _widths(frequencies: Floats, low: float, high: float) -> Floats:
    """Return how much of each bin lies in a band, in Hz, shape [F].

    Whole bins would come and go with the frame rate, which moves them. The means were removed: the half bin about 0 Hz
    has nothing of its own, and its neighbour stands for it.
    """
    step = frequencies[1] - frequencies[0]
    width = np.minimum(frequencies + step / 2, high) - np.maximum(frequencies - step / 2, max(low, 0.0))
    width = np.maximum(width, 0.0)
    width[1] += width[0]
    width[0] = 0.0
    return np.asarray(width)


def _shape(frequencies: Floats, density: Floats, low: float, high: float) -> dict[str, Floats]:
    names = ("centroid_hz", "spread_hz", "entropy", "edge85_hz", "peak_hz")
    width = _widths(frequencies, low, high)
    inside = width > 0
    f, power = frequencies[inside], density[inside] * width[inside, None]
    if len(f) < 3 or frequencies[-1] < high:
        return dict.fromkeys(names, np.full(density.shape[1], np.nan))
    total = power.sum(axis=0)
    share = np.divide(power, total, out=np.full_like(power, np.nan), where=total > _NOTHING)
    centroid = f @ share
    spread = np.sqrt(np.maximum((f**2) @ share - centroid**2, 0.0))
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    entropy = -(share * logs).sum(axis=0) / np.log(len(f))
    whole = (frequencies >= low) & (frequencies < high)
    peak = _peak(frequencies[whole], density[whole], total > _NOTHING)
    values = (centroid, spread, entropy, _edge(f, share), peak)
    return dict(zip(names, values, strict=True))


def _peak(f: Floats, power: Floats, known: Mask) -> Floats:
    """Return the frequency of the largest power, between bins by the parabola through its logarithm."""
    columns = np.arange(power.shape[1])
    place = np.argmax(power, axis=0)
    inner = np.clip(place, 1, len(f) - 2)
    left, middle, right = (np.log(power[inner + side, columns] + _NOTHING) for side in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=(bend < 0) & (place == inner))
    return np.where(known, f[place] + shift * (f[1] - f[0]), np.nan)


def _edge(f: Floats, share: Floats) -> Floats:
    """Return the frequency below which `_EDGE` of the power lies; the power of a bin is spread evenly over it."""
    below = np.cumsum(share, axis=0)
    place = np.argmax(below >= _EDGE, axis=0)
    columns = np.arange(share.shape[1])
    inside = share[place, columns]
    part = np.divide(below[place, columns] - _EDGE, inside, out=np.zeros_like(inside), where=inside > 0)
    edge = f[place] + (0.5 - part) * (f[1] - f[0])
    return np.where(np.isfinite(below[-1]), edge, np.nan)


def _rows_at(frequencies: Floats, density: Floats, wanted: tuple[float, ...]) -> Floats:
    """Read the density at frequencies, shape [len(wanted), C], linear between two of them; NaN beyond the last."""
    step = frequencies[1] - frequencies[0]
    places = np.asarray(wanted) / step
    low = np.minimum(places.astype(np.intp), len(frequencies) - 2)
    part = (places - low)[:, None]
    found = density[low] * (1 - part) + density[low + 1] * part
    return np.where(part <= 1, found, np.nan)
