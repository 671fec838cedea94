"""One CSV file of numbers, read strictly: what other readers accept in silence is refused or told here.

The way through: its bytes as text, their layout, the wanted columns as numbers, and what is left out of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io._csv_layout import (
    Layout,
    dropped_columns_finding,
    positional_names,
    read_layout,
)
from pdmr_classic.io._csv_parse import parse_columns
from pdmr_classic.storage.bytes import decode_text, read_bytes
from pdmr_classic.text import format_count

# Columns that carry no behaviour: a row counter, an identity, or the answer itself.
_BOOKKEEPING = frozenset(
    {"", "index", "id", "data_id", "subject_id", "participant_id", "label", "status", "severity", "face"}
)


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
    columns: dict[str, Floats]
    has_header: bool
    content: str
    findings: tuple[Finding, ...] = ()
    first_row: int = 1

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))


_Select = Callable[[Sequence[str]], Sequence[str]]


def read_table(path: str | Path, select: _Select | None = None, known: Callable[[str], bool] | None = None) -> Table:
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
    data, findings = decode_text(raw, path)
    data, layout = read_layout(data, path)
    findings += layout.findings
    dropped = [name for name in layout.names if _is_bookkeeping(name, layout)]
    names = [name for name in layout.names if name not in set(dropped)] if dropped else layout.names
    if dropped:
        findings.append(dropped_columns_finding(path, dropped, "it counts or names rows"))
    if layout.has_header and select is not None:
        names = list(select(names))
    columns, told = parse_columns(data, layout, names, path, known or (lambda name: False))
    findings += told
    if not data.endswith((b"\n", b"\r")):
        findings.append(
            Finding(
                "no-final-newline",
                "the last line has no end: the file may be cut short",
                file=path,
                hint="look at its last value; export it again if digits are missing",
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


# ------------------------------------------------------------------------------------------------ values


def _without_open_end(
    columns: dict[str, Floats], layout: Layout, path: Path
) -> tuple[dict[str, Floats], list[Finding]]:
    """Leave out the column that a separator at the end of every row makes, and any last column without a name."""
    last = layout.names[-1]
    if not layout.open_end or last not in columns or (len(columns) == 1 and not layout.has_header):
        return columns, []
    is_empty = bool(np.isnan(columns[last]).all())
    if not is_empty and not layout.has_header:
        return columns, []
    kept = {name: values for name, values in columns.items() if name != last}
    if not is_empty:
        return kept, [dropped_columns_finding(path, [last], "it has no name")]
    what = "every row ends with a separator; the empty column behind it was left out"
    return kept, [Finding("trailing-comma", what, file=path)]


def _without_counter(columns: dict[str, Floats], path: Path) -> tuple[dict[str, Floats], list[Finding]]:
    """Leave out a first column that only counts the rows; the others keep the name of their place without it."""
    first, *others = columns.values()
    if (
        len(first) < 3
        or not others
        or first[0] not in (0.0, 1.0)
        or not np.array_equal(np.diff(first), np.ones(len(first) - 1))
    ):
        return columns, []
    renamed = dict(zip(positional_names(len(others)), others, strict=True))
    return renamed, [dropped_columns_finding(path, ["the first"], "it counts rows")]


def _mask_non_finite(columns: dict[str, Floats], path: Path) -> list[Finding]:
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
        findings.append(
            Finding("nan", "some values are missing (NaN)", file=path, found=format_count(n_missing, "value"))
        )
    if n_infinite:
        findings.append(
            Finding(
                "infinite", "some values are infinite; taken as NaN", file=path, found=format_count(n_infinite, "value")
            )
        )
    return findings
