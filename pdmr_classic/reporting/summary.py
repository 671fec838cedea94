"""What a command found, as one plain dict: the whole of `--json`, and all that a table may show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.catalog import names_by_family
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.features.fold_fitted import n_fitted
from pdmr_classic.features.names import view_of
from pdmr_classic.features.registry import families
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.embeddings import odd_widths
from pdmr_classic.io.inspection import FileFacts, repeated_contents
from pdmr_classic.io.openface import fewer_channels
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.models.target_checks import check_labels
from pdmr_classic.splits import feasible_folds
from pdmr_classic.subjects.copies import near_copies_of_files
from pdmr_classic.text import counted


def summarise_check(
    splits: dict[str, tuple[Dataset, list[FileFacts]]], settings: Settings, refused: Sequence[Finding] = ()
) -> dict[str, Any]:
    """Return what `check` found in each split: what was noticed, what is refused, and what `fit` would refuse.

    `refused` is what the folders and the labels themselves were refused for; refused files are added to it.
    """
    findings: list[Finding] = []
    refused = list(refused)
    for dataset, facts in splits.values():
        findings += [*dataset.findings, *(finding for fact in facts for finding in fact.findings)]
        refused += [fact.refused for fact in facts if fact.refused is not None]
        findings += fewer_channels([(fact.path, fact.channels) for fact in facts if fact.channels])
        refused += odd_widths([(fact.path, fact.width) for fact in facts if fact.width]).values()
    findings += repeated_contents([fact for _, facts in splits.values() for fact in facts])
    findings += _shared_subjects([dataset for dataset, _ in splits.values()])
    if set(splits) == {"train", "test"}:
        findings += _near_copies(splits["test"][1], splits["train"][1])
    trained_on = splits.get("train", next(iter(splits.values())))[0] if set(splits) != {"test"} else None
    return {
        "synthetic": any(dataset.is_synthetic for dataset, _ in splits.values()),
        "splits": {name: _summarise_split(dataset, facts) for name, (dataset, facts) in splits.items()},
        "refused": [finding.as_dict() for finding in refused],
        "refused_by_fit": [finding.as_dict() for finding in _about_labels(trained_on, settings)],
        "findings": [finding.as_dict() for finding in findings],
    }


def _shared_subjects(datasets: Sequence[Dataset]) -> list[Finding]:
    """Tell of subjects in train and test. Where each recording is its own subject, equal ids are no equal people."""
    known = [dataset for dataset in datasets if dataset.groups is not None and not dataset.has_own_groups]
    if len(known) < 2:
        return []
    shared = set.intersection(*(set(dataset.groups.unique()) - {""} for dataset in known if dataset.groups is not None))
    if not shared:
        return []
    what = f"{counted(len(shared), 'subject is', 'subjects are')} in train and in test: a score on test would be a leak"
    return [Finding("shared-subjects", what, file=known[-1].folder, mend="keep each subject on one side")]


def _near_copies(test: Sequence[FileFacts], train: Sequence[FileFacts]) -> list[Finding]:
    """Tell of test files that nearly repeat a training file: `predict` will refuse them."""
    paths = {(fact.data_id, fact.modality): fact.path for fact in test}
    what = "a test recording is all but identical to one in train; if it is a copy, a score on it is a leak"
    return [
        Finding("near-copy", what, file=paths[copy.data_id, copy.modality], found=f"train {copy.modality} {copy.of!r}")
        for copy in near_copies_of_files(test, train)
    ]


def _about_labels(dataset: Dataset | None, settings: Settings) -> list[Finding]:
    """Say now what `fit` would refuse later."""
    if dataset is None or dataset.status is None or dataset.groups is None:
        return []
    known = dataset.status != ""
    try:
        check_labels(dataset.status[known], settings.data.classes)
        feasible_folds(dataset.status[known], dataset.groups[known], settings.learning.folds)
    except DataError as error:
        return [replace(error.finding, file=error.finding.file or dataset.folder)]
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
            "count": n_fitted(names) if family.view == "material" else len(names),
            "what": family.summary,
            **family.facts,
        }
        for family in families().values()
        for names in [names_by_family()[family.name]]
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
