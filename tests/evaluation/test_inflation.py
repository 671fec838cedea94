from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulate_learner, simulate_predictions

from pdmr_classic.evaluation.inflation import estimate_inflation, shared_variance


def mean_inflation(distance: float, repeats: int) -> float:
    studies = (simulate_learner(distance, repeats=repeats, seed=seed)[0] for seed in range(60))
    return float(np.mean([estimate_inflation(predictions) for predictions in studies]))


@pytest.mark.parametrize("repeats", [1, 3])
def test_without_signal_the_standard_error_is_about_sqrt_2_times_that_of_the_bootstrap(repeats: int) -> None:
    assert 1.35 < mean_inflation(0.0, repeats) < 1.5


@pytest.mark.parametrize("repeats", [1, 3])
def test_inflation_decreases_with_signal(repeats: int) -> None:
    assert 1 < mean_inflation(3.0, repeats) < 1.2


def test_held_out_subjects_that_train_no_model_need_no_inflation() -> None:
    official = replace(simulate_predictions(1.0), is_one_way=True)
    assert estimate_inflation(official) == 1


def test_a_recording_on_several_rows_is_one_subject() -> None:
    """Copies of each recording, or repeats with the same predictions, are no further evidence."""
    predictions = simulate_predictions(1.0, each=1)
    rows = np.arange(len(predictions))
    copies = predictions.subset(np.repeat(rows, 3))
    repeats = replace(predictions.subset(np.tile(rows, 2)), repeat=np.repeat([0, 1], len(rows)))
    expected = estimate_inflation(predictions)
    assert estimate_inflation(copies) == pytest.approx(expected)
    assert estimate_inflation(repeats) == pytest.approx(expected)


def test_shared_variance_is_bounded() -> None:
    contributions = np.array([1.0, -1.0])
    assert shared_variance(contributions, 1e9) == pytest.approx(0, abs=1e-6)
    assert shared_variance(contributions, -1e9) == shared_variance(contributions, -2.0) < 1.6
    assert shared_variance(np.zeros(3), 0.0) == 1


def test_f1_depends_less_on_training_than_probabilities() -> None:
    predictions = simulate_predictions(1.0)
    assert 1 < estimate_inflation(predictions, "f1") < estimate_inflation(predictions, "macro_f1")


def test_three_classes_and_a_class_missing_from_a_subset_are_accepted() -> None:
    predictions = simulate_predictions(1.0, repeats=2)
    p = np.column_stack([predictions.probability, np.zeros(len(predictions))])
    three = replace(predictions, probability=p, classes=("a", "b", "c"), positive=None)
    assert 1 < estimate_inflation(three) < 1.6
    assert 1 < estimate_inflation(three.subset(three.truth == 1)) < 1.6
