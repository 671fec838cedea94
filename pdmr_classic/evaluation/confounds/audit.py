"""Predict the label from recording conditions alone, in the same outer folds as the model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import joblib
import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.config import Settings
from pdmr_classic.evaluation.baselines import LinearBaseline, ShortcutBaseline
from pdmr_classic.evaluation.confounds._single_columns import examine_conditions
from pdmr_classic.evaluation.confounds.groups import NuisanceGroup
from pdmr_classic.evaluation.confounds.plan import ConfoundPlan
from pdmr_classic.evaluation.join_folds import join_folds
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.system_scores import score_repeat
from pdmr_classic.evaluation.table import EvaluationTable

SIGNIFICANCE = 0.05


def predict_from_conditions(
    X: Floats, table: EvaluationTable, settings: Settings, outer: OuterFold
) -> dict[str, list[Any]]:
    """Train a `ShortcutBaseline` on the training rows, and predict the held-out rows.

    Parameters
    ----------
    X : ndarray, shape [n, C]
        Conditions of all rows of the table.

    Returns
    -------
    dict
        `rows`, `predicted` and `probability`, JSON-serialisable.
    """
    return predict_with_baseline(ShortcutBaseline, fill_unknown(X, outer.train), table, settings, outer)


def predict_with_baseline(
    kind: type[ShortcutBaseline] | type[LinearBaseline],
    X: Floats,
    table: EvaluationTable,
    settings: Settings,
    outer: OuterFold,
) -> dict[str, list[Any]]:
    """Train a baseline on the training rows, and predict the held-out rows; see `predict_from_conditions`."""
    positive_index = None if table.positive is None else table.classes.index(table.positive)
    baseline = kind(positive_index, settings.learning.seed, settings.learning.metric)
    groups, train = table.groups.to_numpy(dtype=object), outer.train
    baseline.fit(X[train], table.codes[train], groups[train], None if table.weights is None else table.weights[train])
    predicted, probability = baseline.predict(X[outer.test])
    return {"rows": outer.test.tolist(), "predicted": predicted.tolist(), "probability": probability.tolist()}


def fill_unknown(X: Floats, train: Ints) -> Floats:
    """Return conditions with unknown values replaced by the median of the training rows.

    Which recordings lack a modality is thus told by one condition only, which says so.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a condition that no training row knows
        medians = np.nan_to_num(np.nanmedian(X[train], axis=0))
    return np.where(np.isfinite(X), X, medians)


def audit_groups(
    table: EvaluationTable,
    groups: Sequence[NuisanceGroup],
    outer: Sequence[OuterFold],
    settings: Settings,
    jobs: int = 1,
) -> ConfoundPlan:
    """Predict the label from each nuisance group, and find those that predict it better than chance.

    A group is found if its p (see `examine_conditions`) is at most .05, corrected for the number of groups (Holm 1979).
    This uses the labels of all recordings; the repair itself never uses labels.

    Parameters
    ----------
    table : EvaluationTable
    groups : sequence of NuisanceGroup
        Of the rows of the table.
    outer : sequence of OuterFold
    settings : Settings
    jobs : int
        Number of processes; the result does not depend on it.
    """
    groups = [_check_folds(group, outer) for group in groups]
    usable = [group for group in groups if not group.problem]
    columns = {group.name: group.columns for group in usable}
    records = _predict_groups(table, usable, outer, settings, jobs)
    aucs, p_values = {}, {}
    for name, by_fold in records.items():
        predictions = join_folds(table, outer, [by_fold[fold.repeat, fold.fold] for fold in outer])
        scored = [score_repeat(predictions, rows)["auc"] for rows in predictions.repeat_rows()]
        aucs[name] = float(np.mean(scored))
        p_values[name] = examine_conditions(columns[name], predictions, settings.learning.seed)[1]
    adjusted = adjust_p_values(p_values)
    found = sorted((name for name, p in adjusted.items() if p <= SIGNIFICANCE), key=lambda name: -aucs[name])
    return ConfoundPlan({group.name: group for group in groups}, records, adjusted, tuple(found))


def _check_folds(group: NuisanceGroup, outer: Sequence[OuterFold]) -> NuisanceGroup:
    """Return the group, with a problem if no fold can show whether its conditions predict the label."""
    if group.problem or any(group.columns.iloc[fold.test].nunique().gt(1).any() for fold in outer):
        return group
    return replace(group, problem="constant in each held-out part")


def _predict_groups(
    table: EvaluationTable,
    groups: Sequence[NuisanceGroup],
    outer: Sequence[OuterFold],
    settings: Settings,
    jobs: int,
) -> dict[str, dict[tuple[int, int], dict[str, Any]]]:
    # The features are not needed, and would be copied to every process.
    slim = replace(table, features=table.features.iloc[:, :0], altered={})
    tasks = [(group, fold) for group in groups for fold in outer]
    results = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(predict_from_conditions)(group.columns.to_numpy(), slim, settings, fold) for group, fold in tasks
    )
    records: dict[str, dict[tuple[int, int], dict[str, Any]]] = {group.name: {} for group in groups}
    for (group, fold), record in zip(tasks, results, strict=True):
        records[group.name][fold.repeat, fold.fold] = record
    return records


def adjust_p_values(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values corrected for their number by the step-down method of Holm (1979).

    Examples
    --------
    >>> adjust_p_values({"a": 0.01, "b": 0.04, "c": 0.5})
    {'a': 0.03, 'b': 0.08, 'c': 0.5}
    """
    adjusted, highest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = min(max(highest, (len(p_values) - rank) * p_values[name]), 1.0)
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}
