from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest
from simulated import learned, simulated

from pdmr_classic.evaluation import _permutation as permutation
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation.system_scores import summarise_scores


@pytest.mark.parametrize("within", [False, True], ids=["between subjects", "within subjects"])
def test_p_is_spread_evenly_where_labels_mean_nothing(within: bool) -> None:
    found = []
    for study in range(200):
        test = permutation_test(learned(0.0, repeats=2, seed=study, each=1 + 2 * within, within=within)[0], n=99)
        assert test["between"] == ("recordings of a subject" if within else "subjects")
        found.append(test["p"])
    assert kstest([p["auc"] for p in found], "uniform").pvalue > 0.05
    for name in ("auc", "f1", "macro_f1"):
        assert np.mean([p[name] <= 0.05 for p in found]) <= 0.07, name


def test_on_fixed_predictions_alone_p_would_be_small_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "MET_TWICE", 1.0)
    p = [permutation_test(learned(0.0, repeats=2, seed=study)[0], n=99)["p"]["auc"] for study in range(200)]
    assert np.mean(np.array(p) <= 0.05) > 0.08


def test_within_subjects_knowing_the_subject_is_worth_nothing() -> None:
    predictions = simulated(0.0, subjects=12, each=6)
    rare = (predictions.subject % 2 == 0) & (np.arange(len(predictions)) % 6 == 0)
    truth = np.where(predictions.subject % 2 == 0, 1 - rare, 0)
    probability = np.column_stack([predictions.subject % 2, 1 - predictions.subject % 2]).astype(float)
    knowing = replace(predictions, truth=truth, predicted=1 - predictions.subject % 2, probability=probability)
    assert permutation_test(knowing, n=99)["p"]["auc"] == 1.0


def test_labels_of_subjects_with_one_label_move_between_subjects() -> None:
    test = permutation_test(simulated(4.0), n=199)
    assert test["between"] == "subjects"
    assert test["p"] == {"f1": 1 / 200, "macro_f1": 1 / 200, "auc": 1 / 200}


def test_recordings_are_not_taken_for_independent() -> None:
    """With ten recordings a subject, a permutation of recordings would find a p of nearly nothing."""
    p = [permutation_test(simulated(0.0, subjects=12, each=10, seed=study), n=99)["p"]["auc"] for study in range(60)]
    assert np.mean(np.array(p) <= 0.05) <= 0.12


def test_the_true_labels_have_the_scores_of_the_evaluation() -> None:
    predictions = simulated(1.0, repeats=2)
    labels = predictions.truth[: len(predictions) // 2].astype(np.int16)
    scores = permutation._scores(predictions, np.tile(labels, 2)[:, None])
    expected = summarise_scores(predictions)["scores"]
    assert scores.keys() == {"f1", "macro_f1", "auc"}
    for name, values in scores.items():
        assert values[0] == pytest.approx(expected[name]["mean"])
