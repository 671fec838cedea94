"""Read and write results (.jsonl, .json or .csv), one entry per recording sorted by data_id, and the notes on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.arrays import finite_or_none
from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding, wrap_os_errors
from pdmr_classic.io._results_text import (
    check_target,
    format_results,
    read_text_cells,
)
from pdmr_classic.io._severity_results import read_severity
from pdmr_classic.io.labels.classes import POSITIVE
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.storage.atomic import check_writable, refuse_foreign_file, write_text_atomic
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.text import format_quoted, to_json

_NOTES_SCHEMA_PREFIX = "pdmr-classic/notes/"
NOTES_SCHEMA = f"{_NOTES_SCHEMA_PREFIX}3"
# Reasons to write notes; without one, the results speak for themselves.
_DEVIATIONS = (
    "n_subjects",
    "prevalence",
    "prevalence_interval",
    "mismatch",
    "overlap",
    "skipped",
    "ids_without_recording",
    "n_uncertain",
)
_ORIGIN = ("positive", "threshold", "model_sha256", "seed")
_DECIMALS, _SCORE_DECIMALS = 6, 2
PROBABILITY_PREFIX = "probability_"
SEVERITY_PREFIX = "severity_p_"
_PREFIXES = {"probabilities": PROBABILITY_PREFIX, "severity_probabilities": SEVERITY_PREFIX}
UNCERTAIN = "Uncertain"
"""Status of a recording whose label set has more than one class, with `--abstain`."""


def write_results(predictions: pd.DataFrame, path: str | Path, *, proba: bool = False) -> Path:
    """Write predictions: as JSON lines, a JSON array of the same objects, or CSV, by the suffix of the path.

    Parameters
    ----------
    predictions : DataFrame
        Index `data_id`; column `status`, and `probability` or `probability_<class>`, as returned by
        `DepressionModel.predict`. Of `severity`, `severity_class`, `severity_low` with `severity_high`, and `label_set`
        (tuple of str), those that exist are written. `status` may be missing beside `severity`.
    path : path-like
        Ends in .jsonl, .json or .csv. In CSV, the ends of an interval and the probabilities have a column each, and
        text that a spreadsheet would run as a formula starts with an apostrophe, which `read_results` removes.
    proba : bool
        Add `"probability"` (of the positive class) or `"probabilities"` (of each class), and
        `"severity_probabilities"` if there are columns `severity_p_<class>`.

    Raises
    ------
    ConfigError
        The path has another suffix, or the name of a label table.
    TargetError
        The file cannot be written, or would overwrite a file that does not contain results; it is not changed.

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
    path = Path(path)
    check_target(path)
    records = []
    for data_id, row in predictions.sort_index().iterrows():
        record: dict[str, Any] = {"data_id": data_id}
        record |= {"status": row["status"]} if "status" in row else {}
        record |= _severity_fields(row)
        if proba:
            record |= _probabilities(row)
        records.append(record)
    columns = ["data_id", *(["status"] if "status" in predictions else [])]
    return write_text_atomic(path, format_results(records, path.suffix, columns, _PREFIXES))


def _severity_fields(row: pd.Series) -> dict[str, Any]:
    """Return score, class, interval and label set; null for the end of an interval that has none."""
    fields: dict[str, Any] = {}
    if "severity" in row:
        fields["severity"] = _round_score(row["severity"])
    if "severity_class" in row:
        fields["severity_class"] = row["severity_class"]
    if {"severity_low", "severity_high"} <= set(row.index):
        ends = (_round_score(row[name]) for name in ("severity_low", "severity_high"))
        fields["severity_interval"] = [finite_or_none(end) for end in ends]
    if "label_set" in row:
        fields["label_set"] = list(row["label_set"])
    return fields


def _round_score(score: float) -> float:
    return round(float(score), _SCORE_DECIMALS) + 0.0  # -0.0 becomes 0.0


def _probabilities(row: pd.Series) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "probability" in row:
        fields["probability"] = round(float(row["probability"]), _DECIMALS)
    for key, prefix in _PREFIXES.items():
        classes = [name for name in row.index if name.startswith(prefix)]
        if classes:
            fields[key] = {name.removeprefix(prefix): round(float(row[name]), _DECIMALS) for name in classes}
    return fields


