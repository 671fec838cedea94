"""Delimiter and comments of a text table, and its first lines split into fields."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from pdmr_classic.errors import DataError
from pdmr_classic.io.tables._numbers import is_number

BLANKS = " "
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_LEADING_LINES = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*+")
# The errors of Excel are cells, not comments.
_COMMENT = re.compile(rb"((?:\A|(?<=[\r\n]))[ \t]*)#(?!N/A|NA\b|DIV/0!|NUM!|REF!|VALUE!|NAME\?|NULL!)([^\r\n]*)")
# Excel's first line that states the delimiter.
_STATED_DELIMITER = re.compile(rb'\s*"?sep=(?P<delimiter>[,;|\t])"?[,;|\t]*(?=[\r\n])', re.IGNORECASE)
_BLANKS = re.compile(rb"[ \t\f\v]+")
_OUTER_BLANKS = re.compile(rb"(?:(?<=[\r\n])|\A) | (?=[\r\n]|\Z)")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+(,\d+)?([eE][-+]?\d+)?|[-+]?nan", re.IGNORECASE)


def read_stated_delimiter(data: bytes) -> tuple[bytes, str]:
    """Blank Excel's first line `sep=;`, and return the delimiter that it states, or ''."""
    if b"sep=" not in data[:64].lower():
        return data, ""
    match = _STATED_DELIMITER.match(data)
    return (data[match.end() :], match["delimiter"].decode()) if match else (data, "")


def blank_comments(data: bytes, path: Path) -> bytes:
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
    lines = read_first_lines(data, 1)
    if not lines:
        return False
    delimiter = detect_delimiter(lines[0][1])
    names, row = (split_fields(line, delimiter, path) for line in (comment.decode("utf-8"), lines[0][1]))
    return len(names) == len(row) > 1 and all(map(is_number, row)) and not any(map(is_number, names))


def read_first_lines(data: bytes, n: int) -> list[tuple[int, str]]:
    """Return the first `n` non-blank lines, each with the number of lines before it."""
    # str.splitlines would also split at characters that pyarrow treats as part of a value.
    lines: list[tuple[int, str]] = []
    for number, match in enumerate(_LINE.finditer(data)):
        if match[1].strip():
            lines.append((number, match[1].decode("utf-8")))
        if len(lines) == n:
            break
    return lines


def detect_delimiter(line: str, below: str = "") -> str:
    """Return the delimiter of a line; a semicolon or tab in a header counts only if the row below agrees."""
    for mark in (";", "\t"):
        if mark in line and (mark in below or "," not in below):
            return mark
    if "|" in line and "|" in (below or line):
        return "|"
    return BLANKS if _is_separated_by_blanks(line, below or line) else ","


def _is_separated_by_blanks(line: str, row: str) -> bool:
    """Return whether blanks separate the numbers of a row, and as many names, or one fewer, in a header above it."""
    texts = row.split()
    if len(texts) < 2 or not all(is_number(text.strip('"')) or _DECIMAL_COMMA.fullmatch(text) for text in texts):
        return False
    try:
        return len(_split_at_blanks(line)) in (len(texts), len(texts) - 1)
    except csv.Error:
        return False


def _split_at_blanks(line: str) -> list[str]:
    return next(csv.reader([" ".join(line.split())], delimiter=" "), [])


def split_fields(line: str, delimiter: str, path: Path) -> list[str]:
    """Return the fields of a line without surrounding blanks.

    Raises
    ------
    DataError
        The line cannot be split.
    """
    try:
        if delimiter == BLANKS:
            return _split_at_blanks(line)
        return [text.strip() for text in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    except csv.Error as error:
        raise not_a_table_error(path, 1, str(error)) from None


def squeeze_blanks(data: bytes) -> bytes:
    """Return text with one blank between the fields, and none at the ends of a line."""
    return _OUTER_BLANKS.sub(b"", _BLANKS.sub(b" ", data))


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
