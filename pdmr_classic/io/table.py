"""One CSV file of numbers, read strictly: what other readers accept in silence is refused or told here.

pyarrow does the parsing, with the wanted columns only and every one of them forced to float64, so that text,
short rows and long rows fail there. Only then, and off the fast path, is the file walked in Python to say where.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.bytes import as_text_bytes, read_bytes

# OpenFace writes what its C++ runtime prints for an undefined value; others write these.
NAN_TOKENS = (
    *("", "nan", "NaN", "NAN", "NA", "N/A", "null", "None"),
    *("-nan", "-nan(ind)", "nan(ind)", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "1.#INF", "-1.#INF"),
)
# pyarrow takes what C's strtod takes: -nan(snan), nan(0x7ff).
_PAYLOAD_NAN = re.compile(r"-?nan\([0-9A-Za-z_]*\)", re.IGNORECASE)
_NAN_TOKENS = frozenset(token.lower() for token in NAN_TOKENS)
# Columns that carry no behaviour: a row counter, an identity, or the answer itself.
_BOOKKEEPING = frozenset(
    {"", "index", "id", "data_id", "subject_id", "participant_id", "label", "status", "severity", "face"}
)
_BLOCK_BYTES = 1 << 22
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\r|\n|\Z)")
_LEAD = re.compile(rb"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*+")
_COMMENT = re.compile(rb"((?:\A|(?<=[\r\n]))[ \t]*)#([^\r\n]*)")
# OpenFace has 714, and no audio vector has this many.
_MOST_COLUMNS = 100_000
# It takes 13 kB of memory for a column, and ends the process where there is no more.
_MOST_COLUMNS_OF_PYARROW = 20_000
_SMALL_BYTES = 1 << 22
_WIDE = 64


@dataclass(frozen=True)
class Table:
    """Columns of numbers with their names.

    Attributes
    ----------
    columns : dict of str to ndarray of float64, shape [T]
        In the file's order; NaN stands for what was no finite number. Columns without a header, or with the header
        `0, 1, …` that pandas writes over a matrix, are `ch000`, `ch001`, …
    has_header : bool
    content : str
        Hash of the file's bytes (xxh3, 128 bit).
    findings : tuple of Finding
        What was noticed, and read all the same.
    """

    path: Path
    columns: dict[str, NDArray[np.float64]]
    has_header: bool
    content: str
    findings: tuple[Finding, ...] = ()
    first_row: int = 1

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))


Select = Callable[[Sequence[str]], Sequence[str]]


def read_table(path: str | Path, select: Select | None = None, known: Callable[[str], bool] | None = None) -> Table:
    """Read one CSV of numbers.

    Parameters
    ----------
    path : path-like
    select : callable, optional
        From all names of the header to the wanted ones; default: all of them.
    known : callable, optional
        Whether a name is one that must hold numbers. A column of text under any other name is left out and told.

    Raises
    ------
    DataError
        Anything that is no table of numbers, with row and column where they are known.
    """
    path = Path(path)
    raw = read_bytes(path)
    data, findings = as_text_bytes(raw, path)
    data = _without_comments(data, path)
    layout = _Layout.of(data, path)
    findings += layout.findings
    dropped = [name for name in layout.names if _is_bookkeeping(name, layout)]
    names = [name for name in layout.names if name not in set(dropped)] if dropped else layout.names
    if dropped:
        findings.append(_told_dropped(path, dropped, "it counts or names rows"))
    if layout.has_header and select is not None:
        names = list(select(names))
    columns, findings_of_parse = _parse(data, layout, names, path, known or (lambda name: False))
    if columns and not len(next(iter(columns.values()))):
        raise _no_rows(path, layout.header_lines + 1)
    findings += findings_of_parse
    if not data.endswith((b"\n", b"\r")):
        findings.append(
            Finding(
                "no-final-newline",
                "the last line has no end: the file may be cut short",
                file=path,
                mend="look at its last value; export it again if digits are missing",
            )
        )
    columns, told = _without_open_end(columns, layout, path)
    findings += told
    if not layout.has_header:
        columns, told = _without_counter(columns, path)
        findings += told
    findings += _mask_non_finite(columns, path)
    content = xxhash.xxh3_128_hexdigest(raw)
    return Table(path, columns, layout.has_header, content, tuple(findings), layout.header_lines + 1)


# ---------------------------------------------------------------------------------------------- layout


@dataclass
class _Layout:
    names: list[str]
    has_header: bool
    delimiter: str
    header_lines: int
    decimal_comma: bool = False
    open_end: bool = False
    findings: list[Finding] = field(default_factory=list)
    header: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes, path: Path) -> _Layout:
        lines = _first_lines(data, 3)
        if not lines:
            raise _no_rows(path, 1)
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
                mend="write one row a line",
            )
        findings = []
        if delimiter != ",":
            name = {"\t": "tabs", ";": "semicolons"}[delimiter]
            findings.append(Finding("delimiter", f"the fields are separated by {name}", file=path))
        is_range = _is_range(fields)
        if all(_is_number(_with_point(text, delimiter)) for text in fields) and not is_range:
            return cls(_by_place(len(fields)), False, delimiter, number, decimal_comma, not fields[-1], findings)
        if len(lines) < 2:
            raise _no_rows(path, number + 1)
        repeated = [name for name, count in Counter(fields).items() if count > 1 and name]
        if repeated:
            raise DataError(
                "column names are repeated",
                code="duplicate-columns",
                file=path,
                row=number + 1,
                expected="every name once",
                found=", ".join(map(repr, repeated[:5])),
                mend="rename or remove the copies",
            )
        rows = [_fields(line, delimiter, path) for _, line in lines[1:]]
        # Every row may end with a separator where the header does not.
        open_rows = all(len(row) == len(fields) + 1 and not row[-1] for row in rows)
        names = _named([*fields, ""] if open_rows else fields, is_range)
        open_end = open_rows or not fields[-1]
        return cls(names, True, delimiter, number + 1, decimal_comma, open_end, findings, header=fields)


def _no_rows(path: Path, row: int) -> DataError:
    return DataError(
        "the file has a header and no rows",
        code="no-rows",
        file=path,
        row=row,
        expected="at least one row of numbers",
        found="the end of the file",
        mend="export it again, or remove it",
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
    return len(names) == len(row) > 1 and all(map(_is_number, row)) and not any(map(_is_number, names))


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
        raise _no_table(path, 1, str(error)) from None


def _with_point(text: str, delimiter: str) -> str:
    return text if delimiter == "," else text.replace(",", ".")


def _no_table(path: Path, row: int, found: str) -> DataError:
    return DataError(
        "the file is no table of numbers",
        code="unparsable",
        file=path,
        row=row,
        expected="rows of numbers",
        found=found,
        mend="export it as CSV",
    )


def _by_place(n: int) -> list[str]:
    return [f"ch{index:03d}" for index in range(n)]


def _named(fields: list[str], is_range: bool = False) -> list[str]:
    """Give unnamed columns a name that says their place: there may be several; and numbers as a matrix has them."""
    if is_range:
        return [f"ch{int(name):03d}" if name else "Unnamed: 0" for name in fields]
    return [name or f"Unnamed: {index}" for index, name in enumerate(fields)]


def _is_number(text: str) -> bool:
    try:
        _value(text)
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


def _is_bookkeeping(name: str, layout: _Layout) -> bool:
    if not layout.has_header or (layout.open_end and name == layout.names[-1]):
        return False
    return name.lower() in _BOOKKEEPING or name.startswith("Unnamed: ")


# ------------------------------------------------------------------------------------------------ parse


def _parse(
    data: bytes, layout: _Layout, names: list[str], path: Path, known: Callable[[str], bool]
) -> tuple[dict[str, NDArray[np.float64]], list[Finding]]:
    import pyarrow as pa

    if len(data) < _SMALL_BYTES and len(layout.names) >= _WIDE and not layout.has_header:
        vector = _parse_one_row(data, layout)
        if vector is not None:
            return vector, []
    # pyarrow takes a header of numbers, when it comes again, for a row.
    has_numbers_for_names = bool(layout.header) and all(map(_is_number, layout.header))
    if len(layout.names) > _MOST_COLUMNS_OF_PYARROW or has_numbers_for_names:
        return _parse_slowly(data, layout, names, path, known)
    try:
        return _parse_fast(data, layout, names), []
    except pa.ArrowInvalid:
        return _parse_slowly(data, layout, names, path, known)


def _parse_one_row(data: bytes, layout: _Layout) -> dict[str, NDArray[np.float64]] | None:
    """Read a single row of numbers: pyarrow spends 15 us on every column, 14 ms on an audio vector of 1,024."""
    line = data.decode("utf-8").strip()
    if "\n" in line or "\r" in line or layout.delimiter != "," or '"' in line:
        return None
    try:
        values = [_value(text.strip()) for text in line.split(",")]
    except ValueError:
        return None
    return {name: np.array([value]) for name, value in zip(layout.names, values, strict=True)}


def _parse_fast(data: bytes, layout: _Layout, names: list[str]) -> dict[str, NDArray[np.float64]]:
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    if not names:
        return {}
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        # One thread: recordings are read side by side in processes.
        read_options=pa_csv.ReadOptions(
            use_threads=False,
            column_names=layout.names,
            skip_rows=layout.header_lines,
            block_size=max(_BLOCK_BYTES, len(data) // 16),
        ),
        parse_options=pa_csv.ParseOptions(delimiter=layout.delimiter),
        convert_options=pa_csv.ConvertOptions(
            include_columns=names,
            column_types=dict.fromkeys(names, pa.float64()),
            null_values=list(NAN_TOKENS),
            decimal_point="," if layout.decimal_comma else ".",
        ),
    )
    return {name: table.column(name).to_numpy() for name in names}


def _parse_slowly(
    data: bytes, layout: _Layout, names: list[str], path: Path, known: Callable[[str], bool]
) -> tuple[dict[str, NDArray[np.float64]], list[Finding]]:
    """Walk the rows of what pyarrow refused: say where the fault is, or read what only it takes for one."""
    place = {name: index for index, name in enumerate(layout.names)}
    where = {name: place[name] for name in names}
    values = {name: array("d") for name in names}
    first_text: dict[str, tuple[int, str]] = {}
    lines = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n ").split("\n")
    for number, cells in _rows(lines, layout, path):
        if cells == layout.header:
            raise DataError(
                "the header stands in the middle of the file",
                code="repeated-header",
                file=path,
                row=number,
                expected="one header, in the first row",
                found="the same names again",
                mend="split the concatenated runs into one file each",
            )
        if len(cells) != len(layout.names):
            raise _ragged(path, number, len(cells), len(layout.names), is_last=number >= len(lines))
        for name, index in where.items():
            try:
                values[name].append(_value(_with_point(cells[index], layout.delimiter)))
            except ValueError:
                first_text.setdefault(name, (number, cells[index]))
                values[name].append(np.nan)
    columns = {name: np.array(column) for name, column in values.items()}
    for name, (number, cell) in sorted(first_text.items(), key=lambda item: item[1][0]):
        if known(name) or not np.isnan(columns[name]).all():
            raise DataError(
                "text stands where a number should",
                code="text-in-number-column",
                file=path,
                row=number,
                column=name,
                expected="a number",
                found=repr(cell[:60]),
                mend="correct the value, or leave it empty if it is unknown",
            )
    if len(first_text) == len(names):
        raise no_numbers(path, next(iter(first_text.values()))[1])
    told = [_told_dropped(path, list(first_text), "it holds no number")] if first_text else []
    return {name: column for name, column in columns.items() if name not in first_text}, told


def _rows(lines: list[str], layout: _Layout, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines[layout.header_lines :], delimiter=layout.delimiter, skipinitialspace=True)
    try:
        for row in reader:
            number = layout.header_lines + reader.line_num
            # A line of blanks is no row, but a single "" is an empty cell.
            if len(row) > 1 or lines[number - 1].strip():
                yield number, [cell.strip() for cell in row]
    except csv.Error as error:
        raise _no_table(path, layout.header_lines + reader.line_num, str(error)) from None


def _value(text: str) -> float:
    if text.lower() in _NAN_TOKENS or _PAYLOAD_NAN.fullmatch(text):
        return float("nan")
    if "_" in text:
        raise ValueError(text)
    return float(text)


def _ragged(path: Path, number: int, found: int, expected: int, *, is_last: bool) -> DataError:
    short = found < expected
    what = "the last row is cut short" if short and is_last else f"a row is too {'short' if short else 'long'}"
    return DataError(
        what,
        code="short-row" if short else "long-row",
        file=path,
        row=number,
        expected=f"{expected} field{'s' if expected != 1 else ''}",
        found=f"{found} field{'s' if found != 1 else ''}",
        mend="export the file again",
    )


def no_numbers(path: Path, found: str) -> DataError:
    """Return the error for a file without a single column of numbers."""
    return DataError(
        "no column holds numbers",
        code="no-numbers",
        file=path,
        expected="rows of numbers",
        found=repr(found[:60]),
        mend="export it again, or remove it",
    )


def _told_dropped(path: Path, names: Sequence[str], why: str) -> Finding:
    shown = ", ".join(repr(name) for name in names[:5]) + (" …" if len(names) > 5 else "")
    return Finding("dropped-column", f"a column was left out: {why}", file=path, found=shown)


# ------------------------------------------------------------------------------------------------ values


def _without_open_end(
    columns: dict[str, NDArray[np.float64]], layout: _Layout, path: Path
) -> tuple[dict[str, NDArray[np.float64]], list[Finding]]:
    """Leave out the column that a separator at the end of every row makes, and any last column without a name."""
    last = layout.names[-1]
    if not layout.open_end or last not in columns or (len(columns) == 1 and not layout.has_header):
        return columns, []
    is_empty = bool(np.isnan(columns[last]).all())
    if not is_empty and not layout.has_header:
        return columns, []
    kept = {name: values for name, values in columns.items() if name != last}
    if not is_empty:
        return kept, [_told_dropped(path, [last], "it has no name")]
    what = "every row ends with a separator; the empty column behind it was left out"
    return kept, [Finding("trailing-comma", what, file=path)]


def _without_counter(
    columns: dict[str, NDArray[np.float64]], path: Path
) -> tuple[dict[str, NDArray[np.float64]], list[Finding]]:
    """Leave out a first column that only counts the rows; the others keep the name of their place without it."""
    first, *others = columns.values()
    if (
        len(first) < 3
        or not others
        or first[0] not in (0.0, 1.0)
        or not np.array_equal(np.diff(first), np.ones(len(first) - 1))
    ):
        return columns, []
    renamed = dict(zip(_by_place(len(others)), others, strict=True))
    return renamed, [_told_dropped(path, ["the first"], "it counts rows")]


def _mask_non_finite(columns: dict[str, NDArray[np.float64]], path: Path) -> list[Finding]:
    """Turn what float32 cannot hold into NaN, in place, and say how many values are not numbers."""
    limit = float(np.finfo(np.float32).max)
    n_missing = n_infinite = 0
    for name, values in columns.items():
        bad = ~(np.abs(values) <= limit)
        n_bad = int(np.count_nonzero(bad))
        if n_bad:
            n_nan = int(np.count_nonzero(np.isnan(values)))
            n_missing += n_nan
            n_infinite += n_bad - n_nan
            columns[name] = np.where(bad, np.nan, values)
    findings = []
    if n_missing:
        findings.append(Finding("nan", "some values are missing (NaN)", file=path, found=f"{n_missing} values"))
    if n_infinite:
        findings.append(
            Finding("infinite", "some values are infinite; taken as NaN", file=path, found=f"{n_infinite} values")
        )
    return findings
