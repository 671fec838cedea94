from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulate_learner, simulate_predictions

from pdmr_classic.evaluation.inflation import Inflation, estimate_inflation, shared_variance


def mean_shared(distance: float, repeats: int) -> float:
    studies = (simulate_learner(distance, repeats=repeats, seed=seed)[0] for seed in range(60))
    return float(np.mean([estimate_inflation(predictions).shared for predictions in studies]))


@pytest.mark.parametrize("repeats", [1, 3])
def test_without_signal_the_variance_is_about_twice_that_of_the_bootstrap(repeats: int) -> None:
    assert 0.8 < mean_shared(0.0, repeats) < 1.3


@pytest.mark.parametrize("repeats", [1, 3])
def test_inflation_decreases_with_signal(repeats: int) -> None:
    assert mean_shared(3.0, repeats) < 0.5 * mean_shared(0.0, repeats)


def test_held_out_subjects_that_train_no_model_need_no_inflation() -> None:
    official = replace(simulate_predictions(1.0), is_one_way=True)
    assert estimate_inflation(official).factor("auc") == 1


def test_a_recording_on_several_rows_is_one_subject() -> None:
    """Copies of each recording, or repeats with the same predictions, are no further evidence."""
    predictions = simulate_predictions(1.0, each=1)
    rows = np.arange(len(predictions))
    copies = predictions.subset(np.repeat(rows, 3))
    repeats = replace(predictions.subset(np.tile(rows, 2)), repeat=np.repeat([0, 1], len(rows)))
    expected = estimate_inflation(predictions).shared
    assert estimate_inflation(copies).shared == pytest.approx(expected)
    assert estimate_inflation(repeats).shared == pytest.approx(expected)


def test_shared_variance_is_bounded() -> None:
    contributions = np.array([1.0, -1.0])
    assert shared_variance(contributions, 1e9) == pytest.approx(0, abs=1e-6)
    assert shared_variance(contributions, -1e9) == shared_variance(contributions, -2.0) < 1.6
    assert shared_variance(np.zeros(3), 0.0) == 1


def test_predicted_classes_share_less_variance_than_probabilities() -> None:
    inflation = Inflation(1.0)
    assert inflation.factor("auc") == pytest.approx(2**0.5)
    assert 1 < inflation.factor("f1") == inflation.factor("macro_f1") < inflation.factor("brier")


def test_a_difference_has_its_own_inflation_in_either_direction() -> None:
    a, b = (simulate_learner(2.0, repeats=3, seed=0, penalty=penalty)[0] for penalty in (1.0, 1000.0))
    assert estimate_inflation(a, b) == estimate_inflation(b, a)
    assert estimate_inflation(a, a) == Inflation(1.0)


def test_three_classes_and_a_class_missing_from_a_subset_are_accepted() -> None:
    predictions = simulate_predictions(1.0, repeats=2)
    p = np.column_stack([predictions.probability, np.zeros(len(predictions))])
    three = replace(predictions, probability=p, classes=("a", "b", "c"), positive=None)
    assert 0 <= estimate_inflation(three).shared <= 2
    assert 0 <= estimate_inflation(three.subset(three.truth == 1)).shared <= 2
