"""Out-of-fold predictions of all systems in an evaluation, so that they can be compared without training again.

The model has one record per row (see `Predictions.to_records`). Each other system has two lists, aligned with these
records, with null where it has no prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.predictions import Predictions, parse_probabilities, read_predictions


def store_systems(model: Predictions, systems: Mapping[str, Predictions]) -> dict[str, dict[str, list[Any]]]:
    """Return the predictions of other systems for the rows of the model, JSON-serialisable.

    Parameters
    ----------
    model : Predictions
        In the order of its records.
    systems : mapping of str to Predictions
        With the same names of recordings; rows that the model does not have are left out.
    """
    return {name: _store_system(model, predictions) for name, predictions in systems.items()}


def _store_system(model: Predictions, system: Predictions) -> dict[str, list[Any]]:
    positions = system.row_keys.get_indexer(model.row_keys)
    k = model.positive_index
    columns = system.probability if k is None else system.probability[:, k]
    return {
        "predicted": [None if row < 0 else system.classes[system.predicted[row]] for row in positions],
        "probability": [None if row < 0 else columns[row].tolist() for row in positions],
    }


def read_systems(evaluation: Mapping[str, Any]) -> dict[str, Predictions]:
    """Return the out-of-fold predictions of the model ("model") and of every other stored system.

    Raises
    ------
    DataError
        It is not an evaluation with this schema, or its predictions are corrupt.
    """
    model = read_predictions(evaluation)
    try:
        others = {str(name): _read_system(model, part) for name, part in evaluation["systems"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the predictions of the other systems in the evaluation are corrupt",
            code="bad-evaluation",
            expected="systems as written by evaluate",
            found=f"{type(error).__name__}: {error}",
            hint="run evaluate again",
        ) from None
    return {"model": model, **others}


def _read_system(model: Predictions, part: Mapping[str, Any]) -> Predictions:
    rows = [row for row, label in enumerate(part["predicted"]) if label is not None]
    if not len(part["predicted"]) == len(part["probability"]) == len(model):
        raise ValueError("a system has another number of rows than the model")
    predicted = [model.classes.index(part["predicted"][row]) for row in rows]
    probability = [parse_probabilities(part["probability"][row], model.classes, model.positive) for row in rows]
    return replace(
        model.subset(np.array(rows, dtype=np.intp)),
        predicted=np.array(predicted, dtype=np.intp),
        probability=np.array(probability, dtype=np.float64).reshape(len(rows), len(model.classes)),
    )
