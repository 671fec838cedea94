"""Put rows in the order of time: shuffled rows are sorted, several runs in one file are refused."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables.runs import starts_again
from pdmr_classic.io.video._tracking import Tracking


def sort_time(
    tracking: Tracking, clock: Floats, column: str, ticks_per_s: float
) -> tuple[Floats, Ints | None, list[Finding]]:
    """Return strictly increasing time in s from the first frame, the row order if it changed, and findings.

    Raises
    ------
    DataError
        Time repeats, or starts again.
    """
    # Distinct timestamps can coincide after the shift: -1e38, 0, 1e-5.
    time_s = (clock - clock.min()) / ticks_per_s
    steps = np.diff(time_s)
    if (steps > 0).all():
        return time_s, None, []
    if len(np.unique(time_s)) < len(time_s):
        raise _order_error(tracking, clock, column, int(np.argmax(steps <= 0)) + 1, "time-repeats")
    order = np.argsort(time_s)
    if starts_again(time_s):
        raise _order_error(tracking, clock, column, int(np.argmax(steps < 0)) + 1, "two-runs")
    what = "the rows were out of order and were sorted by time"
    return time_s[order], order, [Finding("shuffled", what, file=tracking.path)]


def _order_error(tracking: Tracking, clock: Floats, column: str, row: int, code: str) -> DataError:
    is_restart = code == "two-runs"
    return DataError(
        "the time starts again: the file holds several runs" if is_restart else "timestamps repeat or run backwards",
        code=code,
        file=tracking.path,
        row=tracking.row_in_file(row),
        column=column,
        expected=f"more than {clock[row - 1]:g}",
        found=f"{clock[row]:g}",
        hint=_choose_hint(tracking, column, code),
    )


def _choose_hint(tracking: Tracking, column: str, code: str) -> str:
    frames = tracking.meta.get("frame")
    is_timestamp = code == "time-repeats" and column == tracking.name_in_file("timestamp")
    if is_timestamp and frames is not None and (np.diff(frames) > 0).all():
        return "pass --fps to use the frame numbers instead"
    return "split the file into one recording of one face each"
