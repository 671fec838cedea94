"""Score the severities of a results file against a column of scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.evaluation._label_tables import check_file_order, find_common, find_unmatched, read_label_table
from pdmr_classic.evaluation._score_warnings import find_note_warnings
from pdmr_classic.io.labels.scales import Scale, choose_scale, parse_scale
from pdmr_classic.io.labels.scores import check_scores, find_score_column, read_scores
from pdmr_classic.io.results import read_notes, read_results
from pdmr_classic.io.selection import match_ids
from pdmr_classic.io.split_folders import is_synthetic
from pdmr_classic.metrics import score_severity
from pdmr_classic.text import format_list


def score_severities(results: Path, labels: Path, settings: Settings) -> dict[str, Any]:
    """Return the scores of the severities; see `score_results`."""
    predictions = _require_severity(read_results(results), results)
    notes, findings = read_notes(results)
    table, label_findings = read_label_table(labels, settings.data)
    check_file_order(predictions, table, results, labels)
    truth, scale, score_findings = _read_truth(table, settings)
    matches, near_matches = match_ids([str(data_id) for data_id in truth.index], list(predictions.index), labels)
    truth = truth.rename(index=matches)
    common = find_common(truth, predictions, results)
    overlap = common.intersection([copy["data_id"] for copy in notes.get("overlap", ())])
    warnings = find_note_warnings(notes, overlap, truth[common].astype(str), None)
    return {
        "synthetic": is_synthetic(labels.parent),
        "severity": {
            "column": str(truth.name),
            "scale": scale.name,
            **score_severity(truth[common], predictions["severity"][common], scale),
            **_score_intervals(truth[common], predictions.loc[common]),
        },
        "overlap": len(overlap),
        "warnings": [warning.as_dict() for warning in warnings],
        "findings": [
            *label_findings,
            *score_findings,
            *near_matches,
            *findings,
            *find_unmatched(truth, predictions, labels, results),
        ],
    }


def _require_severity(predictions: pd.DataFrame, results: Path) -> pd.DataFrame:
    if "severity" in predictions and predictions["severity"].notna().any():
        return predictions
    raise DataError(
        "the results have no severities",
        code="no-severity",
        file=results,
        expected='{"data_id": …, "severity": …}',
        found=format_list(predictions.columns),
        hint="predict with a model that learned a score: fit --target COLUMN, or --target both",
    )


def _read_truth(table: pd.DataFrame, settings: Settings) -> tuple[pd.Series, Scale, list[Finding]]:
    """Return the scores of the recordings that have one, their scale, and how they were read."""
    column = find_score_column(table, settings.data)
    requested = settings.severity.scale
    scores, findings = read_scores(table, column, None if requested is None else parse_scale(requested).low)
    scale, scale_findings = choose_scale(settings, column, scores)
    return scores.dropna(), scale, [*findings, *scale_findings, *check_scores(scores, scale, column)]


def _score_intervals(truth: pd.Series, predictions: pd.DataFrame) -> dict[str, float | None]:
    unknown: dict[str, float | None] = {"coverage": None, "mean_width": None}
    if "severity_low" not in predictions:
        return unknown
    rows = predictions[predictions["severity_low"].notna() & predictions["severity_high"].notna()]
    if rows.empty:
        return unknown
    low, high = rows["severity_low"], rows["severity_high"]
    return {
        "coverage": float(truth[rows.index].between(low, high).mean()),
        "mean_width": float((high - low).mean()),
    }
