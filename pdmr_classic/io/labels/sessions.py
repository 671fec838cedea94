"""Sessions of longitudinal sets: which column holds them, and which recordings are a subject's baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Mask
from pdmr_classic.errors import DataError
from pdmr_classic.io.ids import natural_order
from pdmr_classic.io.labels._columns import fold_name, match_column
from pdmr_classic.io.labels.classes import is_no_label
from pdmr_classic.text import format_list

NO_BASELINE = "none"
"""Value of `data.baseline` that switches the change from baseline off."""
_SESSION_NAMES = frozenset(
    f"{word}{ending}"
    for word in ("session", "visit", "timepoint")
    for ending in ("", "s", "id", "no", "nr", "number", "name", "index", "label")
)
_BASELINE_NAMES = frozenset(("baseline", "isbaseline", "baselinerecording", "baselinevisit", "baselinesession"))
_YES_WORDS = frozenset(("yes", "y", "true", "t", "baseline"))
_NO_WORDS = frozenset(("no", "n", "false", "f", "followup"))
_YES, _NO = _YES_WORDS | {"1", "1.0"}, _NO_WORDS | {"0", "0.0"}
# Sessions that come before the others, whatever their place in the alphabet.
_FIRST_SESSIONS = frozenset(("baseline", "bl", "pre", "before", "pretreatment", "pretest"))


@dataclass(frozen=True, eq=False)
class Baseline:
    """Which recordings are the baseline of their subject.

    Attributes
    ----------
    column : str
        Column of the label table.
    is_baseline : ndarray of bool, shape [n]
    is_known : ndarray of bool, shape [n]
        False if the session of a recording is unknown, so that it may be a baseline.
    starts_later : ndarray of bool, shape [n]
        Whether the baseline is a later session than the first one of the set.
    from_sessions : bool
        Whether the baseline is the subject's first session; otherwise, it is marked.
    """

    column: str
    is_baseline: Mask
    is_known: Mask
    starts_later: Mask
    from_sessions: bool


def is_session_name(column: str) -> bool:
    """Return whether the name of a column says that it holds sessions or visits.

    Examples
    --------
    >>> is_session_name("Visit_No"), is_session_name("site")
    (True, False)
    """
    return fold_name(column) in _SESSION_NAMES


def holds_sessions(column: pd.Series) -> bool:
    """Return whether a label column holds sessions, not marks of the baseline: by its name, otherwise by its cells.

    Examples
    --------
    >>> holds_sessions(pd.Series(["1", "2"], name="visit")), holds_sessions(pd.Series(["yes", ""], name="first"))
    (True, False)
    """
    if is_session_name(str(column.name)):
        return True
    cells = {_fold(cell) for cell in column} - {""}
    return fold_name(str(column.name)) not in _BASELINE_NAMES and not cells <= _YES | _NO and not cells & _YES_WORDS


def find_baseline(labels: pd.DataFrame, groups: pd.Series, requested: str | None = None) -> Baseline | None:
    """Return which recordings are baselines; None if no column tells it.

    Parameters
    ----------
    labels : DataFrame of str
        Label table; may lack columns.
    groups : Series of str
        Subject of each recording, same rows.
    requested : str, optional
        Column with sessions, of which each subject's first is the baseline, or with marks (yes, 1 or true; no, 0,
        false or empty). Default: a column called baseline, otherwise one called session or visit.

    Raises
    ------
    ConfigError
        The requested column does not exist.
    DataError
        A cell is no mark of a baseline.
    """
    columns = [str(name) for name in labels.columns]
    column = match_column(requested, columns, "--baseline") if requested is not None else find_baseline_column(columns)
    if column is None:
        return None
    cells = labels[column]
    return _first_sessions(cells, groups) if holds_sessions(cells) else _marked(cells)


def find_baseline_column(columns: Sequence[str]) -> str | None:
    """Return the first column called baseline, otherwise the first called session or visit; None without one.

    Examples
    --------
    >>> find_baseline_column(["status", "Visit", "baseline"]), find_baseline_column(["status"])
    ('baseline', None)
    """
    marks = [name for name in columns if fold_name(name) in _BASELINE_NAMES]
    return next(iter([*marks, *filter(is_session_name, columns)]), None)


def _fold(cell: str) -> str:
    """Return a cell without case and blanks; "" if it says that nothing is known."""
    text = str(cell).strip().casefold()
    return "" if text not in _YES | _NO and is_no_label(text) else text


def _marked(column: pd.Series) -> Baseline:
    cells = column.map(_fold)
    unreadable = column[~cells.isin(_YES | _NO | {""})]
    if len(unreadable):
        raise DataError(
            f"cells of the column {str(column.name)!r} do not say whether a recording is a baseline",
            code="bad-baseline",
            column=str(column.name),
            expected="yes, true or 1; no, false, 0 or an empty cell",
            found=format_list(f"{cell!r} for {data_id!r}" for data_id, cell in unreadable.items()),
            hint="correct the cells, or call a column of sessions session or visit",
        )
    is_baseline = cells.isin(_YES).to_numpy()
    none = np.zeros(len(cells), dtype=bool)
    return Baseline(str(column.name), is_baseline, ~none, none, from_sessions=False)


def _first_sessions(column: pd.Series, groups: pd.Series) -> Baseline:
    cells = column.map(_fold)
    values = order_sessions(sorted({*cells} - {""}))
    rank = cells.map({value: place for place, value in enumerate(values)}).to_numpy(dtype=float)
    first = pd.Series(rank).groupby(groups.to_numpy(dtype=object)).transform("min").to_numpy()
    is_known = np.isfinite(rank)
    return Baseline(str(column.name), rank == first, is_known, is_known & (first > 0), from_sessions=True)


def order_sessions(values: Sequence[str]) -> list[str]:
    """Return sessions in natural order; a session called baseline or pre comes first.

    Examples
    --------
    >>> order_sessions(["10", "2"]), order_sessions(["post", "pre"])
    (['2', '10'], ['pre', 'post'])
    """
    names = [str(value) for value in values]
    ordered = [names[place] for place in natural_order(names)]
    return sorted(ordered, key=lambda name: fold_name(name) not in _FIRST_SESSIONS)
