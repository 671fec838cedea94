"""First pass over a sound: where it is silent, and the mean and variance of each band elsewhere; in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from pdmr_classic.arrays import Floats
from pdmr_classic.audio._sounds import open_sound
from pdmr_classic.audio.log_mel import HOP, N_BANDS, RATE_HZ, Float32s, compute_frames
from pdmr_classic.errors import DataError

# Frames are counted by their level, in steps of half a decibel from -120 to +40 dBFS (samples of float files may exceed
# full scale); so the threshold, which depends on all frames, and the sums above it follow from one pass.
_LOWEST_DB, _STEP_DB, _N_LEVELS = -120.0, 0.5, 320
LOUD_QUANTILE = 0.99
"""The level of the loud parts of a recording: the maximum may be a click, the median silence while listening."""
SILENCE_DB = 30.0
"""A frame is silent if it is this much quieter than the loud parts. Vowels and consonants differ by up to 30 dB."""
QUIETEST_DB = -70.0
"""A recording is silent if even its loud parts are quieter (dBFS): whispering reaches -60 dBFS."""
MIN_FRAMES = 10
"""Fewer frames (0.1 s) are shorter than a syllable."""


@dataclass(frozen=True, eq=False)
class Scan:
    """What the first pass over a sound finds.

    Attributes
    ----------
    path : Path
    content : str
        Hash of the file's bytes (xxh3, 128 bit).
    rate_hz, n_channels : int
        Of the file.
    n_frames, n_kept : int
        Number of frames of 10 ms, and of those that are not silent.
    threshold : int
        Lowest step of level that is not silent; see `select_frames`.
    mean, variance : ndarray of float64, shape [48]
        Of the log-Mel bands over the frames that are not silent.
    """

    path: Path
    content: str
    rate_hz: int
    n_channels: int
    n_frames: int
    n_kept: int
    threshold: int
    mean: Floats
    variance: Floats

    @property
    def seconds(self) -> float:
        return self.n_frames * HOP / RATE_HZ


def scan_sound(path: Path) -> Scan:
    """Read a sound once.

    Raises
    ------
    DataError
        It cannot be read, is silent, or has less than 0.1 s of sound.
    """
    counts, sums, squares = np.zeros(_N_LEVELS), np.zeros((_N_LEVELS, N_BANDS)), np.zeros((_N_LEVELS, N_BANDS))
    with open_sound(path) as sound:
        for frames in compute_frames(sound.read_blocks()):
            levels = _level_steps(frames.level_db)
            log_mel = frames.log_mel.astype(np.float64)
            order = np.argsort(levels, kind="stable")
            present, starts = np.unique(levels[order], return_index=True)
            counts += np.bincount(levels, minlength=_N_LEVELS)
            sums[present] += np.add.reduceat(log_mel[order], starts)
            squares[present] += np.add.reduceat(log_mel[order] ** 2, starts)
        rate_hz, n_channels = sound.rate_hz, sound.n_channels
    threshold = _find_threshold(counts, path)
    n_kept = int(counts[threshold:].sum())
    if n_kept < MIN_FRAMES:
        raise _too_short_error(path, n_kept)
    mean = sums[threshold:].sum(axis=0) / n_kept
    variance = np.maximum(squares[threshold:].sum(axis=0) / n_kept - mean**2, 0.0)
    return Scan(path, _hash_file(path), rate_hz, n_channels, int(counts.sum()), n_kept, threshold, mean, variance)


def read_kept_frames(scan: Scan) -> Iterator[Floats]:
    """Read a sound again, and yield its frames that are not silent, without their mean.

    Yields
    ------
    ndarray of float64, shape [n, 48]
        Log-Mel frames minus the mean of the recording: a constant gain, the response of the microphone and the average
        spectrum of the voice are constants in each band, and removed.

    Raises
    ------
    DataError
        It cannot be read, or changed meanwhile.
    """
    n_frames = 0
    with open_sound(scan.path) as sound:
        for frames in compute_frames(sound.read_blocks()):
            n_frames += len(frames.level_db)
            yield frames.log_mel[_level_steps(frames.level_db) >= scan.threshold] - scan.mean
    if n_frames != scan.n_frames:
        raise DataError(
            "the file changed while it was read",
            code="growing",
            file=scan.path,
            expected=f"{scan.n_frames} frames, as in the first pass",
            found=str(n_frames),
            hint="wait until it is complete, then run the command again",
        )


def _level_steps(level_db: Float32s) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    steps = ((level_db - _LOWEST_DB) / _STEP_DB).astype(np.intp)
    return np.clip(steps, 0, _N_LEVELS - 1)


def _find_threshold(counts: Floats, path: Path) -> int:
    """Return the lowest step of level that is not silent."""
    n_frames = counts.sum()
    if not n_frames:
        raise _too_short_error(path, 0)
    loud = int(np.searchsorted(np.cumsum(counts), LOUD_QUANTILE * n_frames))
    loud_db = _LOWEST_DB + loud * _STEP_DB
    if loud_db < QUIETEST_DB:
        raise DataError(
            "the recording is silent",
            code="silent",
            file=path,
            expected=f"sound above {QUIETEST_DB:g} dBFS",
            found="digital silence" if not loud else f"at most about {loud_db:g} dBFS",
            hint="check the microphone and its channel; channels of opposite sign cancel when they are mixed",
        )
    return max(loud - int(SILENCE_DB / _STEP_DB), 0)


def _too_short_error(path: Path, n_kept: int) -> DataError:
    return DataError(
        "the recording is too short",
        code="too-short",
        file=path,
        expected=f"at least {MIN_FRAMES * HOP / RATE_HZ:g} s of sound",
        found=f"{n_kept * HOP / RATE_HZ:g} s",
        hint="remove it",
    )


def _hash_file(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
