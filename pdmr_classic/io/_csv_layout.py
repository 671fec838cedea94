"""How a CSV file of numbers is laid out: comments, header, separator, names, and what counts as a number."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import refuse_repeated_names
from pdmr_classic.text import format_quoted

# OpenFace writes what its C++ runtime prints for an undefined value; others write these.
NAN_TOKENS = (
    *("", "nan", "NaN", "NAN", "NA", "N/A", "null", "None"),
    *("-nan", "-nan(ind)", "nan(ind)", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "1.#INF", "-1.#INF"),
)
# pyarrow takes what C's strtod takes: -nan(snan), nan(0x7ff).
_PAYLOAD_NAN = re.compile(r"-?nan\([0-9A-Za-z_]*\)", re.IGNORECASE)
_NAN_TOKENS = frozenset(token.lower() for token in NAN_TOKENS)
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_LEAD = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*+")
_COMMENT = re.compile(rb"((?:\A|(?<=[\r\n]))[ \t]*)#([^\r\n]*)")
# OpenFace has 714, and no audio vector has this many.
_MOST_COLUMNS = 100_000


@dataclass
class Layout:
    """What the first rows of a file say about all of them.

    Attributes
    ----------
    names : list of str
        Of the columns, in the file's order; those without a name have one that says their place.
    has_header : bool
    delimiter : str
    header_lines : int
        Lines before the first row of numbers.
    decimal_comma : bool
    open_end : bool
        Whether rows end with a separator, or the last column has no name.
    findings : list of Finding
    header : list of str
        The fields of the header as they stand there.
    """

    names: list[str]
    has_header: bool
    delimiter: str
    header_lines: int
    decimal_comma: bool = False
    open_end: bool = False
    findings: list[Finding] = field(default_factory=list)
    header: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes, path: Path) -> Layout:
        """Return the layout of a file's text, in UTF-8 without comments.

        Raises
        ------
        DataError
            There is no row of numbers, a name stands twice, or there are too many columns.
        """
        lines = _first_lines(data, 3)
        if not lines:
            raise no_rows_error(path, 1)
        number, first = lines[0]
        delimiter = _delimiter(first, lines[1][1] if len(lines) > 1 else "")
        decimal_comma = delimiter != "," and any("," in line for _, line in lines)
        fields = _fields(first, delimiter, path)
        if len(fields) > _MOST_COLUMNS:
            raise DataError(
                "the file has too many columns",
                code="too-wide",
                file=path,
                row=lines[0][0] + 1,
                expected=f"at most {_MOST_COLUMNS:,}",
                found=f"{len(fields):,}",
                hint="write one row a line",
            )
        findings = []
        if delimiter != ",":
            name = {"\t": "tabs", ";": "semicolons"}[delimiter]
            findings.append(Finding("delimiter", f"the fields are separated by {name}", file=path))
        is_range = _is_range(fields)
        if all(is_number(to_decimal_point(text, delimiter)) for text in fields) and not is_range:
            return cls(positional_names(len(fields)), False, delimiter, number, decimal_comma, not fields[-1], findings)
        if len(lines) < 2:
            raise no_rows_error(path, number + 1)
        refuse_repeated_names(fields, path, number + 1)
        rows = [_fields(line, delimiter, path) for _, line in lines[1:]]
        # Every row may end with a separator where the header does not.
        open_rows = all(len(row) == len(fields) + 1 and not row[-1] for row in rows)
        names = _named([*fields, ""] if open_rows else fields, is_range)
        open_end = open_rows or not fields[-1]
        return cls(names, True, delimiter, number + 1, decimal_comma, open_end, findings, header=fields)


def read_layout(data: bytes, path: Path) -> tuple[bytes, Layout]:
    """Return a file's text without its comments, and how it is laid out.

    Raises
    ------
    DataError
        There is no row of numbers, a name stands twice, or there are too many columns.
    """
    data = _without_comments(data, path)
    return data, Layout.of(data, path)


def no_rows_error(path: Path, row: int) -> DataError:
    """Return the error for a file without a row of numbers."""
    return DataError(
        "the file has a header and no rows",
        code="no-rows",
        file=path,
        row=row,
        expected="at least one row of numbers",
        found="the end of the file",
        hint="export it again, or remove it",
    )


def _without_comments(data: bytes, path: Path) -> bytes:
    """Empty the lines that begin with #, so that rows keep their numbers.

    The last one before a matrix of as many fields is its header, as `numpy.savetxt` writes it: only its # goes.
    """
    if b"#" not in data:
        return data
    bare = _COMMENT.sub(rb"\1", data)
    lead = _LEAD.match(data)
    comments = list(_COMMENT.finditer(lead[0])) if lead else []
    if comments and _is_header(comments[-1][2], bare, path):
        mark = comments[-1].end(1)
        return _COMMENT.sub(rb"\1", data[:mark] + b" " + data[mark + 1 :])
    return bare


def _is_header(comment: bytes, data: bytes, path: Path) -> bool:
    lines = _first_lines(data, 1)
    if not lines:
        return False
    delimiter = _delimiter(lines[0][1])
    names, row = (_fields(line, delimiter, path) for line in (comment.decode("utf-8"), lines[0][1]))
    return len(names) == len(row) > 1 and all(map(is_number, row)) and not any(map(is_number, names))


def _first_lines(data: bytes, n: int) -> list[tuple[int, str]]:
    """Return the first `n` lines that are not blank, each with the number of lines before it."""
    # str.splitlines would also break at characters that pyarrow takes as part of a value.
    found: list[tuple[int, str]] = []
    for number, match in enumerate(_LINE.finditer(data)):
        if match[1].strip():
            found.append((number, match[1].decode("utf-8")))
        if len(found) == n:
            break
    return found


def _delimiter(line: str, below: str = "") -> str:
    """Return what separates the fields of a line; a name may hold a mark that the row below it has not."""
    return next((mark for mark in (";", "\t") if mark in line and (mark in below or "," not in below)), ",")


def _fields(line: str, delimiter: str, path: Path) -> list[str]:
    try:
        return [text.strip() for text in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise not_a_table_error(path, 1, str(error)) from None


def to_decimal_point(text: str, delimiter: str) -> str:
    """Return a number's text with a decimal point: between other separators a comma is one."""
    return text if delimiter == "," else text.replace(",", ".")


