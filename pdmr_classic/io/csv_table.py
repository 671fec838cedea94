"""Read a CSV file of numbers strictly: errors that other readers ignore are raised or reported.

Steps: decode the bytes, detect the layout, parse the selected columns, drop columns that are not measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io._csv_layout import (
    Layout,
    dropped_columns_finding,
    positional_names,
    read_layout,
)
from pdmr_classic.io._csv_parse import parse_columns
from pdmr_classic.storage.bytes import decode_text, hash_bytes, read_bytes
from pdmr_classic.text import format_count

# Columns that do not describe behaviour: row counters, identifiers and labels.
_BOOKKEEPING = frozenset(
    {"", "index", "id", "data_id", "subject_id", "participant_id", "label", "status", "severity", "face"}
)


@dataclass(frozen=True)
class Table:
    """Numeric columns of a CSV file.

    Attributes
    ----------
    columns : dict of str to ndarray of float64, shape [T]
        In file order; NaN for missing and infinite values. Columns without a header, or with the header `0, 1, …`
        that pandas writes for a matrix, are named `ch000`, `ch001`, …
    has_header : bool
    content : str
        Hash of the file's bytes (xxh3, 128 bit).
    findings : tuple of Finding
        Problems that did not prevent reading.
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


def read_table(
    path: str | Path, select: _Select | None = None, must_be_numeric: Callable[[str], bool] | None = None
) -> Table:
    """Read a numeric CSV file.

    Parameters
    ----------
    path : path-like
    select : callable, optional
        Maps the names in the header to those to read (default: all).
    must_be_numeric : callable, optional
        Whether a column of this name must hold numbers. Any other text column is left out, with a finding.

    Raises
    ------
    DataError
        The file is not a table of numbers; row and column are given if they are known.
    """
    path = Path(path)
    raw = read_bytes(path)
    data, findings = decode_text(raw, path)
    data, layout = read_layout(data, path)
    findings += layout.findings
    dropped = [name for name in layout.names if _is_bookkeeping(name, layout)]
    names = [name for name in layout.names if name not in set(dropped)] if dropped else layout.names
    if dropped:
        findings.append(dropped_columns_finding(path, dropped, "row numbers, identifiers or labels"))
    if layout.has_header and select is not None:
        names = list(select(names))
    columns, parse_findings = parse_columns(data, layout, names, path, must_be_numeric or (lambda name: False))
    findings += parse_findings
    if not data.endswith((b"\n", b"\r")):
        findings.append(
            Finding(
                "no-final-newline",
                "the last line does not end with a newline: the file may be truncated",
                file=path,
                hint="check the last value; export the file again if digits are missing",
            )
        )
    columns, drop_findings = _drop_trailing_column(columns, layout, path)
    findings += drop_findings
    if not layout.has_header:
        columns, drop_findings = _drop_row_counter(columns, path)
        findings += drop_findings
    findings += _mask_non_finite(columns, path)
    content = hash_bytes(raw)
    return Table(path, columns, layout.has_header, content, tuple(findings), layout.header_lines + 1)


def _is_bookkeeping(name: str, layout: Layout) -> bool:
    if not layout.has_header or (layout.ends_with_delimiter and name == layout.names[-1]):
        return False
    return name.lower() in _BOOKKEEPING or name.startswith("Unnamed: ")


# ------------------------------------------------------------------------------------------------ values


def _drop_trailing_column(
    columns: dict[str, Floats], layout: Layout, path: Path
) -> tuple[dict[str, Floats], list[Finding]]:
    """Drop the empty column caused by a delimiter at the end of each row, or a last column without a name."""
    last = layout.names[-1]
    if not layout.ends_with_delimiter or last not in columns or (len(columns) == 1 and not layout.has_header):
        return columns, []
    is_empty = bool(np.isnan(columns[last]).all())
    if not is_empty and not layout.has_header:
        return columns, []
    remaining = {name: values for name, values in columns.items() if name != last}
    if not is_empty:
        return remaining, [dropped_columns_finding(path, [last], "no name")]
    what = "every row ends with a delimiter; the empty last column was left out"
    return remaining, [Finding("trailing-comma", what, file=path)]


def _drop_row_counter(columns: dict[str, Floats], path: Path) -> tuple[dict[str, Floats], list[Finding]]:
    """Drop a first column that only counts rows; the other columns are renumbered."""
    counter, *measurements = columns.values()
    if (
        len(counter) < 3
        or not measurements
        or counter[0] not in (0.0, 1.0)
        or not np.array_equal(np.diff(counter), np.ones(len(counter) - 1))
    ):
        return columns, []
    renamed = dict(zip(positional_names(len(measurements)), measurements, strict=True))
    return renamed, [dropped_columns_finding(path, ["the first"], "row numbers")]


def _mask_non_finite(columns: dict[str, Floats], path: Path) -> list[Finding]:
    """Replace values outside the float32 range by NaN, in place, and report missing and infinite values."""
    limit = float(np.finfo(np.float32).max)
    n_missing = n_infinite = 0
    for name, values in columns.items():
        invalid = ~(np.abs(values) <= limit)
        n_invalid = int(np.count_nonzero(invalid))
        if n_invalid:
            n_nan = int(np.count_nonzero(np.isnan(values)))
            n_missing += n_nan
            n_infinite += n_invalid - n_nan
            columns[name] = np.where(invalid, np.nan, values)
    findings = []
    if n_missing:
        findings.append(
            Finding("nan", "some values are missing (NaN)", file=path, found=format_count(n_missing, "value"))
        )
    if n_infinite:
        findings.append(
            Finding(
                "infinite",
                "some values are infinite and treated as missing (NaN)",
                file=path,
                found=format_count(n_infinite, "value"),
            )
        )
    return findings
