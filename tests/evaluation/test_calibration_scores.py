from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit
from simulated import simulate_learner, simulate_predictions

from pdmr_classic.evaluation.bootstrap import bootstrap_statistics, percentile_interval
from pdmr_classic.evaluation.calibration_scores import (
    binned_error,
    fit_intercept,
    fit_line,
    log_odds,
    mean_slope,
    simulate_error,
    summarise_calibration,
)
from pdmr_classic.evaluation.predictions import Predictions

ONE = np.ones((400, 1))


def draw(n: int, *, intercept: float = 0.0, slope: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return log-odds z, and labels with log-odds intercept + slope * z."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return z, (rng.random(n) < expit(intercept + slope * z)).astype(float)


def predictions_of(z: np.ndarray, y: np.ndarray, subject: np.ndarray | None = None) -> Predictions:
    zeros, p = np.zeros(len(z), dtype=np.intp), expit(z)
    ids = np.array([f"r{row}" for row in range(len(z))], dtype=object)
    subject = np.arange(len(z)) if subject is None else subject
    probability = np.column_stack([1 - p, p])
    return Predictions(ids, subject, zeros, zeros, y.astype(np.intp), zeros, probability, ("no", "yes"), "yes")


def test_intercept_and_slope_are_those_of_weighted_logistic_regressions() -> None:
    z, y = draw(400, intercept=-0.7, slope=0.6)
    weights = np.random.default_rng(1).integers(0, 4, (400, 3)).astype(float)
    a, b = fit_line(z, y, weights)
    offsets = fit_intercept(z, y, weights)
    for column in range(3):
        line = sm.GLM(y, sm.add_constant(z), family=sm.families.Binomial(), freq_weights=weights[:, column]).fit()
        assert [a[column], b[column]] == pytest.approx(line.params, abs=1e-6)
        constant = sm.GLM(
            y, np.ones(400), family=sm.families.Binomial(), freq_weights=weights[:, column], offset=z
        ).fit()
        assert offsets[column] == pytest.approx(constant.params[0], abs=1e-6)


def test_separated_classes_have_an_infinite_slope_and_one_class_none() -> None:
    z = np.linspace(-2, 2, 20)
    y = (z > 0).astype(float)
    weights = np.ones((20, 3))
    weights[z > 0, 1] = 0
    weights[y == 1, 2] = 0
    a, b = fit_line(z, y, weights)
    assert b[0] == np.inf
    assert np.isnan(a).all()
    assert np.isnan(b[1:]).all()
    assert np.isnan(fit_intercept(z, y, weights)[1:]).all()
    assert np.isnan(fit_line(np.zeros(20), y, weights[:, :1])[1]).all()


def test_overconfident_probabilities_have_a_slope_below_1_and_a_wrong_prevalence_an_intercept() -> None:
    z, y = draw(1500, intercept=-1.0, slope=0.5)
    scores = summarise_calibration(predictions_of(z, y))
    slope, intercept = scores["calibration_slope"], scores["calibration_intercept"]
    assert slope["low"] < 0.5 < slope["high"] < 1
    assert intercept["high"] < -0.5
    assert scores["calibration_error"]["mean"] > scores["calibration_error"]["expected_high"]


@pytest.mark.parametrize("n", [20, 100])
def test_the_calibration_error_is_shown_beside_that_of_perfect_calibration(n: int) -> None:
    studies = [summarise_calibration(predictions_of(*draw(n, seed=seed)))["calibration_error"] for seed in range(40)]
    means = np.array([score["mean"] for score in studies])
    assert np.mean([score["expected"] for score in studies]) == pytest.approx(means.mean(), rel=0.1)
    assert np.mean([score["mean"] <= score["expected_high"] for score in studies]) >= 0.85
    assert means.mean() > (0.18 if n == 20 else 0.08)


def test_recordings_of_a_subject_with_one_label_agree_in_the_simulation() -> None:
    z = np.repeat(draw(30)[0], 5)
    subject = np.repeat(np.arange(30), 5)
    same = simulate_error(predictions_of(z, np.repeat(np.arange(30) % 2, 5), subject))
    different = simulate_error(predictions_of(z, np.arange(150) % 2, subject))
    assert same.mean() > 1.5 * different.mean()


def test_the_binned_error_equals_hand_computed_values() -> None:
    p = np.array([0.2, 0.2, 0.8, 0.8])
    labels = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    assert binned_error(p, labels).tolist() == pytest.approx([0.2, 0.5])
    perfect = np.repeat([0.0, 1.0], 30)
    assert binned_error(perfect, np.column_stack([perfect, 1 - perfect])).tolist() == [0, 1]


def test_one_class_has_no_slope_and_the_score_says_why() -> None:
    z, _ = draw(50)
    scores = summarise_calibration(predictions_of(z, np.zeros(50)))
    assert scores["calibration_slope"]["mean"] is None
    assert scores["calibration_slope"]["reason"] == "the labels lack a class"
    assert scores["calibration_error"]["mean"] > 0


def test_several_classes_have_the_mean_slope_of_one_class_against_the_rest_and_no_intercept() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(600, 3))
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in probability])
    two = predictions_of(np.zeros(600), truth)
    scores = summarise_calibration(replace(two, probability=probability, classes=("a", "b", "c"), positive=None))
    each = [fit_line(log_odds(probability[:, k]), (truth == k) * 1.0, np.ones((600, 1)))[1][0] for k in range(3)]
    assert scores["calibration_slope"]["mean"] == pytest.approx(np.mean(each))
    assert "calibration_intercept" not in scores


