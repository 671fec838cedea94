"""Read scores, intervals and label sets from the cells of a results file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.errors import DataError
from pdmr_classic.io.labels.classes import parse_number


def read_severity(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the columns `severity`, `severity_class`, `severity_low`, `severity_high` and `label_set` that exist.

    Parameters
    ----------
    frame : DataFrame of str
        The cells of the results; lists are JSON.
    path : Path
        For messages.

    Raises
    ------
    DataError
        A cell is not valid.
    """
    columns: dict[str, pd.Series] = {}
    if "severity" in frame:
        columns["severity"] = _parse_cells(frame["severity"], parse_number, np.nan, "a number", path).astype(float)
    if "severity_class" in frame:
        columns["severity_class"] = frame["severity_class"]
    if "severity_interval" in frame:
        cells = frame["severity_interval"]
        ends = _parse_cells(cells, _parse_interval, (np.nan, np.nan), "[lower end, upper end]", path)
        columns["severity_low"] = ends.str[0].astype(float)
        columns["severity_high"] = ends.str[1].astype(float)
    for name in ("severity_low", "severity_high"):  # of a CSV file
        if name in frame:
            columns[name] = _parse_cells(frame[name], parse_number, np.nan, "a number", path).astype(float)
    if "label_set" in frame:
        columns["label_set"] = _parse_cells(frame["label_set"], _parse_set, (), "a list of classes", path)
    return pd.DataFrame(columns, index=frame.index)


def _parse_cells(cells: pd.Series, parse: Callable[[str], Any], missing: Any, expected: str, path: Path) -> pd.Series:
    """Return the value of each cell; `missing` for an empty one."""
    values = [parse(cell) if cell else missing for cell in cells]
    if None in values:
        row = values.index(None)
        raise DataError(
            "a value of the results is not valid",
            code="bad-severity",
            file=path,
            column=str(cells.name),
            expected=expected,
            found=f"{cells.iloc[row]!r} for {cells.index[row]!r}",
        )
    return pd.Series(values, index=cells.index, dtype=object)


def _parse_interval(cell: str) -> tuple[float, float] | None:
    ends = _parse_json(cell)
    is_pair = isinstance(ends, list) and len(ends) == 2
    if not is_pair or not all(end is None or isinstance(end, int | float) for end in ends):
        return None
    low, high = (np.nan if end is None else float(end) for end in ends)
    return None if low > high else (low, high)


def _parse_set(cell: str) -> tuple[str, ...] | None:
    labels = _parse_json(cell)
    is_set = isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels)
    return tuple(labels) if is_set else None


def _parse_json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None
