"""What a command found, as one plain dict: the whole of `--json`, and all that a table may show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.config import FeatureSettings, Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.features.registry import families
from pdmr_classic.features.rows import stream_features
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.embeddings import NETVLAD_WIDTH, odd_widths
from pdmr_classic.io.inspection import FileFacts, repeated_contents
from pdmr_classic.io.openface import Stream, channel_kind
from pdmr_classic.models.model import DepressionModel, check_labels
from pdmr_classic.splits import feasible_folds


def summarise_check(splits: dict[str, tuple[Dataset, list[FileFacts]]], settings: Settings) -> dict[str, Any]:
    """Return what `check` found in each split, with every finding and every refused file."""
    findings: list[Finding] = []
    refused: list[Finding] = []
    shown = {}
    for name, (dataset, facts) in splits.items():
        odd = odd_widths([(fact.path, fact.width) for fact in facts if fact.width]).values()
        findings += [*dataset.findings, *(finding for fact in facts for finding in fact.findings)]
        refused += [*(fact.refused for fact in facts if fact.refused is not None), *odd]
        findings += _about_labels(dataset, settings)
        shown[name] = _summarise_split(dataset, facts)
    findings += repeated_contents([fact for _, facts in splits.values() for fact in facts])
    return {
        "synthetic": any(dataset.is_synthetic for dataset, _ in splits.values()),
        "splits": shown,
        "refused": [finding.as_dict() for finding in refused],
        "findings": [finding.as_dict() for finding in findings],
    }


def _about_labels(dataset: Dataset, settings: Settings) -> list[Finding]:
    """Say now what `fit` would refuse later."""
    if dataset.status is None or dataset.groups is None:
        return []
    known = dataset.status != ""
    try:
        check_labels(dataset.status[known], settings.data.classes)
        feasible_folds(dataset.status[known], dataset.groups[known], settings.learning.folds)
    except DataError as error:
        return [error.finding]
    return []


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
    views = Counter(str(name).split("__")[0] for name in extraction.features.columns)
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": len(extraction.features),
        "features": {**views, "all": extraction.features.shape[1]},
        "nan_share": float(extraction.features.isna().to_numpy().mean()),
    }


def summarise_families() -> list[dict[str, Any]]:
    """Return every family with its summary, formula, unit, source and its count on a complete OpenFace stream."""
    counts = _counts()
    return [
        {
            "family": family.name,
            "view": family.view,
            "count": counts[family.name],
            "what": family.summary,
            **family.facts,
        }
        for family in families().values()
    ]


def _counts() -> dict[str, int]:
    """Count features by computing them: on a complete stream of noise, and on an audio vector of the usual width."""
    stream = _complete_stream()
    vector = np.zeros(NETVLAD_WIDTH)
    settings = FeatureSettings()
    return {
        name: len(family.function(vector, settings))
        if family.view == "audio"
        else len(stream_features(stream, (family,), settings)[0])
        for name, family in families().items()
    }


def _complete_stream() -> Stream:
    from pdmr_classic.io._synthetic_signals import ID_COLUMNS, VIDEO_COLUMNS

    landmarks = [f"{axis}_{point}" for axis in "xy" for point in range(68)]
    channels = (*VIDEO_COLUMNS[len(ID_COLUMNS) :], *landmarks)
    values = np.random.default_rng(0).random((900, len(channels)), dtype=np.float32)
    return Stream(values, channels, np.arange(900) / 30, 30.0, np.ones(900, dtype=bool))


def summarise_fit(model: DepressionModel, out: Path) -> dict[str, Any]:
    """Return what the manifest says of a model, but for the list of its features."""
    facts = {name: value for name, value in model.facts_.items() if name != "features"}
    return {"out": str(out), **facts, "n_features": len(model.feature_names_)}


def summarise_predictions(predictions: pd.DataFrame, out: Path, *, synthetic: bool = False) -> dict[str, Any]:
    """Return how many recordings were predicted to be what."""
    counts = predictions["status"].value_counts()
    return {
        "out": str(out),
        "synthetic": synthetic,
        "recordings": len(predictions),
        "predicted": {str(label): int(count) for label, count in sorted(counts.items())},
    }
