"""How a file is written: decimals, header, delimiter, first frame: no behaviour, but it can tell classes apart.

Only the start of a file is read, as text; the readers in `tables` parse the values.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pdmr_classic.io.tables.bookkeeping import Role, column_role
from pdmr_classic.io.tables.table_files import TEXT_SUFFIXES, is_compressed, table_suffix
from pdmr_classic.storage.bytes import read_start

_HEAD_BYTES = 1 << 16
# Enough to tell how numbers are written, at a small share of the time it takes to parse a file.
_MAX_ROWS, _MAX_CELLS = 10, 500
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t", " ")
_NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")
_DECIMALS = re.compile(r"\.(\d+)(?:[eE]([-+]?\d+))?")

CATEGORIES = ("file_type", "delimiter", "header")
"""Conditions whose numbers are codes without an order."""


def describe_format(path: Path) -> dict[str, float]:
    r"""Return how a file is written, as numbers; NaN where a file of this type has no such property.

    Returns
    -------
    dict of str to float
        `file_type`, `delimiter` and `header` (codes, see `CATEGORIES`), `is_compressed`, `n_columns`, `bytes_per_row`,
        `decimals_mean` and `decimals_max` (digits after the decimal point, without trailing zeros), `zeros_mean`
        (trailing zeros), `has_exponents`, `first_frame`, `first_time`, `has_windows_newlines`, `has_bom`, `has_quotes`,
        `has_blanks` (after delimiters).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "001.csv"
    ...     _ = path.write_text("frame,AU12_r\n7,0.25\n8,1.50\n")
    ...     facts = describe_format(path)
    >>> facts["first_frame"], facts["decimals_max"], facts["n_columns"]
    (7.0, 2.0, 2.0)
    """
    suffix = table_suffix(path)
    facts = {"file_type": _code(suffix), "is_compressed": float(is_compressed(path))}
    head = b"" if suffix not in TEXT_SUFFIXES else _read_head(path)
    return facts | _describe_text(head)


def _read_head(path: Path) -> bytes:
    try:
        head = read_start(path, _HEAD_BYTES)
        return zlib.decompressobj(wbits=31).decompress(head, _HEAD_BYTES) if is_compressed(path) else head
    except (OSError, zlib.error):
        return b""  # the reader reports the reason


def _describe_text(head: bytes) -> dict[str, float]:
    lines = [line for line in head.decode("utf-8", "replace").lstrip("\ufeff").splitlines() if line.strip()]
    # The last line may be cut.
    lines = lines[:-1] if len(head) >= _HEAD_BYTES and len(lines) > 1 else lines
    delimiter = max(_DELIMITERS, key=lines[0].count) if lines else ","
    cells = [line.split(delimiter) for line in lines[: _MAX_ROWS + 1]]
    has_header = bool(cells) and not any(np.isfinite(_to_number(cell)) for cell in cells[0])
    header, rows = (cells[0], cells[1:]) if has_header else ([], cells)
    values = [cell for row in rows for cell in row]
    return {
        "delimiter": _code(delimiter) if lines else np.nan,
        "header": _code(",".join(map(_strip, header))) if lines else np.nan,
        "n_columns": float(len(cells[0])) if lines else np.nan,
        "bytes_per_row": float(np.mean([len(line) for line in lines[-len(rows) :]])) if rows else np.nan,
        **_describe_numbers([_strip(cell) for cell in values[:: len(values) // _MAX_CELLS + 1]]),
        **_describe_clocks(header, rows),
        "has_windows_newlines": float(b"\r\n" in head) if lines else np.nan,
        "has_bom": float(head.startswith(_BOM)) if lines else np.nan,
        "has_quotes": float(b'"' in head) if lines else np.nan,
        "has_blanks": float(f"{delimiter} ".encode() in head) if lines else np.nan,
    }


def _describe_numbers(cells: Sequence[str]) -> dict[str, float]:
    written = [match for cell in cells if "." in cell and (match := _DECIMALS.search(cell))]
    digits = np.array([len(match[1]) for match in written], dtype=np.float64)
    used = np.array([max(len(match[1].rstrip("0")) - int(match[2] or 0), 0) for match in written], dtype=np.float64)
    return {
        "decimals_mean": float(used.mean()) if len(used) else 0.0,
        "decimals_max": float(used.max()) if len(used) else 0.0,
        "zeros_mean": float((digits - [len(m[1].rstrip("0")) for m in written]).mean()) if len(used) else 0.0,
        "has_exponents": float(any("e" in cell.lower() and _NUMBER.fullmatch(cell) for cell in cells)),
    }


def _describe_clocks(header: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, float]:
    first = rows[0] if rows else []
    clocks: dict[str, tuple[Role, ...]] = {"first_frame": ("frame",), "first_time": ("time", "time_ms")}
    found = {role: _to_number(cell) for name, cell in zip(header, first, strict=False) if (role := column_role(name))}
    return {name: next((found[role] for role in roles if role in found), np.nan) for name, roles in clocks.items()}


def _strip(cell: str) -> str:
    return cell.strip(" \"'")


def _to_number(cell: str) -> float:
    return float(text) if _NUMBER.fullmatch(text := _strip(cell)) else np.nan


def _code(text: str) -> float:
    """Return a number that stands for a text; exact in JSON and in float64."""
    return float(zlib.crc32(text.encode()))
