"""Summarise the results of the outer folds: scores, baselines, stress tests, subgroups, warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.evaluation._adjusted_systems import score_adjusted_systems
from pdmr_classic.evaluation._baseline_scores import summarise_baselines
from pdmr_classic.evaluation._compared_parts import compare_parts
from pdmr_classic.evaluation._conclusions import conclude_evaluation
from pdmr_classic.evaluation._fold_details import summarise_fold_details
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation._systems import collect_systems, store_predictions
from pdmr_classic.evaluation.confounds.summary import summarise_confounds
from pdmr_classic.evaluation.intervals import interval_note
from pdmr_classic.evaluation.outer_folds import KNOWN_PEOPLE, OuterFold, describe_held_out
from pdmr_classic.evaluation.run_fold import MODEL, STRESS_PREFIX
from pdmr_classic.evaluation.stress import score_stress_tests
from pdmr_classic.evaluation.subgroups import score_subgroups
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable

_OPTIMISM_SCORES = ("f1", "macro_f1", "balanced_accuracy", "auc", "brier")


def summarise_results(
    table: EvaluationTable,
    outer: Sequence[OuterFold],
    results: Sequence[Mapping[str, Any]],
    labels: pd.DataFrame,
    subgroup_columns: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Return the scores of all systems, what they mean, and the out-of-fold predictions.

    Parameters are those of `assemble_evaluation`; `subgroup_columns` are columns of `labels`.

    Raises
    ------
    DataError
        No held-out recording could be predicted.
    """
    systems = collect_systems(table, outer, results)
    model = systems[MODEL]
    summary = summarise_scores(model, seed)
    baselines = summarise_baselines(table, model, systems, seed)
    permutation = permutation_test(model, seed=seed)
    confounds = summarise_confounds(table.confounds, model, systems, table.positive, seed)
    held_out = describe_held_out(outer, table.groups)
    conclusion, warnings = conclude_evaluation(
        summary["scores"], permutation, baselines, confounds, table.positive, held_out=held_out
    )
    parts, sentences, more = compare_parts(table, model, systems, seed)
    stressed = {
        name.removeprefix(STRESS_PREFIX): predictions
        for name, predictions in systems.items()
        if name.startswith(STRESS_PREFIX)
    }
    return {
        **summary,
        "interval_note": interval_note(known_people=held_out == KNOWN_PEOPLE),
        "conclusion": [*conclusion, *sentences],
        "permutation_test": permutation,
        "optimism": _estimate_optimism(results, summary["scores"]),
        **summarise_fold_details(model, outer, results),
        "baselines": baselines,
        "as_predicted": score_adjusted_systems(table, model, systems, results, seed),
        "confounds": confounds,
        **parts,
        "stress_tests": score_stress_tests(model, stressed),
        "subgroups": {column: score_subgroups(model, labels[column], seed) for column in subgroup_columns},
        "warnings": [finding.as_dict() for finding in (*warnings, *more)],
        **store_predictions(table, model, systems),
    }


def _estimate_optimism(results: Sequence[Mapping[str, Any]], scores: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the mean inner cross-validated score, the outer score, and their gap."""
    optimism = {}
    for name in _OPTIMISM_SCORES:
        inner = [result["inner"][name] for result in results if np.isfinite(result["inner"].get(name, np.nan))]
        outer = scores.get(name, {}).get("mean")
        if inner and outer is not None:
            optimism[name] = {"inner": float(np.mean(inner)), "outer": outer, "gap": float(np.mean(inner)) - outer}
    return optimism
