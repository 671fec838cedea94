"""Fit what predicts the class: tune, stack, choose the threshold, collect the metadata for the manifest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.models._presence_metadata import collect_metadata
from pdmr_classic.models._tune_presence import tune_presence
from pdmr_classic.models.compiled.stack import CompiledStack
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.ensemble.importance import column_groups, permutation_importance
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.study_storage import AnyStudies
from pdmr_classic.models.ensemble.training_folds import measure_sample_importance
from pdmr_classic.models.learners.large_table import open_table
from pdmr_classic.models.presence import Presence, fit_refinements, make_gate
from pdmr_classic.models.target_checks import Target
from pdmr_classic.progress import Reporter


def fit_presence(
    features: pd.DataFrame,
    target: Target,
    settings: Settings,
    *,
    severity: Mapping[str, Floats] | None = None,
    conditions: pd.Series | None = None,
    jobs: int,
    storage: AnyStudies,
    reporter: Reporter,
) -> Presence:
    """Tune the base learners, stack them, choose the threshold, and compute the permutation importance.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
    target : Target
        Labels, subjects and weights of the same rows.
    settings : Settings
    severity : mapping of str to ndarray, shape [n], optional
        Out-of-fold predictions of the score, to be columns of the meta-learner where they help.
    conditions : Series of str, optional
        Condition of the same rows, for experts.
    jobs : int
        Number of processes.
    storage : AnyStudies
        Of the trials.
    reporter : Reporter

    Raises
    ------
    DataError
        The table has no usable column, or contains labels.
    """
    learning = settings.learning
    classes = np.array(target.classes, dtype=object)
    feature_names = [str(name) for name in features.columns]
    with open_table(features, learning.max_rows) as X:
        members, folds = tune_presence(
            X, feature_names, target, settings, jobs=jobs, storage=storage, reporter=reporter
        )
        fold_data = folds.final
        reporter.progress("training", 0, 1)
        groups = column_groups(fold_data, feature_names) if learning.importance else None
        shuffled, importance = groups, None
        if folds.sample is not None:
            if groups is not None:
                importance = measure_sample_importance(
                    members, folds.sample, groups, classes, seed=learning.seed, jobs=jobs
                )
            # Before the final models, which need the memory.
            shuffled, folds = None, folds.release_sample()
        oof_scores = compute_oof_scores(members, fold_data, learning.seed, jobs=jobs, groups=shuffled)
        stacker = GroupedStacker(
            members, folds=learning.folds, repeats=learning.repeats, random_state=learning.seed, jobs=jobs
        ).fit_oof_scores(members, oof_scores.scores, fold_data, classes)
        gate = make_gate(fold_data, learning, reporter)
        experts, severity_columns, probability = fit_refinements(
            stacker, fold_data, conditions, severity, gate=gate, jobs=jobs
        )
        if gate is not None:
            reporter.note(gate.finding)
        for finding in experts.findings if experts is not None else ():
            reporter.note(finding)
        decision, oof = _fit_decision(probability, features.index, target, settings)
        for finding in (*stacker.findings_, *decision.findings):
            reporter.note(finding)
        metadata = collect_metadata(features, target, settings, fold_data, stacker, decision, oof)
        if groups is not None:
            metadata["importance"] = importance or permutation_importance(stacker, fold_data, oof_scores, groups)
        if sampling := folds.describe(stacker.members_):
            metadata["sampling"] = sampling
        if experts is not None:
            metadata["experts"] = experts.describe()
        if learning.join_views:
            metadata["joined_views"] = {name: joined.describe() for name, joined in fold_data.joined_views.items()}
        if gate is not None:
            metadata["view_gate"] = gate.describe()
        if severity_columns is not None:
            metadata["severity_columns"] = severity_columns.kept_
        reporter.progress("training", 1, 1)
        lite = CompiledStack(stacker, single=True) if learning.lite else None
        return Presence(stacker, decision, experts, severity_columns, oof, metadata, lite, gate)


def _fit_decision(
    probability: Floats, index: pd.Index, target: Target, settings: Settings
) -> tuple[Decision, pd.DataFrame]:
    """Choose the threshold on the out-of-fold probabilities; return the decision rule and the out-of-fold table."""
    finite = np.asarray(np.isfinite(probability).all(axis=1))
    status = target.status.to_numpy(dtype=object)[finite]
    decision = Decision(target.classes, target.positive, settings.learning).fit(
        probability[finite], status, target.groups.to_numpy(dtype=object)[finite], target.weights[finite]
    )
    oof = decision.assign_classes(probability[finite], index[finite], decision.threshold_)
    oof = oof.rename(columns={"status": "predicted"})
    oof.insert(0, "status", status)
    return decision, oof
