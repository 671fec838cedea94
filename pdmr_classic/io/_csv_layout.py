"""Detect the layout of a numeric CSV file: comments, header, delimiter, column names, and the spelling of numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import refuse_repeated_names
from pdmr_classic.text import format_quoted

# Spellings of NaN by C++ runtimes, which OpenFace inherits, and by other tools.
NAN_TOKENS = (
    *("", "nan", "NaN", "NAN", "NA", "N/A", "null", "None"),
    *("-nan", "-nan(ind)", "nan(ind)", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "1.#INF", "-1.#INF"),
)
# pyarrow also accepts the spellings of C's strtod: -nan(snan), nan(0x7ff).
_PAYLOAD_NAN = re.compile(r"-?nan\([0-9A-Za-z_]*\)", re.IGNORECASE)
_NAN_TOKENS = frozenset(token.lower() for token in NAN_TOKENS)
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_LEADING_LINES = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*+")
_COMMENT = re.compile(rb"((?:\A|(?<=[\r\n]))[ \t]*)#([^\r\n]*)")
# Far above the 714 columns of OpenFace and the width of any audio vector.
_MAX_COLUMNS = 100_000


@dataclass
class Layout:
    """Layout of a CSV file, inferred from its first rows.

    Attributes
    ----------
    names : list of str
        Column names in file order; a column without a name is named by its position.
    has_header : bool
    delimiter : str
    header_lines : int
        Number of lines before the first row of numbers.
    decimal_comma : bool
    ends_with_delimiter : bool
        Whether each row ends with a delimiter, or the last column has no name.
    findings : list of Finding
    header : list of str
        Header fields as written in the file.
    """

    names: list[str]
    has_header: bool
    delimiter: str
    header_lines: int
    decimal_comma: bool = False
    ends_with_delimiter: bool = False
    findings: list[Finding] = field(default_factory=list)
    header: list[str] = field(default_factory=list)

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> Layout:
        """Infer the layout of UTF-8 text without comments.

        Raises
        ------
        DataError
            There is no row of numbers, a column name is repeated, or there are too many columns.
        """
        lines = _read_first_lines(data, 3)
        if not lines:
            raise no_rows_error(path, 1)
        number, first = lines[0]
        delimiter = _detect_delimiter(first, lines[1][1] if len(lines) > 1 else "")
        decimal_comma = delimiter != "," and any("," in line for _, line in lines)
        fields = _split_fields(first, delimiter, path)
        if len(fields) > _MAX_COLUMNS:
            raise DataError(
                "the file has too many columns",
                code="too-wide",
                file=path,
                row=lines[0][0] + 1,
                expected=f"at most {_MAX_COLUMNS:,}",
                found=f"{len(fields):,}",
                hint="check the line breaks: each row must be on its own line",
            )
        findings = []
        if delimiter != ",":
            name = {"\t": "tabs", ";": "semicolons"}[delimiter]
            findings.append(Finding("delimiter", f"the fields are separated by {name}", file=path))
        is_numbered = _is_numbered_header(fields)
        if all(is_number(to_decimal_point(text, delimiter)) for text in fields) and not is_numbered:
            return cls(positional_names(len(fields)), False, delimiter, number, decimal_comma, not fields[-1], findings)
        if len(lines) < 2:
            raise no_rows_error(path, number + 1)
        refuse_repeated_names(fields, path, number + 1)
        rows = [_split_fields(line, delimiter, path) for _, line in lines[1:]]
        # Rows may end with a delimiter even if the header does not.
        rows_end_with_delimiter = all(len(row) == len(fields) + 1 and not row[-1] for row in rows)
        names = _fill_missing_names([*fields, ""] if rows_end_with_delimiter else fields, is_numbered)
        ends_with_delimiter = rows_end_with_delimiter or not fields[-1]
        return cls(names, True, delimiter, number + 1, decimal_comma, ends_with_delimiter, findings, header=fields)


def read_layout(data: bytes, path: Path) -> tuple[bytes, Layout]:
    """Return a file's text without comments, and its layout.

    Raises
    ------
    DataError
        There is no row of numbers, a column name is repeated, or there are too many columns.
    """
    data = _blank_comments(data, path)
    return data, Layout.from_bytes(data, path)


def no_rows_error(path: Path, row: int) -> DataError:
    """Return the error for a file without data rows."""
    return DataError(
        "the file has a header but no rows",
        code="no-rows",
        file=path,
        row=row,
        expected="at least one row of numbers",
        found="the end of the file",
        hint="export it again, or remove it",
    )


def _blank_comments(data: bytes, path: Path) -> bytes:
    """Blank the comment lines, so that row numbers still count lines of the file.

    If the last comment before the data has as many fields as the first row, it is the header written by
    `numpy.savetxt`: only its # is removed.
    """
    if b"#" not in data:
        return data
    blanked = _COMMENT.sub(rb"\1", data)
    leading = _LEADING_LINES.match(data)
    comments = list(_COMMENT.finditer(leading[0])) if leading else []
    if comments and _is_header_comment(comments[-1][2], blanked, path):
        mark = comments[-1].end(1)
        return _COMMENT.sub(rb"\1", data[:mark] + b" " + data[mark + 1 :])
    return blanked


def _is_header_comment(comment: bytes, data: bytes, path: Path) -> bool:
    lines = _read_first_lines(data, 1)
    if not lines:
        return False
    delimiter = _detect_delimiter(lines[0][1])
    names, row = (_split_fields(line, delimiter, path) for line in (comment.decode("utf-8"), lines[0][1]))
    return len(names) == len(row) > 1 and all(map(is_number, row)) and not any(map(is_number, names))


def _read_first_lines(data: bytes, n: int) -> list[tuple[int, str]]:
    """Return the first `n` non-blank lines, each with the number of lines before it."""
    # str.splitlines would also split at characters that pyarrow treats as part of a value.
    lines: list[tuple[int, str]] = []
    for number, match in enumerate(_LINE.finditer(data)):
        if match[1].strip():
            lines.append((number, match[1].decode("utf-8")))
        if len(lines) == n:
            break
    return lines


def _detect_delimiter(line: str, below: str = "") -> str:
    """Return the delimiter of a line; a semicolon or tab in a header counts only if the row below agrees."""
    return next((mark for mark in (";", "\t") if mark in line and (mark in below or "," not in below)), ",")


def _split_fields(line: str, delimiter: str, path: Path) -> list[str]:
    try:
        return [text.strip() for text in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise not_a_table_error(path, 1, str(error)) from None


def to_decimal_point(text: str, delimiter: str) -> str:
    """Replace a decimal comma by a point, unless the comma is the delimiter."""
    return text if delimiter == "," else text.replace(",", ".")


def not_a_table_error(path: Path, row: int, found: str) -> DataError:
    """Return the error for a file that is not a CSV table."""
    return DataError(
        "the file is not a table of numbers",
        code="unparsable",
        file=path,
        row=row,
        expected="rows of numbers",
        found=found,
        hint="export it as CSV",
    )


def positional_names(n: int) -> list[str]:
    """Return column names for `n` columns without a header."""
    return [f"ch{index:03d}" for index in range(n)]


def _fill_missing_names(fields: list[str], is_numbered: bool = False) -> list[str]:
    """Name columns without a name by their position, and the columns of a numbered header as in a headerless matrix."""
    if is_numbered:
        return [f"ch{int(name):03d}" if name else "Unnamed: 0" for name in fields]
    return [name or f"Unnamed: {index}" for index, name in enumerate(fields)]


def is_number(text: str) -> bool:
    """Return whether a field is a number or a missing value."""
    try:
        parse_number(text)
    except ValueError:
        return False
    return True


def _is_numbered_header(fields: list[str]) -> bool:
    """Return whether the first row is the header `0, 1, 2, …` that pandas writes for a matrix."""
    if fields[0] == "" and len(fields) > 1:
        fields = fields[1:]  # written with the index
    elif len(fields) < 3:
        return False
    return fields == [str(index) for index in range(len(fields))]


def parse_number(text: str) -> float:
    """Return the value of a field: NaN if it is missing; raise ValueError for text."""
    if text.lower() in _NAN_TOKENS or _PAYLOAD_NAN.fullmatch(text):
        return float("nan")
    if "_" in text:
        raise ValueError(text)
    return float(text)


def dropped_columns_finding(path: Path, names: Sequence[str], reason: str) -> Finding:
    """Return the finding for columns that are ignored."""
    columns = "column" if len(names) == 1 else "columns"
    return Finding("dropped-column", f"{columns} ignored: {reason}", file=path, found=format_quoted(names))
