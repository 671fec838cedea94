"""Detect the layout of a numeric CSV file: header, delimiter, column names, and the spelling of numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.ids import refuse_repeated_names
from pdmr_classic.io.tables._csv_dialect import (
    BLANKS,
    blank_comments,
    detect_delimiter,
    read_first_lines,
    read_stated_delimiter,
    split_fields,
    squeeze_blanks,
)
from pdmr_classic.io.tables._numbers import is_missing_word, is_number, parse_number, to_decimal_point

# Far above the 714 columns of OpenFace and the width of any audio vector.
_MAX_COLUMNS = 100_000
_TOO_WIDE_HINT = "check the line breaks: each row must be on its own line"
_DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "vertical bars", BLANKS: "blanks"}
_STARTS_WITH_DIGIT = re.compile(r"(?:\A|[,;\t| ]) *[\"']?[-+.]?\d")
# `0,037` split at its decimal comma gives the fields 0 and 037.
_LEADING_ZERO = re.compile(rb",[ \t]*-?0\d")


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
    quote : str
    text_columns : list of str
        Columns that the file declares as text.
    """

    names: list[str]
    has_header: bool
    delimiter: str
    header_lines: int
    decimal_comma: bool = False
    ends_with_delimiter: bool = False
    findings: list[Finding] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    quote: str = '"'
    text_columns: list[str] = field(default_factory=list)

    @classmethod
    def from_lines(cls, lines: Sequence[tuple[int, str]], delimiter: str, path: Path) -> Layout:
        """Infer the layout from the first non-blank lines, each with the number of lines before it.

        Raises
        ------
        DataError
            There is no row of numbers, a column name is repeated, or there are too many columns.
        """
        number, first = lines[0]
        decimal_comma = delimiter != "," and any("," in line for _, line in lines)
        fields = split_fields(first, delimiter, path)
        refuse_too_many_columns(len(fields), path, number + 1)
        if len(fields) == 1 and "," in fields[0] and delimiter == ",":
            raise _quoted_lines_error(path, number + 1, first)
        findings = []
        if delimiter in _DELIMITERS:
            what = f"the fields are separated by {_DELIMITERS[delimiter]}"
            findings.append(Finding("delimiter", what, file=path))
        is_numbered = is_numbered_header(fields)
        # A cheap test first: a header has up to 714 names, or more.
        has_number = _STARTS_WITH_DIGIT.search(first) is not None
        if _is_row_of_numbers(fields, delimiter, has_number) and not is_numbered:
            return cls(positional_names(len(fields)), False, delimiter, number, decimal_comma, not fields[-1], findings)
        if len(lines) < 2:
            raise no_rows_error(path, number + 1)
        refuse_repeated_names(fields, path, number + 1)
        rows = [split_fields(line, delimiter, path) for _, line in lines[1:]]
        if has_number and not is_numbered:
            _refuse_text_in_first_row(fields, rows[0], delimiter, path, number + 1)
        names, ends_with_delimiter = list(fields), not fields[-1]
        if all(len(row) == len(fields) + 1 and not row[-1] for row in rows):
            # Rows may end with a delimiter even if the header does not.
            names, ends_with_delimiter = [*fields, ""], True
        elif not fields[-1] and all(len(row) == len(fields) - 1 and row[-1] for row in rows):
            what = "the header ends with a delimiter, the rows do not; it was ignored"
            findings.append(Finding("trailing-comma", what, file=path))
            names, ends_with_delimiter = fields[:-1], False
        elif _has_row_names(rows, [line for _, line in lines[1:]], len(fields)):
            names = ["", *fields]
        names = fill_missing_names(names, is_numbered)
        return cls(names, True, delimiter, number + 1, decimal_comma, ends_with_delimiter, findings, header=fields)


def read_layout(data: bytes, path: Path) -> tuple[bytes, Layout]:
    """Return a file's text without comments, and its layout.

    Raises
    ------
    DataError
        There is no row of numbers, a column name is repeated, there are too many columns, or decimal commas are also
        the delimiter.
    """
    data, stated_delimiter = read_stated_delimiter(data)
    data = blank_comments(data, path)
    lines = read_first_lines(data, 3)
    if not lines:
        raise no_rows_error(path, 1)
    if any(line[:9].lower() == "@relation" for _, line in lines):
        raise _arff_error(path)
    delimiter = stated_delimiter or detect_delimiter(*(line for _, line in lines[:2]))
    if delimiter == BLANKS:
        data = squeeze_blanks(data)
    layout = Layout.from_lines(lines, delimiter, path)
    if not layout.has_header and delimiter == "," and len(layout.names) > 1 and b"." not in data:
        _refuse_decimal_commas(data, path)
    return data, layout


