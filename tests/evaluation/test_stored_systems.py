"""Predictions of other systems, stored beside those of the model."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated import simulate_predictions

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.predictions import SCHEMA, Predictions
from pdmr_classic.evaluation.stored_systems import read_systems, store_systems


def store(model: Predictions, other: Predictions) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "data": {"classes": dict.fromkeys(model.classes, 0)},
        "positive": model.positive,
        "predictions": model.to_records(),
        "systems": store_systems(model, {"other": other}),
    }


def several_classes(predictions: Predictions) -> Predictions:
    probability = np.column_stack([predictions.probability / 2, np.full(len(predictions), 0.5)])
    return replace(predictions, probability=probability, classes=("a", "b", "c"), positive=None)


@pytest.mark.parametrize("change", [lambda predictions: predictions, several_classes])
def test_a_system_that_is_stored_and_read_again_is_the_same(change: Any) -> None:
    model = change(simulate_predictions(1.0, repeats=2).sort_rows())
    other = replace(model, probability=model.probability[::-1], predicted=model.predicted[::-1])
    shuffled = other.subset(np.random.default_rng(0).permutation(len(other))[:-7])
    read = read_systems(json.loads(json.dumps(store(model, shuffled))))
    assert list(read) == ["model", "other"]
    expected = shuffled.sort_rows()
    for name in ("recording", "subject", "repeat", "fold", "truth", "predicted"):
        np.testing.assert_array_equal(getattr(read["other"], name), getattr(expected, name))
    np.testing.assert_allclose(read["other"].probability, expected.probability, atol=1e-15)


def test_a_corrupt_system_is_refused() -> None:
    model = simulate_predictions(1.0).sort_rows()
    evaluation = store(model, model)
    evaluation["systems"]["other"]["predicted"].pop()
    with pytest.raises(DataError, match="other systems in the evaluation are corrupt") as caught:
        read_systems(evaluation)
    assert caught.value.finding.found == "ValueError: a system has another number of rows than the model"
