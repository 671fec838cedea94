from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest
from simulated import simulate_learner, simulate_predictions

from pdmr_classic.evaluation import _permutation as permutation
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import summarise_scores


def auc_p_value(predictions: Predictions) -> float:
    return float(permutation_test(predictions, n=99)["p_fixed_predictions"]["auc"])


@pytest.mark.parametrize("within", [False, True], ids=["between subjects", "within subjects"])
def test_p_values_are_uniform_under_the_null_hypothesis(within: bool) -> None:
    p_values = []
    for study in range(200):
        predictions, _ = simulate_learner(0.0, repeats=2, seed=1000 + study, each=1 + 2 * within, within=within)
        test = permutation_test(predictions, n=99)
        assert test["permuted"] == ("label profiles of subjects" if within else "subject labels")
        p_values.append(test["p_fixed_predictions"])
    assert kstest([p["auc"] for p in p_values], "uniform").pvalue > 0.05
    for name in ("auc", "f1", "macro_f1"):
        assert np.mean([p[name] <= 0.05 for p in p_values]) <= 0.07, name


def test_p_values_are_too_small_without_the_factor_sqrt_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "null_inflation", lambda predictions: 1.0)
    p = [auc_p_value(simulate_learner(0.0, repeats=2, seed=study)[0]) for study in range(200)]
    assert np.mean(np.array(p) <= 0.05) > 0.08


def relabel(predictions: Predictions, recording: int) -> Predictions:
    """Return the predictions with the other label for one recording."""
    truth = predictions.truth.copy()
    truth[recording] = 1 - truth[recording]
    return replace(predictions, truth=truth)


def test_one_subject_with_two_labels_does_not_stop_the_labels_of_the_others_from_moving() -> None:
    original = simulate_predictions(2.0, subjects=40, each=2)
    before, after = permutation_test(original, n=999), permutation_test(relabel(original, 0), n=999)
    assert (before["permuted"], after["permuted"]) == ("subject labels", "label profiles of subjects")
    for name, p in before["p_fixed_predictions"].items():
        assert after["p_fixed_predictions"][name] == pytest.approx(p, abs=0.01), name
        assert p < 0.02


def test_labels_that_vary_equally_within_all_subjects_are_permuted_within_them() -> None:
    predictions = simulate_predictions(0.0, subjects=20, each=2)
    truth = np.tile([0, 1], 20)
    probability = np.column_stack([1 - truth, truth]).astype(float)
    test = permutation_test(replace(predictions, truth=truth, predicted=truth, probability=probability), n=199)
    assert test["permuted"] == "recording labels within subjects"
    assert test["p_fixed_predictions"] == {"f1": 1 / 200, "macro_f1": 1 / 200, "auc": 1 / 200}


def test_a_constant_prediction_is_never_significant_however_recordings_are_distributed() -> None:
    """If the positive subjects have more recordings, an exchange of labels changes the share of positives."""
    predictions = simulate_predictions(0.0, subjects=40, each=3)
    negative = predictions.subject % 2 == 1
    kept = ~negative | (np.arange(len(predictions)) % 3 == 0)
    predictions = replace(
        predictions, predicted=np.ones_like(predictions.truth), probability=np.full((len(predictions), 2), 0.5)
    ).subset(kept)
    p = permutation_test(predictions, n=99)["p_fixed_predictions"]
    assert p == {"f1": 1.0, "macro_f1": 1.0, "auc": 1.0}


def test_labels_are_permuted_between_subjects_with_one_label_each() -> None:
    test = permutation_test(simulate_predictions(4.0), n=199)
    assert test["permuted"] == "subject labels"
    assert test["p_fixed_predictions"] == {"f1": 1 / 200, "macro_f1": 1 / 200, "auc": 1 / 200}


def test_recordings_of_a_subject_are_not_treated_as_independent() -> None:
    """With ten recordings per subject, permuting recordings would give p-values near 0."""
    p = [auc_p_value(simulate_predictions(0.0, subjects=12, each=10, seed=study)) for study in range(60)]
    assert np.mean(np.array(p) <= 0.05) <= 0.12


def test_the_observed_scores_are_those_of_the_evaluation() -> None:
    predictions = simulate_predictions(1.0, repeats=2)
    labels = predictions.truth[: len(predictions) // 2].astype(np.int16)
    scores = permutation._score_labels(predictions, np.tile(labels, 2)[:, None])
    expected = summarise_scores(predictions)["scores"]
    assert scores.keys() == {"f1", "macro_f1", "auc"}
    for name, values in scores.items():
        assert values[0] == pytest.approx(expected[name]["mean"])
