from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulate_learner, simulate_predictions

from pdmr_classic.evaluation.inflation import Inflation, estimate_inflation, estimate_shared_variance


def mean_shared(distance: float, repeats: int, **options: int) -> float:
    studies = (simulate_learner(distance, repeats=repeats, seed=seed, **options)[0] for seed in range(60))
    return float(np.mean([estimate_inflation(predictions).shared for predictions in studies]))


@pytest.mark.parametrize("repeats", [1, 3])
def test_without_signal_the_variance_is_about_twice_that_of_the_bootstrap(repeats: int) -> None:
    assert 0.8 < mean_shared(0.0, repeats) < 1.4


@pytest.mark.parametrize("repeats", [1, 3])
def test_inflation_decreases_with_signal(repeats: int) -> None:
    assert mean_shared(3.0, repeats) < 0.6 * mean_shared(0.0, repeats)


def test_held_out_subjects_that_train_no_model_need_no_inflation() -> None:
    official = replace(simulate_predictions(1.0), is_one_way=True)
    assert estimate_inflation(official).factor("auc") == 1


def test_inflation_is_estimated_from_the_variance_between_repeats() -> None:
    """Two repeats with two folds: V2 is twice the variance of the contributions between repeats."""
    rng = np.random.default_rng(0)
    fixed, drawn = rng.normal(size=(1, 5000)), rng.normal(size=(2, 5000))
    contributions = fixed + drawn * 0.5**0.5  # V1 = .5 and V2 = 1: fixed contains the half of V2 that repeats share
    expected = 1 * (1 - 1 / 2 + 1 / 4) / (1 + 0.5 / 2)
    assert estimate_shared_variance(contributions, 1.0, n_folds=2) == pytest.approx(expected, abs=0.05)


def test_shared_variance_is_bounded() -> None:
    equal, opposite = np.array([[1.0, -1.0]] * 2), np.array([[1.0, -1.0], [-0.9, 0.9]])
    assert estimate_shared_variance(equal, 1.0, 5) == 0
    assert estimate_shared_variance(opposite, 1.0, 5) == 2
    assert estimate_shared_variance(np.zeros((2, 3)), 0.0, 5) == 1


def test_predicted_classes_share_less_variance_than_probabilities() -> None:
    inflation = Inflation(1.0)
    assert inflation.factor("auc") == pytest.approx(2**0.5)
    assert 1 < inflation.factor("f1") == inflation.factor("macro_f1") < inflation.factor("brier")


def test_a_system_does_not_differ_from_itself() -> None:
    predictions = simulate_predictions(1.0, repeats=3)
    assert estimate_inflation(predictions, predictions) == Inflation(1.0)


def test_three_classes_and_a_class_missing_from_a_subset_are_accepted() -> None:
    predictions = simulate_predictions(1.0, repeats=2)
    p = np.column_stack([predictions.probability, np.zeros(len(predictions))])
    three = replace(predictions, probability=p, classes=("a", "b", "c"), positive=None)
    assert 0 <= estimate_inflation(three).shared <= 2
    assert 0 <= estimate_inflation(three.subset(three.truth == 1)).shared <= 2
