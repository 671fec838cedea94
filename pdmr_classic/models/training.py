"""`fit`: extract features of labelled recordings, check their subjects, and train a model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding, summarise_findings
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions, find_exclusions
from pdmr_classic.features.extractor import Extraction, FeatureExtractor
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.set_checks import ExtractedFile
from pdmr_classic.models._predictor import StudySource
from pdmr_classic.models._training_facts import describe_training_data
from pdmr_classic.models.decision.hints import find_training_hints
from pdmr_classic.models.measurements import summarise_measurements
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.models.targets import Targets, select_targets
from pdmr_classic.progress import LogReporter, Reporter, shows_progress
from pdmr_classic.subjects.copies import find_copies_between_subjects, find_near_copies_between_subjects
from pdmr_classic.subjects.inference import add_face_shape, propose_subjects


@dataclass(frozen=True, eq=False)
class RecordingTable:
    """The single recordings of persons with events.

    Attributes
    ----------
    features : DataFrame, shape [recordings, F]
    persons : Series of str
        The row of the person that each recording belongs to; same index.
    """

    features: pd.DataFrame
    persons: pd.Series

    def select(self, persons: Collection[str]) -> RecordingTable:
        """Return the recordings of some persons."""
        rows = self.persons.isin(list(persons)).to_numpy()
        return RecordingTable(self.features[rows], self.persons[rows])


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Features and validated targets of the labelled recordings.

    Attributes
    ----------
    features : DataFrame, shape [n, F]
    targets : Targets
        Labels, scores, subjects and weights of the same rows.
    labels : DataFrame, n rows
        The full label table.
    content_hashes : DataFrame of str, shape [recordings, 2]
        As `Extraction.content_hashes`.
    leakage_warnings : list of Finding
        Reasons why one person may be on both sides of a split: subjects that are unknown or inferred, and copies or
        near copies of a recording under several subjects. They name no recording.
    exclusions : Exclusions
        Channels that are not in the features because they mark recordings, see `find_exclusions`.
    measurements : dict
        Trackers, units, frame rates and ranges of the recordings, see `summarise_measurements`.
    files : tuple of ExtractedFile
        Facts about each file.
    recordings : RecordingTable, optional
        If the rows are persons with events.
    """

    features: pd.DataFrame
    targets: Targets
    labels: pd.DataFrame
    content_hashes: pd.DataFrame
    leakage_warnings: list[Finding]
    exclusions: Exclusions = NO_EXCLUSIONS
    measurements: dict[str, Any] = field(default_factory=dict)
    files: tuple[ExtractedFile, ...] = ()
    recordings: RecordingTable | None = None


def prepare_training_set(
    data: Dataset,
    settings: Settings,
    *,
    jobs: int = 1,
    cache: str | Path | None = None,
    groups_out: Path | None = None,
    reporter: Reporter,
) -> TrainingSet:
    """Check labels and subjects, extract features, and infer the subjects if requested.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without a label are left out.
    settings, jobs, cache, groups_out, reporter
        As for `fit`.

    Raises
    ------
    DataError
        The labels are not valid (they are checked first), or a file cannot be read.
    ConfigError
        A setting is not valid.
    """
    labelled, targets = select_targets(data, settings)
    labels = labelled.labels
    assert labels is not None
    for finding in (*labelled.findings, *targets.findings):
        reporter.note(finding)
    warnings = [labelled.groups_warning] if labelled.groups_warning else []
    extraction_settings = add_face_shape(settings) if labelled.groups_source == "infer" else settings
    extractor = FeatureExtractor(extraction_settings, jobs=jobs, cache=cache, reporter=reporter)
    extraction, exclusions = _extract(labelled, extractor, reporter)
    features = extraction.features
    if labelled.groups_source == "infer":
        features, groups, proposal = propose_subjects(extraction, groups_out, reporter, seed=settings.learning.seed)
        warnings.append(proposal)
        targets = targets.replace_groups(groups, settings.learning.folds)
    contents, owners = extraction.content_hashes, labelled.owners
    subjects = targets.groups.loc[owners].set_axis(owners.index)
    singles = features if extraction.recordings is None else extraction.recordings
    for leak in (
        find_copies_between_subjects(contents, subjects),
        find_near_copies_between_subjects(singles, contents, subjects),
    ):
        if leak is not None:
            reporter.note(leak)
            warnings.append(replace(leak, found=None))  # `found` names recordings
    measurements = summarise_measurements(extraction.files)
    recordings = None if extraction.recordings is None else RecordingTable(extraction.recordings, owners)
    return TrainingSet(
        features, targets, labels, contents, warnings, exclusions, measurements, extraction.files, recordings
    )


