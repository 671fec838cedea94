"""Read label tables (csv, json, jsonl): `data_id`, usually `status`, and optional columns such as `subject_id`."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.ids import id_problem, refuse_repeated_names, text_problem
from pdmr_classic.storage.bytes import decode_text, read_bytes
from pdmr_classic.text import format_count, format_list

_LABEL_FILES = ("labels.csv", "labels.jsonl", "labels.json")
_EXPECTED = "data_id, status and optionally subject_id"
_HINT = "write one row per recording"
_MAX_COLUMNS = 2_000


def read_labels(path: str | Path) -> tuple[pd.DataFrame, list[Finding]]:
    """Read a label table; all cells stay text, exactly as in the file.

    Parameters
    ----------
    path : path-like
        csv with a header; jsonl with one object per line; or json: a list of objects, `{id: status}` or `{id: object}`.

    Returns
    -------
    DataFrame
        Index `data_id` (text, unique), columns as in the file; an empty cell is an empty string.
    list of Finding

    Raises
    ------
    DataError
        The file is not a table, or rows have no valid `data_id` or conflict with each other; all such rows are listed.
    """
    path = Path(path)
    data, findings = decode_text(read_bytes(path), path)
    text = data.decode("utf-8")
    parse_rows = {".json": _parse_json_rows, ".jsonl": _parse_jsonl_rows}.get(path.suffix.lower(), _parse_csv_rows)
    rows = parse_rows(text, path)
    if not rows:
        raise DataError(
            "the label table has no rows", code="no-rows", file=path, expected=_EXPECTED, found="no rows", hint=_HINT
        )
    errors = [finding for number, row in rows if (finding := _check_row(number, row, path)) is not None]
    if all("data_id" not in row for _, row in rows):
        errors = errors[:1]  # the whole column is missing, so one error is enough
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
    if n_repeated:
        what = f"{format_count(n_repeated, 'repeated label row is', 'repeated label rows are')} ignored"
        findings.append(Finding("duplicate-labels", what, file=path))
    names = {name for _, row in rows_by_id.values() for name in row}
    if len(names) > _MAX_COLUMNS:  # if each JSON row had its own keys, the table would grow quadratically
        raise DataError(
            "the label table has too many columns",
            code="too-wide",
            file=path,
            expected=f"at most {_MAX_COLUMNS:,}",
            found=f"{len(names):,}",
            hint="keep data_id, status and the columns that you use",
        )
    frame = pd.DataFrame([row for _, row in rows_by_id.values()], dtype=object).fillna("")
    return frame.set_index("data_id"), findings


def _check_row(number: int, row: dict[str, str], path: Path) -> Finding | None:
    """Return the problem of a row, regardless of the other rows, or None."""
    data_id = row.get("data_id")
    if not data_id:
        what, found = "a row has no data_id", ", ".join(sorted(row)) or "an empty row"
        hint = "fill in the data_id" if "data_id" in row else "name the column of the ids data_id"
        return Finding("no-data-id", what, file=path, row=number, expected=_EXPECTED, found=found, hint=hint)
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


def find_labels(split: Path) -> Path | None:
    """Return the label file in a split or, if there is none, next to it."""
    for folder in (split, split.resolve().parent):
        for name in _LABEL_FILES:
            if (folder / name).is_file():
                return folder / name
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
    if labels is None or column not in labels:
        expected = "a label table with this column" if labels is None else ", ".join(labels.columns)
        raise ConfigError(
            "data.weights names a column that is not in the label table", expected=expected, found=repr(column)
        )
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
    return weights


_Rows = list[tuple[int, dict[str, str]]]


def _parse_csv_rows(text: str, path: Path) -> _Rows:
    first = (text.lstrip().splitlines() or [""])[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header: list[str] = []
    rows: _Rows = []
    for cells in _read_cells(reader, path):
        is_comment = cells[:1] and cells[0].startswith("#") and len(cells) != len(header)
        if is_comment or not any(cell.strip(" \t") for cell in cells):
            continue
        if not header:
            header = [cell.strip(" \t") for cell in cells]
            refuse_repeated_names(header, path, reader.line_num)
            continue
        if len(cells) != len(header):
            raise DataError(
                "a row of the label table has the wrong number of fields",
                code="ragged-labels",
                file=path,
                row=reader.line_num,
                expected=f"{len(header)} ({', '.join(header)})",
                found=str(len(cells)),
                hint="quote cells that contain a comma",
            )
        rows.append((reader.line_num, {name: cell.strip(" \t") for name, cell in zip(header, cells, strict=True)}))
    return rows


def _read_cells(reader: Any, path: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(
            "the label table cannot be read",
            code="bad-csv",
            file=path,
            row=reader.line_num,
            expected=_EXPECTED,
            found=str(error),
            hint=_HINT,
        ) from None


class _JsonObject(dict[str, Any]):
    """A JSON object that also stores its pairs, including repeated keys."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _parse_jsonl_rows(text: str, path: Path) -> _Rows:
    rows: _Rows = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            rows.append((number, _text_row(_parse_json(line, path, number), path, number)))
    return rows


def _parse_json_rows(text: str, path: Path) -> _Rows:
    items = _parse_json(text, path, None)
    if isinstance(items, _JsonObject):
        items = [
            {"data_id": key, **(value if isinstance(value, dict) else {"status": value})} for key, value in items.pairs
        ]
    if not isinstance(items, list):
        raise DataError(
            "the label table is not a list",
            code="labels-not-a-table",
            file=path,
            expected='[{"data_id": …, "status": …}, …]',
            found=repr(items)[:60],
            hint=_HINT,
        )
    return [(number, _text_row(item, path, number)) for number, item in enumerate(items, start=1)]


def _parse_json(text: str, path: Path, row: int | None) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_JsonObject)
    except (ValueError, RecursionError) as error:  # for example numbers of 5,000 digits, or deeply nested lists
        raise DataError(
            "the file is not valid JSON",
            code="bad-json",
            file=path,
            row=row or getattr(error, "lineno", None),
            expected='{"data_id": …, "status": …}',
            found=getattr(error, "msg", str(error)),
            hint="write it with a JSON library",
        ) from None


def _text_row(item: Any, path: Path, number: int) -> dict[str, str]:
    if not isinstance(item, dict):
        raise DataError(
            "an entry of the label table is not a JSON object",
            code="labels-not-a-table",
            file=path,
            row=number,
            expected='{"data_id": …, "status": …}',
            found=repr(item)[:60],
            hint=_HINT,
        )
    return {str(key).strip(): "" if value is None else str(value) for key, value in item.items()}


def _format_row(row: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.items() if key != "data_id")