def not_a_table_error(path: Path, row: int, found: str) -> DataError:
    """Return the error for a file that is no CSV."""
    return DataError(
        "the file is no table of numbers",
        code="unparsable",
        file=path,
        row=row,
        expected="rows of numbers",
        found=found,
        hint="export it as CSV",
    )


def positional_names(n: int) -> list[str]:
    """Return the names of `n` columns without a header."""
    return [f"ch{index:03d}" for index in range(n)]


def _named(fields: list[str], is_range: bool = False) -> list[str]:
    """Give unnamed columns a name that says their place: there may be several; and numbers as a matrix has them."""
    if is_range:
        return [f"ch{int(name):03d}" if name else "Unnamed: 0" for name in fields]
    return [name or f"Unnamed: {index}" for index, name in enumerate(fields)]


def is_number(text: str) -> bool:
    """Return whether a field is a number, or one of the ways of writing none."""
    try:
        parse_number(text)
    except ValueError:
        return False
    return True


def _is_range(fields: list[str]) -> bool:
    """Whether a first row is the header `0, 1, 2, …` that pandas writes over a matrix."""
    if fields[0] == "" and len(fields) > 1:
        fields = fields[1:]  # with the index
    elif len(fields) < 3:
        return False
    return fields == [str(index) for index in range(len(fields))]


def parse_number(text: str) -> float:
    """Return the value of a field; NaN where it says that there is none, ValueError for text."""
    if text.lower() in _NAN_TOKENS or _PAYLOAD_NAN.fullmatch(text):
        return float("nan")
    if "_" in text:
        raise ValueError(text)
    return float(text)


def dropped_columns_finding(path: Path, names: Sequence[str], why: str) -> Finding:
    """Return the finding for columns that are left out."""
    return Finding("dropped-column", f"a column was left out: {why}", file=path, found=format_quoted(names))
