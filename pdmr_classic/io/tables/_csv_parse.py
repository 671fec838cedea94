"""Parse the rows of a numeric CSV file whose layout is known.

pyarrow parses only the selected columns, each as float64, and fails on text and on short or long rows. In that
case, the file is parsed again in Python to locate the error.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables._csv_dialect import not_a_table_error
from pdmr_classic.io.tables._csv_layout import Layout, no_rows_error
from pdmr_classic.io.tables._numbers import NAN_TOKENS, is_number, parse_number, to_decimal_point
from pdmr_classic.io.tables.text_cells import Cells, read_text_cells
from pdmr_classic.text import format_count

_BLOCK_BYTES = 1 << 22
# pyarrow uses 13 kB of memory per column, and aborts the process if it runs out.
_MAX_PYARROW_COLUMNS = 20_000
_SMALL_BYTES = 1 << 22
_WIDE_COLUMNS = 64


def parse_columns(
    data: bytes, layout: Layout, names: list[str], path: Path, must_be_numeric: Callable[[str], bool]
) -> tuple[dict[str, Floats], list[Finding]]:
    """Return the selected columns, and the findings about them.

    Parameters
    ----------
    data : bytes
        UTF-8 text without comments.
    layout : Layout
    names : list of str
        Names of the selected columns.
    path : Path
    must_be_numeric : callable
        Whether a column of this name must hold numbers.

    Raises
    ------
    DataError
        There is no data row, a row is too short or too long, or a numeric column contains text.
    """
    columns, findings = _parse(data, layout, names, path, must_be_numeric)
    if columns and not len(next(iter(columns.values()))):
        raise no_rows_error(path, layout.header_lines + 1)
    return columns, findings


def _parse(
    data: bytes, layout: Layout, names: list[str], path: Path, must_be_numeric: Callable[[str], bool]
) -> tuple[dict[str, Floats], list[Finding]]:
    import pyarrow as pa

    if len(data) < _SMALL_BYTES and len(layout.names) >= _WIDE_COLUMNS and not layout.has_header:
        vector = _parse_one_row(data, layout)
        if vector is not None:
            return vector, []
    # pyarrow would read a repeated numeric header as a row.
    has_numeric_header = bool(layout.header) and all(map(is_number, layout.header))
    if len(layout.names) > _MAX_PYARROW_COLUMNS or has_numeric_header:
        return _parse_with_csv(data, layout, names, path, must_be_numeric)
    try:
        return _parse_with_pyarrow(data, layout, names), []
    except pa.ArrowInvalid:
        return _parse_with_csv(data, layout, names, path, must_be_numeric)


def _parse_one_row(data: bytes, layout: Layout) -> dict[str, Floats] | None:
    """Parse a single row of numbers; pyarrow needs 15 us per column, or 14 ms for an audio vector of 1,024 values."""
    line = data.decode("utf-8").strip()
    if "\n" in line or "\r" in line or layout.delimiter != "," or '"' in line:
        return None
    try:
        values = [parse_number(text.strip()) for text in line.split(",")]
    except ValueError:
        return None
    return {name: np.array([value]) for name, value in zip(layout.names, values, strict=True)}


def _parse_with_pyarrow(data: bytes, layout: Layout, names: list[str]) -> dict[str, Floats]:
    import pyarrow as pa

    if not names:
        return {}
    table = _read_with_pyarrow(data, layout, names, pa.float64())
    return {name: table.column(name).to_numpy() for name in names}


def _read_with_pyarrow(data: bytes, layout: Layout, names: list[str], cell_type: Any) -> Any:
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    return pa_csv.read_csv(
        pa.BufferReader(data),
        # One thread: recordings are read by parallel processes.
        read_options=pa_csv.ReadOptions(
            use_threads=False,
            column_names=layout.names,
            skip_rows=layout.header_lines,
            block_size=max(_BLOCK_BYTES, len(data) // 16),
        ),
        parse_options=pa_csv.ParseOptions(delimiter=layout.delimiter, quote_char=layout.quote),
        convert_options=pa_csv.ConvertOptions(
            include_columns=names,
            column_types=dict.fromkeys(names, cell_type),
            null_values=list(NAN_TOKENS),
            decimal_point="," if layout.decimal_comma else ".",
        ),
    )


def _parse_with_csv(
    data: bytes, layout: Layout, names: list[str], path: Path, must_be_numeric: Callable[[str], bool]
) -> tuple[dict[str, Floats], list[Finding]]:
    """Parse a file that pyarrow rejected: locate the error, or read it if only pyarrow fails."""
    all_indices = {name: index for index, name in enumerate(layout.names)}
    indices = {name: all_indices[name] for name in names}
    values = {name: array("d") for name in names}
    text: dict[str, dict[int, str]] = {}
    numbers: list[int] = []
    for number, cells in _iterate_rows(data, layout, path):
        for name, index in indices.items():
            try:
                values[name].append(parse_number(to_decimal_point(cells[index], layout.delimiter)))
            except ValueError:
                text.setdefault(name, {})[len(numbers)] = cells[index]
                values[name].append(np.nan)
        numbers.append(number)
    columns = {name: np.array(column) for name, column in values.items()}
    # In file order: the first column may lack text in the first rows.
    text = {name: text[name] for name in names if name in text}
    return read_text_cells(Cells(columns, text, numbers), path, must_be_numeric)


def read_text(data: bytes, layout: Layout, names: list[str], path: Path) -> dict[str, list[str]]:
    """Return columns as text, unparsed.

    Raises
    ------
    DataError
        A row is too short or too long, or the header is repeated.
    """
    import pyarrow as pa

    if len(layout.names) <= _MAX_PYARROW_COLUMNS:
        try:
            table = _read_with_pyarrow(data, layout, names, pa.string())
            return {name: table.column(name).to_pylist() for name in names}
        except pa.ArrowInvalid:
            pass
    indices = [layout.names.index(name) for name in names]
    rows = [[cells[index] for index in indices] for _, cells in _iterate_rows(data, layout, path)]
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}


def _iterate_rows(data: bytes, layout: Layout, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the fields of each row, and check their number."""
    lines = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n ").split("\n")
    for number, cells in _split_rows(lines, layout, path):
        if cells == layout.header:
            raise DataError(
                "the header is repeated in the middle of the file",
                code="repeated-header",
                file=path,
                row=number,
                expected="a single header, in the first row",
                found="the same names again",
                hint="split the concatenated recordings into one file each",
            )
        if len(cells) != len(layout.names):
            raise _ragged_row_error(path, number, cells, layout, is_last=number >= len(lines))
        yield number, cells


