"""A Parquet file: only the selected columns are read; text in it is treated as in a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet, types

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import refuse_repeated_names
from pdmr_classic.io.tables._csv_layout import (
    fill_missing_names,
    is_numbered_header,
    no_rows_error,
    refuse_too_many_columns,
)
from pdmr_classic.io.tables._source import MustBeNumeric, Parsed
from pdmr_classic.io.tables.text_cells import Cells, parse_cells, read_text_cells
from pdmr_classic.storage.bytes import MAX_UNPACKED_BYTES, make_damaged_error, refuse_empty
from pdmr_classic.text import format_quoted

_INDEX = "__index_level_"
_SIGNATURE = b"PAR1"
_UNREADABLE = (pa.ArrowException, ValueError, OSError, OverflowError, MemoryError, RuntimeError)


class ParquetSource:
    """A Parquet file whose schema is known; see `Source`."""

    has_header = True
    unnamed_last = ""
    first_row = 1

    def __init__(self, data: bytes, path: Path) -> None:
        refuse_empty(data, path)
        self._path = path
        self._size = len(data)
        try:
            self._file = parquet.ParquetFile(pa.BufferReader(data))
            schema = self._file.schema_arrow
            self._n_rows = self._file.metadata.num_rows
            stored_names = list(schema.names)
        except _UNREADABLE as error:
            raise _damaged_error(path, str(error), data) from None
        if not stored_names or not self._n_rows:
            raise no_rows_error(path)
        refuse_too_many_columns(len(stored_names), path)
        names = [_clean_name(name) for name in stored_names]
        refuse_repeated_names(names, path, None)
        self.names = fill_missing_names(names, is_numbered_header(names))
        self.findings: list[Finding] = []
        self.text_columns: list[str] = []
        self._stored_names = dict(zip(self.names, stored_names, strict=True))
        self._types = dict(zip(self.names, schema.types, strict=True))

    def read_numbers(self, names: list[str], must_be_numeric: MustBeNumeric) -> Parsed:
        """Return columns as numbers; text as in a CSV file, dates and durations as text."""
        self._refuse_nested([name for name in names if name in self._types])
        cells = Cells({}, {}, range(1, self._n_rows + 1))
        columns = self._read(names)
        try:
            for name, column in columns.items():
                cells.values[name], text = _to_numbers(column)
                if text:
                    cells.text[name] = text
        except _UNREADABLE as error:
            raise _damaged_error(self._path, str(error)) from None
        return read_text_cells(cells, self._path, must_be_numeric)

    def read_text(self, names: list[str]) -> dict[str, list[str]]:
        """Return columns as text."""
        columns = self._read(names)
        try:
            return {name: [cell or "" for cell in _to_text(column)] for name, column in columns.items()}
        except _UNREADABLE as error:
            raise _damaged_error(self._path, str(error)) from None

    def _read(self, names: list[str]) -> dict[str, Any]:
        if len(names) * self._n_rows * 8 > MAX_UNPACKED_BYTES:
            raise DataError(
                "the table is too large",
                code="too-large",
                file=self._path,
                expected=f"at most {MAX_UNPACKED_BYTES // 8:,} values",
                found=f"{self._n_rows:,} rows of {len(names):,} columns",
                hint="split the recording",
            )
        try:
            stored = [self._stored_names[name] for name in names]
            table = self._file.read(columns=stored, use_threads=False)
            if stored and table.num_rows != self._n_rows:
                raise pa.ArrowInvalid(f"{table.num_rows} rows instead of {self._n_rows}")
            return {name: table.column(self._stored_names[name]) for name in names}
        except _UNREADABLE as error:
            raise _damaged_error(self._path, str(error)) from None

    def _refuse_nested(self, names: list[str]) -> None:
        nested = [name for name in names if types.is_nested(self._types[name])]
        if nested:
            raise DataError(
                "columns hold lists, not numbers",
                code="nested-columns",
                file=self._path,
                column=nested[0],
                expected="one number in each cell",
                found=format_quoted(nested),
                hint="write each number into a column of its own",
            )


def _clean_name(name: str) -> str:
    # pandas names an index without a name like this.
    return "" if name.startswith(_INDEX) else name.strip()


def _to_numbers(column: Any) -> tuple[Floats, dict[int, str]]:
    kind = column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if types.is_boolean(kind):
        column = column.cast(pa.int8())
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        # Integers beyond 2**53 are rounded, as in a CSV file.
        numbers = column.cast(pa.float64(), safe=False).to_numpy()
        return np.array(numbers, dtype=np.float64), {}
    if types.is_null(kind):
        return np.full(len(column), np.nan), {}
    return parse_cells(_to_text(column))


def _to_text(column: Any) -> list[str | None]:
    return [None if cell is None else str(cell) for cell in column.to_pylist()]


def _damaged_error(path: Path, reason: str, data: bytes = _SIGNATURE) -> DataError:
    return make_damaged_error(
        path, data, _SIGNATURE, kind="Parquet", code="not-parquet", expected="a Parquet file", reason=reason
    )
