"""Names of the components of an audio file.

Names that only count columns (`feat_0`, `V1`, `0`) are no names: such a file is read by position, in the order of its
numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.audio._components import Components
from pdmr_classic.io.tables.bookkeeping import strip_name
from pdmr_classic.io.tables.text_cells import dropped_columns_finding
from pdmr_classic.text import format_quoted

_NUMBERED = re.compile(r"(.*?)[\s_.\-\[(#]*([0-9]{1,6})[\])]?")
# Stems that say nothing about a column. Others (mfcc, hubert) are part of its name.
_STEMS = frozenset(
    (
        *("", "att", "attr", "attribute", "audio", "audiofeature", "audiovector", "ch", "channel", "col", "column"),
        *("comp", "component", "coord", "dim", "dimension", "elem", "element", "emb", "embed", "embedding", "feat"),
        *("feature", "features", "field", "idx", "item", "netvlad", "unnamed", "v", "val", "value", "values", "var"),
        *("variable", "vec", "vector", "vlad", "x"),
    )
)
# In few columns, f0 is pitch, f1 a formant and c0 a cepstrum.
_LETTERS, _MIN_LETTER_COLUMNS = frozenset("acdefinz"), 64
# The name that pandas gives to the second and further columns with the same name, here a number.
_MANGLED_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+(e[+-]?[0-9]+)?(\.[0-9]+)?", re.IGNORECASE)
# Fewer columns could be numbered by chance.
_MIN_SHUFFLED = 8


def name_by_header(components: Components, header: Sequence[str]) -> Components:
    """Name the components as in the header; sort them if the header only numbers them.

    Raises
    ------
    DataError
        Several components have the same name.
    """
    names = _strip_names(tuple(header))
    if all(map(_MANGLED_NUMBER.fullmatch, names)) and not all(name.isdigit() for name in names):
        finding = Finding(
            "numbers-as-names",
            "the names of the columns are numbers, probably the first row of the matrix: they were not used",
            file=components.path,
            row=1,
            found=format_quoted(names, 3),
            hint="save the matrix without a header",
        )
        return components.add(finding)
    numbers = _count_columns(names)
    if numbers is None:
        components = replace(components, names=_clean_names(names))
        _refuse_repeated(components)
        return components
    return _sort_by_number(components, numbers, names)


# Files of one data set share their header.
@lru_cache(maxsize=64)
def _strip_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(strip_name, names))


@lru_cache(maxsize=64)
def _count_columns(names: tuple[str, ...]) -> list[int] | None:
    """Return the number of each column if the names only count, from 0 or 1; None if they are names."""
    if len(names) == 1:
        return [0] if _is_stem(names[0].rstrip("0123456789"), 1) else None
    matches = [_NUMBERED.fullmatch(name) for name in names]
    if not all(matches):
        return None
    stems = {match[1] for match in matches if match}
    numbers = [int(match[2]) for match in matches if match]
    lowest = min(numbers)
    counts = lowest in (0, 1) and sorted(numbers) == list(range(lowest, lowest + len(numbers)))
    return numbers if len(stems) == 1 and _is_stem(stems.pop(), len(names)) and counts else None


def _is_stem(text: str, n_columns: int) -> bool:
    stem = re.sub(r"[\W_]", "", text.casefold())
    return stem in _STEMS or (stem in _LETTERS and n_columns >= _MIN_LETTER_COLUMNS)


def _sort_by_number(components: Components, numbers: Sequence[float], names: Sequence[str]) -> Components:
    order = np.argsort(numbers, kind="stable")
    if (np.diff(order) == 1).all():
        return components
    what = "the numbers in the header are not in order; the components were sorted by them"
    finding = Finding("reordered", what, file=components.path, found=format_quoted(names, 3))
    return components.add(finding, matrix=components.matrix[:, order])


@lru_cache(maxsize=64)
def _clean_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that can end the name of a feature: `__` separates its parts, and a number stands for a position."""
    cleaned = (re.sub("_{2,}", "_", name).lstrip("_") for name in names)
    return tuple(f"column_{name}" if not name or name.isdigit() else name for name in cleaned)


def _refuse_repeated(components: Components) -> None:
    repeated = [name for name, n in Counter(components.names).items() if n > 1]
    if repeated:
        raise DataError(
            "several columns have the same name",
            code="duplicate-columns",
            file=components.path,
            expected="a name for each column",
            found=format_quoted(repeated),
            hint="rename the columns",
        )


# ---------------------------------------------------------------------------- headers that look like a row


def drop_numbered_row(components: Components) -> Components:
    """Take a first row of column numbers for the header that it is; the table reader knows only `0, 1, 2, …`."""
    first, matrix = components.matrix[0], components.matrix
    if len(matrix) < 2:
        return components
    is_series = matrix.shape[1] == 1
    if is_series:
        is_header = first[0] == 0 and len(matrix) > 3 and not _has_integers(matrix[1:])
        return _drop_header_row(components, [0]) if is_header else components
    has_index = bool(np.isnan(first[0]))
    numbers = first[has_index:]
    if not _is_numbering(numbers, matrix[1:, has_index:]):
        return components
    if has_index:
        dropped = dropped_columns_finding(components.path, ["the first"], "row numbers")
        components = components.add(dropped, matrix=matrix[:, 1:])
    return _drop_header_row(components, numbers.tolist())


def _drop_header_row(components: Components, numbers: Sequence[float]) -> Components:
    finding = Finding("numbered-header", "the first row numbers the columns and was not used", components.path, 1)
    components = components.add(finding, matrix=components.matrix[1:])
    return _sort_by_number(components, numbers, [f"{number:g}" for number in numbers])


def _is_numbering(numbers: Floats, rows: Floats) -> bool:
    n = len(numbers)
    if n < 3 or not np.isfinite(numbers).all() or numbers.min() not in (0, 1):
        return False
    counting = np.arange(n) + numbers.min()
    if np.array_equal(numbers, counting):
        return n >= _MIN_SHUFFLED or not _has_integers(rows)
    return n >= _MIN_SHUFFLED and np.array_equal(np.sort(numbers), counting) and not _has_integers(rows)


def _has_integers(rows: Floats) -> bool:
    return bool((rows == np.round(rows)).any())
