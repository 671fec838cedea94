"""`evaluate_features`: repeated nested grouped cross-validation on a feature table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.evaluation._assemble import assemble_evaluation
from pdmr_classic.evaluation._cost import describe_cost
from pdmr_classic.evaluation._fold_strata import check_training_scores, find_strata
from pdmr_classic.evaluation._prepare_table import add_estimators, prepare_table
from pdmr_classic.evaluation._run_folds import choose_folds, run_folds, run_some_folds
from pdmr_classic.evaluation.confounds.prepare import add_confound_plan
from pdmr_classic.evaluation.confounds.rules import RuleExtractor
from pdmr_classic.evaluation.estimators import load_estimators
from pdmr_classic.evaluation.known_people import describe_held_out_baseline
from pdmr_classic.evaluation.outer_folds import SPLIT_COLUMN, choose_outer_folds, describe_held_out
from pdmr_classic.evaluation.subgroups import MAX_GROUPS
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.models.training import RecordingTable
from pdmr_classic.progress import LogReporter, Reporter, shows_progress


@shows_progress
def evaluate_features(
    features: pd.DataFrame,
    status: pd.Series | None,
    groups: pd.Series,
    *,
    severity: pd.Series | None = None,
    scale: Scale | None = None,
    conditions: pd.Series | None = None,
    labels: pd.DataFrame | None = None,
    altered: Mapping[str, pd.DataFrame] | None = None,
    settings: Settings | None = None,
    folds: int | None = None,
    repeats: int | None = None,
    by: Sequence[str] | None = None,
    leave: str | None = None,
    confounds: bool | None = None,
    nuisance: Sequence[str] | None = None,
    estimators: Mapping[str, Any] | None = None,
    extractor: RuleExtractor | None = None,
    recordings: RecordingTable | None = None,
    jobs: int = 1,
    checkpoint: str | Path | None = None,
    fold: Sequence[int] | None = None,
    join: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Do the same as `evaluate`, on a feature table. Every step that is fitted is fitted within the folds.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
        As returned by `FeatureExtractor`.
    status, groups : Series of str, length n
        Label and subject of each row, matched by their index. Without labels (None), only the score is evaluated; with
        a score, an empty label is allowed.
    severity : Series of float, length n, optional
        Score of each row; NaN if it is unknown.
    scale : Scale, optional
        Of the scores; by default their range, without classes.
    conditions : Series of str, length n, optional
        Condition of each row, for experts.
    labels : DataFrame, optional
        Label table of the same rows, with the columns for `by`, `split` and the sample weights.
    altered : mapping of str to DataFrame, optional
        Features of the same rows in each stress test.
    settings, folds, repeats, by, leave, confounds, nuisance, estimators, jobs, checkpoint, fold, join, reporter
        As for `evaluate`.
    extractor : RuleExtractor, optional
        Knows the recordings, for `confounds`. From a feature table alone, conditions of the files are unknown, and
        most repairs are linear residualisation.
    recordings : RecordingTable, optional
        If the rows are persons with events: their single recordings, to compare with pooling the predictions of these.

    Returns
    -------
    dict
        As returned by `evaluate`.

    Raises
    ------
    DataError
        The labels, subjects or splits are not valid, no row has usable features, or the indexes differ.
    ConfigError
        A setting is not valid, or `checkpoint` belongs to other data, settings or library versions, or outer
        folds are missing (`join`, `fold`).
    """
    reporter = reporter or LogReporter()
    settings = override_evaluation(
        settings, folds=folds, repeats=repeats, by=by, leave=leave, confounds=confounds, nuisance=nuisance
    )
    options = settings.evaluation
    classifiers = find_estimators(settings, estimators)
    table, labels = prepare_table(
        features,
        status,
        groups,
        severity=severity,
        scale=scale,
        conditions=conditions,
        labels=labels,
        altered=altered or {},
        recordings=recordings,
        settings=settings,
        reporter=reporter,
    )
    table = add_estimators(table, classifiers, settings.learning.seed, reporter)
    strata = find_strata(table, options.folds, leave=options.leave is not None)
    outer, source = choose_outer_folds(
        strata,
        table.groups,
        labels,
        settings,
        weights=table.weights,
        has_classes=bool(table.classes),
        reporter=reporter,
    )
    todo = choose_folds(outer, fold, join=join)
    check_training_scores(table, outer, settings.severity.level)
    held_out = describe_held_out(outer, table.groups)
    for finding in (
        *describe_held_out_baseline(held_out, map(str, features.columns)),
        *describe_cost(table, len(todo), settings),
    ):
        reporter.note(finding)
    column = options.leave or SPLIT_COLUMN
    if 1 < len({fold.held_out for fold in outer}) <= MAX_GROUPS and column not in options.by:
        # Scores of dev and test, or of two sites, are different things.
        settings = override_evaluation(settings, by=(*options.by, column))
    labelled = [fold.restrict(table.has_status) for fold in outer]
    table = add_confound_plan(table, labelled, labels, settings, extractor=extractor, jobs=jobs, reporter=reporter)
    if fold is not None:
        return run_some_folds(table, outer, settings, todo, jobs=jobs, checkpoint=checkpoint, reporter=reporter)
    results = run_folds(table, outer, settings, jobs=jobs, checkpoint=checkpoint, join=join, reporter=reporter)
    return assemble_evaluation(table, outer, results, labels, settings, fold_source=source)


def find_estimators(settings: Settings, estimators: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the classifiers in the settings and those that are given, by name; see `load_estimators`."""
    return load_estimators(settings.evaluation.estimators, estimators)


def override_evaluation(settings: Settings | None, **evaluation: Any) -> Settings:
    """Return the settings (or the defaults) with the given values of the section `evaluation`; None changes nothing."""
    return (settings or Settings()).override({f"evaluation.{name}": value for name, value in evaluation.items()})
