"""Validate what is to be evaluated, and make the table of the rows that can be predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from pdmr_classic.alignment import align_rows
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation._evaluation_facts import collect_facts
from pdmr_classic.evaluation.estimators import try_estimators
from pdmr_classic.evaluation.subgroups import check_leave_column, check_subgroup_columns
from pdmr_classic.evaluation.table import EvaluationTable, Scores, find_usable_rows, make_table
from pdmr_classic.io.labels.labels import read_weights
from pdmr_classic.io.labels.scales import Scale
from pdmr_classic.models.decision.prevalence import check_prevalence
from pdmr_classic.models.target_checks import choose_positive_class
from pdmr_classic.models.targets import check_targets
from pdmr_classic.models.training import RecordingTable
from pdmr_classic.progress import Reporter
from pdmr_classic.text import format_list


def prepare_table(
    features: pd.DataFrame,
    status: pd.Series | None,
    groups: pd.Series,
    *,
    severity: pd.Series | None,
    scale: Scale | None,
    conditions: pd.Series | None,
    labels: pd.DataFrame | None,
    altered: Mapping[str, pd.DataFrame],
    recordings: RecordingTable | None,
    settings: Settings,
    reporter: Reporter,
) -> tuple[EvaluationTable, pd.DataFrame]:
    """Return the table of the usable rows, and their label table; parameters are those of `evaluate_features`.

    Raises
    ------
    DataError, ConfigError
        See `evaluate_features`.
    """
    features, status, groups, severity, conditions, labels = align_rows(
        features=features, status=status, groups=groups, severity=severity, conditions=conditions, labels=labels
    )
    altered = {name: align_rows(features=features, **{name: table})[1] for name, table in altered.items()}
    targets = check_targets(status, groups, settings, severity=severity, scale=scale, conditions=conditions)
    groups = targets.groups
    status = _fill_labels(status, groups)
    for finding in () if targets.presence is None else targets.presence.findings:
        if finding.code == "merged-subjects":
            reporter.note(finding)
    rows = find_usable_rows(features, reporter)
    # Of the usable rows: all recordings of a class may lack usable data.
    positive = None
    if classes := sorted({*map(str, status[rows])} - {""}):
        positive = choose_positive_class(classes, settings.data.positive)
        check_prevalence(settings.evaluation.prevalence, positive)
    _check_class_options(settings, has_classes=bool(classes))
    labels = pd.DataFrame(index=features.index) if labels is None else labels
    check_subgroup_columns(labels, settings.evaluation.by, groups)
    check_leave_column(labels, settings.evaluation.leave)
    table = make_table(
        features,
        status,
        groups,
        positive=positive,
        altered=altered,
        weights=read_weights(labels, settings.data.weights),
        rows=rows,
        scores=None if targets.severity is None else Scores(targets.severity.score, targets.severity.scale),
        conditions=targets.conditions,
        recordings=recordings,
    )
    facts = collect_facts(features, targets, labels, recordings, settings)
    return replace(table, facts=facts), labels[rows]


def add_estimators(
    table: EvaluationTable, estimators: Mapping[str, Any], seed: int, reporter: Reporter
) -> EvaluationTable:
    """Return the table with the user's own classifiers, after trying each; see `try_estimators`.

    Raises
    ------
    ConfigError
        There are no classes, or a classifier raises an error.
    """
    if not estimators:
        return table
    if not table.classes:
        raise ConfigError("classes are required for estimators", expected="a label for each recording", found="none")
    rows = table.has_status
    features, groups = table.features[rows], table.groups[rows].to_numpy(dtype=object)
    tried = try_estimators(estimators, features, table.codes[rows], groups, seed=seed, reporter=reporter)
    return replace(table, estimators=tried)


def _fill_labels(status: pd.Series | None, groups: pd.Series) -> pd.Series:
    """Return the labels, "" where there are none."""
    if status is None:
        return pd.Series("", index=groups.index, dtype=object)
    return status.fillna("") if status.isna().any() else status


def _check_class_options(settings: Settings, *, has_classes: bool) -> None:
    options = settings.evaluation
    wanted = {
        "--estimator": options.estimators,
        "--confounds": options.confounds,
        "--nuisance": options.nuisance,
        "--prevalence": options.prevalence,
    }
    unusable = [name for name, value in wanted.items() if value and not has_classes]
    if unusable:
        raise ConfigError(
            f"classes are required for {format_list(unusable)}",
            expected="--target both, or no --target",
            found=f"--target {settings.data.target}",
        )
