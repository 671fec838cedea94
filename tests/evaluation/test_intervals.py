from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulate_learner, simulate_predictions, true_auc
from sklearn.metrics import roc_auc_score

from pdmr_classic.evaluation.inflation import estimate_inflation
from pdmr_classic.evaluation.intervals import (
    bootstrap_scores,
    count_rarest_class_subjects,
    difference_interval,
    score_interval,
    simultaneous_intervals,
    weighted_auc,
    weighted_concordance,
    weighted_scores,
)
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.system_scores import score_repeat, summarise_scores
from pdmr_classic.metrics import concordance
from pdmr_classic.resampling import batch_sizes


def interval_of(predictions: Predictions) -> tuple[float, float]:
    drawn, n_rarest = bootstrap_scores(predictions, draws=300)["auc"], count_rarest_class_subjects(predictions)
    interval = score_interval(drawn, n_rarest, estimate_inflation(predictions))
    assert interval is not None
    return interval


@pytest.mark.parametrize("distance", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("repeats", [1, 3])
def test_the_interval_covers_the_auc_on_many_new_people_in_92_of_100_studies(distance: float, repeats: int) -> None:
    covered = 0
    for study in range(100):
        predictions, true = simulate_learner(distance, repeats=repeats, seed=study)
        low, high = interval_of(predictions)
        covered += low <= true <= high
    assert covered >= 92


@pytest.mark.parametrize("distance", [0.0, 1.0])
def test_the_paired_interval_covers_the_true_difference_in_92_of_100_studies(distance: float) -> None:
    """Two learners on the same people and folds; the true difference is computed on many new people."""
    covered = 0
    for study in range(100):
        pair = [simulate_learner(distance, repeats=3, seed=study, penalty=penalty) for penalty in (1.0, 1000.0)]
        auc_a, auc_b = (bootstrap_scores(predictions, draws=300)["auc"] for predictions, _ in pair)
        interval = difference_interval(auc_b - auc_a, count_rarest_class_subjects(pair[0][0]))
        assert interval is not None
        covered += interval[0] <= pair[1][1] - pair[0][1] <= interval[1]
    assert covered >= 92


def test_coverage_is_too_low_without_inflation() -> None:
    covered = 0
    for study in range(100):
        predictions, _ = simulate_learner(0.0, repeats=3, seed=study)
        low, high = score_interval(
            bootstrap_scores(predictions, draws=300)["auc"], count_rarest_class_subjects(predictions), inflation=1.0
        ) or (np.nan, np.nan)
        covered += low <= 0.5 <= high
    assert covered < 92


def test_the_interval_covers_the_true_auc_of_independent_predictions() -> None:
    bounds = [interval_of(simulate_predictions(1.4, seed=study)) for study in range(100)]
    assert sum(low <= true_auc(1.4) <= high for low, high in bounds) >= 92


def test_simulated_studies_have_their_nominal_auc() -> None:
    large = simulate_predictions(1.4, subjects=20_000, each=1)
    assert tally_auc(large) == pytest.approx(true_auc(1.4), abs=0.01)


def tally_auc(predictions: object) -> float:
    return float(weighted_scores(predictions, np.ones((len(predictions), 1)))["auc"][0])  # type: ignore[arg-type]


def test_weighted_auc_equals_the_auc_of_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    p, positive = rng.integers(0, 5, 30) / 5, rng.random(30) < 0.4
    weights = rng.integers(0, 3, (30, 4))
    for column, auc in zip(weights.T, weighted_auc(p, positive, weights.astype(float)), strict=True):
        assert auc == pytest.approx(roc_auc_score(np.repeat(positive, column), np.repeat(p, column)))


def test_weighted_concordance_equals_the_concordance_of_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(20, 5, size=30)
    predicted = truth + rng.normal(1, 5, size=30)
    weights = rng.integers(0, 3, (30, 4))
    for column, value in zip(weights.T, weighted_concordance(truth, predicted, weights.astype(float)), strict=True):
        assert value == pytest.approx(concordance(np.repeat(truth, column), np.repeat(predicted, column)))


def test_concordance_of_constant_values_is_undefined() -> None:
    assert np.isnan(weighted_concordance(np.ones(3), np.ones(3), np.ones((3, 1)))).all()


def test_f1_of_draws_does_not_vary_with_the_share_of_positives() -> None:
    """Always predicting positive has the same F1 in each draw, except for the pseudo-subjects."""
    predictions = simulate_predictions(1.0, subjects=100, each=1)
    always = replace(predictions, predicted=np.full(len(predictions), predictions.positive_index))
    drawn = bootstrap_scores(always, draws=300)["f1"]
    assert drawn[0] == pytest.approx(2 / 3)
    assert np.std(drawn[1:]) < 0.01


def test_an_interval_is_not_empty_if_all_are_predicted_positive() -> None:
    predictions = simulate_predictions(1.0)
    always = replace(predictions, predicted=np.full(len(predictions), predictions.positive_index))
    score = summarise_scores(always)["scores"]["macro_f1"]
    assert 0.01 < score["high"] - score["low"] < 0.3


def test_draws_without_a_class_are_undefined() -> None:
    predictions = simulate_predictions(1.0, subjects=8, each=1, folds=2)
    rare = replace(predictions, truth=(predictions.subject == 0).astype(np.intp))
    drawn = bootstrap_scores(rare, draws=200)
    missing = np.isnan(drawn["f1"])
    assert 0.2 < missing.mean() < 0.5  # expected: (7 / 8) ** 8 = .34
    assert all(np.isnan(values[missing]).all() for values in drawn.values())


def test_the_interval_of_an_official_split_is_narrower() -> None:
    predictions = simulate_predictions(0.5)
    widths = []
    for is_one_way in (False, True):
        auc = summarise_scores(replace(predictions, is_one_way=is_one_way))["scores"]["auc"]
        widths.append(auc["high"] - auc["low"])
    assert widths[1] < 0.95 * widths[0]


def test_auc_of_one_class_is_undefined() -> None:
    assert np.isnan(weighted_auc(np.array([0.1, 0.2]), np.array([True, True]), np.ones((2, 1)))).all()


def test_auc_is_averaged_over_folds_and_not_pooled() -> None:
    predictions = simulate_predictions(3.0, subjects=20)
    shift = np.where(predictions.fold == 0, 0.0, 1e-3)[:, None] * [-1, 1]
    shifted = predictions.subset(np.arange(len(predictions)))
    shifted.probability[:] = predictions.probability * 1e-4 + np.abs(shift) * predictions.fold[:, None]
    assert tally_auc(shifted) == pytest.approx(tally_auc(predictions), abs=0.02)


def test_scores_with_equal_weights_are_the_reported_scores() -> None:
    predictions = simulate_predictions(1.0, repeats=2)
    drawn = bootstrap_scores(predictions, draws=3)
    summary = summarise_scores(predictions)["scores"]
    assert set(drawn) == {name for name in summary if not name.startswith("calibration")}
    for name, values in drawn.items():
        assert values.shape == (4,)
        assert values[0] == pytest.approx(summary[name]["mean"])


def test_mean_and_sd_are_computed_over_repeats() -> None:
    predictions = simulate_predictions(1.0, repeats=3)
    f1 = [score_repeat(predictions, rows)["f1"] for rows in predictions.repeat_rows()]
    summary = summarise_scores(predictions)["scores"]["f1"]
    assert summary["mean"] == pytest.approx(np.mean(f1))
    assert summary["sd"] == pytest.approx(np.std(f1, ddof=1))
    assert summarise_scores(simulate_predictions(1.0))["scores"]["f1"]["sd"] is None


def test_a_perfect_score_on_few_subjects_has_a_wide_interval() -> None:
    low, high = score_interval(np.ones(101), 10) or (1.0, 1.0)
    assert low < 0.9
    assert high == 1.0


def test_a_class_with_one_subject_has_no_interval() -> None:
    assert score_interval(np.full(10, 0.5), 1) is None
    assert difference_interval(np.zeros(10), 1) is None


@pytest.mark.parametrize("difference", [0.0, 0.5, 0.1 + 0.2])
def test_a_difference_without_spread_between_subjects_has_no_interval(difference: float) -> None:
    varied = np.random.default_rng(0).normal(0, 0.1, 101)
    none, known = simultaneous_intervals(np.stack([np.full(101, difference), varied]), 10)
    assert none is None
    assert known is not None
    assert known == difference_interval(varied, 10)


def test_bootstrap_batches_fit_into_memory() -> None:
    assert list(batch_sizes(5, 10_000_000)) == [2, 2, 1]
    assert list(batch_sizes(5, 100_000_000)) == [1] * 5
