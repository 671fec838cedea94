"""Columns that name the recording: one file is one recording, so each must have a single value.

A table of a whole corpus, one row or more per recording, would otherwise be read as the frames of one recording.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from pathlib import Path

from pdmr_classic.errors import DataError
from pdmr_classic.io.tables._numbers import is_missing_word, is_number, parse_number
from pdmr_classic.io.tables.bookkeeping import strip_name
from pdmr_classic.text import format_count, format_quoted

# Counters (index, row), parts of a recording (session, event, clip, segment, start, end) and labels may change.
_RECORDINGS = frozenset(
    (
        *("dataid", "subjectid", "subject", "participantid", "participant", "patientid", "patient"),
        *("personid", "person", "pid", "sid", "uid", "userid", "videoid", "audioid", "video", "input", "file"),
        *("filename", "filepath", "path", "videopath", "name", "recording", "recordingid", "gamefile"),
    )
)
# Often the number of the row, but not always.
_IDS = frozenset(("id", "ids"))
_CHECKED = _RECORDINGS | _IDS
# Names or numbers of faces, which the reader of streams tells apart.
_FACES = ("identity", "face")
# Paths to the images of the frames of one video.
_IMAGES = re.compile(r".*\.(png|jpe?g|bmp|tiff?|webp)['\"]?", re.IGNORECASE | re.DOTALL)
_N_SHOWN = 3
# A counter may skip rows that were removed.
_MIN_REGULAR_SHARE = 0.9


def has_identifiers(names: Sequence[str]) -> bool:
    """Return whether some of these columns must be checked."""
    return any(_key(name) in _CHECKED for name in names)


def read_identifiers(
    read_text: Callable[[list[str]], dict[str, list[str]]], names: Sequence[str], path: Path, first_row: int
) -> dict[str, tuple[str, ...]]:
    """Return the distinct values of the columns that name a recording, at most three of each.

    Raises
    ------
    DataError
        Such a column has several values: the file holds several recordings.
    """
    identifiers = {}
    for name, cells in read_text([name for name in names if _key(name) in _CHECKED]).items():
        rows = _first_rows(cells)
        identifiers[name] = tuple(islice((cell for cell, _ in rows.values()), _N_SHOWN))
        if len(rows) > 1 and not _is_counter(name, rows, cells) and not all(map(_IMAGES.fullmatch, rows)):
            raise _several_error(name, rows, path, first_row)
    return identifiers


def read_faces(read_text: Callable[[list[str]], dict[str, list[str]]], names: Sequence[str]) -> list[str] | None:
    """Return the name of the face of each row, "" if unknown; None if no column tells faces apart."""
    columns = [name for name in names if _key(name) in _FACES]
    for cells in read_text(columns).values() if columns else ():
        if len(_first_rows(cells)) > 1:
            return ["" if is_missing_word(name := _strip(cell)) else name for cell in cells]
    return None


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", strip_name(name).casefold())


def _first_rows(cells: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the distinct values, each as written and with its first row; 300 and 300.0 are one value."""
    rows: dict[str, tuple[str, int]] = {}
    written = {cell: row for row, cell in reversed(list(enumerate(cells)))}
    for cell, row in sorted(written.items(), key=lambda item: item[1]):
        if value := _value(cell):
            rows.setdefault(value, (_strip(cell), row))
    return rows


def _value(cell: str) -> str:
    """Return what is equal for equal values, however they are written; "" if unknown."""
    text = _strip(cell)
    if is_number(text):
        number = parse_number(text)
        return "" if number != number else repr(number)
    return "" if is_missing_word(text) else text.casefold()


def _strip(cell: str) -> str:
    return cell.strip().strip("'\"")


def _is_counter(name: str, rows: dict[str, tuple[str, int]], cells: Sequence[str]) -> bool:
    """Return whether an `id` counts the rows: different in each, and rising by one in most."""
    if _key(name) not in _IDS or len(rows) < len(cells) or not all(map(is_number, rows)):
        return False
    numbers = [float(value) for value in rows]
    steps = [after - before for before, after in pairwise(numbers)]
    return min(steps) > 0 and steps.count(1.0) >= _MIN_REGULAR_SHARE * len(steps)


def _several_error(name: str, rows: dict[str, tuple[str, int]], path: Path, first_row: int) -> DataError:
    values = [cell for cell, _ in rows.values()]
    _, (_, second) = list(rows.items())[1]
    return DataError(
        "the file holds several recordings",
        code="several-recordings",
        file=path,
        row=first_row + second,
        column=name,
        expected="one recording per file: the same value in each row",
        found=f"{format_count(len(values), 'value')}: {format_quoted(values, _N_SHOWN)}",
        hint="write the rows of each value into a file of their own, or remove the column if it means something else",
    )
