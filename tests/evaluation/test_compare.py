from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import simulated

from pdmr_classic import DataError
from pdmr_classic.evaluation.compare import compare, compare_files
from pdmr_classic.evaluation.predictions import SCHEMA, Predictions, read_predictions


def evaluation(predictions: Predictions) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "synthetic": False,
        "positive": predictions.positive,
        "data": {"classes": dict.fromkeys(predictions.classes, 1)},
        "predictions": predictions.as_records(),
    }


def better(predictions: Predictions) -> Predictions:
    """Return predictions nearer to the truth."""
    return replace(
        predictions,
        probability=(predictions.probability + np.eye(2)[predictions.truth]) / 2,
        predicted=predictions.truth,
    )


A = simulated(1.0, repeats=2)


def test_predictions_come_back_from_json() -> None:
    again = read_predictions(json.loads(json.dumps(evaluation(A))))
    assert again.as_records() == A.as_records()


def test_a_thing_differs_from_itself_by_nothing() -> None:
    found = compare(evaluation(A), evaluation(A))
    assert list(found["differences"]) == ["f1", "macro_f1", "auc", "brier"]
    for part in found["differences"].values():
        assert (part["difference"], part["low"], part["high"]) == (0, 0, 0)


def test_the_difference_is_b_less_a_and_its_interval_is_narrower_than_of_two_studies() -> None:
    found = compare(evaluation(A), evaluation(better(A)))["differences"]
    assert found["f1"]["difference"] == pytest.approx(1 - found["f1"]["a"])
    assert found["f1"]["low"] > 0
    assert found["brier"]["high"] < 0
    assert found["auc"]["low"] < found["auc"]["difference"] < found["auc"]["high"]


def test_the_order_of_rows_does_not_matter() -> None:
    turned = evaluation(better(A))
    turned["predictions"] = turned["predictions"][::-1]
    assert compare(evaluation(A), turned) == compare(evaluation(A), evaluation(better(A)))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (A.subset(np.flatnonzero(A.recording != "r007")), "recordings"),
        (simulated(1.0, repeats=3), "repeats"),
        (simulated(1.0, repeats=2, folds=4), "folds"),
        (replace(A, subject=A.subject[::-1].copy()), "subjects"),
        (replace(A, truth=1 - A.truth), "labels"),
        (replace(A, positive="Control"), "classes"),
    ],
)
def test_what_cannot_be_paired_is_refused_with_what_differs(other: Predictions, what: str) -> None:
    with pytest.raises(DataError, match=f"the evaluations differ in their {what}"):
        compare(evaluation(A), evaluation(other))


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "pdmr-classic/evaluation/99"}', '{"positive": null}'])
def test_a_file_that_is_no_evaluation_is_refused_by_name(tmp_path: Path, content: str) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(evaluation(A)))
    bad.write_text(content)
    with pytest.raises(DataError, match="evaluation") as caught:
        compare_files(good, bad)
    assert caught.value.finding.file == bad


def test_damaged_predictions_are_refused() -> None:
    damaged = evaluation(A)
    del damaged["predictions"][3]["probability"]
    with pytest.raises(DataError, match="predictions are damaged"):
        compare(evaluation(A), damaged)
