"""Results of `predict` scored against labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdmr_classic.config import BOTH, Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.score_files import match_labels, score_results
from pdmr_classic.io.results import read_results
from pdmr_classic.reporting.report._labels import label_score, label_severity
from pdmr_classic.reporting.report._scores import share_rows
from pdmr_classic.reporting.report._sources import Source

# How the label table was read in training, which that of the results probably shares.
_LABEL_SETTINGS = ("id_column", "label_column", "map", "cutoff", "positive")
_MAX_MISTAKES = 20
_SEVERITY_LABELS = {
    "pearson": "Pearson",
    "spearman": "Spearman",
    "coverage": "Coverage of the intervals",
    "mean_width": "Mean width of the intervals",
}
_UNSCORED = (
    "positive",
    "synthetic",
    "decision",
    "overlap",
    "warnings",
    "findings",
    "severity",
    "floor",
    "positive_share",
)


def score_source(source: Source, labels: str | Path | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of a results file, see `score_results`.

    Parameters
    ----------
    source : Source
    labels : path-like or None
    settings : mapping
        Of the evaluation or model, which tell how to read labels; or empty.

    Raises
    ------
    ConfigError
        There are no labels.
    DataError
        A file cannot be read, or results have no label.
    """
    if labels is None:
        raise ConfigError(
            "the results have no labels to be compared with",
            code="no-labels",
            file=source.path,
            expected="--labels FILE",
            hint="pass --labels with a label table of these recordings",
        )
    scores = score_results(source.path, labels, settings=_read_settings(source, settings))
    _refuse_unlabelled(scores, source, Path(labels))
    return scores


def _read_settings(source: Source, settings: Mapping[str, Any]) -> Settings:
    """Return how to read the labels: as in training, and of what the results have."""
    data = settings.get("data") or {}
    changes = {f"data.{name}": data.get(name) for name in _LABEL_SETTINGS}
    results = read_results(source.path)
    if "severity" in results and results["severity"].notna().any():
        column = data.get("score_column") or "severity"
        has_both = "status" in results
        changes |= {"data.target": BOTH if has_both else column, "data.score_column": column if has_both else None}
    return Settings().override(changes)


def _refuse_unlabelled(scores: Mapping[str, Any], source: Source, labels: Path) -> None:
    """Raise if results have no label: they are of another set, or the labels are."""
    for finding in scores["findings"]:
        if finding.code == "unmatched" and finding.file == source.path:
            raise DataError(
                finding.what.removesuffix(" and is left out").removesuffix(" and are left out"),
                code="unknown-ids",
                file=source.path,
                expected=f"ids that are in {labels.name}",
                found=finding.found,
                hint="pass the labels of these recordings with --labels",
            )


def build_results(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section on results, without ids."""
    positive, severity = scores.get("positive"), scores.get("severity")
    section: dict[str, Any] = {
        "n": scores["n"] if "n" in scores else severity["n"],  # type: ignore[index]
        "n_uncertain": scores.get("n_uncertain", 0),
        "n_overlap": scores["overlap"],
        "positive": positive,
        "floor": scores.get("floor"),
        "positive_share": scores.get("positive_share"),
        "scores": {
            name: {"label": "AUC" if name == "auc" else label_score(name, positive), "value": value}
            for name, value in scores.items()
            if name not in _UNSCORED and isinstance(value, float)
        },
    }
    if "confusion" in scores:
        confusion = scores["confusion"]
        section["confusion"] = {**confusion, "shares": share_rows(confusion["counts"]).tolist()}
    if severity:
        numbers = {name: value for name, value in severity.items() if isinstance(value, float)}
        section["severity"] = {
            name: {"label": _SEVERITY_LABELS.get(name) or label_severity(name), "value": value}
            for name, value in numbers.items()
        }
    return section


def list_mistakes(source: Source, labels: str | Path | None, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the recordings with a wrong class, with their ids, the most confident first."""
    data = _read_settings(source, settings).data
    if labels is None or not data.learns_status:
        return []
    matched = match_labels(source.path, Path(labels), data)
    table = matched.predictions.join(matched.truth.rename("truth"), how="inner")
    wrong = table[table["status"] != table["truth"]].copy()
    wrong["confidence"] = (wrong["probability"] - 0.5).abs() if "probability" in wrong else 0.0
    wrong = wrong.sort_values("confidence", ascending=False, kind="stable").head(_MAX_MISTAKES)
    return [
        {
            "data_id": str(data_id),
            "truth": row["truth"],
            "predicted": row["status"],
            "probability": float(row["probability"]) if "probability" in wrong else None,
        }
        for data_id, row in wrong.iterrows()
    ]
