"""Join the held-out severities of each system over all outer folds, and summarise them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.outer_folds import OuterFold, are_one_way, describe_held_out
from pdmr_classic.evaluation.predictions import make_pseudonyms
from pdmr_classic.evaluation.severity._subsets import score_stress_tests, score_subgroups
from pdmr_classic.evaluation.severity._summary import summarise_severities
from pdmr_classic.evaluation.severity.predictions import MODEL, SeverityPredictions
from pdmr_classic.evaluation.severity.run_systems import STRESS_PREFIX
from pdmr_classic.evaluation.table import EvaluationTable, Scores

_Results = Sequence[Mapping[str, Any]]


def summarise_fold_severities(
    table: EvaluationTable,
    scores: Scores,
    outer: Sequence[OuterFold],
    results: _Results,
    *,
    labels: pd.DataFrame,
    by: Sequence[str],
    level: float,
    seed: int,
) -> dict[str, Any]:
    """Return the part `severity` of an evaluation.

    Parameters
    ----------
    table : EvaluationTable
    scores : Scores
        Of the same rows.
    outer, results : sequence
        Outer folds, and what `run_fold` returned for each.
    labels : DataFrame
        Label table of the same rows.
    by : sequence of str
        Columns of `labels` to compute subgroup scores for.
    level : float
        The share of scores that predictive intervals were made to contain.
    seed : int

    Returns
    -------
    dict
        As `summarise_severities`, with `stress_tests` and `subgroups`.

    Raises
    ------
    DataError
        The severity of no held-out recording could be predicted.
    """
    names = dict.fromkeys(name for result in results for name in result["severity"])
    joined = {
        name: join_severities(table, scores, outer, [result["severity"].get(name) for result in results])
        for name in names
    }
    systems = {name: predictions for name, predictions in joined.items() if len(predictions)}
    if MODEL not in systems:
        raise DataError("no held-out severity could be predicted", code="no-usable-data")
    stressed = {
        name.removeprefix(STRESS_PREFIX): systems.pop(name) for name in list(systems) if name.startswith(STRESS_PREFIX)
    }
    # Without labels, the scores stand for them in the salt of the pseudonyms.
    salt = table.status if table.classes else scores.values.astype(str)
    return {
        **summarise_severities(
            systems,
            make_pseudonyms(salt, table.groups),
            level=level,
            seed=seed,
            held_out=describe_held_out(outer, table.groups),
        ),
        "stress_tests": score_stress_tests(systems[MODEL], stressed),
        "subgroups": {column: score_subgroups(systems[MODEL], labels[column], seed) for column in by},
    }


def join_severities(
    table: EvaluationTable,
    scores: Scores,
    outer: Sequence[OuterFold],
    records: Sequence[Mapping[str, Any] | None],
) -> SeverityPredictions:
    """Return the severities that one system predicts over all outer folds; see `run_severity_systems` for `records`."""
    pairs = [(fold, record) for fold, record in zip(outer, records, strict=True) if record and record["rows"]]
    rows = np.array([row for _, record in pairs for row in record["rows"]], dtype=np.intp)
    subject = np.unique(table.groups.to_numpy(dtype=object), return_inverse=True)[1]

    def join(name: str) -> Floats:
        parts = [record.get(name, [np.nan] * len(record["rows"])) for _, record in pairs]
        return np.array([value for part in parts for value in part], dtype=np.float64)

    return SeverityPredictions(
        recording=table.features.index.to_numpy(dtype=object)[rows],
        subject=subject[rows],
        repeat=np.array([fold.repeat for fold, record in pairs for _ in record["rows"]], dtype=np.intp),
        fold=np.array([fold.fold for fold, record in pairs for _ in record["rows"]], dtype=np.intp),
        truth=scores.values.to_numpy(dtype=np.float64)[rows],
        predicted=join("predicted"),
        low=join("low"),
        high=join("high"),
        scale=scores.scale,
        is_one_way=are_one_way(outer),
    )
