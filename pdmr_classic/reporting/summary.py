"""The result of a command as one plain dict: it is the output of `--json`, and tables are made from it alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pdmr_classic.evaluation.check_data import DataCheck
from pdmr_classic.evaluation.conclude import conclude
from pdmr_classic.features.catalog import feature_names_by_family
from pdmr_classic.features.fold_fitted import count_fold_fitted_features
from pdmr_classic.features.names import feature_view
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.inspection import FileFacts
from pdmr_classic.io.labels.covariates import summarise_covariates
from pdmr_classic.io.labels.scores import summarise_scores
from pdmr_classic.io.results import SEVERITY_PREFIX
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.view_files import STREAM
from pdmr_classic.models.model import DepressionModel


def summarise_check(splits: dict[str, tuple[Dataset, list[FileFacts]]], check: DataCheck) -> dict[str, Any]:
    """Return the content of each split, with the findings and errors of `check`."""
    fit_can_use, conclusion = conclude(splits, check)
    return {
        "synthetic": any(dataset.is_synthetic for dataset, _ in splits.values()),
        "splits": {name: _summarise_split(dataset, facts) for name, (dataset, facts) in splits.items()},
        "errors": [finding.as_dict() for finding in check.errors],
        "fit_errors": [finding.as_dict() for finding in check.fit_errors],
        "findings": [finding.as_dict() for finding in check.findings],
        "fit_can_use": fit_can_use,
        "conclusion": conclusion,
    }


def _summarise_split(dataset: Dataset, facts: Sequence[FileFacts]) -> dict[str, Any]:
    video = [fact for fact in facts if fact.modality == "video" and fact.error is None]
    audio = [fact for fact in facts if fact.modality == "audio" and fact.error is None]
    summary: dict[str, Any] = {
        "recordings": len(dataset),
        "with_video": dataset.count_with("video"),
        "with_audio": dataset.count_with("audio"),
        **_summarise_views(dataset, facts),
        "layout": dataset.layout,
    }
    if dataset.status is not None:
        labelled = dataset.status[dataset.status != ""]
        summary["classes"] = {str(label): int(count) for label, count in sorted(labelled.value_counts().items())}
    if dataset.settings.learns_score and dataset.labels is not None:
        scores = summarise_scores(dataset.labels, dataset.settings)
        summary |= {} if scores is None else {"scores": scores}
    if dataset.settings.covariates and dataset.labels is not None:
        summary["covariates"] = summarise_covariates(dataset.labels, dataset.settings.covariates)
    if dataset.groups is not None:
        summary["subjects"] = int(dataset.groups[dataset.groups != ""].nunique())
    if video:
        summary["trackers"] = _count_values([fact.tracker for fact in video])
        summary["evidence"] = {fact.tracker: fact.evidence for fact in reversed(video)}
        summary["columns"] = {name: max(getattr(fact, name) for fact in video) for name in ("n_columns", "n_unused")}
        summary["channels"] = _count_channels(video)
        summary |= {name: _range([getattr(fact, name) for fact in video]) for name in _VIDEO_MEASURES}
    if audio:
        summary["audio_widths"] = _count_values([str(fact.width) for fact in audio])
    return summary


def _summarise_views(dataset: Dataset, facts: Sequence[FileFacts]) -> dict[str, Any]:
    """Return what each further view holds; nothing without further views."""
    views: dict[str, Any] = {}
    for name, view in dataset.view_kinds.items():
        files = [fact for fact in facts if fact.modality == name and fact.error is None]
        views[name] = {
            "recordings": dataset.count_with(name),
            "kind": view.kind,
            "columns": _count_values([str(fact.width or len(fact.channels)) for fact in files]),
        }
        if view.kind == STREAM and files:
            views[name] |= {measure: _range([getattr(fact, measure) for fact in files]) for measure in _VIDEO_MEASURES}
    return {"views": views} if views else {}


_VIDEO_MEASURES = ("n_frames", "duration_s", "frame_rate_hz", "coverage")


def _count_values(values: Sequence[str]) -> dict[str, int]:
    """Return the number of files with each value, the most frequent first."""
    return dict(Counter(values).most_common())


def _count_channels(video: Sequence[FileFacts]) -> dict[str, int]:
    """Count channels per kind; a channel counts if any file has it."""
    names = dict.fromkeys(name for fact in video for name in fact.channels)
    return dict(Counter(channel_kind(name) for name in names))


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"min": float(np.min(values)), "median": float(np.median(values)), "max": float(np.max(values))}


class ExtractedTable(Protocol):
    """A feature table, in memory or in a store."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def nan_share(self) -> float: ...


