"""Read a table of numbers strictly: errors that other readers ignore are raised or reported.

Text (CSV and kin, ARFF), NumPy and Parquet files are opened by their own readers; the checks of the columns are the
same for all: columns that are not measurements are dropped, missing and infinite values are reported, and a table of
several recordings is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io.tables._csv_layout import positional_names
from pdmr_classic.io.tables._identifiers import has_identifiers, read_faces, read_identifiers
from pdmr_classic.io.tables._source import Source
from pdmr_classic.io.tables._text_source import TextSource
from pdmr_classic.io.tables.bookkeeping import column_role
from pdmr_classic.io.tables.table_files import is_compressed, table_suffix
from pdmr_classic.io.tables.text_cells import dropped_columns_finding
from pdmr_classic.storage.bytes import hash_bytes, read_bytes, unpack_gzip
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import format_count


@dataclass(frozen=True)
class Table:
    """Numeric columns of a file.

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
    first_row : int
        Line of the file with the first row.
    identifiers : dict of str to tuple of str
        The dropped columns that name a subject, recording or file, each with its first distinct values (at most
        three). Several values are possible only if they are the images of the frames.
    faces : list of str, length T, or None
        Name of the face of each row, if a dropped column names several faces; "" if unknown.
    """

    path: Path
    columns: dict[str, Floats]
    has_header: bool
    content: str
    findings: tuple[Finding, ...] = ()
    first_row: int = 1
    identifiers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    faces: list[str] | None = None

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))


_Select = Callable[[Sequence[str]], Sequence[str]]


def read_table(
    path: str | Path,
    select: _Select | None = None,
    must_be_numeric: Callable[[str], bool] | None = None,
) -> Table:
    """Read a table of numbers: .csv, .txt, .tsv, .npy, .npz, .parquet or .arff, each also with .gz.

    A file with another suffix is read as CSV.

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
        The file is not a table of numbers, or holds several recordings; row and column are given if they are known.
    """
    path = parse_location(path)
    raw = read_bytes(path)
    source = _open_source(unpack_gzip(raw, path) if is_compressed(path) else raw, path)
    findings = list(source.findings)
    names, dropped = _split_names(source)
    if dropped:
        findings.append(dropped_columns_finding(path, dropped, "row numbers, identifiers or labels"))
    if source.text_columns:
        names, declared = _drop_text_columns(names, source)
        if declared:
            findings.append(dropped_columns_finding(path, declared, "no numbers"))
    if source.has_header and select is not None:
        names = list(select(names))
    columns, parse_findings = source.read_numbers(names, must_be_numeric or (lambda name: False))
    findings += parse_findings
    identifiers = (
        read_identifiers(source.read_text, dropped, path, source.first_row) if has_identifiers(dropped) else {}
    )
    if not source.has_header:
        columns, drop_findings = _drop_row_counter(columns, path)
        findings += drop_findings
    findings += _mask_non_finite(columns, path)
    faces = read_faces(source.read_text, dropped)
    return Table(
        path, columns, source.has_header, hash_bytes(raw), tuple(findings), source.first_row, identifiers, faces
    )


def _open_source(data: bytes, path: Path) -> Source:
    # The readers of other formats are imported when they are needed.
    suffix = table_suffix(path)
    if suffix in (".npy", ".npz"):
        from pdmr_classic.io.tables._numpy_files import read_npy, read_npz

        return read_npy(data, path) if suffix == ".npy" else read_npz(data, path)
    if suffix == ".parquet":
        from pdmr_classic.io.tables._parquet_file import ParquetSource

        return ParquetSource(data, path)
    return TextSource(data, path, arff=suffix == ".arff")


def _split_names(source: Source) -> tuple[list[str], list[str]]:
    """Return the names of measurements and of columns for bookkeeping."""
    if not source.has_header:
        return source.names, []
    dropped = [name for name in source.names if _is_bookkeeping(name) and name != source.unnamed_last]
    unwanted = set(dropped)
    return ([name for name in source.names if name not in unwanted] if dropped else source.names), dropped


def _is_bookkeeping(name: str) -> bool:
    return column_role(name) in ("id", "label") or name.startswith("Unnamed: ")


def _drop_text_columns(names: list[str], source: Source) -> tuple[list[str], list[str]]:
    declared = set(source.text_columns)
    return [name for name in names if name not in declared], [name for name in names if name in declared]


# ------------------------------------------------------------------------------------------------ values


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
