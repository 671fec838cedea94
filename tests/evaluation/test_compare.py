from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated import simulate_predictions

from pdmr_classic import DataError
from pdmr_classic.evaluation.compare import compare, compare_files
from pdmr_classic.evaluation.predictions import SCHEMA, Predictions, read_predictions


def evaluation(predictions: Predictions) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "synthetic": False,
        "positive": predictions.positive,
        "data": {"classes": dict.fromkeys(predictions.classes, 1)},
        "predictions": predictions.to_records(),
    }


def improve(predictions: Predictions) -> Predictions:
    """Return predictions that are closer to the truth."""
    return replace(
        predictions,
        probability=(predictions.probability + np.eye(2)[predictions.truth]) / 2,
        predicted=predictions.truth,
    )


A = simulate_predictions(1.0, repeats=2)


def test_predictions_survive_a_round_trip_through_json() -> None:
    restored = read_predictions(json.loads(json.dumps(evaluation(A))))
    assert restored.to_records() == A.to_records()


def test_an_evaluation_does_not_differ_from_itself() -> None:
    comparison = compare(evaluation(A), evaluation(A))
    assert list(comparison["differences"]) == ["f1", "macro_f1", "auc", "brier"]
    for part in comparison["differences"].values():
        assert (part["difference"], part["low"], part["high"]) == (0, 0, 0)


def test_the_difference_is_b_minus_a_and_lies_within_its_interval() -> None:
    comparison = compare(evaluation(A), evaluation(improve(A)))["differences"]
    assert comparison["f1"]["difference"] == pytest.approx(1 - comparison["f1"]["a"])
    assert comparison["f1"]["low"] > 0
    assert comparison["brier"]["high"] < 0
    assert comparison["auc"]["low"] < comparison["auc"]["difference"] < comparison["auc"]["high"]


def test_the_order_of_rows_does_not_matter() -> None:
    reversed_rows = evaluation(improve(A))
    reversed_rows["predictions"] = reversed_rows["predictions"][::-1]
    assert compare(evaluation(A), reversed_rows) == compare(evaluation(A), evaluation(improve(A)))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (A.subset(np.flatnonzero(A.recording != "r007")), "recordings"),
        (simulate_predictions(1.0, repeats=3), "repeats"),
        (simulate_predictions(1.0, repeats=2, folds=4), "folds"),
        (replace(A, subject=A.subject[::-1].copy()), "subjects"),
        (replace(A, truth=1 - A.truth), "labels"),
        (replace(A, positive="Control"), "classes"),
    ],
)
def test_evaluations_that_cannot_be_paired_are_refused_with_the_reason(other: Predictions, what: str) -> None:
    with pytest.raises(DataError, match=f"the evaluations differ in their {what}"):
        compare(evaluation(A), evaluation(other))


@pytest.mark.parametrize("content", ["", "[]", '{"schema": "pdmr-classic/evaluation/99"}', '{"positive": null}'])
def test_a_file_that_is_not_an_evaluation_is_refused_by_name(tmp_path: Path, content: str) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(evaluation(A)))
    bad.write_text(content)
    with pytest.raises(DataError, match="evaluation") as caught:
        compare_files(good, bad)
    assert caught.value.finding.file == bad


def test_damaged_predictions_are_refused() -> None:
    damaged = evaluation(A)
    del damaged["predictions"][3]["probability"]
    with pytest.raises(DataError, match="predictions in the evaluation are corrupt"):
        compare(evaluation(A), damaged)