def mark_uncertain(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return predictions with the status Uncertain where the label set has more than one class.

    Parameters
    ----------
    predictions : DataFrame
        Columns `status` and `label_set`.

    Returns
    -------
    DataFrame
        A copy; `attrs` also has `n_uncertain`.

    Raises
    ------
    ConfigError
        A class is called Uncertain.

    Examples
    --------
    >>> sets = [("Depression",), ("Depression", "Normal")]
    >>> marked = mark_uncertain(pd.DataFrame({"status": ["Depression", "Normal"], "label_set": sets}))
    >>> marked["status"].tolist(), marked.attrs
    (['Depression', 'Uncertain'], {'n_uncertain': 1})
    """
    if any(UNCERTAIN in labels for labels in predictions["label_set"]):
        raise ConfigError(
            f"--abstain is not possible: a class is called {UNCERTAIN}", hint="rename the class before training"
        )
    is_uncertain = predictions["label_set"].map(len).to_numpy() > 1
    marked = predictions.assign(status=predictions["status"].mask(is_uncertain, UNCERTAIN))
    marked.attrs |= {"n_uncertain": int(is_uncertain.sum())}
    return marked


def notes_path(results: Path) -> Path:
    """Return the path of the notes file of a results file; results of the same name do not share it.

    Examples
    --------
    >>> notes_path(Path("results.jsonl")).as_posix(), notes_path(Path("results.csv")).as_posix()
    ('results.notes.json', 'results.csv.notes.json')
    """
    if results.suffix in (".json", ".csv"):
        return results.with_name(f"{results.name}.notes.json")
    return results.with_suffix(".notes.json")


def check_results_writable(results: Path) -> None:
    """Check before long work that `write_results` and `write_notes` can write their files.

    Raises
    ------
    ConfigError, TargetError
    """
    check_target(results)
    check_notes_writable(results)


def check_notes_writable(results: Path) -> None:
    """Check before long work that `write_notes` can write the notes.

    Raises
    ------
    TargetError
        The notes cannot be written, or would overwrite another file.
    """
    check_writable(notes_path(results))
    refuse_foreign_file(notes_path(results), _NOTES_SCHEMA_PREFIX, "the notes on the results")


def has_notes(predictions: pd.DataFrame) -> bool:
    """Return whether there is anything to note, see `write_notes`."""
    return bool(_collect_notes(predictions))


def write_notes(predictions: pd.DataFrame, results: Path) -> Path | None:
    """Write the notes next to the results: what whoever scores them must know, and the results do not say.

    There are notes if the positive class is not the default, if predictions were pooled over subjects, corrected for a
    prevalence or made despite a mismatch, if training recordings were predicted, or if recordings were skipped or are
    Uncertain. They then also contain the positive class, the threshold, and hash and seed of the model. If there are no
    notes, those of earlier results are removed.

    Parameters
    ----------
    predictions : DataFrame
        As returned by `DepressionModel.predict`; the notes are in its `attrs`.
    results : Path
        The results file.

    Raises
    ------
    TargetError
    """
    path = notes_path(results)
    check_notes_writable(results)
    notes = _collect_notes(predictions)
    if not notes:
        with wrap_os_errors(path):
            path.unlink(missing_ok=True)
        return None
    return write_text_atomic(path, to_json({"schema": NOTES_SCHEMA, **notes}, indent=1) + "\n")


def _collect_notes(predictions: pd.DataFrame) -> dict[str, Any]:
    attrs = predictions.attrs
    deviations = {name: attrs[name] for name in _DEVIATIONS if attrs.get(name)}
    if not deviations and attrs.get("positive") in (None, POSITIVE):
        return {}
    decision = {name: attrs[name] for name in _ORIGIN if attrs.get(name) is not None}
    return {**decision, **deviations}


def read_notes(results: str | Path) -> tuple[dict[str, Any], list[Finding]]:
    """Read the notes next to results; empty if there are none.

    Returns
    -------
    dict
        The notes that `write_notes` wrote, without the schema.
    list of Finding
        A warning if there is a file of this name that cannot be read as notes.
    """
    path = notes_path(Path(results))
    if not path.exists():
        return {}, []
    try:
        notes = json.loads(read_bytes(path))
    except (DataError, ValueError, RecursionError):
        notes = None
    if not isinstance(notes, dict) or not str(notes.pop("schema", "")).startswith(_NOTES_SCHEMA_PREFIX):
        what = "the notes on the results cannot be read and are ignored"
        return {}, [Finding("notes-unread", what, file=path, hint="predict again, or delete the file")]
    return notes, []


def read_results(path: str | Path) -> pd.DataFrame:
    """Read a results file: .jsonl, .json or .csv.

    Returns
    -------
    DataFrame
        Index `data_id`; column `status`, which may be missing beside `severity`; and, where the file has them,
        `probability`, `severity`, `severity_low`, `severity_high` (float; of severity, NaN where a line has none),
        `severity_class` (str) and `label_set` (tuple of str); these two are empty where a line has none.

    Raises
    ------
    DataError
        The file cannot be read, a line has no `data_id` or `status`, a value is not valid, or a probability is missing.

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
    # The classes are those that the model wrote, whatever they would mean in a label table.
    cells, _ = read_labels(path, DataSettings(groups="subject_id"), with_status=False)
    frame = read_text_cells(cells, path)
    severity = read_severity(frame, path)
    if "status" not in frame and severity.empty:
        raise _no_status_error("the results have no column status", path, ", ".join(frame.columns))
    status = frame.reindex(columns=[name for name in ("status",) if name in frame])
    if (status == "").to_numpy().any():
        raise _no_status_error("some results have no status", path, format_quoted(frame.index[frame["status"] == ""]))
    if "probability" not in frame:
        return status.join(severity)
    probability = pd.to_numeric(frame["probability"], errors="coerce")
    if not probability.between(0, 1).all():
        row = frame.index[~probability.between(0, 1)][0]
        raise DataError(
            "a probability must be between 0 and 1",
            code="bad-probability",
            file=path,
            column="probability",
            expected="a number from 0 to 1",
            found=f"{frame['probability'][row]!r} for {row!r}",
        )
    return status.assign(probability=probability).join(severity)


def _no_status_error(what: str, path: Path, found: str) -> DataError:
    return DataError(what, code="no-status", file=path, expected='{"data_id": …, "status": …}', found=found)
