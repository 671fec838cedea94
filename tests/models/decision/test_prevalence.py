from __future__ import annotations

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


def simulated(shares: list[float], n: int = 4000, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return probabilities that are calibrated for even shares, of recordings that are drawn with other ones."""
    rng = np.random.default_rng(seed)
    n_classes = len(shares)
    y = rng.choice(n_classes, size=n, p=shares)
    x = rng.normal(size=(n, n_classes)) + 1.5 * np.eye(n_classes)[y]
    likelihood = np.exp(1.5 * x)  # of a normal with one mean raised, but for what all classes have in common
    return likelihood / likelihood.sum(axis=1, keepdims=True), y


# ---------------------------------------------------------------------------------------- correction


def test_the_correction_is_bayes_rule_by_hand() -> None:
    # Odds 3 : 1 at even shares; one in nine: 3 x 1/8.
    (found,) = correct_probability([[0.25, 0.75]], trained=[0.5, 0.5], wanted=[8 / 9, 1 / 9])
    np.testing.assert_allclose(found, [8 / 11, 3 / 11])
    (found,) = correct_probability([[0.2, 0.3, 0.5]], trained=[0.5, 0.25, 0.25], wanted=[0.25, 0.25, 0.5])
    np.testing.assert_allclose(found, np.array([0.1, 0.3, 1.0]) / 1.4)


def test_the_shares_of_training_correct_nothing_and_unknown_rows_stay_unknown() -> None:
    p = np.array([[0.3, 0.7], [np.nan, np.nan]])
    np.testing.assert_allclose(correct_probability(p, [0.4, 0.6], [0.4, 0.6]), p)


def test_corrected_probabilities_are_calibrated_among_the_new_people() -> None:
    p, y = simulated([0.9, 0.1], n=20_000)
    there = correct_probability(p, [0.5, 0.5], [0.9, 0.1])[:, 1]
    assert p[:, 1].mean() > 0.2
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1)):
        inside = (there >= low) & (there < high)
        assert there[inside].mean() == pytest.approx(y[inside].mean(), abs=0.04)


# ------------------------------------------------------------------------------------------ estimate


@pytest.mark.parametrize(
    "shares", [[0.9, 0.1], [0.5, 0.5], [0.03, 0.97], [0.7, 0.2, 0.1], [0.1, 0.1, 0.4, 0.4]], ids=str
)
def test_the_planted_shares_are_found(shares: list[float]) -> None:
    p, _ = simulated(shares)
    even = np.full(len(shares), 1 / len(shares))
    found = estimate_priors(p, even)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, shares, atol=0.03)


def test_the_estimate_is_the_most_likely_share() -> None:
    p, _ = simulated([0.8, 0.2], n=200)

    def likelihood(share: float) -> float:
        return float(np.log(p @ np.array([(1 - share) / 0.5, share / 0.5])).sum())

    grid = np.linspace(0.001, 0.999, 999)
    assert estimate_priors(p, [0.5, 0.5])[1] == pytest.approx(grid[np.argmax([likelihood(s) for s in grid])], abs=1e-3)


def test_unknown_rows_are_left_out_and_a_class_that_nobody_has_keeps_a_little() -> None:
    p = np.array([[0.9, 0.1]] * 50 + [[np.nan, np.nan]] * 10)
    found = estimate_priors(p, [0.5, 0.5])
    assert 0 < found[1] < 0.001
    assert np.isfinite(correct_probability(p[:1], [0.5, 0.5], found)).all()


# ------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize("given", [0.0, 1.0, -0.1, 1.5, float("nan"), "often"])
def test_what_is_no_share_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError, match=r"--prevalence is no share[^\0]*or 'estimate'"):
        check_prevalence(given, "PD")


def test_a_text_that_is_no_number_is_refused() -> None:
    assert (parse_prevalence(None), parse_prevalence("estimate"), parse_prevalence("0.25")) == (None, "estimate", 0.25)
    with pytest.raises(ConfigError, match=r"--prevalence is no share[^\0]*'11%'"):
        parse_prevalence("11%")


def test_one_share_is_that_of_the_positive_class_and_says_nothing_of_several() -> None:
    p = np.full((4, 2), 0.5)
    assert target_priors(0.1, p, [0.5, 0.5], ["Control", "PD"], "PD").tolist() == [0.9, 0.1]
    assert target_priors(0.1, p, [0.5, 0.5], ["Control", "PD"], "Control").tolist() == [0.1, 0.9]
    with pytest.raises(ConfigError, match=r"nothing of several classes[^\0]*--prevalence estimate"):
        check_prevalence(0.1, None)


# ------------------------------------------------------------------------------------------- pooling


def test_a_subject_s_recordings_share_the_mean_of_their_log_odds() -> None:
    p = np.array([0.5, 0.9, 0.2, 0.6])
    found = pool_subjects(np.column_stack([1 - p, p]), ["a", "b", "a", "c"])
    shared = 1 / (1 + np.exp(-(0 + np.log(0.2 / 0.8)) / 2))
    np.testing.assert_allclose(found[:, 1], [shared, 0.9, shared, 0.6])
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_several_classes_are_pooled_by_their_log_probabilities() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    mean = np.sqrt(p[0] * p[1])
    np.testing.assert_allclose(pool_subjects(p, ["a", "a"]), np.tile(mean / mean.sum(), (2, 1)))


def test_an_unknown_recording_is_answered_for_by_the_others_of_its_subject() -> None:
    p = np.array([[0.3, 0.7], [np.nan, np.nan], [np.nan, np.nan]])
    np.testing.assert_allclose(pool_subjects(p, ["a", "a", "b"]), [[0.3, 0.7], [0.3, 0.7], [np.nan, np.nan]])


def test_a_certain_recording_does_not_make_infinite_odds() -> None:
    assert np.isfinite(pool_subjects([[0.0, 1.0], [1.0, 0.0]], ["a", "a"])).all()


# ------------------------------------------------------------------------------------------ decision


def decision(positive: str | None = "yes", n: int = 3000, **changes: Any) -> Decision:
    classes = ["no", "yes"] if positive else ["a", "b", "c"]
    p, y = simulated([1 / len(classes)] * len(classes), n=n)
    settings = Settings().override({f"learning.{name}": value for name, value in changes.items()}).learning
    truth = np.array(classes, dtype=object)[y]
    return Decision(classes, positive, settings).fit(p, truth, np.arange(n), np.ones(n))


def test_nothing_is_adjusted_unasked() -> None:
    ours = decision()
    p, _ = simulated([0.5, 0.5], n=5, seed=1)
    answers = ours.answer(p, None, None)
    np.testing.assert_array_equal(answers.probability, p)
    assert (answers.threshold, answers.shares, answers.findings) == (ours.threshold_, None, [])


def test_the_threshold_for_another_prevalence_is_nearly_the_best_among_people_of_it() -> None:
    p, y = simulated([0.9, 0.1], n=20_000, seed=1)
    answers = decision().answer(p, None, 0.1)
    there = answers.probability[:, 1]

    def f1(threshold: float) -> float:
        said = there >= threshold
        return float(2 * (said & (y == 1)).sum() / (said.sum() + (y == 1).sum()))

    assert answers.threshold is not None
    best = max(f1(threshold) for threshold in np.linspace(0.01, 0.99, 99))
    assert f1(answers.threshold) > best - 0.02
    # What the old threshold calls in the old probabilities is far from it.
    assert decision().threshold_ is not None
    said = p[:, 1] >= decision().threshold_
    assert 2 * (said & (y == 1)).sum() / (said.sum() + (y == 1).sum()) < best - 0.05


def test_an_estimated_prevalence_is_told_with_what_it_moved() -> None:
    p, _ = simulated([0.9, 0.1], seed=1)
    answers = decision().answer(p, None, "estimate")
    assert answers.shares is not None
    assert answers.shares["yes"] == pytest.approx(0.1, abs=0.03)
    (told,) = answers.findings
    assert told.code == "prevalence"
    assert "yes" in told.what
    assert told.found is not None
    assert f"{answers.threshold:.3f}" in told.found


@pytest.mark.parametrize(("share", "told"), [(0.001, ["prevalence", "prevalence-at-the-edge"]), (0.2, ["prevalence"])])
def test_an_estimate_that_leaves_next_to_nobody_to_a_class_is_told(share: float, told: list[str]) -> None:
    p, _ = simulated([1 - share, share], n=1000, seed=1)
    answers = decision().answer(p, None, "estimate")
    assert [finding.code for finding in answers.findings] == told
    assert str(answers.findings[-1].hint).startswith("pass a share that is known") == (len(told) == 2)
    # A share that was given is the user's own knowledge, however small.
    assert [finding.code for finding in decision().answer(p, None, 0.001).findings] == ["prevalence"]


def test_a_threshold_that_was_given_stays_whatever_is_asked_for() -> None:
    ours = decision(threshold=0.7)
    p, _ = simulated([0.9, 0.1], n=50, seed=1)
    assert ours.threshold_ == ours.answer(p, np.repeat(np.arange(25), 2), 0.1).threshold == 0.7


def test_several_classes_are_corrected_by_the_estimate_and_have_no_threshold() -> None:
    ours = decision(positive=None, threshold=0.7)
    p, _ = simulated([0.7, 0.2, 0.1], seed=1)
    answers = ours.answer(p, None, "estimate")
    assert answers.threshold is None
    assert answers.shares is not None
    np.testing.assert_allclose(list(answers.shares.values()), [0.7, 0.2, 0.1], atol=0.03)
    assert [finding.code for finding in ours.findings] == ["threshold-unused"]
    assert ours.metric == "macro_f1"


def test_the_shares_of_training_are_weighted() -> None:
    p, truth = np.full((4, 2), 0.5), np.array(["no", "no", "yes", "yes"], dtype=object)
    settings = Settings().learning
    weights = np.array([1.0, 0.0, 1.0, 2.0])
    ours = Decision(["no", "yes"], "yes", settings).fit(p, truth, np.arange(4), weights)
    assert ours.shares_.tolist() == [0.25, 0.75]