def _arff_error(path: Path) -> DataError:
    return DataError(
        "the file is not CSV text",
        code="not-csv",
        file=path,
        expected="CSV text",
        found="an ARFF file",
        hint="name it .arff, or export it as CSV",
    )


def refuse_too_many_columns(n: int, path: Path, row: int | None = None, hint: str = _TOO_WIDE_HINT) -> None:
    """Refuse a table that is wider than any stream or audio vector.

    Raises
    ------
    DataError
        There are more than 100,000 columns.
    """
    if n > _MAX_COLUMNS:
        raise DataError(
            "the file has too many columns",
            code="too-wide",
            file=path,
            row=row,
            expected=f"at most {_MAX_COLUMNS:,}",
            found=f"{n:,}",
            hint=hint,
        )


def no_rows_error(path: Path, row: int | None = None) -> DataError:
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


def positional_names(n: int) -> list[str]:
    """Return column names for `n` columns without a header."""
    return [f"ch{index:03d}" for index in range(n)]


def fill_missing_names(fields: Sequence[str], is_numbered: bool = False) -> list[str]:
    """Name columns without a name by their position, and the columns of a numbered header as in a headerless matrix."""
    if is_numbered:
        return [f"ch{int(name):03d}" if name else "Unnamed: 0" for name in fields]
    return [name or f"Unnamed: {index}" for index, name in enumerate(fields)]


def is_numbered_header(fields: Sequence[str]) -> bool:
    """Return whether the first row is the header `0, 1, 2, …` that pandas writes for a matrix."""
    if fields[0] == "" and len(fields) > 1:
        fields = fields[1:]  # written with the index
    elif len(fields) < 3:
        return False
    return list(fields) == [str(index) for index in range(len(fields))]


def _is_row_of_numbers(fields: Sequence[str], delimiter: str, has_number: bool) -> bool:
    """Return whether a row has only numbers and missing values; words such as `?` count only beside a number."""
    texts = [to_decimal_point(text, delimiter) for text in fields]
    if all(map(is_number, texts)):
        return True
    if not has_number:
        return False
    numbers = [text for text in texts if not is_missing_word(text)]
    return all(map(is_number, numbers)) and any(parse_number(text) == parse_number(text) for text in numbers)


def _refuse_text_in_first_row(
    fields: Sequence[str], row: Sequence[str], delimiter: str, path: Path, number: int
) -> None:
    """Refuse a first row with text in the same columns as the second: it is no header, and would be lost.

    At least three rising numbers, such as the frequencies of bands, may be names.
    """
    texts = [to_decimal_point(text, delimiter) for text in fields]
    numeric = [is_number(text) for text in texts]
    numbers = [parse_number(text) for text, is_numeric in zip(texts, numeric, strict=True) if is_numeric]
    if (
        len(numbers) in (0, len(fields))
        or numeric != [is_number(to_decimal_point(text, delimiter)) for text in row]
        or (len(numbers) > 2 and all(left < right for left, right in pairwise(numbers)))
    ):
        return
    raise DataError(
        "the first row looks like data, but contains text",
        code="no-header",
        file=path,
        row=number,
        expected="a header, or only numbers",
        found=repr(fields[numeric.index(False)][:60]),
        hint="add a header with the names of the columns, or remove the text columns",
    )


def _quoted_lines_error(path: Path, number: int, line: str) -> DataError:
    return DataError(
        "each line is in quotes, so that it is a single field",
        code="quoted-lines",
        file=path,
        row=number,
        expected="several fields, each in its own quotes or without",
        found=repr(line[:60]),
        hint="remove the quotes around the lines, or export the file again",
    )


def _has_row_names(rows: Sequence[Sequence[str]], lines: Sequence[str], n_names: int) -> bool:
    """Return whether the rows start with the row names of R: quoted, counted from 1, and without a name in the header.

    Without the quotes it could be a column, and one name too few in the header.
    """
    return all(
        len(row) == n_names + 1 and row[0] == str(index) and line.lstrip().startswith('"')
        for index, (row, line) in enumerate(zip(rows, lines, strict=True), 1)
    )


def _refuse_decimal_commas(data: bytes, path: Path) -> None:
    match = _LEADING_ZERO.search(data)
    if match is not None:
        line = data.count(b"\n", 0, match.start()) or data.count(b"\r", 0, match.start())
        raise DataError(
            "the commas seem to be decimal commas, not only delimiters",
            code="decimal-comma",
            file=path,
            row=line + 1,
            expected="decimal points, or another delimiter such as a semicolon",
            found=f"a field with leading zeros, {match[0].decode().strip(', ')!r} …",
            hint="export the file with decimal points",
        )
