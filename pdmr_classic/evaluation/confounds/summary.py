"""Summarise the confound audit: what recording conditions predict, what the model adds, and what repair costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pdmr_classic.evaluation.baselines import select_shortcut_features
from pdmr_classic.evaluation.confounds._single_columns import examine_conditions
from pdmr_classic.evaluation.confounds._strata import compare_aucs, score_within_strata
from pdmr_classic.evaluation.confounds.audit import SIGNIFICANCE
from pdmr_classic.evaluation.confounds.groups import NuisanceGroup
from pdmr_classic.evaluation.confounds.plan import ConfoundPlan
from pdmr_classic.evaluation.confounds.rules import select_unsolved
from pdmr_classic.evaluation.confounds.systems import NUISANCE_PREFIX, REPAIRED, REPAIRED_PREFIX
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import main_score, summarise_scores
from pdmr_classic.features.names import missing_indicator

UNKNOWN, CONSTANT = "could not look: no recording conditions are known", "constant in all recordings"

_CHANCE = 0.5
_Systems = Mapping[str, Predictions]


def summarise_shortcut(
    features: pd.DataFrame, model: Predictions, shortcut: Predictions | None, seed: int = 0
) -> dict[str, Any]:
    """Return the summary of the shortcut baseline, and what the model adds to it.

    Returns
    -------
    dict
        As `summarise_scores`, with `columns`; `problem` ("" if there are scores); `p` and `strongest_column` (see
        `examine_conditions`); `is_above_chance`, whether `p` is at most .05; and then `model_minus_shortcut` (AUC, see
        `compare_aucs`) and `within_strata` of its probabilities (AUC of the model, see `score_within_strata`), with
        `are_comparable`: False if the conditions tell the classes apart even within strata.
    """
    columns = select_shortcut_features(features)
    part: dict[str, Any] = {"columns": list(columns.columns)}
    if shortcut is None or not len(shortcut):
        has_values = bool(columns.notna().any(axis=None)) and any("quality" in str(name) for name in columns)
        return part | {"problem": CONSTANT if has_values else UNKNOWN, "scores": {}, "is_above_chance": False}
    part |= summarise_scores(shortcut, seed) | {"problem": ""}
    part["strongest_column"], part["p"] = examine_conditions(columns, shortcut, seed)
    part["is_above_chance"] = part["p"] <= SIGNIFICANCE
    if part["is_above_chance"]:
        part["model_minus_shortcut"] = compare_aucs(model, shortcut, seed)
        part["within_strata"] = score_within_strata(model, shortcut, seed)
        part["are_comparable"] = _are_comparable(score_within_strata(shortcut, shortcut, seed))
    return part


def _are_comparable(conditions: Mapping[str, Any]) -> bool:
    """Return whether conditions do not rank better than chance within their own strata."""
    auc = conditions["auc"]
    return auc["mean"] is not None and (auc["low"] is None or auc["low"] <= _CHANCE)


def summarise_confounds(
    plan: ConfoundPlan | None, model: Predictions, systems: _Systems, positive: str | None, seed: int = 0
) -> dict[str, Any]:
    """Return the summary of the confound audit, JSON-serialisable; empty without `--confounds`.

    Returns
    -------
    dict
        `groups`: for each nuisance group `columns`, `problem` ("" if there are scores), `scores` (main score and AUC),
        `p_adjusted` and `is_found`; `found`: names of the groups that predict the label, the strongest first;
        `repaired`: what was repaired how, and the scores, equal to those of the model if nothing was found; with more
        than one, `repaired_strongest`; `strongest`: AUC of model and repaired model within strata of the strongest,
        and `are_comparable` (see `summarise_shortcut`).
    """
    if plan is None:
        return {}
    groups = {name: _summarise_group(plan, group, systems, positive, seed) for name, group in plan.groups.items()}
    summary: dict[str, Any] = {
        "groups": groups,
        "found": list(plan.found),
        "significance": SIGNIFICANCE,
        "repaired": _summarise_repair(plan, plan.found, model, systems.get(REPAIRED), seed),
    }
    if len(plan.found) > 1:
        strongest = plan.found[0]
        system = systems.get(f"{REPAIRED_PREFIX}{strongest}")
        summary["repaired_strongest"] = _summarise_repair(plan, plan.found[:1], model, system, seed)
    if plan.found:
        summary["strongest"] = _summarise_strata(plan.found[0], model, systems, seed)
    return summary


def _summarise_group(
    plan: ConfoundPlan, group: NuisanceGroup, systems: _Systems, positive: str | None, seed: int
) -> dict[str, Any]:
    # Values of one-hot columns may name people.
    columns = list(dict.fromkeys(str(name).partition("=")[0] for name in group.columns))
    part: dict[str, Any] = {"columns": columns, "problem": group.problem, "is_found": group.name in plan.found}
    predictions = systems.get(f"{NUISANCE_PREFIX}{group.name}")
    if predictions is None:
        return part | {"scores": {}, "p_adjusted": None}
    scores = summarise_scores(predictions, seed)["scores"]
    names = (main_score(positive), "auc")
    return part | {"scores": {name: scores[name] for name in names}, "p_adjusted": plan.p_values[group.name]}


def _summarise_repair(
    plan: ConfoundPlan, groups: tuple[str, ...], model: Predictions, repaired: Predictions | None, seed: int
) -> dict[str, Any]:
    """Return the scores of the repaired model; without anything to repair, these are the model's own."""
    how = {name: _describe_repair(plan, name) for name in groups}
    if groups and repaired is None:
        return {"groups": how, "scores": {}, "problem": "the repaired model could not be trained"}
    summary = summarise_scores(model if repaired is None else repaired, seed)
    part: dict[str, Any] = {"groups": how, **summary, "problem": ""}
    if repaired is not None:
        part["repaired_minus_model"] = compare_aucs(repaired, model, seed)
    return part


def _describe_repair(plan: ConfoundPlan, group: str) -> str:
    columns = plan.groups[group].columns
    unsolved = select_unsolved(group, columns, plan.rules).columns
    parts = [plan.rules[group]] if group in plan.rules else []
    parts += ["linear residualisation"] if len(unsolved) else []
    if any(str(name).startswith(missing_indicator("")) for name in columns):
        parts.append("which recordings lack a modality cannot be repaired")
    return "; ".join(parts)


def _summarise_strata(group: str, model: Predictions, systems: _Systems, seed: int) -> dict[str, Any]:
    conditions = systems[f"{NUISANCE_PREFIX}{group}"]
    scored = {"model": model, REPAIRED: systems.get(REPAIRED)}
    return {
        "group": group,
        "are_comparable": _are_comparable(score_within_strata(conditions, conditions, seed)),
        **{
            name: score_within_strata(predictions, conditions, seed)
            for name, predictions in scored.items()
            if predictions is not None
        },
    }
