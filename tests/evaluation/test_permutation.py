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
        predictions, _ = simulate_learner(0.0, repeats=2, seed=study, each=1 + 2 * within, within=within)
        test = permutation_test(predictions, n=99)
        assert test["permuted"] == ("recording labels within subjects" if within else "subject labels")
        p_values.append(test["p_fixed_predictions"])
    assert kstest([p["auc"] for p in p_values], "uniform").pvalue > 0.05
    for name in ("auc", "f1", "macro_f1"):
        assert np.mean([p[name] <= 0.05 for p in p_values]) <= 0.07, name


def test_p_values_are_too_small_without_the_factor_sqrt_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "SD_INFLATION", 1.0)
    p = [auc_p_value(simulate_learner(0.0, repeats=2, seed=study)[0]) for study in range(200)]
    assert np.mean(np.array(p) <= 0.05) > 0.08


def test_permutation_within_subjects_is_not_fooled_by_subject_identity() -> None:
    predictions = simulate_predictions(0.0, subjects=12, each=6)
    rare = (predictions.subject % 2 == 0) & (np.arange(len(predictions)) % 6 == 0)
    truth = np.where(predictions.subject % 2 == 0, 1 - rare, 0)
    probability = np.column_stack([predictions.subject % 2, 1 - predictions.subject % 2]).astype(float)
    subject_predictions = replace(
        predictions, truth=truth, predicted=1 - predictions.subject % 2, probability=probability
    )
    assert auc_p_value(subject_predictions) == 1.0


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
