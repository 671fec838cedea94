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
from pdmr_classic.models.target_checks import check_labels, choose_positive_class
from pdmr_classic.text import format_count, format_list, format_quoted


def score_files(results: str | Path, labels: str | Path, *, positive: str | None = None) -> dict[str, Any]:
    """Score a results file against labels, matched by `data_id`.

    Parameters
    ----------
    results, labels : path-like
    positive : str, optional
        The positive class of F1; default: Depression, if it is one of the classes.

    Returns
    -------
    dict
        The scores of `score`, with `positive`, `synthetic` (whether the labels belong to a synthetic set) and
        `findings`: labels without a result and results without a label, which are left out of the scores.

    Raises
    ------
    DataError
        A file cannot be read, contains an unknown label, or no ids match.
    ConfigError
        `positive` is not given or unknown.
    """
    predictions = read_results(results)
    table, _ = read_labels(labels)
    _check_file_order(predictions, table, Path(results), Path(labels))
    if "status" not in table:
        raise DataError(
            "the label table has no column status",
            file=labels,
            expected="a column status",
            found=", ".join(table.columns),
        )
    truth = table["status"][table["status"] != ""]
    common = truth.index.intersection(predictions.index)
    if not len(common):
        raise DataError(
            "results and label table have no data_id in common",
            code="labels-match-nothing",
            file=results,
            expected=f"data_ids such as {format_quoted(truth.index[:3])}",
            found=format_quoted(predictions.index),
        )
    check_labels(truth, None)
    classes = sorted(truth.unique())
    if len(classes) > 1:
        positive = choose_positive_class(classes, positive)
        check_labels(predictions["status"][common], classes)
    probability = predictions["probability"][common] if "probability" in predictions and positive is not None else None
    scores = score(truth[common], predictions["status"][common], positive=positive, probability=probability)
    return {
        "positive": positive,
        "synthetic": is_synthetic(Path(labels).parent),
        **scores,
        "findings": _find_unmatched(truth, predictions, Path(labels), Path(results)),
    }


def _check_file_order(predictions: pd.DataFrame, table: pd.DataFrame, results: Path, labels: Path) -> None:
    """Raise if the two files are swapped: precision and recall would silently be exchanged."""
    is_csv = [path.suffix.lower() == ".csv" for path in (results, labels)]
    labels_have_probabilities = set(table) & {"probability", "probabilities"}
    if is_csv == [True, False] or ("probability" not in predictions and labels_have_probabilities):
        raise DataError(
            "the results and the label table seem to be swapped",
            code="files-swapped",
            file=results,
            expected="the results, as written by predict, then the labels",
            found=f"{results.name}, then {labels.name}",
            hint="pass the results first",
        )


def _find_unmatched(truth: pd.Series, predictions: pd.DataFrame, labels: Path, results: Path) -> list[Finding]:
    findings = []
    for one, many, ids, file in (
        (
            "row of the label table has no result",
            "rows of the label table have no result",
            truth.index.difference(predictions.index),
            labels,
        ),
        ("result has no label", "results have no label", predictions.index.difference(truth.index), results),
    ):
        if len(ids):
            what = f"{format_count(len(ids), one, many)} and {'is' if len(ids) == 1 else 'are'} left out"
            findings.append(Finding("unmatched", what, file=file, found=format_list(ids)))
    return findings
