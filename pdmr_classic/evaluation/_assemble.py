"""Assemble the evaluation from the outer folds: scores, baselines, stress tests, subgroups, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic import __version__
from pdmr_classic.config import Settings
from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation._adjusted_systems import score_adjusted_systems
from pdmr_classic.evaluation._member_systems import VIEW_PREFIX
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation.baselines import floor_scores
from pdmr_classic.evaluation.conclusions import conclude_evaluation
from pdmr_classic.evaluation.confounds.summary import summarise_confounds, summarise_shortcut
from pdmr_classic.evaluation.intervals import INTERVAL_NOTE
from pdmr_classic.evaluation.join_folds import join_folds
from pdmr_classic.evaluation.outer_folds import OuterFold, are_one_way
from pdmr_classic.evaluation.predictions import SCHEMA, Predictions, make_pseudonyms
from pdmr_classic.evaluation.run_fold import MODEL, SHORTCUT, STRESS_PREFIX
from pdmr_classic.evaluation.stored_systems import store_systems
from pdmr_classic.evaluation.stress import score_stress_tests
from pdmr_classic.evaluation.subgroups import score_subgroups
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.learners.member import JOINT_VIEW

_OPTIMISM_SCORES = ("f1", "macro_f1", "balanced_accuracy", "auc", "brier")


def assemble_evaluation(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    results: Sequence[Mapping[str, Any]],
    labels: pd.DataFrame,
    settings: Settings,
    *,
    fold_source: str,
) -> dict[str, Any]:
    """Return the evaluation as a JSON-serialisable dict.

    Parameters
    ----------
    table : EvaluationTable
    outer : sequence of OuterFold
    results : sequence of dict
        Result of each outer fold, see `run_fold`.
    labels : DataFrame
        Label table of the same rows; provides the subgroup columns.
    settings : Settings
    fold_source : str
        Origin of the outer folds, see `make_outer_folds`.
    """
    return {
        "schema": SCHEMA,
        "version": __version__,
        "environment": describe_environment(),
        "synthetic": False,
        "positive": table.positive,
        "data": {
            "n_recordings": len(table.status),
            "n_subjects": int(table.groups.nunique()),
            "classes": {label: int((table.status == label).sum()) for label in table.classes},
        },
        "settings": settings.model_dump(mode="json"),
        "outer_folds": {
            "source": fold_source,
            "n_folds": len({fold.fold for fold in outer}),
            "n_repeats": len({fold.repeat for fold in outer}),
            "is_one_way": are_one_way(outer),
            "sizes": [fold.count_rows(table.groups.to_numpy(dtype=object)) for fold in outer],
        },
        **_summarise_results(table, outer, results, labels, settings.evaluation.by, settings.learning.seed),
    }


def _summarise_results(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    results: Sequence[Mapping[str, Any]],
    labels: pd.DataFrame,
    subgroup_columns: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    systems = _collect_systems(table, outer, results)
    model = systems.get(MODEL)
    if model is None:
        raise DataError("no held-out recording could be predicted", code="no-usable-data")
    summary = summarise_scores(model, seed)
    baselines = _summarise_baselines(table, model, systems, seed)
    permutation = permutation_test(model, seed=seed)
    confounds = summarise_confounds(table.confounds, model, systems, table.positive, seed)
    conclusion, warnings = conclude_evaluation(summary["scores"], permutation, baselines, confounds, table.positive)
    stressed = {
        name.removeprefix(STRESS_PREFIX): predictions
        for name, predictions in systems.items()
        if name.startswith(STRESS_PREFIX)
    }
    return {
        **summary,
        "interval_note": INTERVAL_NOTE,
        "conclusion": conclusion,
        "permutation_test": permutation,
        "optimism": _estimate_optimism(results, summary["scores"]),
        "importance": _average_importance(results),
        "baselines": baselines,
        "as_predicted": score_adjusted_systems(table, model, systems, results, seed),
        "confounds": confounds,
        "stress_tests": score_stress_tests(model, stressed),
        "subgroups": {column: score_subgroups(model, labels[column], seed) for column in subgroup_columns},
        "warnings": [finding.as_dict() for finding in warnings],
        **_store_predictions(table, model, systems),
    }


def _store_predictions(
    table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions]
) -> dict[str, Any]:
    """Return the out-of-fold predictions under pseudonyms; those of the stress tests are left out."""
    pseudonyms = make_pseudonyms(table.status, table.groups)
    model = model.pseudonymise(pseudonyms).sort_rows()
    others = {
        name: predictions.pseudonymise(pseudonyms)
        for name, predictions in systems.items()
        if name != MODEL and not name.startswith(STRESS_PREFIX)
    }
    return {"predictions": model.to_records(), "systems": store_systems(model, others)}


def _average_importance(results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the permutation importance (increase in log loss), averaged over the models of the outer folds."""
    importances = [result["importance"] for result in results if result.get("importance")]
    means: dict[str, dict[str, float]] = {}
    for grouping in ("by_family", "by_modality", "by_view"):
        frame = pd.DataFrame([importance[grouping] for importance in importances])
        increases = frame.mean().sort_values(ascending=False)
        means[grouping] = {str(name): float(increase) for name, increase in increases.items()}
    return means


def _collect_systems(
    table: EvaluationTable, outer: Sequence[OuterFold], results: Sequence[Mapping[str, Any]]
) -> dict[str, Predictions]:
    names = dict.fromkeys(name for result in results for name in result["systems"])
    systems = {name: join_folds(table, outer, [result["systems"].get(name) for result in results]) for name in names}
    return {name: predictions for name, predictions in systems.items() if len(predictions)}


def _summarise_baselines(
    table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions], seed: int
) -> dict[str, Any]:
    first_repeat = model.subset(next(model.repeat_rows()))
    views = {
        _name_view_baseline(name): summarise_scores(predictions, seed)
        for name, predictions in systems.items()
        if name.startswith(VIEW_PREFIX)
    }
    return {
        "floor": floor_scores(first_repeat.truth, table.classes, table.positive),
        "shortcut": summarise_shortcut(table.features, model, systems.get(SHORTCUT), seed),
        **views,
    }


def _name_view_baseline(system: str) -> str:
    view = system.removeprefix(VIEW_PREFIX)
    return "both_as_one_view" if view == JOINT_VIEW else f"{view}_only"


def _estimate_optimism(results: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the mean inner cross-validated score, the outer score, and their gap."""
    optimism = {}
    for name in _OPTIMISM_SCORES:
        inner = [result["inner"][name] for result in results if np.isfinite(result["inner"].get(name, np.nan))]
        outer = scores.get(name, {}).get("mean")
        if inner and outer is not None:
            optimism[name] = {"inner": float(np.mean(inner)), "outer": outer, "gap": float(np.mean(inner)) - outer}
    return optimism
