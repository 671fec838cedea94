"""What the options of `predict` would do: scores of predictions pooled over subjects or corrected for a prevalence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.evaluation._weighted_scores import summarise_weighted
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.models.decision.prevalence import ESTIMATE
from pdmr_classic.text import format_count

POOLED = "pooled subjects"
# What the predictions of a corrected system store.
ADJUSTMENTS = ("prevalence", "prevalence_interval")

_Rows = dict[str, dict[str, Any]]


def adjusted_decisions(table: EvaluationTable, settings: Settings, outer: OuterFold) -> dict[str, dict[str, Any]]:
    """Return the options of `predict_features` for each system that adjusts the decisions of the model.

    Subjects are pooled if some subject has several recordings; probabilities are corrected if a prevalence is set.
    """
    prevalence = settings.evaluation.prevalence
    pooled = {"pool_subjects": table.groups.iloc[outer.test]}
    decisions: dict[str, dict[str, Any]] = {}
    if table.groups.duplicated().any():
        decisions[POOLED] = pooled
    if prevalence is not None:
        name = f"prevalence {prevalence}"
        decisions[name] = {"prevalence": prevalence}
        if POOLED in decisions:
            decisions[f"{POOLED}, {name}"] = {**pooled, "prevalence": prevalence}
    return decisions


def score_adjusted_systems(
    table: EvaluationTable,
    model: Predictions,
    systems: Mapping[str, Predictions],
    results: Sequence[Mapping[str, Any]],
    seed: int,
) -> dict[str, Any]:
    """Return the scores of the adjusted systems, and of the model in the same populations.

    Parameters
    ----------
    table : EvaluationTable
    model : Predictions
    systems : mapping of str to Predictions
    results : sequence of dict
        Result of each outer fold, see `run_fold`.
    seed : int

    Returns
    -------
    dict
        `rows`: for each row of the table "what predict would do", `scored_on` and a summary as of `summarise_scores`;
        with an estimated prevalence also `prevalence_estimates`, one dict per outer fold.
    """
    rows = _score_subjects(model, systems, seed)
    corrected = {name: records for name in systems if (records := _find_corrected(name, results))}
    for name, records in corrected.items():
        if name.endswith(ESTIMATE):
            rows[name] = {"scored_on": "recordings", **summarise_scores(systems[name], seed)}
        else:
            shares = np.array([records[0]["prevalence"][label] for label in table.classes])
            is_pooled = name.startswith(POOLED)
            uncorrected = f"{POOLED if is_pooled else 'the model'}, uncorrected"
            rows[uncorrected] = _score_at_prevalence(systems[POOLED] if is_pooled else model, shares, seed)
            rows[name] = _score_at_prevalence(systems[name], shares, seed)
    estimates = corrected.get(f"prevalence {ESTIMATE}", [])
    return {"rows": rows, "prevalence_estimates": [_compare_estimate(table, record) for record in estimates]}


def _find_corrected(name: str, results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records of a system in each fold, if its probabilities were corrected for a prevalence."""
    records = [result["systems"][name] for result in results if name in result["systems"]]
    return [record for record in records if "prevalence" in record]


def _score_subjects(model: Predictions, systems: Mapping[str, Predictions], seed: int) -> _Rows:
    """Return the scores of subjects instead of recordings; none if each subject has one recording."""
    pooled = systems.get(POOLED)
    if pooled is None:
        return {}
    rows = {
        "the model, equal subjects": {
            "scored_on": "recordings, with the same total weight for each subject",
            **summarise_weighted(model, _equal_subject_weights(model), seed=seed),
        },
        POOLED: {"scored_on": "recordings", **summarise_scores(pooled, seed)},
    }
    subjects, n_mixed = _select_one_row_per_subject(pooled)
    if len(subjects):
        left_out = f"; {format_count(n_mixed, 'subject')} with several labels left out" if n_mixed else ""
        summary = summarise_scores(subjects, seed)
        rows[f"{POOLED}, a row each"] = {"scored_on": f"subjects{left_out}", "n_mixed": n_mixed, **summary}
    return rows


def _equal_subject_weights(predictions: Predictions) -> Floats:
    """Return 1 / number of rows of the subject in the repeat, shape [n]."""
    pairs = np.column_stack([predictions.repeat, predictions.subject])
    _, pair, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(1 / count[pair.ravel()])


def _select_one_row_per_subject(pooled: Predictions) -> tuple[Predictions, int]:
    """Return one row per fold and subject, and the number of subjects that have several labels and are left out.

    A subject is held out once in a repeat, or with each of its values of `--leave`.
    """
    n_labels = {number: len(np.unique(pooled.truth[pooled.subject == number])) for number in np.unique(pooled.subject)}
    keys = np.column_stack([pooled.repeat, pooled.fold, pooled.subject])
    first = np.unique(keys, axis=0, return_index=True)[1]
    has_one_label = np.array([n_labels[number] == 1 for number in pooled.subject[first]], dtype=bool)
    return pooled.subset(first[has_one_label]), sum(n > 1 for n in n_labels.values())


def _score_at_prevalence(predictions: Predictions, shares: Floats, seed: int) -> dict[str, Any]:
    positive = shares[predictions.positive_index]
    summary = summarise_weighted(predictions, np.ones(len(predictions)), class_shares=shares, seed=seed)
    return {"scored_on": f"recordings, with the classes weighted to a prevalence of {positive:.1%}", **summary}


def _compare_estimate(table: EvaluationTable, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the estimated prevalence and interval of one fold, and the true shares, by class."""
    truth = table.codes[record["rows"]]
    true_shares = {label: float((truth == k).mean()) for k, label in enumerate(table.classes)}
    return {"n": len(truth), "true": true_shares, **{name: record[name] for name in ADJUSTMENTS if name in record}}
