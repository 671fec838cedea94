"""Conditions of recordings in label tables, such as the interviewer or the site, for experts by condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding, PdmrError
from pdmr_classic.io.labels._columns import match_column
from pdmr_classic.io.labels.classes import choose_spellings, count_labels, find_score_columns, is_no_label
from pdmr_classic.io.labels.labels import find_labels, read_labels
from pdmr_classic.text import format_count, format_list, format_quoted

_MIN_SUBJECTS = 2


def select_conditions(labels: pd.DataFrame, column: str) -> tuple[pd.Series, list[Finding]]:
    """Return the condition of each training recording, and what to tell.

    Parameters
    ----------
    labels : DataFrame of str
        Index `data_id`.
    column : str
        The column that `--experts` names.

    Returns
    -------
    Series of str
        An empty string where the condition is not known; one spelling for each condition.
    list of Finding

    Raises
    ------
    ConfigError
        The column does not exist.
    DataError
        No recording has a condition.

    Examples
    --------
    >>> labels = pd.DataFrame({"Interviewer": ["robot", "Robot", "robot", "nan"]}, index=list("abcd"))
    >>> conditions, findings = select_conditions(labels, "interviewer")
    >>> conditions.tolist(), findings[0].what
    (['robot', 'robot', 'robot', ''], '1 recording has no known condition')
    """
    column = match_column(column, list(labels.columns), "--experts")
    conditions = clean_conditions(labels[column]).rename(column)
    if (conditions == "").all():
        raise DataError(
            "no recording has a condition",
            code="no-conditions",
            column=column,
            expected="a condition for each recording, such as human or robot",
            found="empty cells, or cells such as -1",
            hint="fill in the cells, or pass another column",
        )
    return conditions, _tell_unknown(conditions)


def match_conditions(labels: pd.DataFrame, column: str) -> tuple[pd.Series, list[Finding]]:
    """Return the condition of each recording of another label table, "" where it is not known, and what to tell."""
    try:
        cells = labels[match_column(column, list(labels.columns), "--experts of fit")]
    except ConfigError:
        cells = pd.Series("", index=labels.index, dtype=object)
    conditions = clean_conditions(cells).rename(column)
    return conditions, _tell_unknown(conditions)


def check_condition_column(labels: pd.DataFrame, column: str, groups: pd.Series, targets: Sequence[str]) -> None:
    """Raise an error if the conditions are what is learned, or stand for single subjects.

    Parameters
    ----------
    labels : DataFrame of str
        Index `data_id`.
    column : str
    groups : Series of str
        Subject of each recording.
    targets : sequence of str
        Columns that are learned.

    Raises
    ------
    ConfigError
    """
    column = match_column(column, list(labels.columns), "--experts")
    conditions = clean_conditions(labels[column]).reindex(groups.index)
    known = conditions[conditions != ""]
    same = [name for name in targets if name in labels and labels[name].equals(labels[column])]
    if column in targets or same or find_score_columns([column]):
        raise _bad_condition_error(column, "a circumstance of the recording", "the target, or another score")
    status = labels["status"].reindex(known.index) if "status" in labels else pd.Series("", known.index)
    labelled = status != ""
    per_condition = status[labelled].groupby(known[labelled]).nunique()
    if len(per_condition) > 1 and status[labelled].nunique() > 1 and (per_condition == 1).all():
        raise _bad_condition_error(column, "recordings of several classes in each condition", "one class in each")
    if known.nunique() > 1 and (groups.reindex(known.index).groupby(known).nunique() < _MIN_SUBJECTS).all():
        raise _bad_condition_error(column, f"conditions with at least {_MIN_SUBJECTS} subjects", "one subject in each")


def _bad_condition_error(column: str, expected: str, found: str) -> ConfigError:
    return ConfigError(
        f"the column {column!r} cannot be a condition (--experts)",
        code="bad-condition",
        column=column,
        expected=expected,
        found=found,
        hint="choose another column, such as the interviewer or the site",
    )


def clean_conditions(cells: pd.Series, known: Sequence[str] = ()) -> pd.Series:
    """Return one spelling for each condition, and an empty string for cells such as nan, which name none.

    Conditions that differ only in case, blanks or `.0` are the same; `known` ones are spelled as given.

    Examples
    --------
    >>> clean_conditions(pd.Series(["HUMAN", "1.0", "?"]), known=["human", "robot"]).tolist()
    ['human', '1', '']
    """
    named = cells.astype(str).map(lambda cell: "" if is_no_label(cell) else cell.strip())
    spellings = choose_spellings(count_labels(cell for cell in named if cell), known)
    return named.map(lambda cell: spellings.get(cell, cell))


def read_conditions(
    data_ids: Sequence[str],
    folder: Path,
    column: str,
    file: Path | None = None,
    *,
    required: bool = True,
    id_column: str | None = None,
) -> tuple[pd.Series, list[Finding]]:
    """Return the condition of each recording to predict, and what to tell.

    Parameters
    ----------
    data_ids : sequence of str
    folder : Path
        Folder of the split; without `file`, the label table in it or next to it is used if it has the column.
    column : str
        The column that was learned with `--experts`.
    file : Path, optional
        A table with data_id and this column.
    required : bool
        Whether `file` must have the column; otherwise the conditions are unknown without it.
    id_column : str, optional
        Column of the table with the data_id, if the table has it.

    Returns
    -------
    Series of str
        Index `data_id`; an empty string where the condition is not known.
    list of Finding
        Recordings without a known condition.

    Raises
    ------
    DataError
        The file cannot be read, or does not have the column.
    """
    path = file or find_labels(folder)
    unknown = pd.Series("", index=pd.Index(data_ids, name="data_id"), name=column, dtype=object)
    if path is None:
        return unknown, _tell_unknown(unknown)
    try:
        table = _read_table(path, id_column)
        cells = table[match_column(column, list(table.columns), "--experts of fit", path)]
    except PdmrError as error:
        if file is None or not required:
            return unknown, _tell_unknown(unknown)
        hint = "pass a table with data_id and this column"
        raise DataError(replace(error.finding, hint=error.finding.hint or hint), error.additional) from None
    if required and file is not None and not cells.index.isin(data_ids).any():
        raise DataError(
            "no data_id in the table of conditions matches a recording",
            code="labels-match-nothing",
            file=path,
            expected=f"ids such as {format_quoted(list(data_ids)[:3])}",
            found=format_quoted(cells.index),
            hint="use the file names without .csv as data_id",
        )
    conditions = clean_conditions(cells).reindex(unknown.index, fill_value="").rename(column)
    return conditions, _tell_unknown(conditions)


def _read_table(path: Path, id_column: str | None) -> pd.DataFrame:
    # Neither classes nor subjects are needed here, so that problems with them must not be errors.
    try:
        return read_labels(path, DataSettings(id_column=id_column, groups="subject_id"), with_status=False)[0]
    except ConfigError:
        if id_column is None:
            raise
        return _read_table(path, None)


def _tell_unknown(conditions: pd.Series) -> list[Finding]:
    unknown = conditions.index[conditions == ""]
    if not len(unknown):
        return []
    what = format_count(len(unknown), "recording has no known condition", "recordings have no known condition")
    known = sorted({*conditions} - {""})
    return [
        Finding(
            "unknown-condition",
            what,
            column=str(conditions.name),
            expected=format_list(known) or "a label table with this column",
            found=format_quoted(unknown),
        )
    ]