def _split_rows(lines: list[str], layout: Layout, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        lines[layout.header_lines :], delimiter=layout.delimiter, quotechar=layout.quote, skipinitialspace=True
    )
    try:
        for row in reader:
            number = layout.header_lines + reader.line_num
            # A blank line is not a row, but a single "" is an empty cell.
            if len(row) > 1 or lines[number - 1].strip():
                yield number, [cell.strip() for cell in row]
    except csv.Error as error:
        raise not_a_table_error(path, layout.header_lines + reader.line_num, str(error)) from None


def _ragged_row_error(path: Path, number: int, cells: list[str], layout: Layout, *, is_last: bool) -> DataError:
    expected = len(layout.names)
    short = len(cells) < expected
    what = "the last row is truncated" if short and is_last else f"a row is too {'short' if short else 'long'}"
    return DataError(
        what,
        code="short-row" if short else "long-row",
        file=path,
        row=number,
        expected=format_count(expected, "field"),
        found=format_count(len(cells), "field"),
        hint=_ragged_row_hint(cells, layout),
    )


def _ragged_row_hint(cells: list[str], layout: Layout) -> str:
    is_split_at_decimals = 2 * len(cells) > 3 * len(layout.names) and not any("." in cell for cell in cells)
    if layout.delimiter == "," and is_split_at_decimals:
        return "export the file again, with decimal points if its numbers have decimal commas"
    if layout.has_header and len(cells) == len(layout.names) + 1:
        return "name all columns, row names included (in R: write.csv, or write.table with col.names = NA)"
    return "export the file again"
