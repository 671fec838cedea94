"""Codes for missing values, such as -1, 0, 100 or -999, in some channels of a frame only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Mask
from pdmr_classic.errors import Finding
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video._units import Channels
from pdmr_classic.text import format_count, format_list

_KINDS = ("pose", "gaze", "gaze_vector", "landmark", "au_intensity")
# One frame may be a mistake; with few others, their range is unknown.
_MIN_CODED, _MIN_MEASURED = 2, 10
# Intensities are 0..5, or 0..1; those on 0..100 pass 10 in many frames.
_HIGHEST_INTENSITY, _LOWEST_CODE = 5.0, 10.0
_MAX_NAMED = 3


def mask_missing_codes(channels: Channels, tracked: Mask) -> list[Finding]:
    """Replace codes for missing values by NaN, in place: the other channels of the frame are measurements.

    A code is a whole number in several frames, further from all other values of a channel than these are from each
    other. Other channels of the same kind that have it in the same frames are missing, too.
    """
    findings = []
    for kind in _KINDS:
        rows = [row for row, name in enumerate(channels.names) if channel_kind(name) == kind]
        if not rows:
            continue
        for code, frames in _find_codes(channels.values, rows, tracked, kind).items():
            coded = [row for row in rows if (channels.values[row, frames] == code).any()]
            for row in coded:
                channels.values[row, frames & (channels.values[row] == code)] = np.nan
            findings.append(_missing_finding(channels, coded, code, frames))
    return findings


def _find_codes(values: NDArray[np.float32], rows: list[int], tracked: Mask, kind: str) -> dict[float, Mask]:
    """Return the tracked frames in which a channel has a code, by code."""
    block = values[rows] if tracked.all() else values[rows][:, tracked]
    codes: dict[float, Mask] = {}
    for row, code in _find_repeated_extremes(block):
        if _is_code(code, block[row], kind):
            frames = tracked & (values[rows[row]] == code)
            codes[code] = codes.get(code, np.zeros_like(tracked)) | frames
    return codes


def _find_repeated_extremes(block: NDArray[np.float32]) -> Iterator[tuple[int, float]]:
    """Yield the whole numbers that are the lowest or highest value of a row in several frames."""
    if block.shape[1] < _MIN_CODED + _MIN_MEASURED:
        return
    for extremes in (np.fmin.reduce(block, axis=1), np.fmax.reduce(block, axis=1)):
        for row in np.flatnonzero(extremes == np.rint(extremes)).tolist():
            n_equal = np.count_nonzero(block[row] == extremes[row])
            if _MIN_CODED <= n_equal <= block.shape[1] - _MIN_MEASURED:
                yield row, float(extremes[row])


def _is_code(code: float, values: NDArray[np.float32], kind: str) -> bool:
    others = values[(values != code) & np.isfinite(values)]
    if len(others) < _MIN_MEASURED:
        return False
    low, high = float(others.min()), float(others.max())
    if kind == "au_intensity":
        return (code < 0 <= low) or (code >= _LOWEST_CODE and high <= _HIGHEST_INTENSITY)
    return 0 < high - low < max(low - code, code - high)


def _missing_finding(channels: Channels, rows: list[int], code: float, frames: Mask) -> Finding:
    names = format_list([channels.names[row] for row in rows], _MAX_NAMED)
    return Finding(
        "missing-code",
        "a value far from all others stands for missing values in some channels, which are NaN there",
        file=channels.path,
        found=f"{code:g} in {format_count(int(np.count_nonzero(frames)), 'frame')} of {names}",
    )
