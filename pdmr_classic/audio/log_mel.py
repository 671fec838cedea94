"""Log-Mel frames of a sound: 48 bands of 25 ms windows every 10 ms, at 16 kHz.

16 kHz keeps the band of speech up to 8 kHz. 25 ms hold at least two periods of a voice of 80 Hz; every 10 ms, because
windows that overlap by about a half lose nothing under a Hann window. 48 bands are those of the challenge, and the
narrowest, 62 Hz wide on each side, still contains a bin of the spectrum (40 Hz).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

RATE_HZ = 16_000
WINDOW = 400
HOP = 160
N_BANDS = 48
# Full scale is 1. The noise of rounding to 16 bits is -98 dB, of which -110 dB are in the widest band. With a floor
# 10 dB higher, neither the rounding nor what resampling leaves in empty bands can be seen.
POWER_FLOOR = 1e-10
_MIN_LEVEL_DB = -120.0

Float32s = NDArray[np.float32]


class Frames(NamedTuple):
    """Frames of a sound, in the order of time.

    Attributes
    ----------
    level_db : ndarray of float32, shape [n]
        Mean power of the frame without its mean, in decibels relative to full scale (dBFS); at least -120.
    log_mel : ndarray of float32, shape [n, 48]
        Natural logarithm of the power in each band.
    """

    level_db: Float32s
    log_mel: Float32s


def compute_frames(blocks: Iterable[Float32s]) -> Iterator[Frames]:
    """Yield the frames of a sound that arrives in blocks; a last window that is not full is left out.

    The division into blocks does not change the frames.

    Parameters
    ----------
    blocks : iterable of ndarray of float32, shape [n]
        Consecutive parts of a mono sound at 16 kHz; full scale is 1.
    """
    rest = np.empty(0, dtype=np.float32)
    for block in blocks:
        samples = np.concatenate([rest, block])
        n = max((len(samples) - WINDOW) // HOP + 1, 0)
        rest = samples[n * HOP :]
        if n:
            yield _compute(sliding_window_view(samples, WINDOW)[: (n - 1) * HOP + 1 : HOP])


def _compute(windows: Float32s) -> Frames:
    # A constant offset is an error of the recorder; the Hann window would spread it into the lowest band.
    windows = windows - windows.mean(axis=1, keepdims=True)
    level_db = 10 * np.log10(np.maximum(np.einsum("ij,ij->i", windows, windows) / WINDOW, 10 ** (_MIN_LEVEL_DB / 10)))
    windows *= _hann()
    spectrum = rfft(windows, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    return Frames(level_db, np.log(power @ _scaled_filters() + POWER_FLOOR))


@lru_cache(maxsize=1)
def _hann() -> Float32s:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@lru_cache(maxsize=1)
def _scaled_filters() -> Float32s:
    """Return the filters, transposed and scaled so that a band has the mean power of the sound in it (Parseval)."""
    scale = 2 / (WINDOW * float((_hann().astype(np.float64) ** 2).sum()))
    return (make_filters().T * scale).astype(np.float32)


def make_filters() -> NDArray[np.float64]:
    """Return the triangular filters of the bands, each with peak 1, from 0 to 8 kHz on the Mel scale.

    Returns
    -------
    ndarray, shape [48, 201]
        Weight of each bin of the spectrum.

    Notes
    -----
    Mel scale of Slaney (Auditory Toolbox, 1998), the default of librosa: linear up to 1 kHz, then logarithmic. Equal to
    `librosa.filters.mel(sr=16000, n_fft=400, n_mels=48, norm=None)`.
    """
    edges_hz = _mel_to_hz(np.linspace(0, _hz_to_mel(RATE_HZ / 2), N_BANDS + 2))
    bins_hz = np.arange(WINDOW // 2 + 1) * RATE_HZ / WINDOW
    low, centre, high = (edges_hz[start : start + N_BANDS, None] for start in range(3))
    rising, falling = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
    return np.maximum(np.minimum(rising, falling), 0.0)


_LINEAR_UP_TO_HZ = 1000.0
_HZ_PER_MEL = 200 / 3
_MEL_OF_KNEE = _LINEAR_UP_TO_HZ / _HZ_PER_MEL
_LOG_STEP = math.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return _MEL_OF_KNEE + math.log(hz / _LINEAR_UP_TO_HZ) / _LOG_STEP


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = _LINEAR_UP_TO_HZ * np.exp(_LOG_STEP * (mel - _MEL_OF_KNEE))
    return np.where(mel < _MEL_OF_KNEE, mel * _HZ_PER_MEL, logarithmic)
