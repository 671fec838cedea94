"""The participant flow of an evaluation, from the feature table to the recordings that are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pdmr_classic.arrays import Mask
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.run_fold import MODEL
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.io.flow import Flow, extend_flow


def extend_to_scored(table: EvaluationTable, outer: Sequence[OuterFold], results: Sequence[Mapping[str, Any]]) -> Flow:
    """Return the flow to the recordings that are held out at least once and, if there are fewer, have a prediction."""
    n_rows, counter = len(table.groups), table.counter
    held_out = _mark(n_rows, [fold.test for fold in outer])
    trained = _mark(n_rows, [fold.train for fold in outer]) & ~held_out
    reasons = {
        "only trained on": counter.count(trained)[0],
        "in no outer fold": counter.count(~trained & ~held_out)[0],
    }
    flow = extend_flow(table.facts.flow, "held out at least once", *counter.count(held_out), why=reasons)
    if not table.classes:
        return flow
    scored = _mark(n_rows, [result["systems"][MODEL]["rows"] for result in results])
    if scored.sum() == held_out.sum():
        return flow
    unlabelled = held_out & ~table.has_status
    reasons = {
        "no class": counter.count(unlabelled)[0],
        "no modality that the model could use": counter.count(held_out & ~unlabelled & ~scored)[0],
    }
    return extend_flow(flow, "with a predicted class to score", *counter.count(scored), why=reasons)


def _mark(n_rows: int, parts: Sequence[Any]) -> Mask:
    mask = np.zeros(n_rows, dtype=bool)
    for rows in parts:
        mask[np.asarray(rows, dtype=np.intp)] = True
    return mask
