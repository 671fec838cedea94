"""From labelled recordings to a model: their features, their subjects, and what there is to tell of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features.extractor import FeatureExtractor, summarise_findings
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.labels import read_weights
from pdmr_classic.models.model import DepressionModel
from pdmr_classic.models.target_checks import Target, check_target
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.subjects.copies import find_copies_between_subjects
from pdmr_classic.subjects.inference import propose_subjects, with_face_shape
from pdmr_classic.subjects.overlap import hash_contents


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Labelled recordings, ready to be learned from.

    Attributes
    ----------
    features : DataFrame, shape [n, F]
    target : Target
        Labels, subjects and weights of the same rows.
    labels : DataFrame, n rows
        The whole table of labels.
    contents : DataFrame of str, shape [n, 2]
        As `Extraction.contents`.
    doubts : list of Finding
        Why a person may stand on both sides of a split after all: subjects that nobody named, or that are only
        guessed, and copies under several of them. Without names of recordings.
    """

    features: pd.DataFrame
    target: Target
    labels: pd.DataFrame
    contents: pd.DataFrame
    doubts: list[Finding]


def prepare_training_set(
    data: Dataset,
    settings: Settings,
    *,
    jobs: int = 1,
    cache: str | Path | None = None,
    groups_out: Path | None = None,
    reporter: Reporter,
) -> TrainingSet:
    """Check labels and subjects, extract features, and settle who is whom.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without one are left out.
    settings, jobs, cache, groups_out, reporter
        As for `fit`.

    Raises
    ------
    DataError
        A file cannot be read, or the labels do not serve; labels are looked at first.
    ConfigError
        A setting is wrong.
    """
    labelled = data.labelled()
    status, groups, labels = labelled.status, labelled.groups, labelled.labels
    assert status is not None
    assert groups is not None
    assert labels is not None
    target = check_target(status, groups, settings, read_weights(labels, settings.data.weights))
    for finding in labelled.findings:
        reporter.note(finding)
    doubts = [labelled.groups_doubt] if labelled.groups_doubt else []
    asked = with_face_shape(settings) if labelled.groups_source == "infer" else settings
    extraction = FeatureExtractor(asked, jobs=jobs, cache=cache, reporter=reporter).extract(labelled)
    features = extraction.checked()
    for finding in summarise_findings(extraction.findings):
        reporter.note(finding)
    if labelled.groups_source == "infer":
        features, groups, told = propose_subjects(extraction, groups_out, reporter, seed=settings.learning.seed)
        doubts.append(told)
        target = target.with_groups(groups, settings.learning.folds)
    if leak := find_copies_between_subjects(extraction.contents, target.groups):
        reporter.note(leak)
        doubts.append(replace(leak, found=None))  # it names recordings
    return TrainingSet(features, target, labels, extraction.contents, doubts)


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
    studies: Path | None = None,
    groups_out: Path | None = None,
    reporter: Reporter | None = None,
) -> DepressionModel:
    """Extract features of the labelled recordings, tune, train and return a model.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without one are left out.
    settings : Settings, optional
        The named arguments override it.
    jobs : int
        Processes. The result does not depend on it.
    cache : path-like, optional
        Folder of the feature cache.
    studies : Path, optional
        File that keeps the trials; see `DepressionModel.fit`.
    groups_out : Path, optional
        Where subjects that are proposed (`load_dataset(…, groups="infer")`) are written, for a person to correct.

    Raises
    ------
    DataError
        A file cannot be read, or the labels do not serve.
    ConfigError
        A setting is wrong.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset, make_synthetic
    >>> quick = {"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
    >>> settings = Settings().override(quick)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = make_synthetic(f"{folder}/set", subjects=12, segments=1, seconds=(2, 3))
    ...     model = fit(load_dataset(made.out, split="train"), settings=settings)
    ...     predictions = model.predict(load_dataset(made.out, split="test"))
    >>> list(predictions.columns), len(predictions)
    (['status', 'probability'], 4)
    """
    reporter = reporter or LogReporter()
    changes = {"learning.trials": trials, "learning.timeout": timeout, "learning.seed": seed, "data.positive": positive}
    settings = (settings or Settings()).override(changes)
    training = prepare_training_set(data, settings, jobs=jobs, cache=cache, groups_out=groups_out, reporter=reporter)
    model = DepressionModel(settings).fit_target(
        training.features, training.target, jobs=jobs, studies=studies, reporter=reporter
    )
    model.facts_["synthetic"] = data.is_synthetic
    model.facts_["contents"] = hash_contents(training.contents)
    return model
