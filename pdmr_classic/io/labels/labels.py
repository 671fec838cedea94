"""Read label tables: `data_id`, usually `status`, and optional columns such as `subject_id`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.ids import id_problem, text_problem
from pdmr_classic.io.labels._columns import (
    describe_missing_id,
    find_label_column,
    find_subject_column,
    list_columns,
    match_column,
    rename_ids,
)
from pdmr_classic.io.labels._files import EXPECTED, HINT, Rows, read_label_rows
from pdmr_classic.io.labels._status import apply_cutoff, check_label_settings, make_status
from pdmr_classic.io.labels.classes import find_score_columns, suggest_cutoff
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import format_count, format_list

LABEL_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".xlsx", ".parquet")
"""Formats of label tables, in the order in which they are looked for."""
_MAX_COLUMNS = 2_000


def read_labels(
    path: str | Path,
    settings: DataSettings | None = None,
    *,
    with_status: bool = True,
    may_lack_columns: bool = False,
) -> tuple[pd.DataFrame, list[Finding]]:
    r"""Read a label table; all cells stay text, exactly as in the file, except those of `status`.

    Parameters
    ----------
    path : path-like
        csv or tsv with a header; xlsx (first sheet) or parquet; jsonl with one object per line; or json: a list of
        objects, `{id: status}` or `{id: object}`.
    settings : DataSettings, optional
        Columns of id and class, new names of the labels, and the cut-off of a score. Without them, `data_id` and
        `status` or known names such as Participant_ID and PHQ8_Binary are used. If `groups` is None, a known name of a
        subject column is used, too. If `target` is a column of scores, no classes are read.
    with_status : bool
        False reads no classes, for tables that are only used for their subjects.
    may_lack_columns : bool
        Whether the columns of class and score in the settings may be missing, as in tables of a test split.

    Returns
    -------
    DataFrame
        Index `data_id` (text, unique), columns as in the file; an empty cell is an empty string. `status`, where it is
        recognised, is empty for values that mean no label (-1, nan), and has one spelling for each class. `subject_id`
        is added where it is recognised.
    list of Finding

    Raises
    ------
    DataError
        The file is not a table, or rows have no valid `data_id` or conflict with each other (all such rows are
        listed); several columns may hold the id or the class, or labels are not certain.
    ConfigError
        A setting is not valid, or names a column that does not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "train_split.csv"
    ...     _ = path.write_text("Participant_ID,PHQ8_Binary,PHQ8_Score\n300,0,4\n301,1,17\n302,-1,\n")
    ...     read_labels(path)[0]["status"].to_dict()
    ...     read_labels(path, DataSettings(cutoff="phq8>=5"))[0]["status"].to_dict()
    {'300': 'Normal', '301': 'Depression', '302': ''}
    {'300': 'Normal', '301': 'Depression', '302': ''}
    """
    path = parse_location(path)
    settings = settings or DataSettings()
    if with_status:
        check_label_settings(settings)
    with_status = with_status and settings.learns_status
    rows, findings = read_label_rows(path)
    if not rows:
        raise DataError(
            "the label table has no rows", code="no-rows", file=path, expected=EXPECTED, found="no rows", hint=HINT
        )
    rows, id_column, new_findings = rename_ids(rows, settings.id_column, path)
    findings += new_findings
    frame, repeated = _make_frame(rows, path)
    findings += repeated
    if with_status:
        frame, new_findings = _add_status(frame, rows, settings, path, may_lack_columns)
        findings += new_findings
    if settings.groups in (None, "infer"):
        column, new_findings = find_subject_column(rows, id_column, path)
        findings += new_findings
        if column is not None:
            frame["subject_id"] = frame.index if column == "data_id" else frame[column]
    return frame, findings


def _make_frame(rows: Rows, path: Path) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the table with the index data_id after checking each row; repeated rows are reported."""
    columns = [name for name in list_columns(rows) if name != "data_id"]
    errors = [finding for number, row in rows if (finding := _check_row(number, row, path, columns)) is not None]
    if errors and all("data_id" not in row for _, row in rows):
        errors = [replace(errors[0], what="the table has no known column of ids", row=None)]
    rows_by_id: dict[str, tuple[int, dict[str, str]]] = {}
    n_repeated = 0
    for number, row in rows if not errors else []:
        first_number, first_row = rows_by_id.setdefault(row["data_id"], (number, row))
        if first_row == row:
            n_repeated += number != first_number
        else:
            errors.append(_conflict_finding(number, row, first_number, first_row, path))
    if errors:
        raise DataError(errors[0], errors[1:])
    if len(columns) >= _MAX_COLUMNS:  # if each JSON row had its own keys, the table would grow quadratically
        raise DataError(
            "the label table has too many columns",
            code="too-wide",
            file=path,
            expected=f"at most {_MAX_COLUMNS:,}",
            found=f"{len(columns) + 1:,}",
            hint="keep data_id, status and the columns that you use",
        )
    frame = pd.DataFrame([row for _, row in rows_by_id.values()], dtype=object).fillna("").set_index("data_id")
    if not n_repeated:
        return frame, []
    what = f"{format_count(n_repeated, 'repeated label row is', 'repeated label rows are')} ignored"
    return frame, [Finding("duplicate-labels", what, file=path)]


