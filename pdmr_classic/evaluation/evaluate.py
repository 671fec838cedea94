"""`evaluate`: estimate the performance on new people by repeated nested grouped cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.confounds.conditions import collect_conditions
from pdmr_classic.evaluation.confounds.groups import check_nuisance_columns
from pdmr_classic.evaluation.confounds.rules import RuleExtractor
from pdmr_classic.evaluation.evaluate_features import evaluate_features, find_estimators, override_evaluation
from pdmr_classic.evaluation.stress import extract_altered_features, without_recordings
from pdmr_classic.evaluation.subgroups import check_leave_column, check_subgroup_columns
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.flow import join_flows
from pdmr_classic.models.participant_flow import describe_selection
from pdmr_classic.models.targets import select_targets
from pdmr_classic.models.training import prepare_training_set
from pdmr_classic.progress import LogReporter, Reporter, shows_progress
from pdmr_classic.storage.atomic import write_text_atomic
from pdmr_classic.text import to_json


@shows_progress
def evaluate(
    data: Dataset,
    *,
    settings: Settings | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    by: Sequence[str] | None = None,
    leave: str | None = None,
    stress: bool | None = None,
    confounds: bool | None = None,
    nuisance: Sequence[str] | None = None,
    estimators: Mapping[str, Any] | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
    checkpoint: str | Path | None = None,
    fold: Sequence[int] | None = None,
    join: bool = False,
    groups_out: Path | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Estimate the performance on people who were not in the training data.

    In each outer fold, the model is tuned, trained and calibrated and its threshold chosen on the training subjects
    only; it then predicts the held-out subjects.

    Parameters
    ----------
    data : Dataset
        With labels; recordings without a label are left out. If there is a label column `split` with the value train,
        models are trained on train and tested on each other value; otherwise each value is one held-out fold.
    settings : Settings, optional
        `folds`, `repeats`, `by`, `stress`, `confounds` and `nuisance` override its section `evaluation`.
    folds, repeats : int, optional
        Number of outer folds and repeats; fewer folds if the rarest class has fewer subjects.
    by : sequence of str, optional
        Label columns to compute subgroup scores for.
    leave : str, optional
        Label column, such as site or corpus: each value is held out as a whole, instead of folds. Recordings with other
        values of a held-out subject are not trained on, except if the column is called session or visit, or is that of
        `data.baseline`: then a subject's other sessions are trained on, so that the scores are for another visit of
        known people. `subject_id` holds out one subject at a time. The scores of each value are in `subgroups`.
    stress : bool, optional
        Stress tests: also predict the held-out recordings with a modality or frames removed, at half the frame rate,
        and with noise.
    confounds : bool, optional
        Confound audit: predict the label from each group of recording conditions alone, by the same folds. If any
        predicts it, the model is trained again on features that are repaired: by a rule (decimals, position of the
        head, resting level of the face, level of audio vectors), otherwise by linear residualisation in the folds.
    nuisance : sequence of str, optional
        Label columns, such as site or age, that the audit takes for recording conditions; implies `confounds`.
    estimators : mapping of str to estimator or callable, optional
        scikit-learn classifiers of your own, unfitted, or functions that return one, by name: each is fitted to the
        features that the model learns from, in the same outer folds, with its threshold chosen on grouped inner folds,
        and scored as the system "estimator NAME", in addition to those in the settings. Its `fit` gets the subjects if
        it has a parameter `groups` or requests them; classes are integers from 0; missing values are replaced by the
        median if it refuses them. A `random_state` that is None becomes the seed of the settings.
    jobs : int
        Number of processes. The result does not depend on it.
    cache : path-like, optional
        Folder of the feature cache.
    checkpoint : path-like, optional
        Folder that stores finished outer folds, one file each, so that an interrupted evaluation can resume and several
        runs can share the work; delete it once the result is saved.
    fold : sequence of int, optional
        Only compute these outer folds, numbered from 1 over all repeats, and store them in `checkpoint`. Several runs
        may do so at the same time, on machines that share a file system.
    join : bool
        Compute no outer fold: all of them are in `checkpoint`. The result is the same as without `fold`.
    groups_out : Path, optional
        File to write inferred subjects to (`load_dataset(…, groups="infer")`), for manual correction.

    Returns
    -------
    dict
        With `fold`, only `folds`, `n_folds`, `missing` (numbers of the computed folds, of all, and of those that no run
        has finished) and `checkpoint`.

        Otherwise JSON-serialisable, `schema` "pdmr-classic/evaluation/6": `data` (counts and `fingerprint`, equal to
        `data_fingerprint` in the manifest of a model of the same features, labels, subjects and weights; with a column
        `split` also `training_fingerprint`, that of train), `flow` (see `Flow`), `held_out` ("new people" or "another
        visit of known people"), `scores` with 95% intervals, `confusion` (see `average_confusion`), `folds` (scores of
        each outer fold), with two classes `thresholds` (of each model), `members` (weight of each base learner where
        all modalities are present, with the range over models), `conclusion` (sentences), `baselines` (also a
        `logistic_regression` on all features, with `differences`: the model minus this baseline), `confounds` (see
        `summarise_confounds`), with covariates `added_value` (what each view adds to the covariates alone, see
        `summarise_added_value`), `as_predicted` (scores with the options of `predict`: pooled subjects, and
        `evaluation.prevalence` if it is set; and with equally weighted subjects), `stress_tests`, `subgroups`,
        `optimism` (inner minus outer scores), `permutation_test`, `importance` (increase in log loss, in the inner
        folds; `by_channel` of the 20 most important channels on held-out recordings, see `channel_importance`),
        `warnings`, the out-of-fold `predictions` of the model, with numbered subjects and pseudonyms for the recordings
        (see `make_pseudonyms`), and those of the other `systems`, such as baselines (see `read_systems`), and
        `abstention` (see `summarise_abstention`). With persons of several events, `events` (see `summarise_events`).
        With `data.target` both, also `severity` (see `summarise_severities`; with `stress_tests` and `subgroups`). With
        a column of scores as target, there are only counts, `warnings` and `severity`.

    Raises
    ------
    DataError
        A file cannot be read, or the labels, subjects or splits are not valid.
    ConfigError
        A setting is not valid, `checkpoint` belongs to other data, settings or library versions, an outer fold is
        missing that is to be joined, or the evaluation has no outer fold of this number.

    References
    ----------
    Varma and Simon 2006 (nested cross-validation).

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset, make_synthetic
    >>> quick = {"learning.learners": ["linear"], "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
    >>> settings = Settings().override(quick)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     synthetic = make_synthetic(f"{folder}/set", subjects=12, segments=1, seconds=(2, 3))
    ...     data = load_dataset(synthetic.out, split="train")
    ...     evaluation = evaluate(data, settings=settings, folds=2, repeats=1, stress=False)
    >>> evaluation["positive"], evaluation["n_subjects"], sorted(evaluation["scores"]["auc"])
    ('Depression', 8, ['high', 'low', 'mean', 'sd'])
    """
    reporter = reporter or LogReporter()
    settings = override_evaluation(
        settings,
        folds=folds,
        repeats=repeats,
        by=by,
        leave=leave,
        stress=stress,
        confounds=confounds,
        nuisance=nuisance,
    )
    settings = without_recordings(settings, data, reporter)
    classifiers = find_estimators(settings, estimators)
    labelled = select_targets(data, settings)[0] if settings.data.learns_score else data.select_labelled()
    assert labelled.labels is not None
    assert labelled.groups is not None
    check_subgroup_columns(labelled.labels, settings.evaluation.by, labelled.groups)
    has_subjects = labelled.groups_source != "recording"
    has_events = any(recording.events for recording in labelled.recordings)
    check_leave_column(labelled.labels, settings.evaluation.leave, has_subjects=has_subjects, has_events=has_events)
    check_nuisance_columns(labelled.labels, settings.evaluation.nuisance)
    training = prepare_training_set(
        labelled, settings, jobs=jobs, cache=cache, groups_out=groups_out, reporter=reporter
    )
    targets = training.targets
    altered = {}
    if settings.evaluation.stress:
        altered = extract_altered_features(
            labelled, training.features, settings, exclusions=training.exclusions, jobs=jobs, reporter=reporter
        )
    conditions = collect_conditions(labelled, training.files)
    extractor = RuleExtractor(labelled, conditions, settings, training.exclusions, jobs, reporter)
    evaluation = evaluate_features(
        training.features,
        None if targets.presence is None else targets.presence.status.reindex(targets.groups.index, fill_value=""),
        targets.groups,
        severity=None if targets.severity is None else targets.severity.score,
        scale=None if targets.severity is None else targets.severity.scale,
        conditions=targets.conditions,
        labels=training.labels,
        altered=altered,
        settings=settings,
        estimators=classifiers,
        extractor=extractor,
        recordings=training.recordings,
        jobs=jobs,
        checkpoint=checkpoint,
        fold=fold,
        join=join,
        reporter=reporter,
    )
    if fold is not None:
        return evaluation
    evaluation["synthetic"] = data.is_synthetic
    evaluation["flow"] = _describe_flow(data, labelled, evaluation["flow"])
    # If subjects are unknown or only inferred, training and test people may overlap, and the scores are optimistic.
    leakage_warnings = [replace(finding, file=None).as_dict() for finding in training.leakage_warnings]
    evaluation["warnings"] = [*leakage_warnings, *evaluation["warnings"]]
    return evaluation


def _describe_flow(data: Dataset, labelled: Dataset, flow: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the flow from the folder to the scored recordings, given that of the feature table."""
    joined = join_flows(describe_selection(data, labelled), tuple(flow))
    if labelled.groups_source != "recording":
        return list(joined)
    return [{**step, "n_subjects": None} for step in joined]


def write_evaluation(evaluation: Mapping[str, Any], path: str | Path) -> Path:
    """Write an evaluation as JSON, atomically.

    Raises
    ------
    TargetError
    """
    return write_text_atomic(path, to_json(evaluation, indent=1) + "\n")