def summarise_extraction(
    table: ExtractedTable, out: Path, *, labels: pd.DataFrame | None = None, synthetic: bool = False
) -> dict[str, Any]:
    """Return the number of extracted features per view, and the names of label columns beside them."""
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": table.n_rows,
        "features": {**Counter(map(feature_view, table.names)), "all": len(table.names)},
        "nan_share": table.nan_share,
        **({} if labels is None else {"labels": list(map(str, labels.columns))}),
    }


def summarise_families() -> list[dict[str, Any]]:
    """Return each family with its summary, formula, unit, source and its count on a complete OpenFace stream."""
    return [
        {
            "family": family.name,
            "view": family.view,
            "by_default": family.is_default,
            "count": count_fold_fitted_features(names) if family.view == "material" else len(names),
            "summary": family.summary,
            **family.facts,
        }
        for family in load_families().values()
        for names in [feature_names_by_family()[family.name]]
    ]


def summarise_fit(model: DepressionModel, out: Path) -> dict[str, Any]:
    """Return the manifest of a model, without the lists of its features and of its training files."""
    lists = ("features", "content_hashes", "feature_ranges")
    facts = {name: value for name, value in model.metadata_.items() if name not in lists}
    return {"out": str(out), **facts, "n_features": len(model.feature_names_)}


_DECISION_KEYS = ("positive", "threshold", "n_subjects", "prevalence", "prevalence_interval")


def training_shares(model: DepressionModel) -> dict[str, float]:
    """Return the share of each class in the training data of a model."""
    counts = model.metadata_["classes"]
    return {str(label): count / max(sum(counts.values()), 1) for label, count in counts.items()}


def summarise_predictions(
    predictions: pd.DataFrame,
    out: Path,
    notes: Path | None = None,
    *,
    training: Mapping[str, float] | None = None,
    synthetic: bool = False,
) -> dict[str, Any]:
    """Return the number of recordings per predicted class, the decision settings and the path of the notes.

    Parameters
    ----------
    predictions : DataFrame
        As returned by `DepressionModel.predict`.
    out, notes : Path
        Files that were written.
    training : mapping of str to float, optional
        Share of each class in training, for comparison.
    synthetic : bool
    """
    counts = predictions["status"].value_counts() if "status" in predictions else pd.Series(dtype=int)
    attrs = predictions.attrs
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": len(predictions),
        "predicted": {str(label): int(count) for label, count in sorted(counts.items())},
        **({} if training is None else {"training_shares": dict(training)}),
        **_summarise_severity(predictions),
        "skipped": len(attrs.get("skipped", ())),
        "ids_without_recording": len(attrs.get("ids_without_recording", ())),
        **({} if notes is None else {"notes": str(notes)}),
        **{name: attrs[name] for name in _DECISION_KEYS if name in attrs},
    }


def _summarise_severity(predictions: pd.DataFrame) -> dict[str, Any]:
    """Return the distribution of the predicted scores, if there are any."""
    if "severity" not in predictions:
        return {}
    scores, width = predictions["severity"], predictions["severity_high"] - predictions["severity_low"]
    summary: dict[str, Any] = {name: float(getattr(scores, name)()) for name in ("mean", "min", "max")}
    summary |= {"level": predictions.attrs["level"], "mean_width": float(width.mean())}
    if "severity_class" in predictions:
        names = [str(name)[len(SEVERITY_PREFIX) :] for name in predictions if str(name).startswith(SEVERITY_PREFIX)]
        summary["classes"] = {name: int((predictions["severity_class"] == name).sum()) for name in names}
    return {"severity": summary}
