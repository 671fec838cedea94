"""One CSV file of numbers, read strictly: what other readers accept in silence is refused or told here.

pyarrow does the parsing, with the wanted columns only and every one of them forced to float64, so that text,
short rows and long rows fail there. Only then, and off the fast path, is the file walked in Python to say where.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
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
_NAN_TOKENS = frozenset(token.lower() for token in NAN_TOKENS)
# Columns that carry no behaviour: a row counter, an identity, or the answer itself.
_BOOKKEEPING = frozenset(
    {"", "index", "id", "data_id", "subject_id", "participant_id", "label", "status", "severity", "face"}
)
_BLOCK_BYTES = 1 << 22
_SMALL_BYTES = 1 << 22
_WIDE = 64


@dataclass(frozen=True)
class Table:
    """Columns of numbers with their names.

    Attributes
    ----------
    columns : dict of str to ndarray of float64, shape [T]
        In the file's order; NaN stands for what was no finite number. Headerless columns are `ch000`, `ch001`, …
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
    layout = _Layout.of(data, path)
    findings += layout.findings
    names = [name for name in layout.names if not _is_bookkeeping(name, layout)]
    dropped = [name for name in layout.names if name not in names]
    if dropped:
        findings.append(_told_dropped(path, dropped, "it counts or names rows"))
    if layout.has_header and select is not None:
        names = list(select(names))
    columns, findings_of_parse = _parse(data, layout, names, path, known or (lambda name: False))
    findings += findings_of_parse
    if not data.endswith((b"\n", b"\r")):
        findings.append(Finding("no-final-newline", "the last line has no end: the file may be cut short", file=path))
    if not layout.has_header:
        columns, told = _without_counter(columns, path)
        findings += told
    findings += _mask_non_finite(columns, path)
    return Table(path, columns, layout.has_header, xxhash.xxh3_128_hexdigest(raw), tuple(findings))


# ---------------------------------------------------------------------------------------------- layout


@dataclass
class _Layout:
    names: list[str]
    has_header: bool
    delimiter: str
    header_lines: int
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes, path: Path) -> _Layout:
        lines = _first_lines(data, 2)
        first = lines[0][1]
        delimiter = _delimiter(first)
        fields = _fields(first, delimiter)
        findings = []
        if delimiter != ",":
            name = {"\t": "tabs", ";": "semicolons"}[delimiter]
            findings.append(Finding("delimiter", f"the fields are separated by {name}", file=path))
        if all(_is_number(text) for text in fields) and not _is_range(fields):
            names = [f"ch{index:03d}" for index in range(len(fields))]
            return cls(names, False, delimiter, lines[0][0], findings)
        if len(lines) < 2:
            raise DataError(
                "the file has a header and no rows",
                code="no-rows",
                file=path,
                expected="at least one row of numbers",
            )
        repeated = [name for name, count in Counter(fields).items() if count > 1 and name]
        if repeated:
            raise DataError(
                "column names are repeated",
                code="duplicate-columns",
                file=path,
                row=lines[0][0] + 1,
                expected="every name once",
                found=", ".join(map(repr, repeated[:5])),
                mend="rename or remove the copies",
            )
        return cls(_named(fields), True, delimiter, lines[0][0] + 1, findings)


def _first_lines(data: bytes, n: int) -> list[tuple[int, str]]:
    """Return the first `n` lines that are not blank, each with the number of lines before it."""
    # str.splitlines would also break at characters that pyarrow takes as part of a value.
    head = data[: 1 << 20].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[tuple[int, str]] = []
    start = 0
    number = 0
    while start < len(head) and len(found) < n:
        end = head.find(b"\n", start)
        end = len(head) if end < 0 else end
        line = head[start:end]
        if line.strip():
            found.append((number, line.decode("utf-8", errors="replace")))
        number += 1
        start = end + 1
    return found


def _delimiter(line: str) -> str:
    if "," in line and ";" not in line:
        return ","
    return next((mark for mark in (";", "\t") if mark in line), ",")


def _fields(line: str, delimiter: str) -> list[str]:
    return [text.strip() for text in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]


def _named(fields: list[str]) -> list[str]:
    """Give unnamed columns a name that says their place: there may be several."""
    return [name or f"Unnamed: {index}" for index, name in enumerate(fields)]


def _is_number(text: str) -> bool:
    if text.lower() in _NAN_TOKENS:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _is_range(fields: list[str]) -> bool:
    """Whether a first row is the header `0, 1, 2, …` that pandas writes over a matrix."""
    return len(fields) > 2 and fields == [str(index) for index in range(len(fields))]


