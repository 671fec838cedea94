"""A text table: CSV and kin, or ARFF."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables._arff_layout import read_arff_layout
from pdmr_classic.io.tables._csv_layout import read_layout
from pdmr_classic.io.tables._csv_parse import parse_columns, read_text
from pdmr_classic.io.tables._source import MustBeNumeric, Parsed
from pdmr_classic.io.tables.text_cells import dropped_columns_finding
from pdmr_classic.storage.bytes import decode_text

_SUMMARIES = frozenset(
    ("total", "grand total", "sum", "mean", "average", "avg", "median", "std", "sd", "min", "max", "count")
)
_WORD = re.compile(rb"[A-Za-z]{2}")
_TAIL_BYTES = 1 << 16


class TextSource:
    """A text table whose layout is known; see `Source`."""

    def __init__(self, data: bytes, path: Path, *, arff: bool = False) -> None:
        text, findings = decode_text(data, path)
        self._data, self._layout = (read_arff_layout if arff else read_layout)(text, path)
        self._path = path
        self._is_arff = arff
        layout = self._layout
        self.names, self.has_header = layout.names, layout.has_header
        self.text_columns = layout.text_columns
        self.findings = findings + layout.findings
        self.first_row = layout.header_lines + 1
        self.unnamed_last = layout.names[-1] if layout.has_header and layout.ends_with_delimiter else ""

    def read_numbers(self, names: list[str], must_be_numeric: MustBeNumeric) -> Parsed:
        """Return columns as numbers, without the empty column after a delimiter at the end of each row."""
        if self._is_arff:
            must_be_numeric = _always  # as the file declares
        columns, findings = parse_columns(self._data, self._layout, names, self._path, must_be_numeric)
        if not self._data.endswith((b"\n", b"\r")):
            findings.append(
                Finding(
                    "no-final-newline",
                    "the last line does not end with a newline: the file may be truncated",
                    file=self._path,
                    hint="check the last value; export the file again if digits are missing",
                )
            )
        if self.has_header:
            self._refuse_summary_row()
        columns, dropped = self._drop_trailing_column(columns)
        return columns, findings + dropped

    def read_text(self, names: list[str]) -> dict[str, list[str]]:
        """Return columns as text."""
        return read_text(self._data, self._layout, names, self._path)

    def _refuse_summary_row(self) -> None:
        """Refuse a last row such as `mean`: it would count as a frame if the word is in a column that is ignored."""
        lines = self._data[-_TAIL_BYTES:].splitlines()[-2:]
        if not _WORD.search(lines[-1]):
            return
        texts = [line.decode("utf-8", errors="ignore").lower().split(self._layout.delimiter) for line in lines]
        rows = [{text.strip(" \"'") for text in row} for row in texts]
        words = sorted(_SUMMARIES.intersection(rows[-1]).difference(*rows[:-1]))
        if words and len(rows) > 1:
            raise DataError(
                "the last row is a summary of the others",
                code="summary-row",
                file=self._path,
                expected="a row of measurements",
                found=repr(words[0]),
                hint="remove the summary",
            )

    def _drop_trailing_column(self, columns: dict[str, Floats]) -> Parsed:
        """Drop the empty column caused by a delimiter at the end of each row, or a last column without a name."""
        last = self.names[-1]
        is_only = len(columns) == 1 and not self.has_header
        if not self._layout.ends_with_delimiter or last not in columns or is_only:
            return columns, []
        is_empty = bool(np.isnan(columns[last]).all())
        if not is_empty and not self.has_header:
            return columns, []
        remaining = {name: values for name, values in columns.items() if name != last}
        if not is_empty:
            return remaining, [dropped_columns_finding(self._path, [last], "no name")]
        what = "every row ends with a delimiter; the empty last column was left out"
        return remaining, [Finding("trailing-comma", what, file=self._path)]


def _always(name: str) -> bool:
    return True
