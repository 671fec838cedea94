"""Curves of a report agree with the scores that evaluate prints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulate_predictions

from pdmr_classic.evaluation.net_benefit import net_benefit, treat_all
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.metrics import score
from pdmr_classic.reporting.report._calibration import build_calibration
from pdmr_classic.reporting.report._curves import build_precision_recall, build_roc
from pdmr_classic.reporting.report._decisions import build_net_benefit, build_threshold, choose_threshold

CLASSES = ("no", "yes")


def make_fold(p: list[float], truth: list[int], fold: list[int] | None = None) -> Predictions:
    """Return predictions of one recording per subject in one repeat."""
    n = len(p)
    probability = np.array(p)
    return Predictions(
        recording=np.array([f"r{k}" for k in range(n)], dtype=object),
        subject=np.arange(n),
        repeat=np.zeros(n, dtype=np.intp),
        fold=np.array(fold or [0] * n, dtype=np.intp),
        truth=np.array(truth, dtype=np.intp),
        predicted=(probability >= 0.5).astype(np.intp),
        probability=np.column_stack([1 - probability, probability]),
        classes=CLASSES,
        positive="yes",
    )


# --------------------------------------------------------------------------------------------------- ROC


def test_the_area_under_the_mean_roc_curve_is_the_auc_of_the_evaluation() -> None:
    predictions = simulate_predictions(1.0, subjects=60, each=2, folds=3, repeats=2)
    auc = summarise_scores(predictions)["scores"]["auc"]
    roc = build_roc(predictions, auc)
    assert roc is not None
    assert roc["n_folds"] == 6
    assert np.trapezoid(roc["tpr_mean"], roc["fpr"]) == pytest.approx(auc["mean"], abs=0.005)
    assert roc["auc"]["low"] == auc["low"]


def test_the_roc_curve_of_known_points() -> None:
    roc = build_roc(make_fold([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]), {})
    assert roc is not None
    curve = dict(zip(np.round(roc["fpr"], 2), roc["tpr_mean"], strict=True))
    assert [curve[x] for x in (0.0, 0.01, 0.49, 0.5, 1.0)] == pytest.approx([0.0, 0.5, 0.5, 1.0, 1.0])
    assert roc["tpr_low"] == roc["tpr_mean"]
    assert "only one fold" in roc["band"]


def test_folds_with_one_class_have_no_curve() -> None:
    predictions = make_fold([0.9, 0.2, 0.6, 0.4], [1, 0, 1, 1], fold=[0, 0, 1, 1])
    roc = build_roc(predictions, {})
    assert roc is not None
    assert roc["n_folds"] == 1
    one_each = make_fold([0.9, 0.2], [1, 0], fold=[0, 1])
    assert build_roc(one_each, {}) is None
    assert build_precision_recall(one_each) is None


def test_the_band_stays_between_0_and_1() -> None:
    predictions = simulate_predictions(2.0, subjects=12, each=1, folds=3)
    roc, curve = build_roc(predictions, {}), build_precision_recall(predictions)
    assert roc is not None
    assert curve is not None
    for band in (roc["tpr_low"], roc["tpr_high"], curve["precision_low"], curve["precision_high"]):
        assert 0 <= min(band) <= max(band) <= 1


# -------------------------------------------------------------------------------------- precision-recall


def test_the_precision_is_that_of_the_first_threshold_that_reaches_the_recall() -> None:
    curve = build_precision_recall(make_fold([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]))
    assert curve is not None
    precision = dict(zip(np.round(curve["recall"], 2), curve["precision_mean"], strict=True))
    assert [precision[recall] for recall in (0.0, 0.5, 0.51, 1.0)] == pytest.approx([1.0, 1.0, 2 / 3, 2 / 3])
    assert curve["positive_share"] == 0.5


def test_a_first_false_alarm_does_not_make_the_precision_0() -> None:
    curve = build_precision_recall(make_fold([0.9, 0.8, 0.1], [0, 1, 0]))
    assert curve is not None
    assert set(curve["precision_mean"]) == {0.5}


def test_equal_probabilities_have_the_precision_of_the_positive_share() -> None:
    curve = build_precision_recall(make_fold([0.5] * 4, [1, 0, 0, 0]))
    assert curve is not None
    assert set(curve["precision_mean"]) == {0.25}


# ------------------------------------------------------------------------------------------- calibration


def test_the_bins_of_one_repeat_give_the_calibration_error_of_the_evaluation() -> None:
    predictions = simulate_predictions(1.0, subjects=30, each=2)
    scores = summarise_scores(predictions)["scores"]
    calibration = build_calibration(predictions, scores)
    gaps = [part["n"] * abs(part["predicted"] - part["observed"]) for part in calibration["bins"]]
    assert sum(gaps) / len(predictions) == pytest.approx(scores["calibration_error"]["mean"])
    assert calibration["slope"] == scores["calibration_slope"]
    assert "10 bins" in calibration["binning"]


def test_each_bin_has_an_interval_around_its_share() -> None:
    predictions = simulate_predictions(1.0, subjects=40, each=1, repeats=2)
    calibration = build_calibration(predictions, summarise_scores(predictions)["scores"])
    known = [part for part in calibration["bins"] if part["low"] is not None]
    assert len(known) >= 8
    assert all(0 <= part["low"] <= part["observed"] <= part["high"] <= 1 for part in known)
    assert "mean over repeats" in calibration["binning"]


def test_few_recordings_have_fewer_bins() -> None:
    predictions = make_fold([0.9, 0.2, 0.6, 0.4], [1, 0, 1, 0])
    calibration = build_calibration(predictions, summarise_scores(predictions)["scores"])
    assert [part["n"] for part in calibration["bins"]] == [1, 1, 1, 1]


def test_several_classes_are_calibrated_by_their_predicted_class() -> None:
    predictions = make_fold([0.9, 0.2, 0.6, 0.4], [1, 0, 1, 0])
    several = replace(predictions, positive=None)
    calibration = build_calibration(several, summarise_scores(several)["scores"])
    assert [round(part["predicted"], 1) for part in calibration["bins"]] == [0.6, 0.6, 0.8, 0.9]
    assert calibration["intercept"] is None


# ---------------------------------------------------------------------------- threshold and net benefit


def test_scores_at_a_threshold_are_those_of_its_classes() -> None:
    predictions = simulate_predictions(1.0, subjects=20, each=2)
    section = build_threshold(predictions, None)
    k = 37
    called = predictions.probability[:, 1] >= section["grid"][k]
    truth = np.array(CLASSES)[predictions.truth]
    expected = score(truth, np.array(CLASSES)[called.astype(int)], positive="yes")
    for name in ("f1", "precision", "recall", "specificity"):
        assert section[name][k] == pytest.approx(expected[name])


def test_the_precision_without_positive_answers_is_undefined_and_f1_is_0() -> None:
    section = build_threshold(make_fold([0.5, 0.2], [1, 0]), None)
    assert section["precision"][-1] is None
    assert section["f1"][-1] == 0
    assert section["recall"][0] == 1
    assert section["specificity"][-1] == 1


def test_the_chosen_threshold_is_that_of_the_folds_and_otherwise_of_the_model() -> None:
    folds = {"thresholds": [{"threshold": value} for value in (0.3, 0.6, 0.4, None)]}
    assert choose_threshold(folds, {"threshold": 0.9}) == {"median": 0.4, "low": 0.3, "high": 0.6}
    assert choose_threshold({}, {"threshold": 0.9}) == {"median": 0.9, "low": 0.9, "high": 0.9}
    assert choose_threshold({}, {}) is None


def test_the_net_benefit_is_that_of_validate() -> None:
    predictions = simulate_predictions(1.0, subjects=20, each=2)
    section = build_net_benefit(predictions)
    y, p = (predictions.truth == 1).astype(float), predictions.probability[:, 1]
    k = section["grid"].index(pytest.approx(0.3))
    assert section["model"][k] == pytest.approx(float(net_benefit(p, y, 0.3, np.ones((len(y), 1)))[0]))
    assert section["all"][k] == pytest.approx(treat_all(y, 0.3))
    assert section["none"] == 0
