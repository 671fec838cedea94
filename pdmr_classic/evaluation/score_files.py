"""Score a results file against a label table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.dataset import is_synthetic
from pdmr_classic.io.labels import read_labels
from pdmr_classic.io.results import read_results
from pdmr_classic.metrics import score
from pdmr_classic.models.target_checks import check_labels, positive_class
from pdmr_classic.text import format_list, format_quoted


def score_files(results: str | Path, labels: str | Path, *, positive: str | None = None) -> dict[str, Any]:
    """Score results against labels, matched by data_id.

    Parameters
    ----------
    results, labels : path-like
    positive : str, optional
        The class that F1 is about; default Depression where it exists.

    Returns
    -------
    dict
        As `score`, with `positive`, `synthetic` (whether the labels lie in a synthetic set) and `findings`: labels
        without a result and results without a label, which are left out of the scores.

    Raises
    ------
    DataError
        A file cannot be read, holds labels that are unknown, or none of the ids match.
    ConfigError
        `positive` is missing or unknown.
    """
    said = read_results(results)
    table, _ = read_labels(labels)
    _check_order(said, table, Path(results), Path(labels))
    if "status" not in table:
        raise DataError(
            "the labels have no status", file=labels, expected="a column status", found=", ".join(table.columns)
        )
    truth = table["status"][table["status"] != ""]
    common = truth.index.intersection(said.index)
    if not len(common):
        raise DataError(
            "no result matches a label",
            code="labels-match-nothing",
            file=results,
            expected=f"ids such as {format_quoted(truth.index[:3])}",
            found=format_quoted(said.index),
        )
    check_labels(truth, None)
    classes = sorted(truth.unique())
    chosen = positive_class(classes, positive) if len(classes) > 1 else positive
    if len(classes) > 1:
        check_labels(said["status"][common], classes)
    probability = said["probability"][common] if "probability" in said and chosen is not None else None
    scores = score(truth[common], said["status"][common], positive=chosen, probability=probability)
    marks = {"positive": chosen, "synthetic": is_synthetic(Path(labels).parent)}
    return {**marks, **scores, "findings": _unmatched(truth, said, Path(labels), Path(results))}


def _check_order(said: pd.DataFrame, table: pd.DataFrame, results: Path, labels: Path) -> None:
    """Refuse the two files the wrong way round: precision and recall would change places in silence."""
    is_csv = [path.suffix.lower() == ".csv" for path in (results, labels)]
    said_as_labels = "probability" not in said and set(table) & {"probability", "probabilities"}
    if is_csv == [True, False] or said_as_labels:
        raise DataError(
            "the results and the labels seem to have changed places",
            code="changed-places",
            file=results,
            expected="results, as predict writes them, then labels",
            found=f"{results.name}, then {labels.name}",
            hint="name the results first",
        )


def _unmatched(truth: pd.Series, said: pd.DataFrame, labels: Path, results: Path) -> list[Finding]:
    findings = []
    for what, ids, file in (
        ("labels have no result; they are left out", truth.index.difference(said.index), labels),
        ("results have no label; they are left out", said.index.difference(truth.index), results),
    ):
        if len(ids):
            findings.append(Finding("unmatched", f"{len(ids)} {what}", file=file, found=format_list(ids)))
    return findings
