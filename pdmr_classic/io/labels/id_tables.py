"""Recognise tables with one row per recording, such as labels and official splits, by their header and first rows."""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path

import pandas as pd

from pdmr_classic.io.tables.bookkeeping import column_role, strip_name
from pdmr_classic.io.tables.table_files import is_compressed, table_suffix
from pdmr_classic.storage.bytes import decode_text, read_bytes, read_start

SPLIT_COLUMN = "split"
"""Column of the labels with the split of each recording."""
TRAIN, DEV, TEST = "train", "dev", "test"
_SPLIT_NAMES = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("dev", "devel", "development", "val", "valid", "validation"), DEV),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
}
_TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
_HEAD_BYTES = 1 << 16
# Tables of labels are narrow; streams and vectors often are not, and are passed over quickly.
_MAX_COLUMNS = 200
# Columns that only streams have.
_STREAM_ROLES = {"frame", "time", "time_ms", "confidence", "success", "face"}
_TABLE_NAME = re.compile(r"(?:^|[\W_])(?:splits?|labels?|metadata)(?:[\W_]|$)", re.IGNORECASE)
_SPLIT_NAME = re.compile(r"(?:train|dev|test|full_test|val|validation)_splits?(?:[\W_]|$)", re.IGNORECASE)
# In the order of preference: a table of segments may also name the participant.
_ID_NAMES = ("dataid", "recordingid", "recording", "participantid", "participant", "videoid", "filename", "file", "id")


def split_name(value: str) -> str:
    """Return train, dev or test for the usual names of a split; other names stay as they are.

    Examples
    --------
    >>> [split_name(name) for name in ("Training", "val", "test", "fold 1")]
    ['train', 'dev', 'test', 'fold 1']
    """
    return _SPLIT_NAMES.get(value.strip().casefold(), value.strip())


def read_id_table(path: Path) -> pd.DataFrame | None:
    """Return the columns of a table as text, indexed by the ids of its rows; None if the file has no column of ids.

    Parameters
    ----------
    path : Path
        Separated by commas, semicolons or tabs, with a header.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    return _index_by_id(_parse_rows(decode_text(read_bytes(path), path)[0].decode("utf-8")))


def is_id_table(path: Path) -> bool:
    """Return whether a file describes recordings, one per row, instead of being one."""
    if table_suffix(path) == ".parquet":
        return _has_id_column(path)
    if table_suffix(path) not in _TABLE_SUFFIXES:
        return False
    if _SPLIT_NAME.match(path.name):
        return True
    text = _read_head(path)
    # Most files are recordings: their header says so, before the rows are parsed.
    first_line = next((line for line in text.split("\n") if line.strip()), "")
    if max(map(first_line.count, ",;\t")) >= _MAX_COLUMNS and "data_id" not in first_line:
        return False
    header = next(iter(_parse_rows(first_line)), [])
    names = [strip_name(name).casefold() for name in header]
    if "data_id" in names:
        return True
    if not names or "" in names[1:] or any(map(_is_number, names)):
        return False
    roles = {column_role(name) for name in header}
    describes_rows = "label" in roles or SPLIT_COLUMN in names or bool(_TABLE_NAME.search(path.name))
    if "id" not in roles or _STREAM_ROLES & roles or not describes_rows:
        return False
    table = _index_by_id(_parse_rows(text))
    return table is not None and len(table) > 1 and table.index.is_unique


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_id_column(path: Path) -> bool:
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            return "data_id" in pq.read_schema(file).names
    except (OSError, ValueError):  # reading the recording reports what is wrong
        return False


def _read_head(path: Path) -> str:
    """Return the first complete lines of a text file; none if it cannot be read."""
    try:
        if not path.is_file():  # opening a FIFO would wait for a writer
            return ""
        if is_compressed(path):
            with path.open("rb") as packed, gzip.open(packed) as file:
                head = file.read(_HEAD_BYTES)
        else:
            head = read_start(path, _HEAD_BYTES)
    except (OSError, EOFError):
        return ""
    complete = head if len(head) < _HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    return complete.decode("utf-8-sig", errors="replace")


def _parse_rows(text: str) -> list[list[str]]:
    lines = text.lstrip("\ufeff").splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        return []
    return [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]


def _index_by_id(rows: list[list[str]]) -> pd.DataFrame | None:
    if not rows:
        return None
    names = [strip_name(name) for name in rows[0]]
    place = _find_id_column(names)
    if place is None:
        return None
    cells = [[*row, *[""] * (len(names) - len(row))][: len(names)] for row in rows[1:]]
    frame = pd.DataFrame(cells, columns=names, dtype=object)
    return frame.set_axis(pd.Index([row[place] for row in cells], dtype=object, name="data_id"))


def _find_id_column(names: list[str]) -> int | None:
    keys = [re.sub(r"[\W_]", "", name.casefold()) for name in names]
    known = [keys.index(name) for name in _ID_NAMES if name in keys]
    other = [place for place, name in enumerate(names) if column_role(name) == "id" and name.casefold() != SPLIT_COLUMN]
    return next(iter([*known, *other]), None)
