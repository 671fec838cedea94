"""Cells that are not numbers: read what is certain and say so, refuse the rest in one message.

The known words for missing values become NaN, columns of truth values 1 and 0, clock times in a time column seconds.
A column without any number is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables._numbers import is_missing_word, parse_clock, parse_number, parse_truth_value
from pdmr_classic.io.tables.bookkeeping import column_role
from pdmr_classic.text import format_count, format_list, format_quoted

_UNITS = "%|mm|cm|m|ms|s|sec|min|deg|degrees|°|rad|px|pixels?|hz|khz|db|fps|bpm"
# Numbers in another spelling: never left out as text.
_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[-+]?[\d.,]+ ?%"), "remove the percent signs"),
    (re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?"), "remove the thousands separators, or export with decimal points"),
    (re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?"), "export the file with decimal points instead of decimal commas"),
    (re.compile(rf"[-+]?\d[\d.,]*(e[-+]?\d+)? ?({_UNITS})", re.IGNORECASE), "remove the units from the cells"),
)
_HINTS = (
    *_SPELLINGS,
    (re.compile(r"\d+:\d+(:\d+)*([.,]\d+)?"), "export the times in seconds"),
    (re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*"), "export times in seconds, and remove dates"),
    (re.compile(r"\[.*\]|\(.*\)", re.DOTALL), "write each number into a column of its own"),
)
_HINT = "correct the value, or leave it empty if it is unknown"


@dataclass
class Cells:
    """Columns of numbers, and the cells in them that are not numbers.

    Attributes
    ----------
    values : dict of str to ndarray, shape [T]
        NaN where the cell is missing or text.
    text : dict of str to dict of int to str
        The text cells of each column that has some, by row counted from 0.
    lines : sequence of int, length T
        Line of the file of each row.
    """

    values: dict[str, Floats]
    text: dict[str, dict[int, str]] = field(default_factory=dict)
    lines: Sequence[int] = ()


def parse_cells(cells: Iterable[str | None]) -> tuple[Floats, dict[int, str]]:
    """Return the numbers of a column of text, NaN where there is none, and the cells that are not numbers."""
    values, text = [], {}
    for row, cell in enumerate(cells):
        try:
            values.append(parse_number((cell or "").strip()))
        except ValueError:
            values.append(np.nan)
            text[row] = str(cell).strip()
    return np.array(values, dtype=np.float64), text


def read_text_cells(
    cells: Cells, path: Path, must_be_numeric: Callable[[str], bool]
) -> tuple[dict[str, Floats], list[Finding]]:
    """Return the columns with their text cells read as numbers, and what was read and left out.

    Raises
    ------
    DataError
        A column of numbers, or one that must hold numbers, has other text; or no column contains numbers.
    """
    columns = dict(cells.values)
    words: dict[str, Counter[str]] = {}
    truths, clocks, no_numbers = [], [], []
    refused: dict[str, dict[int, str]] = {}
    for name, text in cells.text.items():
        rest = {row: cell for row, cell in text.items() if not is_missing_word(cell)}
        if not rest or len(rest) < len(text):
            words[name] = Counter(cell for row, cell in text.items() if row not in rest)
        if not rest:
            continue
        values = columns[name]
        if _fill(values, rest, parse_truth_value, allowed=(0.0, 1.0)):
            truths.append(name)
        elif column_role(name) == "time" and _fill(values, rest, parse_clock):
            clocks.append(f"{name!r}: {next(iter(rest.values()))} as {values[next(iter(rest))]:.14g} s")
        elif must_be_numeric(name) or not np.isnan(values).all() or _is_number_in_words(name, rest.values()):
            refused[name] = rest
        else:
            no_numbers.append(name)
    if refused:
        raise _text_error(refused, cells, path)
    if no_numbers and len(no_numbers) == len(columns):
        raise no_numbers_error(path, next(iter(cells.text[no_numbers[0]].values())))
    return (
        {name: values for name, values in columns.items() if name not in no_numbers},
        _report(words, truths, clocks, no_numbers, path),
    )


def _fill(
    values: Floats, text: dict[int, str], parse: Callable[[str], float | None], allowed: tuple[float, ...] = ()
) -> bool:
    """Set the text cells of a column in place if all can be parsed, and its numbers are among the allowed ones."""
    parsed = [parse(cell) for cell in text.values()]
    numbers = values[~np.isnan(values)]
    if None in parsed or not np.isin(numbers, allowed).all():
        return False
    values[list(text)] = np.array(parsed, dtype=np.float64)
    return True


def _is_number_in_words(name: str, cells: Iterable[str]) -> bool:
    """Return whether all cells are numbers in another spelling, such as `12 mm`, `95%` or `0,5`, or a clock in ms."""
    if column_role(name) in ("time", "time_ms"):
        return True
    return all(any(pattern.fullmatch(cell) for pattern, _ in _SPELLINGS) for cell in cells)


def _report(
    words: dict[str, Counter[str]], truths: list[str], clocks: list[str], no_numbers: list[str], path: Path
) -> list[Finding]:
    findings = []
    words = {name: counts for name, counts in words.items() if name not in no_numbers}
    if words:
        found = format_list(
            f"{word!r} in column {name!r} ({format_count(n, 'cell')})"
            for name, counts in words.items()
            for word, n in counts.most_common()
        )
        what = "words for missing values were read as missing (NaN)"
        findings.append(Finding("missing-words", what, file=path, found=found))
    if truths:
        what = "true and false, or yes and no, were read as 1 and 0"
        findings.append(Finding("truth-values", what, file=path, found=f"columns {format_quoted(truths)}"))
    if clocks:
        findings.append(Finding("clock", "clock times were read as seconds", file=path, found=format_list(clocks)))
    if no_numbers:
        findings.append(dropped_columns_finding(path, no_numbers, "no numbers"))
    return findings


def _text_error(refused: dict[str, dict[int, str]], cells: Cells, path: Path) -> DataError:
    """Return one error for all columns with text: the first cell, and the number of cells in each column."""
    row, name = min((min(text), name) for name, text in refused.items())
    cell = refused[name][row]
    counts = {name: format_count(len(text), "cell") for name, text in refused.items()}
    if len(refused) > 1:
        what = f"numeric columns contain text: {format_list(f'{name!r} ({n})' for name, n in counts.items())}"
    else:
        what = "a numeric column contains text" + (f" in {counts[name]}" if len(refused[name]) > 1 else "")
    return DataError(
        what,
        code="text-in-number-column",
        file=path,
        row=cells.lines[row],
        column=name,
        expected="a number",
        found=repr(cell[:60]),
        hint=_choose_hint(cell, {row for text in refused.values() for row in text}, len(cells.lines)),
    )


def _choose_hint(cell: str, rows: set[int], n_rows: int) -> str:
    hint = next((hint for pattern, hint in _HINTS if pattern.fullmatch(cell)), "")
    if hint or n_rows < 3 or len(rows) > 1:
        return hint or _HINT
    if rows == {0}:
        return "remove this row if it holds units or is a second line of the header; otherwise correct the value"
    return (
        "remove this row if it is a total or a comment; otherwise correct the value" if rows == {n_rows - 1} else _HINT
    )


def no_numbers_error(path: Path, found: str) -> DataError:
    """Return the error for a file without a numeric column."""
    return DataError(
        "no column contains numbers",
        code="no-numbers",
        file=path,
        expected="rows of numbers",
        found=repr(found[:60]),
        hint="export it again, or remove it",
    )


def dropped_columns_finding(path: Path, names: Sequence[str], reason: str) -> Finding:
    """Return the finding for columns that are ignored."""
    columns = "column" if len(names) == 1 else "columns"
    return Finding("dropped-column", f"{columns} ignored: {reason}", file=path, found=format_quoted(names))
