"""Clocks and counters in an audio file: they are never averaged, and tell whether its rows are several recordings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.audio._components import Components
from pdmr_classic.io.tables.runs import starts_again
from pdmr_classic.io.tables.table import Table
from pdmr_classic.io.tables.text_cells import no_numbers_error
from pdmr_classic.text import format_count, format_list

# A clock may be rounded, have gaps and start again. In few rows, smooth components are nearly straight, too: there, the
# steps of a clock must be equal but for rounding.
_MIN_CLOCK_ROWS, _MIN_UNEVEN_ROWS, _STEP_TOLERANCE, _MIN_EQUAL_STEPS = 10, 50, 0.1, 0.9
_MAX_DECIMALS, _EXACT = 3, 1e-4
_MIN_MONOTONE_ROWS, _MIN_LEVELS, _N_PROBES = 100, 10, 64


def refuse_several_runs(table: Table, name: str) -> None:
    """Refuse rows of several recordings, given their clock: it stands still, or starts again.

    Raises
    ------
    DataError
    """
    times = table.columns[name][np.isfinite(table.columns[name])]
    if len(times) < 2:
        return
    if (times == times[0]).all():
        raise _several_error(table, name, times, 1, "several-recordings", "stands still")
    steps = np.diff(times)
    has_repeats = len(np.unique(times)) < len(times)
    # Rows that are only shuffled have the same mean; those of a second run repeat its times, or follow all of it.
    if (has_repeats and (steps < 0).any()) or starts_again(times):
        raise _several_error(table, name, times, int(np.argmax(steps < 0)) + 1, "two-runs", "starts again")


def _several_error(table: Table, name: str, times: Floats, row: int, code: str, verb: str) -> DataError:
    return DataError(
        f"the rows belong to several recordings or runs: the clock {verb}",
        code=code,
        file=table.path,
        row=table.first_row + row if len(times) == table.n_rows else None,
        column=name,
        expected="the rows of one recording, with rising times",
        found=f"{times[row]:g} after {times[row - 1]:g}",
        hint="write one file per recording (programs that append to a file join two runs), or remove the column",
    )


def drop_clocks(components: Components) -> Components:
    """Leave out columns that rise or fall like a clock, whatever their names."""
    matrix = components.matrix
    if len(matrix) < _MIN_CLOCK_ROWS or matrix.shape[1] < 2:
        return components
    clocks = [index for index in _find_clock_candidates(matrix) if _is_clock(matrix[:, index])]
    if not clocks:
        return components
    names = [repr(components.names[index]) if components.names else f"column {index + 1}" for index in clocks]
    if len(clocks) == matrix.shape[1]:
        raise no_numbers_error(components.path, "only columns that rise or fall by a constant")
    finding = Finding(
        "clock-column",
        f"{format_count(len(clocks), 'column')} left out: a value that changes by a constant is a clock or a counter",
        file=components.path,
        found=format_list(names),
    )
    remaining = np.setdiff1d(np.arange(matrix.shape[1]), clocks)
    kept_names = tuple(components.names[index] for index in remaining) if components.names else ()
    return components.add(finding, matrix=matrix[:, remaining], names=kept_names)


def _find_clock_candidates(matrix: Floats) -> list[int]:
    """Return the columns that are monotone in a few rows: cheap, and true of nearly no measurement."""
    probes = np.linspace(0, len(matrix) - 1, min(len(matrix), _N_PROBES)).astype(np.intp)
    candidates = _is_monotone(matrix[:_MIN_CLOCK_ROWS]) | _is_monotone(matrix[probes])
    return np.flatnonzero(candidates).tolist()


def _is_monotone(rows: Floats) -> NDArray[np.bool_]:
    steps = np.diff(rows, axis=0)
    is_missing = np.isnan(steps)
    rises, falls = ((sign * steps >= 0) | is_missing for sign in (1, -1))
    return np.asarray((rises.all(axis=0) | falls.all(axis=0)) & (rows[-1] != rows[0]))


def _is_clock(values: Floats) -> bool:
    values = values[np.isfinite(values)]
    steps = np.diff(values)
    if len(values) < _MIN_CLOCK_ROWS:
        return False
    step = float(np.median(steps))
    size = abs(step)
    tolerance = min(_find_precision(values), size / 2) + _EXACT * size
    if len(values) >= _MIN_UNEVEN_ROWS:
        tolerance = _STEP_TOLERANCE * size
    is_equal = np.abs(steps - step) <= tolerance
    if step != 0 and is_equal.mean() >= _MIN_EQUAL_STEPS:
        return True
    monotone = bool((steps >= 0).all() or (steps <= 0).all())
    return monotone and len(values) >= _MIN_MONOTONE_ROWS and len(np.unique(values)) >= _MIN_LEVELS


def _find_precision(values: Floats) -> float:
    """Return the last decimal place that the values were rounded to; 0 if they have more than three."""
    for decimals in range(_MAX_DECIMALS + 1):
        if np.allclose(values, values.round(decimals), rtol=0, atol=1e-6):
            return float(10.0**-decimals)
    return 0.0