def test_slope_and_intercept_are_averaged_over_repeats() -> None:
    predictions = simulate_predictions(1.0, repeats=3)
    scores = summarise_calibration(predictions)
    each = [summarise_calibration(predictions.subset(rows)) for rows in predictions.repeat_rows()]
    for name in ("calibration_error", "calibration_slope", "calibration_intercept"):
        values = [part[name]["mean"] for part in each]
        assert scores[name]["mean"] == pytest.approx(np.mean(values))
        assert scores[name]["sd"] == pytest.approx(np.std(values, ddof=1))


def test_infinite_slopes_of_both_signs_have_no_mean() -> None:
    assert np.isnan(mean_slope([np.array([np.inf]), np.array([-np.inf])])).all()


def test_the_interval_of_the_slope_resamples_subjects() -> None:
    predictions = simulate_predictions(1.5, subjects=40, each=8)
    by_subject = summarise_calibration(predictions)["calibration_slope"]
    alone = replace(predictions, subject=np.arange(len(predictions)))
    by_recording = summarise_calibration(alone)["calibration_slope"]
    assert by_subject["high"] - by_subject["low"] > 1.3 * (by_recording["high"] - by_recording["low"])


def test_cross_validated_predictions_have_finite_intervals() -> None:
    scores = summarise_calibration(simulate_learner(1.5, subjects=40)[0])
    for name in ("calibration_slope", "calibration_intercept"):
        assert scores[name]["low"] < scores[name]["mean"] < scores[name]["high"]


# ------------------------------------------------------------------------------------------ percentile intervals


def test_a_percentile_interval_of_few_subjects_is_wider() -> None:
    drawn = np.append(0.5, np.random.default_rng(0).normal(0.5, 0.1, 4000))
    widths = [np.ptp(percentile_interval(drawn, n) or (0, 0)) for n in (100, 5)]
    assert widths[0] == pytest.approx(2 * 1.99 * 0.1, rel=0.05)
    assert widths[1] > 1.3 * widths[0]


def test_a_score_at_its_bound_has_a_clopper_pearson_interval() -> None:
    low, high = percentile_interval(np.ones(100), 10, bounds=(0, 1)) or (0, 0)
    assert (low, high) == (pytest.approx(0.025**0.1), 1)


@pytest.mark.parametrize(
    "drawn", [[np.nan, 1, 2], [1, np.nan, np.nan, 2], [1, *[np.inf] * 5, 2, 3]], ids=["value", "replicates", "limit"]
)
def test_an_undefined_or_diverging_statistic_has_no_interval(drawn: list[float]) -> None:
    assert percentile_interval(np.array(drawn), 10) is None


def test_whole_subjects_are_drawn() -> None:
    drawn = bootstrap_statistics(np.array([7, 7, 9]), lambda weights: {"w": weights}, draws=20)["w"]
    assert drawn.shape == (3, 21)
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[[0, 2]].sum(axis=0) == 2).all()
