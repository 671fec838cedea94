from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from simulated_severity import simulate_severity

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.severity.predictions import (
    SeverityPredictions,
    read_severity_systems,
    store_severity_systems,
)


def store(model: SeverityPredictions, other: SeverityPredictions) -> dict[str, Any]:
    part = {
        "scale": model.scale.as_dict(),
        "predictions": model.to_records(),
        "systems": store_severity_systems(model, {"mean": other}),
    }
    return {"outer_folds": {"is_one_way": True}, "severity": part}


def test_systems_that_are_stored_and_read_again_are_the_same() -> None:
    model = simulate_severity(repeats=2).sort_rows()
    other = replace(model, predicted=model.predicted[::-1]).subset(np.arange(len(model))[::-1][:-5])
    read = read_severity_systems(json.loads(json.dumps(store(model, other), allow_nan=False)))
    assert read["model"].is_one_way
    assert read["model"].scale == model.scale
    for name in ("recording", "subject", "repeat", "fold", "truth", "predicted", "low", "high"):
        np.testing.assert_array_equal(getattr(read["model"], name), getattr(model, name))
    np.testing.assert_array_equal(read["mean"].predicted, other.sort_rows().predicted)
    assert np.isnan(read["mean"].low).all()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda part: part.update(predictions=[]), "ValueError: the list of severities is empty"),
        (lambda part: part.pop("scale"), "KeyError: 'scale'"),
        (lambda part: part["systems"]["mean"].pop(), "ValueError: a system has another number of rows than the model"),
        (
            lambda part: part["predictions"][0].update(severity=None),
            "ValueError: a score or severity is not a finite number",
        ),
        (
            lambda part: part["predictions"][0].update(score="mild"),
            "ValueError: could not convert string to float: 'mild'",
        ),
    ],
)
def test_corrupt_severities_are_refused(change: Any, found: str) -> None:
    evaluation = store(simulate_severity(), simulate_severity())
    change(evaluation["severity"])
    with pytest.raises(DataError, match="severities in the evaluation are corrupt") as caught:
        read_severity_systems(evaluation)
    assert caught.value.finding.found == found


def test_pseudonyms_replace_ids_and_subjects() -> None:
    predictions = simulate_severity(subjects=3, each=1)
    hidden = predictions.pseudonymise({"r000": "c", "r001": "a", "r002": "b"})
    assert hidden.recording.tolist() == ["c", "a", "b"]
    assert hidden.subject.tolist() == [2, 0, 1]
