"""Results of `predict` scored against labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.score_files import score_results
from pdmr_classic.io.results import read_results
from pdmr_classic.reporting.report._labels import label_score, label_severity
from pdmr_classic.reporting.report._sources import Source

# How the label table was read in training, which that of the results probably shares.
_LABEL_SETTINGS = ("id_column", "label_column", "map", "cutoff", "positive")
_UNSCORED = ("positive", "synthetic", "decision", "overlap", "warnings", "findings", "severity", "n_uncertain", "n")


def score_source(source: Source, labels: Path | None, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of a results file, see `score_results`.

    Parameters
    ----------
    source : Source
    labels : Path or None
    context : mapping
        An evaluation or manifest, whose settings tell how to read the labels; or empty.

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
    scores = score_results(source.path, labels, settings=_label_settings(source, context))
    _refuse_unlabelled(scores, source, labels)
    return scores


def _label_settings(source: Source, context: Mapping[str, Any]) -> Settings:
    settings = (context.get("settings") or {}).get("data") or {}
    changes = {f"data.{name}": settings.get(name) for name in _LABEL_SETTINGS}
    results = read_results(source.path)
    if "severity" in results and results["severity"].notna().any():
        target = settings.get("score_column") or "severity"
        changes["data.target"] = "both" if "status" in results else target
        changes["data.score_column"] = target if "status" in results else None
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
    positive = scores.get("positive")
    section: dict[str, Any] = {
        "n": scores.get("n") or scores["severity"]["n"],
        "n_uncertain": scores.get("n_uncertain", 0),
        "n_overlap": scores["overlap"],
        "scores": {
            name: {"label": label_score(name, positive), "value": value}
            for name, value in scores.items()
            if name not in _UNSCORED and isinstance(value, float)
        },
    }
    severity = scores.get("severity")
    if severity:
        numbers = {name: value for name, value in severity.items() if isinstance(value, float)}
        section["severity"] = {name: {"label": label_severity(name), "value": v} for name, v in numbers.items()}
    return section


def list_worst(source: Source, scores: Mapping[str, Any], labels: Path) -> list[dict[str, Any]]:
    """Return the recordings that were wrong most confidently, with their ids."""
    del scores, labels
    return read_results(source.path).reset_index().to_dict("records")
