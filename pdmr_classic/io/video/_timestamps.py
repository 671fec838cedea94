"""Timestamps in seconds: blank ones are filled in, milliseconds are converted where they are certain."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.video._tracking import Tracking
from pdmr_classic.text import format_count

# High-speed cameras reach 240 frames per second; faster rates are usually an error of units.
MIN_LIKELY_HZ, MAX_LIKELY_HZ = 1.0, 239.0
_MS_PER_S = 1000.0
# A longer step is no step of a video, unless the settings say so.
_LONGEST_STEP_S = 1.0
# A step of less than this many milliseconds would be a frame rate above 2000 Hz.
_SHORTEST_STEP_MS = 0.5
_MAX_BLANK_SHARE = 0.5


def fill_blank_stamps(stamps: Floats, path: Path, column: str) -> tuple[Floats | None, list[Finding]]:
    """Interpolate missing timestamps between those of the rows around them; None if too few are known, or unordered."""
    known = np.isfinite(stamps)
    n_blank = int(np.count_nonzero(~known))
    if not n_blank:
        return stamps, []
    rows = np.flatnonzero(known)
    if n_blank > _MAX_BLANK_SHARE * len(stamps) or len(rows) < 2 or not (np.diff(stamps[rows]) > 0).all():
        return None, []
    finding = Finding(
        "blank-time",
        "some timestamps are missing and were interpolated from the rows around them",
        file=path,
        column=column,
        found=format_count(n_blank, "timestamp"),
    )
    return _interpolate(stamps, rows), [finding]


def to_seconds(stamps: Floats, tracking: Tracking, settings: ReadingSettings) -> tuple[Floats, list[Finding]]:
    """Return timestamps in seconds, given increasing ones.

    Raises
    ------
    DataError
        They are most likely in milliseconds, but neither the name of the column nor the settings say so.
    """
    column = tracking.name_in_file("timestamp")
    if settings.time_unit is not None:
        return _convert(stamps, settings.time_unit == "ms", tracking.path, column, "the settings say so")
    if not tracking.time_is_ms and stamps[-1] - stamps[0] <= _LONGEST_STEP_S * (len(stamps) - 1):
        return stamps, []
    step = float(np.median(np.diff(stamps)))
    if tracking.time_is_ms and step < _SHORTEST_STEP_MS:
        return stamps, [_seconds_finding(tracking.path, column, step)]
    if tracking.time_is_ms:
        return _convert(stamps, True, tracking.path, column, "the name of the column says so")
    if step > _LONGEST_STEP_S:
        raise _unit_error(tracking.path, column, step)
    return stamps, []


def round_rate(rate: float) -> float:
    """Return a whole number of frames per second if the rate is that close to it."""
    # Timestamps 0.033, 0.067, 0.100 mean 30 Hz, not 30.04: the last digit is rounded.
    return float(round(rate)) if abs(rate - round(rate)) < 0.002 * rate else rate


def describe_rate(path: Path, column: str, rate: float) -> Finding:
    """Return the finding for an implausible frame rate."""
    return Finding(
        "odd-rate",
        "the file gives an implausible frame rate",
        file=path,
        column=column,
        expected="1 to 240 frames per second",
        found=f"{rate:g} frames per second",
        hint="check the unit of the timestamps; --fps overrides them",
    )


def _interpolate(stamps: Floats, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    filled = np.interp(np.arange(len(stamps)), rows, stamps[rows])
    step = float(np.median(np.diff(stamps[rows])))
    first, last = rows[0], rows[-1]
    filled[:first] = stamps[first] - step * np.arange(first, 0, -1)
    filled[last + 1 :] = stamps[last] + step * np.arange(1, len(stamps) - last)
    return filled


def _convert(stamps: Floats, is_ms: bool, path: Path, column: str, reason: str) -> tuple[Floats, list[Finding]]:
    if not is_ms:
        return stamps, []
    what = f"timestamps were converted from milliseconds to seconds, because {reason}"
    return stamps / _MS_PER_S, [Finding("time-unit", what, file=path, column=column)]


def _seconds_finding(path: Path, column: str, step: float) -> Finding:
    return Finding(
        "time-unit",
        "timestamps were taken for seconds, although the name of the column says milliseconds",
        file=path,
        column=column,
        expected=f"steps of at least {_SHORTEST_STEP_MS:g} milliseconds",
        found=f"steps of {step:g}",
        hint='to overrule this: [reading] time_unit = "ms"',
    )


def _unit_error(path: Path, column: str, step: float) -> DataError:
    is_ms = step <= _MS_PER_S
    return DataError(
        f"the timestamps are not in seconds{': probably in milliseconds' if is_ms else ''}",
        code="time-unit",
        file=path,
        column=column,
        expected="seconds: steps of less than 1",
        found=f"steps of {step:g}",
        hint='state the unit in the settings: [reading] time_unit = "ms", or "s" if they are seconds'
        if is_ms
        else "convert them to seconds, or pass --fps to use the frame numbers",
    )
