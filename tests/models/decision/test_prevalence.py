from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.decision.pooling import pool_subjects
from pdmr_classic.models.decision.prevalence import (
    check_prevalence,
    correct_probability,
    estimate_priors,
    parse_prevalence,
    target_priors,
)


def simulate(priors: list[float], n: int = 4000, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return probabilities calibrated for equal priors, of recordings drawn with other priors."""
    rng = np.random.default_rng(seed)
    n_classes = len(priors)
    y = rng.choice(n_classes, size=n, p=priors)
    x = rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[y]
    likelihood = np.exp(1.5 * x)  # of normals with one mean raised, up to a factor common to all classes
    return likelihood / likelihood.sum(axis=1, keepdims=True), y


# ---------------------------------------------------------------------------------------- correction


def test_the_correction_equals_bayes_rule() -> None:
    # Odds of 3 : 1 at equal priors; with a prior of 1/9, 3 x 1/8.
    (result,) = correct_probability([[0.25, 0.75]], train_priors=[0.5, 0.5], new_priors=[8 / 9, 1 / 9])
    np.testing.assert_allclose(result, [8 / 11, 3 / 11])
    (result,) = correct_probability([[0.2, 0.3, 0.5]], train_priors=[0.5, 0.25, 0.25], new_priors=[0.25, 0.25, 0.5])
    np.testing.assert_allclose(result, np.array([0.1, 0.3, 1.0]) / 1.4)


def test_the_training_priors_change_nothing_and_rows_of_nan_stay_nan() -> None:
    p = np.array([[0.3, 0.7], [np.nan, np.nan]])
    np.testing.assert_allclose(correct_probability(p, [0.4, 0.6], [0.4, 0.6]), p)


def test_corrected_probabilities_are_calibrated_for_the_new_prevalence() -> None:
    p, y = simulate([0.9, 0.1], n=20_000)
    corrected = correct_probability(p, [0.5, 0.5], [0.9, 0.1])[:, 1]
    assert p[:, 1].mean() > 0.2
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1)):
        in_bin = (corrected >= low) & (corrected < high)
        assert corrected[in_bin].mean() == pytest.approx(y[in_bin].mean(), abs=0.04)


# ------------------------------------------------------------------------------------------ estimate


@pytest.mark.parametrize(
    "priors", [[0.9, 0.1], [0.5, 0.5], [0.03, 0.97], [0.7, 0.2, 0.1], [0.1, 0.1, 0.4, 0.4]], ids=str
)
def test_the_simulated_priors_are_estimated(priors: list[float]) -> None:
    p, _ = simulate(priors)
    equal = np.full(len(priors), 1 / len(priors))
    result = estimate_priors(p, equal)
    assert result.sum() == pytest.approx(1)
    np.testing.assert_allclose(result, priors, atol=0.03)


def test_the_estimate_maximises_the_likelihood() -> None:
    p, _ = simulate([0.8, 0.2], n=200)

    def likelihood(share: float) -> float:
        return float(np.log(p @ np.array([(1 - share) / 0.5, share / 0.5])).sum())

    grid = np.linspace(0.001, 0.999, 999)
    assert estimate_priors(p, [0.5, 0.5])[1] == pytest.approx(grid[np.argmax([likelihood(s) for s in grid])], abs=1e-3)


def test_rows_of_nan_are_ignored_and_an_absent_class_has_a_small_positive_prior() -> None:
    p = np.array([[0.9, 0.1]] * 50 + [[np.nan, np.nan]] * 10)
    result = estimate_priors(p, [0.5, 0.5])
    assert 0 < result[1] < 0.001
    assert np.isfinite(correct_probability(p[:1], [0.5, 0.5], result)).all()


# ------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -0.1, 1.5, float("nan"), "often"])
def test_an_invalid_prevalence_raises_an_error(prevalence: Any) -> None:
    with pytest.raises(ConfigError, match="--prevalence must be between 0 and 1, or 'estimate', got"):
        check_prevalence(prevalence, "PD")


def test_a_prevalence_that_is_not_a_number_raises_an_error() -> None:
    assert (parse_prevalence(None), parse_prevalence("estimate"), parse_prevalence("0.25")) == (None, "estimate", 0.25)
    with pytest.raises(ConfigError, match="--prevalence must be between 0 and 1, or 'estimate', got '11%'"):
        parse_prevalence("11%")


def test_a_single_prevalence_is_that_of_the_positive_class_and_invalid_for_several() -> None:
    p = np.full((4, 2), 0.5)
    assert target_priors(0.1, p, [0.5, 0.5], ["Control", "PD"], "PD").tolist() == [0.9, 0.1]
    assert target_priors(0.1, p, [0.5, 0.5], ["Control", "PD"], "Control").tolist() == [0.1, 0.9]
    with pytest.raises(ConfigError, match=r"more than two classes[^\0]*--prevalence estimate"):
        check_prevalence(0.1, None)


# ------------------------------------------------------------------------------------------- pooling


def test_recordings_of_a_subject_get_their_mean_log_odds() -> None:
    p = np.array([0.5, 0.9, 0.2, 0.6])
    result = pool_subjects(np.column_stack([1 - p, p]), ["a", "b", "a", "c"])
    shared = 1 / (1 + np.exp(-(0 + np.log(0.2 / 0.8)) / 2))
    np.testing.assert_allclose(result[:, 1], [shared, 0.9, shared, 0.6])
    np.testing.assert_allclose(result.sum(axis=1), 1)


def test_several_classes_are_pooled_by_log_probabilities() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    mean = np.sqrt(p[0] * p[1])
    np.testing.assert_allclose(pool_subjects(p, ["a", "a"]), np.tile(mean / mean.sum(), (2, 1)))


def test_a_row_of_nan_gets_the_probability_of_the_subjects_other_recordings() -> None:
    p = np.array([[0.3, 0.7], [np.nan, np.nan], [np.nan, np.nan]])
    np.testing.assert_allclose(pool_subjects(p, ["a", "a", "b"]), [[0.3, 0.7], [0.3, 0.7], [np.nan, np.nan]])


def test_pooling_probabilities_of_zero_and_one_is_finite() -> None:
    assert np.isfinite(pool_subjects([[0.0, 1.0], [1.0, 0.0]], ["a", "a"])).all()


# ------------------------------------------------------------------------------------------ make_decision


@cache
def make_decision(positive: str | None = "yes", n: int = 2000, **changes: Any) -> Decision:
    """Return a fitted decision; tests must not change it."""
    classes = ["no", "yes"] if positive else ["a", "b", "c"]
    p, y = simulate([1 / len(classes)] * len(classes), n=n)
    settings = Settings().override({f"learning.{name}": value for name, value in changes.items()}).learning
    truth = np.array(classes, dtype=object)[y]
    return Decision(classes, positive, settings).fit(p, truth, np.arange(n), np.ones(n))


def test_probabilities_are_unchanged_by_default() -> None:
    decision = make_decision()
    p, _ = simulate([0.5, 0.5], n=5, seed=1)
    adjusted = decision.adjust(p, None, None)
    np.testing.assert_array_equal(adjusted.probability, p)
    assert (adjusted.threshold, adjusted.prevalence, adjusted.findings) == (decision.threshold_, None, [])


def test_the_threshold_for_another_prevalence_is_nearly_optimal_for_it() -> None:
    p, y = simulate([0.9, 0.1], n=20_000, seed=1)
    adjusted = make_decision().adjust(p, None, 0.1)
    corrected = adjusted.probability[:, 1]

    def f1(threshold: float) -> float:
        predicted = corrected >= threshold
        return float(2 * (predicted & (y == 1)).sum() / (predicted.sum() + (y == 1).sum()))

    assert adjusted.threshold is not None
    best = max(f1(threshold) for threshold in np.linspace(0.01, 0.99, 99))
    assert f1(adjusted.threshold) > best - 0.02
    # The original threshold on uncorrected probabilities is much worse.
    assert make_decision().threshold_ is not None
    predicted = p[:, 1] >= make_decision().threshold_
    assert 2 * (predicted & (y == 1)).sum() / (predicted.sum() + (y == 1).sum()) < best - 0.05


def test_an_estimated_prevalence_is_reported_with_the_new_threshold() -> None:
    p, _ = simulate([0.9, 0.1], n=1000, seed=1)
    adjusted = make_decision().adjust(p, None, "estimate")
    assert adjusted.prevalence is not None
    assert adjusted.prevalence["yes"] == pytest.approx(0.1, abs=0.03)
    (finding,) = adjusted.findings
    assert finding.code == "prevalence"
    assert "yes" in finding.what
    assert finding.found is not None
    assert f"{adjusted.threshold:.3f}" in finding.found


@pytest.mark.parametrize(
    ("prevalence", "codes"), [(0.001, ["prevalence", "prevalence-at-the-edge"]), (0.2, ["prevalence"])]
)
def test_a_very_low_estimated_prevalence_is_reported(prevalence: float, codes: list[str]) -> None:
    p, _ = simulate([1 - prevalence, prevalence], n=200, seed=1)
    adjusted = make_decision().adjust(p, None, "estimate")
    assert [finding.code for finding in adjusted.findings] == codes
    assert str(adjusted.findings[-1].hint).startswith("pass a known prevalence") == (len(codes) == 2)
    # A given prevalence is not questioned, however small.
    assert [finding.code for finding in make_decision().adjust(p, None, 0.001).findings] == ["prevalence"]


def test_a_given_threshold_is_never_changed() -> None:
    decision = make_decision(threshold=0.7)
    p, _ = simulate([0.9, 0.1], n=50, seed=1)
    assert decision.threshold_ == decision.adjust(p, np.repeat(np.arange(25), 2), 0.1).threshold == 0.7


def test_several_classes_can_be_corrected_and_have_no_threshold() -> None:
    decision = make_decision(positive=None, threshold=0.7)
    p, _ = simulate([0.7, 0.2, 0.1], seed=1)
    adjusted = decision.adjust(p, None, "estimate")
    assert adjusted.threshold is None
    assert adjusted.prevalence is not None
    np.testing.assert_allclose(list(adjusted.prevalence.values()), [0.7, 0.2, 0.1], atol=0.03)
    assert [finding.code for finding in decision.findings] == ["threshold-unused"]
    assert decision.metric == "macro_f1"


def test_the_training_priors_are_weighted() -> None:
    p, truth = np.full((4, 2), 0.5), np.array(["no", "no", "yes", "yes"], dtype=object)
    settings = Settings().learning
    weights = np.array([1.0, 0.0, 1.0, 2.0])
    decision = Decision(["no", "yes"], "yes", settings).fit(p, truth, np.arange(4), weights)
    assert decision.priors_.tolist() == [0.25, 0.75]


# ------------------------------------------------------------------------------------------- interval


def fit_decision(n: int, seed: int, each: int = 1) -> Decision:
    """Return the decision of a model with perfectly calibrated probabilities, known from `n` training recordings."""
    p, y = simulate([0.5, 0.5], n=n, seed=seed)
    truth = np.array(["Normal", "PD"], dtype=object)[y]
    return Decision(["Normal", "PD"], "PD", Settings().learning).fit(p, truth, np.arange(n) // each, np.ones(n))


def interval_width(decision: Decision, n: int, subjects: NDArray[Any] | None = None) -> float:
    adjusted = decision.adjust(simulate([0.7, 0.3], n=n, seed=7)[0], subjects, "estimate")
    assert adjusted.prevalence is not None
    assert adjusted.prevalence_interval is not None
    low, high = adjusted.prevalence_interval["PD"]
    assert 0 <= low < adjusted.prevalence["PD"] < high <= 1
    assert adjusted.prevalence_interval["Normal"] == pytest.approx((1 - high, 1 - low), abs=1e-4)
    return high - low


def test_the_interval_of_an_estimated_prevalence_depends_on_both_sets() -> None:
    wide = interval_width(fit_decision(100, 0), 100)
    assert interval_width(fit_decision(100, 0), 1000) < 0.95 * wide
    assert interval_width(fit_decision(2000, 0), 100) < 0.9 * wide
    assert interval_width(fit_decision(2000, 0), 1000) < 0.5 * wide


def test_recordings_of_a_subject_count_less_than_recordings_of_several() -> None:
    decision = fit_decision(2000, 0)
    p = simulate([0.7, 0.3], n=60, seed=7)[0]
    repeated, subjects = np.repeat(p, 5, axis=0), np.repeat(np.arange(60), 5)
    widths = []
    for its_subjects in (subjects, np.arange(300)):
        adjusted = decision.adjust(repeated, its_subjects, "estimate")
        assert adjusted.prevalence_interval is not None
        widths.append(np.ptp(adjusted.prevalence_interval["PD"]))
    assert widths[0] > 1.5 * widths[1]


def test_the_interval_contains_the_prevalence_in_most_studies() -> None:
    n_covered = 0
    for seed in range(40):
        adjusted = fit_decision(100, seed).adjust(simulate([0.8, 0.2], n=100, seed=1000 + seed)[0], None, "estimate")
        assert adjusted.prevalence_interval is not None
        low, high = adjusted.prevalence_interval["PD"]
        n_covered += low <= 0.2 <= high
    assert n_covered >= 36


def test_the_interval_is_reported_for_estimates_only() -> None:
    decision = fit_decision(100, 0)
    p, _ = simulate([0.7, 0.3], n=100, seed=7)
    assert decision.adjust(p, None, 0.3).prevalence_interval is None
    (finding,) = decision.adjust(p, None, "estimate").findings
    assert re.search(
        r"an estimated prevalence of .*% PD \(95% interval \d+ to \d+% PD; 5.*% PD in training\)", finding.what
    )
