"""Assemble the evaluation from the outer folds: scores, baselines, stress tests, subgroups, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic._version import __version__
from pdmr_classic.config import Settings
from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.evaluation._adjusted_systems import score_adjusted_systems
from pdmr_classic.evaluation._member_systems import VIEW_PREFIX
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation.baselines import floor_scores, select_shortcut_features
from pdmr_classic.evaluation.intervals import INTERVAL_NOTE
from pdmr_classic.evaluation.outer_folds import OuterFold, are_one_way
from pdmr_classic.evaluation.predictions import SCHEMA, Predictions, make_pseudonyms
from pdmr_classic.evaluation.run_fold import MODEL, SHORTCUT, STRESS_PREFIX
from pdmr_classic.evaluation.stored_systems import store_systems
from pdmr_classic.evaluation.stress import score_stress_tests
from pdmr_classic.evaluation.subgroups import score_subgroups
from pdmr_classic.evaluation.system_scores import main_score, summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.learners.member import JOINT_VIEW

_OPTIMISM_SCORES = ("f1", "macro_f1", "balanced_accuracy", "auc", "brier")
_LABELS = {"f1": "F1", "macro_f1": "macro F1", "auc": "AUC"}


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
    stressed = {
        name.removeprefix(STRESS_PREFIX): predictions
        for name, predictions in systems.items()
        if name.startswith(STRESS_PREFIX)
    }
    return {
        **summary,
        "interval_note": INTERVAL_NOTE,
        "permutation_test": permutation_test(model, seed=seed),
        "optimism": _estimate_optimism(results, summary["scores"]),
        "importance": _average_importance(results),
        "baselines": baselines,
        "as_predicted": score_adjusted_systems(table, model, systems, results, seed),
        "stress_tests": score_stress_tests(model, stressed),
        "subgroups": {column: score_subgroups(model, labels[column], seed) for column in subgroup_columns},
        "warnings": [finding.as_dict() for finding in _find_warnings(summary["scores"], baselines, table.positive)],
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
    systems = {name: _join_folds(table, outer, [result["systems"].get(name) for result in results]) for name in names}
    return {name: predictions for name, predictions in systems.items() if len(predictions)}


def _join_folds(
    table: EvaluationTable, outer: Sequence[OuterFold], records: Sequence[Mapping[str, Any] | None]
) -> Predictions:
    """Concatenate the predictions of one system over all outer folds."""
    pairs = [(fold, record) for fold, record in zip(outer, records, strict=True) if record and record["rows"]]
    rows = np.array([row for _, record in pairs for row in record["rows"]], dtype=np.intp)
    subject = np.unique(table.groups.to_numpy(dtype=object), return_inverse=True)[1]
    return Predictions(
        recording=table.features.index.to_numpy(dtype=object)[rows],
        subject=subject[rows],
        repeat=np.array([fold.repeat for fold, record in pairs for _ in record["rows"]], dtype=np.intp),
        fold=np.array([fold.fold for fold, record in pairs for _ in record["rows"]], dtype=np.intp),
        truth=table.codes[rows],
        predicted=np.array([code for _, record in pairs for code in record["predicted"]], dtype=np.intp),
        probability=np.array([p for _, record in pairs for p in record["probability"]], dtype=np.float64),
        classes=table.classes,
        positive=table.positive,
        is_one_way=are_one_way(outer),
    )


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
        "shortcut": summarise_scores(systems[SHORTCUT], seed)
        | {"columns": list(select_shortcut_features(table.features.head(1)).columns)},
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


def _find_warnings(scores: Mapping[str, Any], baselines: Mapping[str, Any], positive: str | None) -> list[Finding]:
    warnings = []
    main = main_score(positive)
    for name in (main, "auc"):
        model, shortcut = scores.get(name), baselines["shortcut"]["scores"].get(name)
        if model and shortcut and None not in (model["low"], shortcut["mean"]) and shortcut["mean"] >= model["low"]:
            warnings.append(_shortcut_warning(name, model, shortcut["mean"]))
    floor, low = baselines["floor"][main], scores[main]["low"]
    if low is not None and floor >= low:
        what = f"{_LABELS[main]} cannot be distinguished from predicting {baselines['floor']['label']!r} for everyone"
        interval = f"model {_format_interval(scores[main])}"
        warnings.append(Finding("floor", what, expected=f"an interval above {floor:.3f}", found=interval))
    return warnings


def _shortcut_warning(name: str, model: Mapping[str, float], shortcut: float) -> Finding:
    position = "within" if shortcut <= model["high"] else "above"
    return Finding(
        "shortcut",
        f"recording conditions alone (duration, frame rate, quality, missing modalities) reach {_LABELS[name]} "
        f"{shortcut:.3f}, {position} the model's interval: there is no evidence that the model uses more than these",
        column=name,
        expected="a shortcut baseline below the model's interval",
        found=f"model {_format_interval(model)}",
        hint="run extract and compare the quality__ columns across classes",
    )


def _format_interval(score: Mapping[str, float]) -> str:
    return f"{score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f})"
