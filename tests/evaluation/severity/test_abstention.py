from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulate_predictions

from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.severity.abstention import summarise_abstention


def write_out(truth: list[int], probability: list[float], subject: list[int] | None = None) -> Predictions:
    """Return predictions of one fold, positive from a probability of .4."""
    n, p = len(truth), np.array(probability)
    one = np.zeros(n, dtype=np.intp)
    return Predictions(
        recording=np.arange(n).astype(str).astype(object),
        subject=np.arange(n) if subject is None else np.array(subject),
        repeat=one,
        fold=one,
        truth=np.array(truth),
        predicted=(p >= 0.4).astype(np.intp),
        probability=np.column_stack([1 - p, p]),
        classes=("Normal", "Depression"),
        positive="Depression",
    )


def test_the_curve_is_counted_by_hand() -> None:
    predictions = write_out([1, 1, 0, 0], [0.95, 0.45, 0.65, 0.1])
    curve = {part["confidence"]: part for part in summarise_abstention(predictions, None, 0.9)["curve"]}
    assert curve[0.0] == {
        **{"confidence": 0.0, "share_answered": 1.0, "accuracy": 0.75, "f1": 0.8},
        "macro_f1": pytest.approx((0.8 + 2 / 3) / 2),
    }
    # Just above the threshold of .4, the answer is the less probable class.
    assert (curve[0.5]["share_answered"], curve[0.5]["accuracy"]) == (0.75, pytest.approx(2 / 3))
    assert (curve[0.7]["share_answered"], curve[0.7]["accuracy"], curve[0.7]["f1"]) == (0.5, 1.0, 1.0)
    assert curve[0.95]["share_answered"] == 0.25


def test_nothing_is_scored_where_nothing_is_answered() -> None:
    curve = summarise_abstention(write_out([1, 0], [0.7, 0.3]), None, 0.9)["curve"]
    assert curve[-1] == {"confidence": 0.95, "share_answered": 0.0, "accuracy": None, "macro_f1": None, "f1": None}


def test_answers_without_positive_recordings_have_no_f1() -> None:
    curve = summarise_abstention(write_out([1, 0, 0], [0.5, 0.05, 0.02]), None, 0.9)["curve"]
    assert (curve[-1]["accuracy"], curve[-1]["f1"]) == (1.0, None)


def test_label_sets_answer_where_they_hold_one_class() -> None:
    predictions = write_out([1, 1, 0, 0], [0.95, 0.45, 0.65, 0.1], subject=[0, 0, 0, 1])
    sets = np.array([[False, True], [True, True], [False, True], [True, False]])
    part = summarise_abstention(predictions, sets, 0.9)["label_sets"]
    assert (part["share_answered"], part["accuracy"], part["level"]) == (0.75, pytest.approx(2 / 3), 0.9)
    # Subject 0 is covered in two of three recordings, subject 1 in its only one.
    assert part["coverage"] == pytest.approx((2 / 3 + 1) / 2)
    assert part["mean_size"] == 1.25


def test_without_label_sets_there_is_only_the_curve() -> None:
    assert summarise_abstention(simulate_predictions(1.0), None, 0.9)["label_sets"] is None


def test_several_classes_have_no_f1_of_a_positive_class() -> None:
    binary = simulate_predictions(1.0, repeats=2)
    probability = np.column_stack([binary.probability / 2, np.full(len(binary), 0.5)])
    several = replace(binary, probability=probability, classes=("a", "b", "c"), positive=None)
    curve = summarise_abstention(several, None, 0.9)["curve"]
    assert "f1" not in curve[0]
    assert curve[0]["share_answered"] == 1