def _add_status(
    frame: pd.DataFrame, rows: Rows, settings: DataSettings, path: Path, may_lack_columns: bool
) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the table with `status`, where a column of classes is recognised or a cut-off is given."""
    if settings.cutoff is not None:
        try:
            status, findings = apply_cutoff(frame, settings.cutoff, path)
        except (ConfigError, DataError):
            if may_lack_columns:
                return frame, []
            raise
        return frame.assign(status=status), findings
    column, findings = find_label_column(rows, settings.label_column, path, may_lack_columns)
    if column is None:
        # A column `status` that was not asked for is no class.
        return frame, findings
    status, new_findings = make_status(frame[column], column, settings, path)
    return frame.assign(status=status), [*findings, *new_findings]


def find_status_column(labels: pd.DataFrame) -> str:
    """Return the column of the table that `status` was read from, to name it in a message.

    Examples
    --------
    >>> find_status_column(pd.DataFrame({"PHQ8_Score": ["3", "17"], "status": ["3", "17"]}))
    'PHQ8_Score'
    """
    same = [name for name in labels.columns if name != "status" and labels[name].equals(labels["status"])]
    return str(same[0]) if same else "status"


def describe_missing_status(columns: list[str]) -> str:
    """Return how to name the classes of a table without `status`.

    Examples
    --------
    >>> describe_missing_status(["PHQ8_Score", "Gender"])
    "pass --cutoff 'PHQ8_Score>=10'"
    """
    scores = find_score_columns(columns)
    if scores:
        return f"pass {suggest_cutoff(scores[0])}"
    return "name the column of the classes status, or pass --label-column COLUMN or --labels FILE"


def _check_row(number: int, row: dict[str, str], path: Path, columns: list[str]) -> Finding | None:
    """Return the problem of a row, regardless of the other rows, or None."""
    data_id = row.get("data_id")
    if not data_id:
        what, found = "a row has no data_id", ", ".join(sorted(row)) or "an empty row"
        expected, hint = describe_missing_id(columns)
        hint = "fill in the data_id" if "data_id" in row else hint
        return Finding("no-data-id", what, file=path, row=number, expected=expected, found=found, hint=hint)
    if problem := id_problem(data_id):
        return Finding(
            "bad-id",
            "a data_id in the label table is not valid",
            file=path,
            row=number,
            column="data_id",
            expected="the file name of the recording, without .csv",
            found=f"{problem} in {data_id[:60]!r}",
            hint="correct the data_id",
        )
    for name, cell in row.items():
        if problem := text_problem(name) or text_problem(cell):
            return Finding(
                "undecodable",
                "a value in the label table is not valid text",
                file=path,
                row=number,
                column=name,
                expected="Unicode text",
                found=problem,
                hint="correct the value",
            )
    return None


def _conflict_finding(
    number: int, row: dict[str, str], first_number: int, first_row: dict[str, str], path: Path
) -> Finding:
    return Finding(
        "conflicting-labels",
        f"recording {row['data_id']!r} has conflicting labels",
        file=path,
        row=number,
        expected=f"the same as row {first_number}: {_format_row(first_row)}",
        found=_format_row(row),
        hint="delete the wrong row",
    )


def find_labels(split: Path, given: str | Path | None = None) -> Path | None:
    """Return the label file that is given, the one in a split or, if there is none, next to it."""
    if given is not None:
        return parse_location(given)
    for folder in (split, split.resolve().parent):
        for suffix in LABEL_SUFFIXES:
            if (folder / f"labels{suffix}").is_file():
                return folder / f"labels{suffix}"
    return None


def read_weights(labels: pd.DataFrame | None, column: str | None) -> pd.Series | None:
    """Return the training weight of each recording from a label column; None if `column` is None.

    Raises
    ------
    ConfigError
        The column does not exist.
    DataError
        A weight is negative, infinite, or not a number.
    """
    if column is None:
        return None
    if labels is None:
        raise ConfigError(
            "data.weights names a column that is not in the label table",
            code="no-column",
            expected="a label table with this column",
            found=repr(column),
        )
    column = match_column(column, list(labels.columns), "data.weights")
    weights = pd.to_numeric(labels[column], errors="coerce").astype(float)
    invalid = labels[column][~weights.between(0, float("inf"), inclusive="left")]
    if len(invalid):
        raise DataError(
            f"{format_count(len(invalid), 'recording has', 'recordings have')} no valid weight",
            code="bad-weight",
            column=column,
            expected="a finite number, 0 or more",
            found=format_list(f"{cell!r} for {data_id!r}" for data_id, cell in invalid.items()),
            hint="correct the weights",
        )
    if len(weights) and not weights.any():
        raise DataError(
            "the weights of all recordings are 0",
            code="bad-weight",
            column=column,
            expected="a weight above 0 for at least one recording",
            found="0",
            hint="correct the weights",
        )
    return weights


def _format_row(row: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.items() if key != "data_id")
