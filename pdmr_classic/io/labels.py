"""Label tables: csv, json or jsonl with `data_id`, usually `status`, perhaps `subject_id`, `severity`, others."""

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
from pdmr_classic.io.ids import invalid_id, invalid_text, refuse_repeated_names
from pdmr_classic.storage.bytes import decode_text, read_bytes
from pdmr_classic.text import format_count, format_list

_LABEL_FILES = ("labels.csv", "labels.jsonl", "labels.json")
_EXPECTED = "data_id, status and perhaps subject_id"
_HINT = "write one row a recording"
_MOST_COLUMNS = 2_000


def read_labels(path: str | Path) -> tuple[pd.DataFrame, list[Finding]]:
    """Read a label table; every cell stays text, as it was written.

    Parameters
    ----------
    path : path-like
        csv with a header; jsonl with one object a line; or json: a list of objects, `{id: status}` or `{id: object}`.

    Returns
    -------
    DataFrame
        Index `data_id` (text, unique), columns as in the file; an empty cell is an empty string.
    list of Finding

    Raises
    ------
    DataError
        No table, no `data_id` or one that can be none, or two rows of one id that disagree: all such rows are named.
    """
    path = Path(path)
    data, findings = decode_text(read_bytes(path), path)
    text = data.decode("utf-8")
    rows = {".json": _json_rows, ".jsonl": _jsonl_rows}.get(path.suffix.lower(), _csv_rows)(text, path)
    if not rows:
        raise DataError(
            "the label table has no rows", code="no-rows", file=path, expected=_EXPECTED, found="none", hint=_HINT
        )
    refused = [finding for number, row in rows if (finding := _wrong_row(number, row, path)) is not None]
    if all("data_id" not in row for _, row in rows):
        refused = refused[:1]  # the column is missing: once is enough
    kept: dict[str, tuple[int, dict[str, str]]] = {}
    repeated = 0
    for number, row in rows if not refused else []:
        number_before, before = kept.setdefault(row["data_id"], (number, row))
        if before == row:
            repeated += number != number_before
        else:
            refused.append(_conflict(number, row, number_before, before, path))
    if refused:
        raise DataError(refused[0], refused[1:])
    if repeated:
        findings.append(
            Finding(
                "duplicate-labels", f"{format_count(repeated, 'label row is', 'label rows are')} repeated", file=path
            )
        )
    names = {name for _, row in kept.values() for name in row}
    if len(names) > _MOST_COLUMNS:  # JSON rows with a name of their own each would be a table of rows times rows
        raise DataError(
            "the label table has too many columns",
            code="too-wide",
            file=path,
            expected=f"at most {_MOST_COLUMNS:,}",
            found=f"{len(names):,}",
            hint="keep data_id, status and the columns in use",
        )
    frame = pd.DataFrame([row for _, row in kept.values()], dtype=object).fillna("")
    return frame.set_index("data_id"), findings


def _wrong_row(number: int, row: dict[str, str], path: Path) -> Finding | None:
    """Return what is wrong with a row by itself."""
    data_id = row.get("data_id")
    if not data_id:
        what, found = "a label has no data_id", ", ".join(sorted(row)) or "an empty row"
        mend = "fill it in" if "data_id" in row else "name the ids data_id"
        return Finding("no-data-id", what, file=path, row=number, expected=_EXPECTED, found=found, hint=mend)
    if wrong := invalid_id(data_id):
        found = f"{wrong} in {data_id[:60]!r}"
        return Finding(
            "bad-id",
            "a label's data_id can be none",
            file=path,
            row=number,
            column="data_id",
            expected="the name of the recording's file, without .csv",
            found=found,
            hint="correct it",
        )
    for name, cell in row.items():
        if wrong := invalid_text(name) or invalid_text(cell):
            return Finding(
                "undecodable",
                "a value of the label table is no text",
                file=path,
                row=number,
                column=name,
                expected="Unicode text",
                found=wrong,
                hint="correct it",
            )
    return None


