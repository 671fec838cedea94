"""Time of the rows of a file: from its timestamps, otherwise from its frame numbers, otherwise from their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.video._clock_columns import SMALLEST_WALL_CLOCK
from pdmr_classic.io.video._coarse_time import count_per_second, describe_coarse_time, is_coarse
from pdmr_classic.io.video._time_order import sort_time
from pdmr_classic.io.video._timestamps import (
    MAX_LIKELY_HZ,
    MIN_LIKELY_HZ,
    describe_rate,
    fill_blank_stamps,
    round_rate,
    to_seconds,
)
from pdmr_classic.io.video._tracking import Tracking
from pdmr_classic.io.video.stream import GAP_INTERVALS
from pdmr_classic.text import format_count

_DEFAULT_FPS = 30.0
_SHORTEST_STEP_S = 1e-9
# Of a frame number in floating point.
_ROUNDING = 1e-3
# Share of steps in which frame numbers and timestamps may disagree.
_MAX_CONTRADICTIONS = 0.05
# A shorter pause may be one of the recording.
_LONG_PAUSE_S = 60.0


@dataclass(frozen=True, eq=False)
class Clock:
    """Time of each row, in increasing order.

    Attributes
    ----------
    time_s : ndarray of float64, shape [T]
        From 0.
    frame_rate_hz : float
    order : ndarray of int, shape [T], or None
        Rows sorted by time; None if they were in order.
    findings : list of Finding
    """

    time_s: Floats
    frame_rate_hz: float
    order: Ints | None = None
    findings: list[Finding] = field(default_factory=list)


def read_clock(tracking: Tracking, settings: ReadingSettings) -> Clock:
    """Return the time of each row.

    Raises
    ------
    DataError
        Time repeats, starts again, is in milliseconds without saying so, or gives no frame rate.
    """
    stamps, findings = _usable_stamps(tracking)
    if settings.fps is None and stamps is not None and is_coarse(tracking, stamps):
        rate = count_per_second(tracking, stamps)
        clock = _count_frames(tracking, None, rate)
        findings += [] if rate is None else [describe_coarse_time(tracking, rate)]
    elif stamps is None or settings.fps is not None:
        clock = _count_frames(tracking, stamps, settings.fps)
    else:
        clock = _read_stamps(tracking, stamps, settings)
    pauses = _find_long_pause(tracking, clock.time_s)
    return Clock(clock.time_s, clock.frame_rate_hz, clock.order, [*findings, *clock.findings, *pauses])


# -------------------------------------------------------------------------------------------- timestamps


def _usable_stamps(tracking: Tracking) -> tuple[Floats | None, list[Finding]]:
    """Return timestamps in the unit of the file, all known and not all equal; None if there are none."""
    stamps = tracking.meta.get("timestamp")
    if stamps is None or len(stamps) < 2:
        return None, []
    stamps, findings = fill_blank_stamps(stamps, tracking.path, tracking.name_in_file("timestamp"))
    if stamps is None or not np.ptp(stamps) > 0:
        return None, []
    return stamps, findings


def _read_stamps(tracking: Tracking, stamps: Floats, settings: ReadingSettings) -> Clock:
    column = tracking.name_in_file("timestamp")
    ticks, order, order_findings = sort_time(tracking, stamps, column, 1.0)
    stamps, unit_findings = to_seconds(stamps if order is None else stamps[order], tracking, settings)
    # Subtracting the first timestamp again would round differently.
    time_s = stamps - stamps[0] if unit_findings else ticks
    rate = _estimate_rate(tracking.path, stamps, column)
    findings = [*order_findings, *unit_findings]
    if tracking.recognition.tracker.has_wall_clock and stamps[0] > SMALLEST_WALL_CLOCK:
        findings.append(_wall_clock_finding(tracking, column, rate))
    if not MIN_LIKELY_HZ <= rate < MAX_LIKELY_HZ:
        findings.append(describe_rate(tracking.path, column, rate))
    return Clock(time_s, rate, order, [*findings, *_compare_with_frames(tracking, time_s, order)])


def _find_long_pause(tracking: Tracking, time_s: Floats) -> list[Finding]:
    """Return a finding for a step that is longer than all others together: most likely a wrong timestamp."""
    steps = np.diff(time_s)
    longest = int(np.argmax(steps)) if len(steps) > 1 else 0
    if len(steps) < 2 or steps[longest] < max(_LONG_PAUSE_S, time_s[-1] / 2):
        return []
    return [
        Finding(
            "long-pause",
            "one pause between two rows is longer than the rest of the recording",
            file=tracking.path,
            found=f"{steps[longest]:g} s, from {time_s[longest]:g} s on",
            hint="check the timestamps or frame numbers",
        )
    ]


def _wall_clock_finding(tracking: Tracking, column: str, rate: float) -> Finding:
    title = tracking.recognition.tracker.title
    return Finding(
        "wall-clock",
        f"{title} writes when each frame was computed; the differences were taken for the time of the video",
        file=tracking.path,
        column=column,
        found=f"{rate:g} frames per second",
        hint="pass --fps if this is not the frame rate of the video",
    )


def _estimate_rate(path: Path, stamps: Floats, column: str) -> float:
    """Return the mean frame rate over steps without a gap: OpenFace rounds each timestamp to 1 ms."""
    steps = np.diff(stamps)
    regular = steps[steps < GAP_INTERVALS * np.median(steps)]
    step = float(regular.mean())
    if step < _SHORTEST_STEP_S:
        raise DataError(
            "the timestamps are too close together to give a frame rate",
            code="no-time",
            file=path,
            column=column,
            expected="seconds",
            found=f"steps of {step:g}",
            hint="correct the column, or remove it and pass --fps",
        )
    return round_rate(1.0 / step)


def _compare_with_frames(tracking: Tracking, time_s: Floats, order: Ints | None) -> list[Finding]:
    """Return a finding if frame numbers tell of other intervals than the timestamps."""
    frames = tracking.meta.get("frame")
    if frames is None or len(frames) < 3 or not np.isfinite(frames).all():
        return []
    steps = np.diff(frames if order is None else frames[order])
    intervals = np.diff(time_s)
    if (intervals == 1).all() and (steps == 1).all():
        return [_counted_time_finding(tracking)]
    # In most files, every row is the next frame, one interval later.
    if (steps == steps[0]).all() and steps[0] > 0 and intervals.min() >= 0.5 * intervals.mean():
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(steps > 0, intervals / steps, 0.0)
    typical = np.median(ratios)
    is_shorter = ratios < 0.5 * typical
    # Between two successive frames, a longer interval is a pause of the recording.
    is_longer = (ratios > 1.5 * typical) & (steps > np.median(steps))
    n_contradictions = int(np.count_nonzero(is_shorter | is_longer))
    if n_contradictions <= _MAX_CONTRADICTIONS * len(steps) and not (steps < 0).any():
        return []
    return [
        Finding(
            "time-contradicts-frames",
            "frame numbers and timestamps tell of different intervals between the rows; the timestamps were used",
            file=tracking.path,
            column=tracking.name_in_file("frame"),
            found=format_count(n_contradictions, "step"),
            hint="check both columns; pass --fps to use the frame numbers",
        )
    ]


def _counted_time_finding(tracking: Tracking) -> Finding:
    return Finding(
        "time-counts-frames",
        "the timestamps rise by exactly 1 per frame; they were taken for seconds, but may be frame numbers",
        file=tracking.path,
        column=tracking.name_in_file("timestamp"),
        hint="pass --fps if they are",
    )


# ----------------------------------------------------------------------------------------- frame numbers


def _count_frames(tracking: Tracking, stamps: Floats | None, chosen_fps: float | None) -> Clock:
    """Return time from frame numbers, or else from the order of the rows, at a given number of frames per second."""
    fps = chosen_fps or _DEFAULT_FPS
    n_rows = tracking.n_rows
    findings = [_override_finding(tracking, fps)] if stamps is not None else []
    if stamps is None and n_rows > 1 and chosen_fps is None:
        findings.append(_no_rate_finding(tracking.path, fps))
    frames = tracking.meta.get("frame")
    if frames is not None and np.isfinite(frames).all():
        column = tracking.name_in_file("frame")
        time_s, order, order_findings = sort_time(tracking, frames, column, fps)
        if (np.abs(frames - np.rint(frames)) > _ROUNDING).any():
            findings.append(_fractions_finding(tracking, frames))
            return Clock(np.arange(n_rows) / fps, fps, order, findings + order_findings)
        step = _typical_step(frames if order is None else frames[order])
        if step > 1:
            findings.append(_skipped_finding(tracking.path, column, step, fps))
        rate = fps / step
        if rate < MIN_LIKELY_HZ:
            findings.append(describe_rate(tracking.path, column, rate))
        return Clock(time_s, rate, order, findings + order_findings)
    if stamps is None:
        return Clock(np.arange(n_rows) / fps, fps, None, findings)
    time_s, order, order_findings = sort_time(tracking, stamps, tracking.name_in_file("timestamp"), 1.0)
    return Clock(_rescale(time_s) / fps, fps, order, findings + order_findings)


def _fractions_finding(tracking: Tracking, frames: Floats) -> Finding:
    return Finding(
        "frame-fractions",
        "the frame numbers are not whole numbers and were not used",
        file=tracking.path,
        column=tracking.name_in_file("frame"),
        found=f"{frames[np.abs(frames - np.rint(frames)) > _ROUNDING][0]:g}",
        hint="if they are seconds, name the column timestamp",
    )


def _typical_step(frames: Floats) -> int:
    return max(round(float(np.median(np.diff(frames)))), 1) if len(frames) > 1 else 1


def _rescale(time_s: Floats) -> Floats:
    """Return time in frames: timestamps in a wrong unit still tell where frames are missing."""
    steps = np.diff(time_s)
    return np.concatenate([[0.0], np.cumsum(np.maximum(np.rint(steps / np.median(steps)), 1))])


def _no_rate_finding(path: Path, fps: float) -> Finding:
    what = f"there are no usable timestamps: assuming {fps:g} frames per second"
    return Finding("no-frame-rate", what, file=path, hint="if this is not the frame rate, pass --fps")


def _override_finding(tracking: Tracking, fps: float) -> Finding:
    what = f"{fps:g} frames per second were assumed instead of the timestamps, as --fps says"
    return Finding("fps-override", what, file=tracking.path, column=tracking.name_in_file("timestamp"))


def _skipped_finding(path: Path, column: str, step: int, fps: float) -> Finding:
    return Finding(
        "skipped-frames",
        "not every frame was tracked; the interval between the rows is longer than that of the video",
        file=path,
        column=column,
        found=f"frame numbers in steps of {step}: {fps / step:g} rows per second",
        hint="--fps is the frame rate of the video, not that of the rows",
    )