def _extract(labelled: Dataset, extractor: FeatureExtractor, reporter: Reporter) -> tuple[Extraction, Exclusions]:
    """Extract features without the channels that mark recordings; refuse files that do not fit together."""
    extraction = extractor.extract(labelled)
    extraction.require_features()
    exclusions, findings = find_exclusions(extraction.files, extraction.recording_features)
    for finding in (*summarise_findings(extraction.findings), *findings):
        reporter.note(finding)
    if exclusions:
        # Computed again: families that combine channels must not use an excluded one either.
        extractor.set_params(exclusions=exclusions)
        extraction = extractor.extract(labelled)
    return extraction, exclusions


@shows_progress
def fit(
    data: Dataset,
    *,
    settings: Settings | None = None,
    trials: int | None = None,
    timeout: float | None = None,
    seed: int | None = None,
    positive: str | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
    studies: StudySource | None = None,
    groups_out: Path | None = None,
    reporter: Reporter | None = None,
) -> DepressionModel:
    """Extract features of the labelled recordings, tune the base learners and train a model.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without a label are left out. If some have `train` in a label column `split`, only
        these are used.
    settings : Settings, optional
        Overridden by `trials`, `timeout`, `seed` and `positive`.
    jobs : int
        Number of processes. The result does not depend on it.
    cache : path-like, optional
        Folder of the feature cache.
    studies : Path or StudyDatabase, optional
        Stores the trials; see `DepressionModel.fit`.
    groups_out : Path, optional
        File to write inferred subjects to (`load_dataset(…, groups="infer")`), for manual correction.

    Raises
    ------
    DataError
        A file cannot be read, or the labels are not valid.
    ConfigError
        A setting is not valid.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset, make_synthetic
    >>> quick = {"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
    >>> settings = Settings().override(quick)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     synthetic = make_synthetic(f"{folder}/set", subjects=12, segments=1, seconds=(2, 3))
    ...     model = fit(load_dataset(synthetic.out, split="train"), settings=settings)
    ...     predictions = model.predict(load_dataset(synthetic.out, split="test"))
    >>> list(predictions.columns), len(predictions)
    (['status', 'probability'], 4)
    """
    reporter = reporter or LogReporter()
    overrides = {
        "learning.trials": trials,
        "learning.timeout": timeout,
        "learning.seed": seed,
        "data.positive": positive,
    }
    settings = (settings or Settings()).override(overrides)
    selected = data.select_training_split()
    training = prepare_training_set(
        selected, settings, jobs=jobs, cache=cache, groups_out=groups_out, reporter=reporter
    )
    model = DepressionModel(settings).fit_targets(
        training.features, training.targets, jobs=jobs, studies=studies, reporter=reporter
    )
    if model.learns_status:
        for finding in find_training_hints(model.oof_, model.metadata_["inner_scores"], model.positive_):
            reporter.note(finding)
    model.metadata_["measurements"] = training.measurements
    model.metadata_["excluded_channels"] = training.exclusions.as_dict()
    model.metadata_ |= describe_training_data(
        data, selected, training.features, training.targets, training.content_hashes
    )
    return model
