"""Results as the text of a file: JSON lines, a JSON array, or CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.errors import ConfigError, DataError, TargetError
from pdmr_classic.storage.atomic import check_writable
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.text import to_json

RESULT_SUFFIXES = (".jsonl", ".json", ".csv")
# A spreadsheet would run such a cell as a formula. An apostrophe in front makes it text; `read_text_cells` removes it.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_ESCAPED = re.compile(r"''*[=+\-@\t\r]")
_CSV_COLUMNS = {"data_id", "status", "probability", "severity", "severity_class", "label_set"}
_CSV_PREFIXES = ("probability_", "severity_")


def check_target(path: Path) -> None:
    """Check before long work that results can be written to a path.

    Raises
    ------
    ConfigError
        The suffix is not known, or the name is that of a label table.
    TargetError
        The file cannot be written, or another file would be overwritten.
    """
    check_writable(path, RESULT_SUFFIXES)
    if path.stem.casefold() == "labels":
        raise ConfigError(
            "the name of the output file is that of a label table",
            file=path,
            expected="for example results.jsonl",
            hint="choose a different --out",
        )
    if path.exists() and not _is_results_file(path):
        raise TargetError(
            "the results would overwrite another file",
            file=path,
            expected="no file, or results written by pdmr-classic",
            found="a different file",
            hint="choose a different --out",
        )


def _is_results_file(path: Path) -> bool:
    """Return whether a file may be overwritten: of .json, no manifest, and of .csv, no table."""
    try:
        if path.suffix == ".json":
            rows = json.loads(read_bytes(path))
            return isinstance(rows, list) and all(isinstance(row, dict) and "data_id" in row for row in rows)
        if path.suffix == ".csv":
            header = next(csv.reader(read_bytes(path).decode().splitlines()), [])
            return header[:1] == ["data_id"] and all(map(_is_results_column, header))
        # Of .jsonl, anything but a file with a schema, such as the ledger of submissions: other programs write it, too.
        first = read_bytes(path).partition(b"\n")[0]
        return b'"schema"' not in first
    except (DataError, ValueError, RecursionError, csv.Error):
        return False


def _is_results_column(name: str) -> bool:
    return name in _CSV_COLUMNS or name.startswith(_CSV_PREFIXES)


def format_results(
    records: Sequence[Mapping[str, Any]], suffix: str, columns: Sequence[str], prefixes: Mapping[str, str]
) -> str:
    r"""Return the text of a results file.

    Parameters
    ----------
    records : sequence of mapping
        One per recording.
    suffix : str
        .jsonl, .json or .csv.
    columns : sequence of str
        Of a CSV file without records.
    prefixes : mapping of str to str
        In CSV, the keys of a nested object are columns; the prefix of their names, by the name of the object.

    Examples
    --------
    >>> record = {"data_id": "001", "probabilities": {"a": 0.5}}
    >>> print(format_results([record], ".csv", [], {"probabilities": "p_"}), end="")
    data_id,p_a
    001,0.5
    """
    if suffix == ".csv":
        return _format_csv([_flatten(record, prefixes) for record in records], columns)
    lines = [to_json(record) for record in records]
    if suffix == ".jsonl":
        return "".join(f"{line}\n" for line in lines)
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n]\n" if lines else "[]\n"


def _flatten(record: Mapping[str, Any], prefixes: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in record.items():
        if name == "severity_interval":
            row |= dict(zip(("severity_low", "severity_high"), value, strict=True))
        elif isinstance(value, dict):
            row |= {f"{prefixes[name]}{label}": probability for label, probability in value.items()}
        else:
            row[name] = to_json(value) if isinstance(value, list) else value
    return row


def _format_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row)) or list(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_escape_formula, names))
    writer.writerows([_escape_formula(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _escape_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def read_text_cells(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the cells of results without the apostrophes that protect a spreadsheet from formulas.

    Examples
    --------
    >>> frame = pd.DataFrame({"status": ["'=1", "it's"]}, ["'-1", "a"])
    >>> read_text_cells(frame, Path("r.csv")).to_dict()
    {'status': {'-1': '=1', 'a': "it's"}}
    """
    if path.suffix.lower() != ".csv":
        return frame
    cells = frame.map(_unescape_formula).astype(object)
    ids = [_unescape_formula(data_id) for data_id in frame.index]
    return cells.set_axis(pd.Index(ids, dtype=frame.index.dtype, name=frame.index.name))


def _unescape_formula(cell: str) -> str:
    return cell[1:] if _ESCAPED.match(cell) else cell
