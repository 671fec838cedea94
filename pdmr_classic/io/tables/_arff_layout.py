"""The header of an ARFF file, as Weka and openSMILE write it; its rows are those of a CSV file."""

from __future__ import annotations

import re
from pathlib import Path

from pdmr_classic.errors import DataError
from pdmr_classic.io.ids import refuse_repeated_names
from pdmr_classic.io.tables._csv_layout import Layout, fill_missing_names, no_rows_error, refuse_too_many_columns

_COMMENT = re.compile(rb"((?:\A|(?<=[\r\n]))[ \t]*)%[^\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_ATTRIBUTE = re.compile(r"""@attribute\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)\s+(\S.*)""", re.IGNORECASE)
_NUMERIC = ("numeric", "real", "integer")


def read_arff_layout(data: bytes, path: Path) -> tuple[bytes, Layout]:
    """Return the text of an ARFF file without comments, and its layout.

    Raises
    ------
    DataError
        The header is not that of an ARFF file, or there are no rows.
    """
    data = _COMMENT.sub(rb"\1", data)
    lines = _LINE_END.split(data.decode("utf-8"))
    names: list[str] = []
    text_columns: list[str] = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line.lower() == "@data":
            return data, _build_layout(names, text_columns, number, lines[number:], path)
        if match := _ATTRIBUTE.fullmatch(line):
            names.append(_unquote(match[1]))
            if match[2].split()[0].lower() not in _NUMERIC:
                text_columns.append(names[-1])
        elif line and not line.lower().startswith("@relation"):
            raise _header_error(path, number, line)
    raise _header_error(path, len(lines), "the end of the file")


def _build_layout(names: list[str], text_columns: list[str], header_lines: int, rows: list[str], path: Path) -> Layout:
    if not names:
        raise _header_error(path, header_lines, "no @attribute")
    refuse_too_many_columns(len(names), path)
    refuse_repeated_names(names, path, 1)
    first = next((row.strip() for row in rows if row.strip()), "")
    if not first:
        raise no_rows_error(path, header_lines)
    if first.startswith("{"):
        raise _header_error(path, header_lines + 1, "a sparse row")
    quote = "'" if any("'" in row for row in rows) else '"'
    filled = fill_missing_names(names)
    return Layout(filled, True, ",", header_lines, quote=quote, text_columns=text_columns)


def _unquote(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]).strip() if name[0] in "'\"" and len(name) > 1 else name


def _header_error(path: Path, row: int, found: str) -> DataError:
    return DataError(
        "the file is not an ARFF table",
        code="unparsable",
        file=path,
        row=row,
        expected="@relation, @attribute lines, @data, then rows of values",
        found=repr(found[:60]),
        hint="export it again, or name it .csv if it is CSV text",
    )
