"""One CSV file of numbers, read strictly: what other readers accept in silence is refused or told here.

pyarrow does the parsing, with the wanted columns only and every one of them forced to float64, so that text,
short rows and long rows fail there. Only then, and off the fast path, is the file walked in Python to say where.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.bytes import as_text_bytes, read_bytes
from pdmr_classic.io.layout import (
    NAN_TOKENS,
    Layout,
    by_place,
    is_number,
    no_rows,
    no_table,
    number_of,
    with_point,
    without_comments,
)
from pdmr_classic.wording import counted

# Columns that carry no behaviour: a row counter, an identity, or the answer itself.
_BOOKKEEPING = frozenset(
    {"", "index", "id", "data_id", "subject_id", "participant_id", "label", "status", "severity", "face"}
)
_BLOCK_BYTES = 1 << 22
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
    data = without_comments(data, path)
    layout = Layout.of(data, path)
    findings += layout.findings
    dropped = [name for name in layout.names if _is_bookkeeping(name, layout)]
    names = [name for name in layout.names if name not in set(dropped)] if dropped else layout.names
    if dropped:
        findings.append(_told_dropped(path, dropped, "it counts or names rows"))
    if layout.has_header and select is not None:
        names = list(select(names))
    columns, findings_of_parse = _parse(data, layout, names, path, known or (lambda name: False))
    if columns and not len(next(iter(columns.values()))):
        raise no_rows(path, layout.header_lines + 1)
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


def _is_bookkeeping(name: str, layout: Layout) -> bool:
    if not layout.has_header or (layout.open_end and name == layout.names[-1]):
        return False
    return name.lower() in _BOOKKEEPING or name.startswith("Unnamed: ")


# ------------------------------------------------------------------------------------------------ parse


def _parse(
    data: bytes, layout: Layout, names: list[str], path: Path, known: Callable[[str], bool]
) -> tuple[dict[str, NDArray[np.float64]], list[Finding]]:
    import pyarrow as pa

    if len(data) < _SMALL_BYTES and len(layout.names) >= _WIDE and not layout.has_header:
        vector = _parse_one_row(data, layout)
        if vector is not None:
            return vector, []
    # pyarrow takes a header of numbers, when it comes again, for a row.
    has_numbers_for_names = bool(layout.header) and all(map(is_number, layout.header))
    if len(layout.names) > _MOST_COLUMNS_OF_PYARROW or has_numbers_for_names:
        return _parse_slowly(data, layout, names, path, known)
    try:
        return _parse_fast(data, layout, names), []
    except pa.ArrowInvalid:
        return _parse_slowly(data, layout, names, path, known)


def _parse_one_row(data: bytes, layout: Layout) -> dict[str, NDArray[np.float64]] | None:
    """Read a single row of numbers: pyarrow spends 15 us on every column, 14 ms on an audio vector of 1,024."""
    line = data.decode("utf-8").strip()
    if "\n" in line or "\r" in line or layout.delimiter != "," or '"' in line:
        return None
    try:
        values = [number_of(text.strip()) for text in line.split(",")]
    except ValueError:
        return None
    return {name: np.array([value]) for name, value in zip(layout.names, values, strict=True)}


def _parse_fast(data: bytes, layout: Layout, names: list[str]) -> dict[str, NDArray[np.float64]]:
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
    data: bytes, layout: Layout, names: list[str], path: Path, known: Callable[[str], bool]
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
                values[name].append(number_of(with_point(cells[index], layout.delimiter)))
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


def _rows(lines: list[str], layout: Layout, path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines[layout.header_lines :], delimiter=layout.delimiter, skipinitialspace=True)
    try:
        for row in reader:
            number = layout.header_lines + reader.line_num
            # A line of blanks is no row, but a single "" is an empty cell.
            if len(row) > 1 or lines[number - 1].strip():
                yield number, [cell.strip() for cell in row]
    except csv.Error as error:
        raise no_table(path, layout.header_lines + reader.line_num, str(error)) from None


def _ragged(path: Path, number: int, found: int, expected: int, *, is_last: bool) -> DataError:
    short = found < expected
    what = "the last row is cut short" if short and is_last else f"a row is too {'short' if short else 'long'}"
    return DataError(
        what,
        code="short-row" if short else "long-row",
        file=path,
        row=number,
        expected=counted(expected, "field"),
        found=counted(found, "field"),
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
    columns: dict[str, NDArray[np.float64]], layout: Layout, path: Path
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
    renamed = dict(zip(by_place(len(others)), others, strict=True))
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
        findings.append(Finding("nan", "some values are missing (NaN)", file=path, found=counted(n_missing, "value")))
    if n_infinite:
        findings.append(
            Finding("infinite", "some values are infinite; taken as NaN", file=path, found=counted(n_infinite, "value"))
        )
    return findings
