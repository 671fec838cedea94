"""Read the rows of a label table as text: csv, tsv, xlsx, json, jsonl and parquet."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.ids import refuse_repeated_names
from pdmr_classic.storage.bytes import decode_text, read_bytes
from pdmr_classic.text import format_list, format_quoted

EXPECTED = "data_id, status and optionally subject_id"
HINT = "write one row per recording"
_TEXT_SUFFIXES = (".tsv", ".tab")
# Excel writes this line to name the delimiter; it is no header.
_EXCEL_DELIMITER = re.compile(r"\s*\"?sep=(.)\"?[^\S\n\r]*(\r\n|\r|\n)")

Rows = list[tuple[int, dict[str, str]]]
"""Row number in the file and the cells by column name."""


def read_label_rows(path: Path) -> tuple[Rows, list[Finding]]:
    """Return the rows of a label table; each cell is text, and an empty cell is an empty string.

    Raises
    ------
    DataError
        The file is not a table.
    ConfigError
        openpyxl is not installed, and the file is an Excel workbook.
    """
    if path.is_dir():
        raise DataError(
            "the label table is a folder",
            code="not-a-file",
            file=path,
            expected="a file: csv, tsv, xlsx, parquet, json or jsonl",
            found="a folder",
            hint="pass the file",
        )
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xlsm"):
        return _parse_workbook(read_bytes(path), path)
    if suffix == ".parquet":
        return _parse_parquet(read_bytes(path), path), []
    data, findings = decode_text(read_bytes(path), path)
    parsers: dict[str, Callable[[str, Path], Rows]] = {".json": _parse_json_rows, ".jsonl": _parse_jsonl_rows}
    return parsers.get(suffix, _parse_csv_rows)(data.decode("utf-8"), path), findings


# ----------------------------------------------------------------------------------------------------- csv


def _parse_csv_rows(text: str, path: Path) -> Rows:
    excel = _EXCEL_DELIMITER.match(text)
    delimiter = excel[1] if excel else _guess_delimiter(text, path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    cells_of_rows = _read_cells(reader, path)
    if excel:
        next(cells_of_rows)
    header: list[str] = []
    rows: Rows = []
    for cells in cells_of_rows:
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


def _guess_delimiter(text: str, path: Path) -> str:
    first = (text.lstrip().splitlines() or [""])[0]
    is_tab = path.suffix.lower() in _TEXT_SUFFIXES and "\t" in first
    return "\t" if is_tab else max(",;\t", key=first.count)


def _read_cells(reader: Any, path: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(
            "the label table cannot be read",
            code="bad-csv",
            file=path,
            row=reader.line_num,
            expected=EXPECTED,
            found=str(error),
            hint=HINT,
        ) from None


# ---------------------------------------------------------------------------------------------------- json


class _JsonObject(dict[str, Any]):
    """A JSON object that also stores its pairs, including repeated keys."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _parse_jsonl_rows(text: str, path: Path) -> Rows:
    rows: Rows = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            rows.append((number, _text_row(_parse_json(line, path, number), path, number)))
    return rows


def _parse_json_rows(text: str, path: Path) -> Rows:
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
            hint=HINT,
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
            hint=HINT,
        )
    # Lists are values of results, such as an interval.
    return {
        str(key).strip(): json.dumps(value, ensure_ascii=False) if isinstance(value, list) else _cell_text(value)
        for key, value in item.items()
    }


# ------------------------------------------------------------------------------------------ xlsx and parquet


def _parse_parquet(data: bytes, path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
        names = [str(name).strip() for name in table.column_names]
        columns = [[_cell_text(cell) for cell in column.to_pylist()] for column in table.columns]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable_error("a parquet file", str(error), path) from None
    refuse_repeated_names(names, path, 1)
    return [(n, dict(zip(names, cells, strict=True))) for n, cells in enumerate(zip(*columns, strict=True), start=1)]


def _parse_workbook(data: bytes, path: Path) -> tuple[Rows, list[Finding]]:
    """Read the first sheet; formulas count with the value that was stored when the file was saved."""
    sheets, cells = _load_cells(data, path, data_only=True)
    _, formulas = _load_cells(data, path, data_only=False)
    _refuse_formulas_without_value(cells, formulas, path)
    filled = [(n, row) for n, row in enumerate(cells, start=1) if any(cell not in (None, "") for cell in row)]
    if not filled:
        return [], _describe_sheets(sheets, path)
    header_row, first = filled[0]
    header = [_cell_text(cell).strip() for cell in first]
    refuse_repeated_names(header, path, header_row)
    rows = [(n, dict(_name_cells(header, row, n, path))) for n, row in filled[1:]]
    return rows, _describe_sheets(sheets, path)


def _load_cells(data: bytes, path: Path, *, data_only: bool) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        import openpyxl
    except ImportError:
        raise ConfigError(
            "Excel files need the library openpyxl",
            code="no-openpyxl",
            file=path,
            hint="pip install 'pdmr-classic[excel]', or export the table as CSV",
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about formats and validation rules that we do not need
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=data_only)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # some programs write a wrong size
            rows = [tuple(row) for row in sheet.iter_rows(values_only=True)]
            return [str(name) for name in book.sheetnames], rows
    except Exception as error:  # openpyxl raises errors of zipfile, of XML parsers and many of its own
        raise _unreadable_error("an Excel workbook (.xlsx)", f"{type(error).__name__}: {error}", path) from None


def _unreadable_error(what: str, found: str, path: Path) -> DataError:
    return DataError(
        f"the file is not {what}",
        code="bad-table",
        file=path,
        expected=what,
        found=found[:200],
        hint="save it again in this format, or export it as CSV",
    )


def _refuse_formulas_without_value(cells: list[tuple[Any, ...]], formulas: list[tuple[Any, ...]], path: Path) -> None:
    for number, (row, sources) in enumerate(zip(cells, formulas, strict=False), start=1):
        for cell, source in zip(row, sources, strict=False):
            if cell is None and source is not None:
                raise DataError(
                    "a formula has no stored value",
                    code="formula",
                    file=path,
                    row=number,
                    expected="a value",
                    found=repr(str(source))[:60],
                    hint="open the file in a spreadsheet program and save it, or export it as CSV",
                )


def _describe_sheets(sheets: list[str], path: Path) -> list[Finding]:
    if len(sheets) < 2:
        return []
    what = "the workbook has several sheets; only the first is read"
    return [Finding("several-sheets", what, file=path, found=format_quoted(sheets))]


def _name_cells(header: list[str], row: tuple[Any, ...], number: int, path: Path) -> Iterable[tuple[str, str]]:
    """Return name and text of each cell; blank columns are left out, and rows may be shorter than the header."""
    texts = [_cell_text(cell).strip(" \t") for cell in row]
    if any(texts[len(header) :]):
        raise DataError(
            "a row of the label table has the wrong number of fields",
            code="ragged-labels",
            file=path,
            row=number,
            expected=f"{len(header)} ({format_list(header)})",
            found=str(len(texts)),
            hint="give each column a name",
        )
    texts += [""] * (len(header) - len(texts))
    return [(name, text) for name, text in zip(header, texts, strict=False) if name or text]


def _cell_text(cell: Any) -> str:
    """Return a cell as text; a whole number has no `.0`, and a date is written as 2024-03-01.

    Examples
    --------
    >>> _cell_text(300.0), _cell_text(0.5), _cell_text(None), _cell_text(datetime(2024, 3, 1))
    ('300', '0.5', '', '2024-03-01')
    """
    if cell is None:
        return ""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else str(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)
