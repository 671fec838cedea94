"""Label tables: csv, json or jsonl with `data_id`, usually `status`, perhaps `subject_id`, `severity`, others."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.bytes import as_text_bytes, read_bytes

LABEL_FILES = ("labels.csv", "labels.jsonl", "labels.json")


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
        No table, no `data_id`, or two rows of one id that disagree.
    """
    path = Path(path)
    data, findings = as_text_bytes(read_bytes(path), path)
    text = data.decode("utf-8")
    rows = {".json": _json_rows, ".jsonl": _jsonl_rows}.get(path.suffix.lower(), _csv_rows)(text, path)
    if not rows:
        raise DataError("the label table has no rows", code="no-rows", file=path)
    for number, row in rows:
        if not row.get("data_id"):
            raise DataError(
                "a label has no data_id",
                code="no-data-id",
                file=path,
                row=number,
                expected="data_id, status and perhaps subject_id",
                found=", ".join(sorted(row)) or "an empty row",
            )
    kept: dict[str, tuple[int, dict[str, str]]] = {}
    repeated = 0
    for number, row in rows:
        number_before, before = kept.setdefault(row["data_id"], (number, row))
        if before == row:
            repeated += number != number_before
            continue
        raise DataError(
            f"recording {row['data_id']!r} has two labels that disagree",
            code="conflicting-labels",
            file=path,
            row=number,
            expected=f"as in row {number_before}: {_shown(before)}",
            found=_shown(row),
            mend="keep the right one",
        )
    if repeated:
        findings.append(Finding("duplicate-labels", f"{repeated} label rows are repeated", file=path))
    frame = pd.DataFrame([row for _, row in kept.values()], dtype=object).fillna("")
    return frame.set_index("data_id"), findings


def find_labels(split: Path) -> Path | None:
    """Return the label file of a split: in it, else beside it."""
    for folder in (split, split.resolve().parent):
        for name in LABEL_FILES:
            if (folder / name).is_file():
                return folder / name
    return None


def weights_of(labels: pd.DataFrame | None, column: str | None) -> pd.Series | None:
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
            f"{len(wrong)} recordings have no weight",
            code="bad-weight",
            column=column,
            expected="a number, 0 or more",
            found=", ".join(f"{cell!r} for {data_id!r}" for data_id, cell in list(wrong.items())[:3]),
        )
    return weights


_Rows = list[tuple[int, dict[str, str]]]


def _csv_rows(text: str, path: Path) -> _Rows:
    delimiter = max(",;\t", key=text.lstrip().splitlines()[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header: list[str] = []
    rows: _Rows = []
    for cells in _of_csv(reader, path):
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = _unique([cell.strip() for cell in cells], path, reader.line_num)
            continue
        if len(cells) != len(header):
            raise DataError(
                "a row of the label table has the wrong number of fields",
                code="ragged-labels",
                file=path,
                row=reader.line_num,
                expected=f"{len(header)} ({', '.join(header)})",
                found=str(len(cells)),
            )
        rows.append((reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}))
    return rows


def _of_csv(reader: Any, path: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(
            "the label table cannot be read", code="bad-csv", file=path, row=reader.line_num, found=str(error)
        ) from None


def _unique(header: list[str], path: Path, row: int) -> list[str]:
    repeated = [name for name, count in Counter(header).items() if count > 1 and name]
    if repeated:
        raise DataError(
            "column names are repeated",
            code="duplicate-columns",
            file=path,
            row=row,
            expected="every name once",
            found=", ".join(map(repr, repeated[:5])),
        )
    return header


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
            "the label table is no list", code="labels-not-a-table", file=path, expected="a list of objects"
        )
    return [(number, _as_row(item, path, number)) for number, item in enumerate(parsed, start=1)]


def _parsed(text: str, path: Path, row: int | None) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        raise DataError(
            "the file is not valid JSON", code="bad-json", file=path, row=row or error.lineno, found=error.msg
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
        )
    return {str(key).strip(): "" if value is None else str(value) for key, value in item.items()}


def _shown(row: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in row.items() if key != "data_id")
