"""Scores of the baselines: one answer for everyone, recording conditions alone, and single views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.evaluation._baseline_systems import LOGISTIC_REGRESSION, SHORTCUT
from pdmr_classic.evaluation._estimator_systems import ESTIMATOR_PREFIX
from pdmr_classic.evaluation._member_systems import VIEW_PREFIX
from pdmr_classic.evaluation.baselines import floor_scores
from pdmr_classic.evaluation.confounds.summary import summarise_shortcut
from pdmr_classic.evaluation.differences import compare_main_scores
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.learners.member import JOINT_VIEW, is_joint_view


def summarise_baselines(
    table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions], seed: int
) -> dict[str, Any]:
    """Return the scores of each baseline, by its name in the evaluation."""
    first_repeat = model.subset(next(model.repeat_rows()))
    views = {
        _name_view_baseline(name): summarise_scores(predictions, seed)
        for name, predictions in systems.items()
        if name.startswith(VIEW_PREFIX)
    }
    return {
        "floor": floor_scores(first_repeat.truth, table.classes, table.positive),
        "shortcut": summarise_shortcut(table.features, model, systems.get(SHORTCUT), seed),
        **_summarise_logistic_regression(model, systems.get(LOGISTIC_REGRESSION), seed),
        **_summarise_estimators(table, model, systems, seed),
        **views,
    }


def _summarise_estimators(
    table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions], seed: int
) -> dict[str, Any]:
    """Return the scores of the user's own classifiers, and the differences of the model from each."""
    named = {ESTIMATOR_PREFIX + own.name: own for own in table.estimators}
    return {
        name: {
            **own.describe(),
            **summarise_scores(systems[name], seed),
            "differences": compare_main_scores(model, systems[name], seed),
        }
        for name, own in named.items()
    }


def _summarise_logistic_regression(model: Predictions, baseline: Predictions | None, seed: int) -> dict[str, Any]:
    """Return the scores of logistic regression on all features, and the differences of the model from it."""
    if baseline is None:
        return {}
    differences = compare_main_scores(model, baseline, seed)
    return {LOGISTIC_REGRESSION: {**summarise_scores(baseline, seed), "differences": differences}}


def _name_view_baseline(system: str) -> str:
    view = system.removeprefix(VIEW_PREFIX)
    if view == JOINT_VIEW:
        return "both_as_one_view"
    return f"{view}_as_one_view" if is_joint_view(view) else f"{view}_only"
