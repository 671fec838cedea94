"""`results.jsonl`: one line per recording, sorted by data_id, written whole or not at all; and the notes beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.errors import DataError, target_errors
from pdmr_classic.io.labels import read_labels
from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, write_text_atomic
from pdmr_classic.text import to_json

_NOTES_SCHEMAS = "pdmr-classic/notes/"
NOTES_SCHEMA = f"{_NOTES_SCHEMAS}1"
_DECIMALS = 6
PROBABILITY_PREFIX = "probability_"


def write_results(predictions: pd.DataFrame, path: str | Path, *, proba: bool = False) -> Path:
    """Write predictions in the form of the PDMR challenge.

    Parameters
    ----------
    predictions : DataFrame
        Index `data_id`; column `status`, and `probability` or `probability_<class>` as `DepressionModel.predict`
        returns them.
    path : path-like
    proba : bool
        Add `"probability"` (of the positive class), or `"probabilities"` of every class.

    Raises
    ------
    TargetError
        The file cannot be written; an older one is left as it was.

    Examples
    --------
    >>> import tempfile
    >>> index = pd.Index(["002", "001"], name="data_id")
    >>> predictions = pd.DataFrame({"status": ["Normal", "Depression"], "probability": [0.25, 0.75]}, index)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(write_results(predictions, f"{folder}/results.jsonl", proba=True).read_text(), end="")
    {"data_id": "001", "status": "Depression", "probability": 0.75}
    {"data_id": "002", "status": "Normal", "probability": 0.25}
    """
    lines = []
    for data_id, row in predictions.sort_index().iterrows():
        record: dict[str, Any] = {"data_id": data_id, "status": row["status"]}
        if proba:
            record |= _probabilities(row)
        lines.append(to_json(record) + "\n")
    return write_text_atomic(path, "".join(lines))


def _probabilities(row: pd.Series) -> dict[str, Any]:
    if "probability" in row:
        return {"probability": round(float(row["probability"]), _DECIMALS)}
    classes = [name for name in row.index if name.startswith(PROBABILITY_PREFIX)]
    return {
        "probabilities": {name.removeprefix(PROBABILITY_PREFIX): round(float(row[name]), _DECIMALS) for name in classes}
    }


def notes_path(results: Path) -> Path:
    """Return where the notes on a results file stand.

    Examples
    --------
    >>> notes_path(Path("results.jsonl")).as_posix()
    'results.notes.json'
    """
    return results.with_suffix(".notes.json")


def check_notes_writable(results: Path) -> None:
    """Raise now what `write_notes` would raise after long work.

    Raises
    ------
    TargetError
        Notes cannot be written there, or another file stands in their place.
    """
    check_writable(notes_path(results))
    refuse_foreign_file(notes_path(results), _NOTES_SCHEMAS, "the notes on the results")


def has_notes(predictions: pd.DataFrame) -> bool:
    """Return whether there is something to note: training recordings, or recordings that were left out."""
    return bool(_notes(predictions))


def write_notes(predictions: pd.DataFrame, results: Path) -> Path | None:
    """Write beside results what they do not say: which are of training recordings, and which recordings have none.

    Without any, notes on older results are removed.

    Raises
    ------
    TargetError
    """
    path = notes_path(results)
    check_notes_writable(results)
    if not has_notes(predictions):
        with target_errors(path):
            path.unlink(missing_ok=True)
        return None
    return write_text_atomic(path, to_json({"schema": NOTES_SCHEMA, **_notes(predictions)}, indent=1) + "\n")


def _notes(predictions: pd.DataFrame) -> dict[str, Any]:
    return {name: predictions.attrs[name] for name in ("overlap", "skipped") if name in predictions.attrs}


def read_results(path: str | Path) -> pd.DataFrame:
    """Read a results file: index `data_id`, column `status`, and `probability` (float) where every line has one.

    Raises
    ------
    DataError
        The file cannot be read, or a line lacks `data_id` or `status`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "results.jsonl"
    ...     _ = path.write_text('{"data_id": "001", "status": "Depression", "probability": 0.75}')
    ...     read_results(path).loc["001"].to_dict()
    {'status': 'Depression', 'probability': 0.75}
    """
    path = Path(path)
    frame, _ = read_labels(path)
    if "status" not in frame or (frame["status"] == "").any():
        raise DataError(
            "a result has no status",
            code="no-status",
            file=path,
            expected='{"data_id": …, "status": …}',
            found=", ".join(frame.columns),
        )
    if "probability" not in frame:
        return frame[["status"]]
    probability = pd.to_numeric(frame["probability"], errors="coerce")
    if not probability.between(0, 1).all():
        row = frame.index[~probability.between(0, 1)][0]
        raise DataError(
            "a probability is none",
            code="bad-probability",
            file=path,
            column="probability",
            expected="a number from 0 to 1",
            found=f"{frame['probability'][row]!r} for {row!r}",
        )
    return frame[["status"]].assign(probability=probability)
