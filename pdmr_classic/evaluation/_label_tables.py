"""Read the label table that a results file is scored against, and compare the recordings of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.layouts.recordings import is_folder
from pdmr_classic.text import format_count, format_list, format_quoted


def read_label_table(labels: Path, settings: DataSettings) -> tuple[pd.DataFrame, list[Finding]]:
    """Return a label table, or the labels of all recordings of a data set, and how they were read."""
    if is_folder(labels):
        try:
            dataset = load_dataset(labels, all_splits=True, settings=settings)
        except DataError as error:
            hint = f"{error.finding.hint}; or pass the label table instead of the folder"
            raise DataError(replace(error.finding, hint=hint), error.additional) from None
        # With scores to compare, a recording may have no class.
        labelled = dataset if settings.learns_score and dataset.labels is not None else dataset.select_labelled()
        return pd.DataFrame() if labelled.labels is None else labelled.labels, list(dataset.findings)
    # A column of subjects is not required here, and several must not be an error.
    return read_labels(labels, settings.model_copy(update={"groups": settings.groups or "subject_id"}))


def check_file_order(predictions: pd.DataFrame, table: pd.DataFrame, results: Path, labels: Path) -> None:
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


def find_common(truth: pd.Series, predictions: pd.DataFrame, results: Path) -> pd.Index:
    """Return the recordings that have a label and a result.

    Raises
    ------
    DataError
        There are none.
    """
    common = truth.index.intersection(predictions.index)
    if not len(common):
        raise DataError(
            "results and label table have no data_id in common",
            code="labels-match-nothing",
            file=results,
            expected=f"data_ids such as {format_quoted(truth.index[:3])}",
            found=format_quoted(predictions.index),
        )
    return common


def find_unmatched(truth: pd.Series, predictions: pd.DataFrame, labels: Path, results: Path) -> list[Finding]:
    """Return findings about labels without a result, and results without a label."""
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
