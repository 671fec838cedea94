from __future__ import annotations

import numpy as np
import pytest
from simulated import simulated, true_auc
from sklearn.metrics import roc_auc_score

from pdmr_classic.evaluation.intervals import (
    auc_under,
    bootstrap_scores,
    chunks,
    difference_interval,
    scores_under,
    share_interval,
    subjects_of_rarest_class,
)
from pdmr_classic.evaluation.tally import calibration_error, scores_of_repeat, tally


@pytest.mark.parametrize("distance", [0.0, 1.4, 2.6])
def test_the_interval_covers_the_true_auc_in_92_of_100_studies(distance: float) -> None:
    covered = 0
    for study in range(100):
        predictions = simulated(distance, repeats=1 + study % 2, seed=study)
        interval = share_interval(
            bootstrap_scores(predictions, draws=500)["auc"], subjects_of_rarest_class(predictions)
        )
        assert interval is not None
        covered += interval[0] <= true_auc(distance) <= interval[1]
    assert covered >= 92


def test_the_simulated_studies_have_the_auc_that_they_say() -> None:
    large = simulated(1.4, subjects=20_000, each=1)
    assert tally_auc(large) == pytest.approx(true_auc(1.4), abs=0.01)


def tally_auc(predictions: object) -> float:
    return float(scores_under(predictions, np.ones((len(predictions), 1)))["auc"][0])  # type: ignore[arg-type]


def test_auc_under_weights_is_that_of_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    p, positive = rng.integers(0, 5, 30) / 5, rng.random(30) < 0.4
    weights = rng.integers(0, 3, (30, 4))
    for column, found in zip(weights.T, auc_under(p, positive, weights.astype(float)), strict=True):
        assert found == pytest.approx(roc_auc_score(np.repeat(positive, column), np.repeat(p, column)))


def test_auc_of_one_class_does_not_exist() -> None:
    assert np.isnan(auc_under(np.array([0.1, 0.2]), np.array([True, True]), np.ones((2, 1)))).all()


def test_auc_is_averaged_over_folds_and_not_pooled() -> None:
    predictions = simulated(3.0, subjects=20)
    shift = np.where(predictions.fold == 0, 0.0, 1e-3)[:, None] * [-1, 1]
    shifted = predictions.subset(np.arange(len(predictions)))
    shifted.probability[:] = predictions.probability * 1e-4 + np.abs(shift) * predictions.fold[:, None]
    assert tally_auc(shifted) == pytest.approx(tally_auc(predictions), abs=0.02)


def test_scores_under_even_weights_are_those_that_are_told() -> None:
    predictions = simulated(1.0, repeats=2)
    drawn = bootstrap_scores(predictions, draws=3)
    told = tally(predictions)["scores"]
    for name, values in drawn.items():
        assert values.shape == (4,)
        assert values[0] == pytest.approx(told[name]["mean"])


def test_the_means_over_repeats_and_their_spread_are_those_of_the_repeats() -> None:
    predictions = simulated(1.0, repeats=3)
    f1 = [scores_of_repeat(predictions, rows)["f1"] for rows in predictions.of_repeats()]
    told = tally(predictions)["scores"]["f1"]
    assert told["mean"] == pytest.approx(np.mean(f1))
    assert told["sd"] == pytest.approx(np.std(f1, ddof=1))
    assert tally(simulated(1.0))["scores"]["f1"]["sd"] is None


def test_a_perfect_score_of_few_subjects_is_not_sure() -> None:
    low, high = share_interval(np.ones(101), 10) or (1.0, 1.0)
    assert low < 0.9
    assert high == 1.0


def test_one_subject_of_a_class_makes_no_interval() -> None:
    assert share_interval(np.full(10, 0.5), 1) is None
    assert difference_interval(np.zeros(10), 1) is None


def test_probabilities_that_are_right_have_no_calibration_error() -> None:
    predictions = simulated(1.0)
    right = predictions.subset(np.arange(len(predictions)))
    right.probability[:] = np.eye(2)[predictions.truth]
    assert calibration_error(right) == 0
    right.probability[:] = 1 - np.eye(2)[predictions.truth]
    assert calibration_error(right) == 1


def test_draws_are_made_in_parts_that_fit_into_memory() -> None:
    assert list(chunks(5, 10_000_000)) == [2, 2, 1]
    assert list(chunks(5, 100_000_000)) == [1] * 5