def _conflict(number: int, row: dict[str, str], number_before: int, before: dict[str, str], path: Path) -> Finding:
    return Finding(
        "conflicting-labels",
        f"recording {row['data_id']!r} has two labels that disagree",
        file=path,
        row=number,
        expected=f"as in row {number_before}: {_shown(before)}",
        found=_shown(row),
        hint="keep the right one",
    )


def find_labels(split: Path) -> Path | None:
    """Return the label file of a split: in it, else beside it."""
    for folder in (split, split.resolve().parent):
        for name in _LABEL_FILES:
            if (folder / name).is_file():
                return folder / name
    return None


def read_weights(labels: pd.DataFrame | None, column: str | None) -> pd.Series | None:
    """Return how much each recording counts, from a column of the labels; None where no column is named.

    Raises
    ------
    ConfigError
        There is no such column.
    DataError
        A weight is no number, or negative.
    """
    if column is None:
        return None
    if labels is None or column not in labels:
        found = "no labels" if labels is None else ", ".join(labels.columns)
        raise ConfigError("data.weights names no column of the labels", expected=found, found=repr(column))
    weights = pd.to_numeric(labels[column], errors="coerce").astype(float)
    wrong = labels[column][~weights.between(0, float("inf"), inclusive="left")]
    if len(wrong):
        raise DataError(
            f"{format_count(len(wrong), 'recording has', 'recordings have')} no weight",
            code="bad-weight",
            column=column,
            expected="a number, 0 or more",
            found=format_list(f"{cell!r} for {data_id!r}" for data_id, cell in wrong.items()),
        )
    return weights


_Rows = list[tuple[int, dict[str, str]]]


def _csv_rows(text: str, path: Path) -> _Rows:
    first = (text.lstrip().splitlines() or [""])[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header: list[str] = []
    rows: _Rows = []
    for cells in _of_csv(reader, path):
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
                hint="quote cells that hold a comma",
            )
        rows.append((reader.line_num, {name: cell.strip(" \t") for name, cell in zip(header, cells, strict=True)}))
    return rows


def _of_csv(reader: Any, path: Path) -> Iterator[list[str]]:
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


class _Object(dict[str, Any]):
    """A JSON object that remembers keys that stand in it twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _jsonl_rows(text: str, path: Path) -> _Rows:
    rows: _Rows = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            rows.append((number, _as_row(_parsed(line, path, number), path, number)))
    return rows


def _json_rows(text: str, path: Path) -> _Rows:
    parsed = _parsed(text, path, None)
    if isinstance(parsed, _Object):
        parsed = [
            {"data_id": key, **(value if isinstance(value, dict) else {"status": value})} for key, value in parsed.pairs
        ]
    if not isinstance(parsed, list):
        raise DataError(
            "the label table is no list",
            code="labels-not-a-table",
            file=path,
            expected='[{"data_id": …, "status": …}, …]',
            found=repr(parsed)[:60],
            hint=_HINT,
        )
    return [(number, _as_row(item, path, number)) for number, item in enumerate(parsed, start=1)]


def _parsed(text: str, path: Path, row: int | None) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:  # numbers of 5,000 digits, lists in lists in lists
        raise DataError(
            "the file is not valid JSON",
            code="bad-json",
            file=path,
            row=row or getattr(error, "lineno", None),
            expected='{"data_id": …, "status": …}',
            found=getattr(error, "msg", str(error)),
            hint="write it with a JSON library",
        ) from None


def _as_row(item: Any, path: Path, number: int) -> dict[str, str]:
    if not isinstance(item, dict):
        raise DataError(
            "a label is no object",
            code="labels-not-a-table",
            file=path,
            row=number,
            expected='{"data_id": …, "status": …}',
            found=repr(item)[:60],
            hint=_HINT,
        )
    return {str(key).strip(): "" if value is None else str(value) for key, value in item.items()}


def _shown(row: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.items() if key != "data_id")
