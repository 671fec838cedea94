"""The result of a command as one plain dict: it is the output of `--json`, and tables are made from it alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.evaluation.check_data import DataCheck
from pdmr_classic.features.catalog import feature_names_by_family
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.features.fold_fitted import count_fold_fitted_features
from pdmr_classic.features.names import feature_view
from pdmr_classic.features.registry import load_families
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.inspection import FileFacts
from pdmr_classic.models.model import DepressionModel


def summarise_check(splits: dict[str, tuple[Dataset, list[FileFacts]]], check: DataCheck) -> dict[str, Any]:
    """Return the content of each split, with the findings and errors of `check`."""
    return {
        "synthetic": any(dataset.is_synthetic for dataset, _ in splits.values()),
        "splits": {name: _summarise_split(dataset, facts) for name, (dataset, facts) in splits.items()},
        "errors": [finding.as_dict() for finding in check.errors],
        "fit_errors": [finding.as_dict() for finding in check.fit_errors],
        "findings": [finding.as_dict() for finding in check.findings],
    }


def _summarise_split(dataset: Dataset, facts: Sequence[FileFacts]) -> dict[str, Any]:
    video = [fact for fact in facts if fact.modality == "video" and fact.error is None]
    audio = [fact for fact in facts if fact.modality == "audio" and fact.error is None]
    summary: dict[str, Any] = {
        "recordings": len(dataset),
        "with_video": sum(recording.video is not None for recording in dataset.recordings),
        "with_audio": sum(recording.audio is not None for recording in dataset.recordings),
    }
    if dataset.status is not None:
        labelled = dataset.status[dataset.status != ""]
        summary["classes"] = {str(label): int(count) for label, count in sorted(labelled.value_counts().items())}
    if dataset.groups is not None:
        summary["subjects"] = int(dataset.groups[dataset.groups != ""].nunique())
    if video:
        summary["channels"] = _count_channels(video)
        summary |= {name: _range([getattr(fact, name) for fact in video]) for name in _VIDEO_MEASURES}
    if audio:
        summary["audio_width"] = Counter(fact.width for fact in audio).most_common(1)[0][0]
    return summary


_VIDEO_MEASURES = ("n_frames", "duration_s", "frame_rate_hz", "coverage")


def _count_channels(video: Sequence[FileFacts]) -> dict[str, int]:
    """Count channels per kind; a channel counts if any file has it."""
    names = dict.fromkeys(name for fact in video for name in fact.channels)
    return dict(Counter(channel_kind(name) for name in names))


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"min": float(np.min(values)), "median": float(np.median(values)), "max": float(np.max(values))}


def summarise_extraction(extraction: Extraction, out: Path, *, synthetic: bool = False) -> dict[str, Any]:
    """Return the number of extracted features per view."""
    views = Counter(map(feature_view, extraction.features.columns))
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": len(extraction.features),
        "features": {**views, "all": extraction.features.shape[1]},
        "nan_share": float(extraction.features.isna().to_numpy().mean()),
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
    facts = {name: value for name, value in model.metadata_.items() if name not in ("features", "content_hashes")}
    return {"out": str(out), **facts, "n_features": len(model.feature_names_)}


_DECISION_KEYS = ("threshold", "n_subjects", "prevalence")


def summarise_predictions(
    predictions: pd.DataFrame, out: Path, notes: Path | None = None, *, synthetic: bool = False
) -> dict[str, Any]:
    """Return the number of recordings per predicted class, the decision settings and the path of the notes."""
    counts = predictions["status"].value_counts()
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": len(predictions),
        "predicted": {str(label): int(count) for label, count in sorted(counts.items())},
        "skipped": len(predictions.attrs.get("skipped", ())),
        **({} if notes is None else {"notes": str(notes)}),
        **{name: predictions.attrs[name] for name in _DECISION_KEYS if name in predictions.attrs},
    }
