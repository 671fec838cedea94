"""Find counters and clocks among columns of unknown meaning by their values, also those that start again.

Such a column tells the length or the position of a recording, and a model would learn from it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.arrays import Floats

_MIN_ROWS = 10
# Share of steps that must be the same; a few rows may be missing.
_REGULAR_SHARE = 0.95
# The same for a counter that starts again and again, such as the frame within a second.
_RESTARTING_SHARE = 0.8
# A longer step, in usual steps, is a pause of the recording.
_PAUSE = 10.0
# A unit of time, such as a minute, is as long each time: rows, and the share of them by which it may differ.
_MIN_PLATEAU_ROWS, _PLATEAU_TOLERANCE = 5, 0.02
_MIN_PLATEAUS = 2
# A jittering clock is distinguished from a slow movement by a long record on a straight line: rows, correlation.
_STRAIGHT = ((100, 0.9999), (300, 0.999))
# The same for one whose noise turns it back now and then.
_NOISY_ROWS, _NOISY_STRAIGHT = 300, 0.9999
SMALLEST_WALL_CLOCK = 1e8
"""Seconds since 1970 are larger; no measurement is."""
_N_PROBES = 11
_MAX_DECIMALS = 6


def find_clock_columns(columns: Mapping[str, Floats]) -> list[str]:
    """Return the columns that rise or fall by a constant step, by row or by the minute; none in less than 10 rows.

    Examples
    --------
    >>> seconds = np.round(np.arange(40) / 30, 3)
    >>> find_clock_columns({"t": seconds, "wave": np.sin(seconds), "constant": np.ones(40)})
    ['t']
    """
    n_rows = len(next(iter(columns.values()), ()))
    if n_rows < _MIN_ROWS:
        return []
    probes = np.linspace(0, n_rows - 1, min(n_rows, _N_PROBES)).astype(np.intp)
    return [
        name
        for name, values in columns.items()
        if (_may_be_clock(values[probes]) and _is_clock(values)) or _restarts(values)
    ]


def _may_be_clock(probes: Floats) -> bool:
    """Return whether a few rows are in order, which is quick to see."""
    steps = np.diff(probes[np.isfinite(probes)])
    return bool(len(steps) > 1 and steps.any() and ((steps >= 0).all() or (steps <= 0).all()))


def _is_clock(values: Floats) -> bool:
    rows = np.flatnonzero(np.isfinite(values))
    if len(rows) < max(_MIN_ROWS, _REGULAR_SHARE * len(values)):
        return False
    steps = np.diff(values[rows]) / np.diff(rows)
    step = float(np.median(steps))
    if step and float((np.abs(steps - step) <= _step_tolerance(values[rows], step)).mean()) >= _REGULAR_SHARE:
        return True
    return _is_steady(values[rows], rows, steps) or _has_plateaus(values[rows])


def _restarts(values: Floats) -> bool:
    """Return whether values rise by a constant step and fall back, or the reverse: the frame within a second."""
    # The first rows of most signals already differ in their steps; one of the two may hold the start.
    if not (_are_alike(np.diff(values[:4])) or _are_alike(np.diff(values[4:8]))):
        return False
    steps = np.diff(values)
    step = float(np.nanmedian(steps))
    if not np.isfinite(step) or not step:
        return False
    is_regular = np.abs(steps - step) <= _step_tolerance(values[np.isfinite(values)], step)
    is_back = np.sign(steps) == -np.sign(step)
    return bool(is_regular.mean() >= _RESTARTING_SHARE and (is_regular | is_back | np.isnan(steps)).all())


def _are_alike(steps: Floats) -> bool:
    sizes = np.abs(steps)
    return bool(sizes.min() > 0.5 * sizes.max() and abs(steps.sum()) == sizes.sum())


def _has_plateaus(values: Floats) -> bool:
    """Return whether values stay the same for equal numbers of rows and then change by an equal step: whole minutes.

    The first and the last one may be cut.
    """
    changes = np.flatnonzero(np.diff(values)) + 1
    lengths = np.diff(changes)
    if len(lengths) < _MIN_PLATEAUS or lengths.min() < _MIN_PLATEAU_ROWS:
        return False
    longest, steps = lengths.max(), np.diff(values)[changes - 1]
    is_equal = longest - lengths.min() <= max(1, _PLATEAU_TOLERANCE * longest)
    return bool(is_equal and np.ptp(steps) == 0 and max(changes[0], len(values) - changes[-1]) <= longest + 1)


def _step_tolerance(values: Floats, step: float) -> float:
    """Return the rounding error of a step: 0.033, 0.067, 0.1 have steps of 0.034 and 0.033."""
    for decimals in range(_MAX_DECIMALS + 1):
        if np.abs(values - np.round(values, decimals)).max() < 10.0**-_MAX_DECIMALS / 2:
            rounding = 10.0**-decimals
            # A step of one unit of the last digit is no rounding error: 1, 2, 3.
            return max(1.01 * rounding, 1e-3 * abs(step)) if rounding < abs(step) / 2 else 1e-3 * abs(step)
    return 1e-3 * abs(step)


def _is_steady(values: Floats, rows: np.ndarray[tuple[int], np.dtype[np.intp]], steps: Floats) -> bool:
    """Return whether values never turn back and follow a straight line, as a jittering clock or whole seconds do."""
    if (steps < 0).any() and (steps > 0).any():
        return len(rows) >= _NOISY_ROWS and abs(float(np.corrcoef(rows, values)[0, 1])) >= _NOISY_STRAIGHT
    if values.min() >= SMALLEST_WALL_CLOCK:
        return True
    required = [correlation for n_rows, correlation in _STRAIGHT if len(rows) >= n_rows]
    if not required:
        return False
    step = np.median(steps)
    without_pauses = np.where(np.abs(steps) > _PAUSE * abs(step), step, steps) * np.diff(rows)
    lines = (values, np.concatenate([[0.0], np.cumsum(without_pauses)])) if step else (values,)
    return any(abs(float(np.corrcoef(rows, line)[0, 1])) >= min(required) for line in lines)
