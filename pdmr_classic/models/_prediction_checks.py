"""Read recordings as in training, check that they can be predicted, and tell what is odd about the predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.config import Settings
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.decision.hints import find_mixed_subjects, find_prediction_hints
from pdmr_classic.models.decision.prevalence import Prevalence
from pdmr_classic.models.learners.used_plugins import require_families
from pdmr_classic.models.measurements import check_comparable, read_exclusions
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.subjects.overlap import check_overlap, find_overlap, make_unreadable_finding


@dataclass(frozen=True)
class Allowed:
    """What is accepted with a warning instead of an error: training recordings, and another way of measuring."""

    overlap: bool
    mismatch: bool


def extract_as_trained(
    data: Dataset,
    settings: Settings,
    feature_names: list[str],
    metadata: Mapping[str, Any],
    *,
    jobs: int,
    cache: str | Path | None,
    reporter: Reporter | None,
) -> Extraction:
    """Return the features of a data set that a model needs, without the channels that were excluded in training."""
    require_families(metadata.get("plugins", ()))
    extractor = FeatureExtractor(
        settings,
        jobs=jobs,
        cache=cache,
        trained_names=feature_names,
        exclusions=read_exclusions(metadata),
        reporter=reporter or LogReporter(),
    )
    return extractor.extract(data)


def check_recordings(
    extraction: Extraction,
    train: Extraction | None,
    feature_names: Sequence[str],
    metadata: Mapping[str, Any],
    allowed: Allowed,
    reporter: Reporter,
) -> dict[str, Any]:
    """Compare recordings with those of the training set.

    Parameters
    ----------
    extraction : Extraction
        Of the recordings to predict.
    train : Extraction, optional
        Of the training recordings, to detect near-duplicates.
    feature_names : sequence of str
    metadata : mapping
        Of the model.
    allowed : Allowed
    reporter : Reporter

    Returns
    -------
    dict
        What to note with the results: `mismatch` and `overlap`, if there are any.

    Raises
    ------
    DataError
        A recording was in the training data, or was measured in another way, and that is not allowed.
    """
    if train is not None and train.errors:
        reporter.note(make_unreadable_finding(train.errors))
    copies = find_overlap(extraction, metadata.get("content_hashes"), train)
    check_overlap(copies, allowed.overlap, reporter)
    mismatches = check_comparable(extraction, list(feature_names), metadata, allowed.mismatch, reporter)
    notes: dict[str, Any] = {}
    if mismatches:
        notes["mismatch"] = sorted({finding.code for finding in mismatches})
    if copies:
        notes["overlap"] = [asdict(duplicate) for duplicate in copies]
    return notes


def note_hints(
    predictions: pd.DataFrame,
    decision: Decision | None,
    status: pd.Series | None,
    subjects: NDArray[Any] | None,
    prevalence: Prevalence | None,
    reporter: Reporter,
) -> None:
    """Tell if the predicted shares are unlikely, or if pooled subjects have several labels."""
    hints = find_mixed_subjects(status, subjects)
    if decision is not None:
        predicted, is_corrected = predictions["status"], prevalence is not None
        own = find_prediction_hints(
            predicted, decision.positive, decision.priors_, decision.classes, is_corrected=is_corrected
        )
        hints = [*own, *hints]
    for finding in hints:
        reporter.note(finding)
