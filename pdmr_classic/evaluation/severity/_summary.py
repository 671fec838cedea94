"""Summarise the severities of all systems: scores beside baselines, classes, coverage, what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pdmr_classic.evaluation._member_systems import VIEW_PREFIX
from pdmr_classic.evaluation.known_people import NEW_PEOPLE, HeldOut, name_held_out
from pdmr_classic.evaluation.severity._added_value import conclude_added_severity, summarise_added_severity
from pdmr_classic.evaluation.severity._clinical import summarise_clinical
from pdmr_classic.evaluation.severity._conclusions import conclude_severity
from pdmr_classic.evaluation.severity._differences import compare_scores
from pdmr_classic.evaluation.severity._permutation import permute_scores
from pdmr_classic.evaluation.severity.baselines import MEAN, MEDIAN
from pdmr_classic.evaluation.severity.intervals import estimate_severity_inflation
from pdmr_classic.evaluation.severity.predictions import MODEL, SeverityPredictions, store_severity_systems
from pdmr_classic.evaluation.severity.run_systems import SHORTCUT, WITHOUT_EXPERTS
from pdmr_classic.evaluation.severity.scores import summarise_classes, summarise_coverage, summarise_severity

_UNKNOWN = "could not look: no recording conditions are known, or all are equal"

Systems = Mapping[str, SeverityPredictions]


def summarise_severities(
    systems: Systems,
    pseudonyms: Mapping[str, str],
    *,
    level: float,
    seed: int = 0,
    held_out: HeldOut = NEW_PEOPLE,
) -> dict[str, Any]:
    """Return the part `severity` of an evaluation, JSON-serialisable.

    Parameters
    ----------
    systems : mapping of str to SeverityPredictions
        Of the model ("model"), the training "mean" and "median", recording conditions alone ("shortcut", if any are
        known), single views ("view video"), base learners ("member video/svm"), and of the model "without experts", if
        it has any.
    pseudonyms : mapping of str to str
        Of each `data_id`, see `make_pseudonyms`.
    level : float
        The share of scores that predictive intervals were made to contain.
    seed : int
    held_out : {"new people", "another visit of known people"}

    Returns
    -------
    dict
        `scale`; `n_recordings`, `n_subjects` and `scores` (see `summarise_severity`); `classes` (see
        `summarise_classes`); `intervals` (see `summarise_coverage`); `clinical` (see `summarise_clinical`);
        `baselines`: the scores of every other system; `minus_constant`: difference in MAE to the better of `mean` and
        `median`; `added_value` (see `summarise_added_severity`); `permutation_test`; `conclusion` (sentences) and
        `warnings`; the out-of-fold `predictions` of the model, and those of the other `systems` for the same rows.
    """
    model = systems[MODEL]
    summary = summarise_severity(model, seed)
    baselines = _summarise_baselines(model, systems, seed)
    minus_constant = _compare_with_constant(model, systems, seed)
    permutation = permute_scores(model, seed=seed)
    coverage = summarise_coverage(model, level, seed)
    conclusion, warnings = conclude_severity(
        summary["scores"], permutation, baselines, minus_constant, coverage, name_held_out(held_out)
    )
    added = summarise_added_severity(model, systems, seed)
    conclusion += conclude_added_severity(added)
    hidden = {name: predictions.pseudonymise(pseudonyms) for name, predictions in systems.items()}
    stored = hidden.pop(MODEL).sort_rows()
    return {
        "scale": model.scale.as_dict(),
        **summary,
        "classes": summarise_classes(model),
        "intervals": coverage,
        "clinical": summarise_clinical(model, level, seed),
        "baselines": baselines,
        "minus_constant": minus_constant,
        **({"added_value": added} if added else {}),
        "permutation_test": permutation,
        "conclusion": conclusion,
        "warnings": [finding.as_dict() for finding in warnings],
        "predictions": stored.to_records(),
        "systems": store_severity_systems(stored, hidden),
    }


def _summarise_baselines(model: SeverityPredictions, systems: Systems, seed: int) -> dict[str, dict[str, Any]]:
    parts = {
        name: summarise_severity(predictions, seed)
        for name, predictions in systems.items()
        if name in (MEAN, MEDIAN, WITHOUT_EXPERTS) or name.startswith(VIEW_PREFIX)
    }
    constant = {name: parts.pop(name) for name in (MEAN, MEDIAN)}
    return {**constant, SHORTCUT: _summarise_shortcut(model, systems.get(SHORTCUT), seed), **parts}


def _summarise_shortcut(model: SeverityPredictions, shortcut: SeverityPredictions | None, seed: int) -> dict[str, Any]:
    """Return the scores of recording conditions alone, their permutation p, and what the model adds (CCC)."""
    if shortcut is None:
        return {"problem": _UNKNOWN, "scores": {}}
    return {
        "problem": "",
        **summarise_severity(shortcut, seed),
        "p": permute_scores(shortcut, seed=seed)["p_fixed_predictions"].get("ccc", 1.0),
        "model_minus_shortcut": compare_scores(model, shortcut, "ccc", seed),
    }


def _compare_with_constant(model: SeverityPredictions, systems: Systems, seed: int) -> dict[str, Any]:
    errors = {name: abs(systems[name].predicted - systems[name].truth).mean() for name in (MEAN, MEDIAN)}
    best = min(errors, key=lambda name: float(errors[name]))
    # One score for everyone hardly depends on who is in the training set: the difference is as certain as the error.
    inflation = estimate_severity_inflation(model)
    return {"baseline": best, **compare_scores(model, systems[best], "mae", seed, inflation)}
