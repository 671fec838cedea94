"""What a command found, as one plain dict: the whole of `--json`, and all that a table may show."""

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
from pdmr_classic.features.fold_fitted import count_fitted
from pdmr_classic.features.names import view_of
from pdmr_classic.features.registry import families
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.inspection import FileFacts
from pdmr_classic.models.model import DepressionModel


def summarise_check(splits: dict[str, tuple[Dataset, list[FileFacts]]], check: DataCheck) -> dict[str, Any]:
    """Return what is in each split, and what `check` concluded."""
    return {
        "synthetic": any(dataset.is_synthetic for dataset, _ in splits.values()),
        "splits": {name: _summarise_split(dataset, facts) for name, (dataset, facts) in splits.items()},
        "refused": [finding.as_dict() for finding in check.refused],
        "refused_by_fit": [finding.as_dict() for finding in check.refused_by_fit],
        "findings": [finding.as_dict() for finding in check.findings],
    }


def _summarise_split(dataset: Dataset, facts: Sequence[FileFacts]) -> dict[str, Any]:
    video = [fact for fact in facts if fact.modality == "video" and fact.refused is None]
    audio = [fact for fact in facts if fact.modality == "audio" and fact.refused is None]
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
        summary["channels"] = _channels(video)
        summary |= {name: _spread([getattr(fact, name) for fact in video]) for name in _MEASURED}
    if audio:
        summary["audio_width"] = Counter(fact.width for fact in audio).most_common(1)[0][0]
    return summary


_MEASURED = ("n_frames", "duration_s", "frame_rate_hz", "coverage")


def _channels(video: Sequence[FileFacts]) -> dict[str, int]:
    """Count channels by kind; a channel counts if any file has it."""
    names = dict.fromkeys(name for fact in video for name in fact.channels)
    return dict(Counter(channel_kind(name) for name in names))


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"min": float(np.min(values)), "median": float(np.median(values)), "max": float(np.max(values))}


def summarise_extraction(extraction: Extraction, out: Path, *, synthetic: bool = False) -> dict[str, Any]:
    """Return how many features of which view were extracted."""
    views = Counter(map(view_of, extraction.features.columns))
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": len(extraction.features),
        "features": {**views, "all": extraction.features.shape[1]},
        "nan_share": float(extraction.features.isna().to_numpy().mean()),
    }


def summarise_families() -> list[dict[str, Any]]:
    """Return every family with its summary, formula, unit, source and its count on a complete OpenFace stream."""
    return [
        {
            "family": family.name,
            "view": family.view,
            "by_default": family.by_default,
            "count": count_fitted(names) if family.view == "material" else len(names),
            "what": family.summary,
            **family.facts,
        }
        for family in families().values()
        for names in [feature_names_by_family()[family.name]]
    ]


def summarise_fit(model: DepressionModel, out: Path) -> dict[str, Any]:
    """Return what the manifest says of a model, but for the lists of its features and of its training files."""
    facts = {name: value for name, value in model.facts_.items() if name not in ("features", "contents")}
    return {"out": str(out), **facts, "n_features": len(model.feature_names_)}


_IN_FORCE = ("threshold", "subjects", "prevalence")


def summarise_predictions(
    predictions: pd.DataFrame, out: Path, notes: Path | None = None, *, synthetic: bool = False
) -> dict[str, Any]:
    """Return how many recordings were predicted to be what, what was in force, and where the notes on them stand."""
    counts = predictions["status"].value_counts()
    beside = {} if notes is None else {"notes": str(notes)}
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": len(predictions),
        "predicted": {str(label): int(count) for label, count in sorted(counts.items())},
        "skipped": len(predictions.attrs.get("skipped", ())),
        **beside,
        **{name: predictions.attrs[name] for name in _IN_FORCE if name in predictions.attrs},
    }
