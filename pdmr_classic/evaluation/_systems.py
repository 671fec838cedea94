"""Out-of-fold predictions of every system, joined over the outer folds, and stored under pseudonyms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.join_folds import join_folds
from pdmr_classic.evaluation.outer_folds import OuterFold
from pdmr_classic.evaluation.predictions import Predictions, make_pseudonyms
from pdmr_classic.evaluation.run_fold import MODEL, STRESS_PREFIX
from pdmr_classic.evaluation.stored_systems import store_systems
from pdmr_classic.evaluation.table import EvaluationTable


def collect_systems(
    table: EvaluationTable, outer: Sequence[OuterFold], results: Sequence[Mapping[str, Any]]
) -> dict[str, Predictions]:
    """Return the predictions of each system that predicted any row, by its name.

    Raises
    ------
    DataError
        The model predicted none.
    """
    names = dict.fromkeys(name for result in results for name in result["systems"])
    systems = {name: join_folds(table, outer, [result["systems"].get(name) for result in results]) for name in names}
    if not len(systems[MODEL]):
        raise DataError("no held-out recording could be predicted", code="no-usable-data")
    return {name: predictions for name, predictions in systems.items() if len(predictions)}


def store_predictions(table: EvaluationTable, model: Predictions, systems: Mapping[str, Predictions]) -> dict[str, Any]:
    """Return the out-of-fold predictions under pseudonyms; those of the stress tests are left out."""
    pseudonyms = make_pseudonyms(table.status, table.groups)
    model = model.pseudonymise(pseudonyms).sort_rows()
    others = {
        name: predictions.pseudonymise(pseudonyms)
        for name, predictions in systems.items()
        if name != MODEL and not name.startswith(STRESS_PREFIX)
    }
    return {"predictions": model.to_records(), "systems": store_systems(model, others)}