def _is_bookkeeping(name: str, layout: _Layout) -> bool:
    return layout.has_header and (name.lower() in _BOOKKEEPING or name.startswith("Unnamed: "))


# ------------------------------------------------------------------------------------------------ parse


def _parse(
    data: bytes, layout: _Layout, names: list[str], path: Path, known: Callable[[str], bool]
) -> tuple[dict[str, NDArray[np.float64]], list[Finding]]:
    import pyarrow as pa

    if len(data) < _SMALL_BYTES and len(layout.names) >= _WIDE and not layout.has_header:
        vector = _parse_one_row(data, layout)
        if vector is not None:
            return vector, []
    try:
        return _parse_fast(data, layout, names), []
    except pa.ArrowInvalid:
        text_only = _diagnose(data, layout, names, path, known)
    names = [name for name in names if name not in text_only]
    if not names:
        raise DataError("no column holds numbers", code="no-numbers", file=path, expected="rows of numbers")
    try:
        columns = _parse_fast(data, layout, names)
    except pa.ArrowInvalid as error:
        raise DataError(
            "the file is no table of numbers",
            code="unparsable",
            file=path,
            found=str(error).splitlines()[0][:200],
        ) from None
    return columns, [_told_dropped(path, text_only, "it holds no number")]


def _parse_one_row(data: bytes, layout: _Layout) -> dict[str, NDArray[np.float64]] | None:
    """Read a single row of numbers: pyarrow spends 15 us on every column, 14 ms on an audio vector of 1,024."""
    lines = data.decode("utf-8").split()
    if data.strip().count(b"\n") or layout.delimiter != "," or b'"' in data:
        return None
    try:
        values = [float("nan" if text.lower() in _NAN_TOKENS else text) for text in "".join(lines).split(",")]
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
            decimal_point="," if layout.delimiter == ";" else ".",
        ),
    )
    return {name: table.column(name).to_numpy() for name in names}


def _diagnose(data: bytes, layout: _Layout, names: list[str], path: Path, known: Callable[[str], bool]) -> list[str]:
    """Walk the rows to say what pyarrow could not read; return the columns without any number, if that is all."""
    where = [layout.names.index(name) for name in names]
    first_text: dict[int, tuple[int, str]] = {}
    has_number: set[int] = set()
    text = data.decode("utf-8", errors="replace")
    rows = csv.reader(text.splitlines(), delimiter=layout.delimiter, skipinitialspace=True)
    decimal_comma = layout.delimiter == ";"
    last = text.rstrip().count("\n") + 1
    for number, row in enumerate(rows, start=1):
        if number <= layout.header_lines or not any(cell.strip() for cell in row):
            continue
        cells = [cell.strip() for cell in row]
        if layout.has_header and _named(cells) == layout.names:
            raise DataError(
                "the header stands in the middle of the file",
                code="repeated-header",
                file=path,
                row=number,
                mend="split the concatenated runs into one file each",
            )
        if len(cells) != len(layout.names):
            raise _ragged(path, number, len(cells), len(layout.names), is_last=number >= last)
        for index in where:
            cell = cells[index].replace(",", ".") if decimal_comma else cells[index]
            if not _is_number(cell):
                first_text.setdefault(index, (number, cells[index]))
            elif cell.lower() not in _NAN_TOKENS:
                has_number.add(index)
    for index, (number, cell) in sorted(first_text.items(), key=lambda item: item[1]):
        if index in has_number or known(layout.names[index]):
            raise DataError(
                "text stands where a number should",
                code="text-in-number-column",
                file=path,
                row=number,
                column=layout.names[index],
                expected="a number",
                found=repr(cell[:60]),
                mend="correct the value, or leave it empty if it is unknown",
            )
    return [layout.names[index] for index in sorted(first_text)]


def _ragged(path: Path, number: int, found: int, expected: int, *, is_last: bool) -> DataError:
    short = found < expected
    what = "the last row is cut short" if short and is_last else f"a row is too {'short' if short else 'long'}"
    return DataError(
        what,
        code="short-row" if short else "long-row",
        file=path,
        row=number,
        expected=f"{expected} fields",
        found=f"{found} field{'s' if found != 1 else ''}",
        mend="export the file again",
    )


def _told_dropped(path: Path, names: Sequence[str], why: str) -> Finding:
    shown = ", ".join(repr(name) for name in names[:5]) + (" …" if len(names) > 5 else "")
    return Finding("dropped-column", f"a column was left out: {why}", file=path, found=shown)


# ------------------------------------------------------------------------------------------------ values


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
    renamed = {f"ch{index:03d}": values for index, values in enumerate(others)}
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
