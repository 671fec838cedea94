"""Conformal intervals and label sets: the weights of subjects, coverage, spread, classes, and agreement with MAPIE."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic.errors import ConfigError
from pdmr_classic.io.labels.scales import SCALES
from pdmr_classic.models.decision.conformal import LabelSets, SeverityIntervals, required_subjects, subject_quantile

PHQ8 = SCALES["phq8"]
Arrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]


def simulate(rng: np.random.Generator, n_subjects: int, n_recordings: int = 1, growth: float = 0.0) -> Arrays:
    """Return predictions, scores and subjects; the recordings of a subject share most of the residual."""
    center = rng.uniform(2, 22, n_subjects)
    truth = center + rng.normal(size=n_subjects) * (2 + growth * (center - 12))
    subjects = np.repeat(np.arange(n_subjects), n_recordings)
    return center[subjects] + rng.normal(0, 1, len(subjects)), truth[subjects], subjects


# ------------------------------------------------------------------------------------------ quantile


@pytest.mark.parametrize(
    ("level", "n_subjects"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999), (0.91, 11)]
)
def test_a_level_needs_enough_subjects_to_leave_one_outside(level: float, n_subjects: int) -> None:
    assert required_subjects(level) == n_subjects
    scores = np.arange(1.0, n_subjects + 1)
    assert subject_quantile(scores, np.arange(n_subjects), level) == n_subjects
    if n_subjects > 1:
        with pytest.raises(ConfigError, match=f"at least {n_subjects} subjects"):
            subject_quantile(scores[1:], np.arange(n_subjects - 1), level)


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, float("nan")])
def test_a_level_must_be_between_0_and_1(level: float) -> None:
    with pytest.raises(ConfigError, match="--level must be between 0 and 1"):
        required_subjects(level)


def test_too_few_subjects_are_reported_with_the_level_that_they_support() -> None:
    oof = np.arange(16.0)
    with pytest.raises(ConfigError, match=re.escape("8, which support levels up to 0.888")):
        SeverityIntervals(0.9).fit(oof, oof, np.arange(16) // 2)
    with pytest.raises(ConfigError, match="0 subjects are too few"):
        SeverityIntervals(0.9).fit(oof, np.full(16, np.nan), np.arange(16))


@pytest.mark.parametrize("n_subjects", [9, 10, 37, 100])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_one_recording_per_subject_gives_the_quantile_of_split_conformal_prediction(
    n_subjects: int, level: float
) -> None:
    scores = np.random.default_rng(n_subjects).exponential(size=n_subjects)
    rank = int(np.ceil(round(level * (n_subjects + 1), 9)))
    assert subject_quantile(scores, np.arange(n_subjects), level) == np.sort(scores)[rank - 1]


@pytest.mark.parametrize("n_copies", [2, 3, 7])
def test_copies_of_recordings_do_not_change_the_quantile(n_copies: int) -> None:
    scores = np.random.default_rng(0).exponential(size=19)
    for level in (0.55, 0.9, 0.95):
        copied = subject_quantile(np.tile(scores, n_copies), np.tile(np.arange(19), n_copies), level)
        assert copied == subject_quantile(scores, np.arange(19), level)


def test_a_subject_with_many_recordings_weighs_as_much_as_any_other() -> None:
    scores = np.concatenate([np.full(1000, 9.0), np.arange(1.0, 9.0)])
    subjects = np.array(["busy"] * 1000 + list("abcdefgh"))
    # Nine subjects: eight tenths of the weight are reached at the eighth smallest.
    assert subject_quantile(scores, subjects, 0.8) == 8
    order = np.random.default_rng(0).permutation(len(scores))
    assert subject_quantile(scores[order], subjects[order], 0.8) == 8


def test_subjects_are_covered_where_recordings_would_be_taken_as_independent() -> None:
    """Subjects with many recordings are easy: the quantile of all recordings is too small for the others."""
    rng = np.random.default_rng(0)
    ours, naive = [], []
    for _ in range(300):
        is_easy = rng.random(31) < 0.5
        scores = np.abs(rng.normal(size=31)) * np.where(is_easy, 0.3, 2)
        subjects = np.repeat(np.arange(30), np.where(is_easy[:30], 10, 1))
        quantile = subject_quantile(scores[subjects], subjects, 0.9)
        ours.append(scores[30] <= quantile)
        naive.append(scores[30] <= np.quantile(scores[subjects], 0.9))
    assert np.mean(ours) >= 0.88
    assert np.mean(naive) < 0.8


# ------------------------------------------------------------------------------------------ intervals


@pytest.mark.parametrize("growth", [0.0, 0.15])
@pytest.mark.parametrize("n_recordings", [1, 3])
def test_intervals_cover_new_subjects(growth: float, n_recordings: int) -> None:
    rng = np.random.default_rng(1)
    covered, pooled_covered = [], []
    for _ in range(100):
        intervals = SeverityIntervals(0.9).fit(*simulate(rng, 60, n_recordings, growth))
        predicted, truth, subjects = simulate(rng, 100, n_recordings, growth)
        for results, pooling in ((covered, None), (pooled_covered, subjects)):
            low, high = intervals.predict(predicted, pooling)
            results.append(np.mean((low <= truth) & (truth <= high)))
    assert 0.885 < np.mean(covered) < 0.925
    assert 0.885 < np.mean(pooled_covered) < 0.915


def test_intervals_are_wider_where_residuals_are_larger() -> None:
    intervals = SeverityIntervals().fit(*simulate(np.random.default_rng(2), 200, growth=0.15))
    low, high = intervals.predict(np.array([3.0, 12.0, 21.0]))
    width = high - low
    assert width[2] > 1.3 * width[1] > 1.6 * width[0]
    # Beyond the predictions in training, the width is constant; it never shrinks to 0.
    low, high = intervals.predict(np.array([1e3, 1e6, -1e6]))
    assert high[0] - low[0] == pytest.approx(high[1] - low[1])
    assert high[2] - low[2] > 1


def test_a_slope_within_its_standard_errors_is_not_used() -> None:
    slopes = []
    for seed in range(50):
        intervals = SeverityIntervals().fit(*simulate(np.random.default_rng(seed), 30))
        slopes.append(intervals.recordings_.spread.slope)
    assert np.mean(np.array(slopes) == 0) > 0.75


def test_equal_predictions_and_exact_predictions_have_intervals() -> None:
    truth = np.arange(20.0)
    low, high = SeverityIntervals().fit(np.full(20, 9.5), truth, np.arange(20)).predict(np.array([9.5]))
    assert (low[0], high[0]) == pytest.approx((0, 19))
    low, high = SeverityIntervals().fit(truth, truth, np.arange(20)).predict(np.array([9.5]))
    assert (low[0], high[0]) == pytest.approx((9.5, 9.5))


def test_pooled_recordings_get_one_interval_around_their_mean() -> None:
    rng = np.random.default_rng(3)
    oof, truth, subjects = simulate(rng, 80, 4)
    intervals = SeverityIntervals().fit(oof + rng.normal(0, 4, len(oof)), truth, subjects)
    predicted = np.array([4.0, 8.0, 20.0, np.nan, np.nan])
    low, high = intervals.predict(predicted, np.array(["a", "a", "b", "a", "c"]))
    assert low[0] == low[1] == low[3]
    assert (low[0] + high[0]) / 2 == pytest.approx(6)
    assert (low[2] + high[2]) / 2 == pytest.approx(20)
    assert np.isnan([low[4], high[4]]).all()
    single_low, single_high = intervals.predict(predicted)
    assert high[2] - low[2] < 0.8 * (single_high[2] - single_low[2])
    assert np.isnan([*single_low[3:], *single_high[3:]]).all()


def test_pooling_equals_intervals_of_subject_means() -> None:
    oof, truth, subjects = simulate(np.random.default_rng(4), 40, 3)
    means = oof.reshape(-1, 3).mean(axis=1)
    expected = SeverityIntervals().fit(means, truth[::3], np.arange(40)).predict(means)
    pooled = SeverityIntervals().fit(oof, truth, subjects).predict(oof, subjects)
    np.testing.assert_allclose(np.array(pooled)[:, ::3], expected)


def test_rows_without_prediction_or_score_are_left_out() -> None:
    oof, truth, subjects = simulate(np.random.default_rng(5), 30, 2)
    oof[0], truth[7] = np.nan, np.nan
    is_known = np.isfinite(oof + truth)
    predicted = np.array([3.0, 15.0])
    np.testing.assert_array_equal(
        SeverityIntervals().fit(oof, truth, subjects).predict(predicted),
        SeverityIntervals().fit(oof[is_known], truth[is_known], subjects[is_known]).predict(predicted),
    )


def test_stored_rows_cannot_be_matched_to_recordings() -> None:
    """The state is the same for every order of the rows and any names of subjects."""
    oof, truth, subjects = simulate(np.random.default_rng(6), 30, 2)
    order = np.random.default_rng(0).permutation(len(oof))
    names = np.array([f"name-{(7 * k) % 30}" for k in subjects], dtype=object)
    first = SeverityIntervals().fit(oof, truth, subjects)
    second = SeverityIntervals().fit(oof[order], truth[order], names[order])
    for residuals, other in ((first.recordings_, second.recordings_), (first.pooled_, second.pooled_)):
        assert (np.diff(residuals.standardised) >= 0).all()
        np.testing.assert_allclose(residuals.standardised, other.standardised)
        np.testing.assert_allclose(residuals.shares, other.shares)


# -------------------------------------------------------------------------------------------- classes


def test_class_probabilities_are_the_shares_of_residuals_in_each_class() -> None:
    # Residuals of -1 and 1, and the same spread of 1 everywhere.
    truth = np.tile([1.0, 2.0, 3.0, 4.0], 5)
    intervals = SeverityIntervals().fit(truth + np.repeat([1.0, -1.0], 10), truth, np.arange(20))
    assert intervals.recordings_.spread.slope == pytest.approx(0)
    # 8.6 is rounded to 9, but 8.6 + 1 to 10, which is moderate. Each class gets a fifth of one subject of 21.
    (probability,) = intervals.class_probabilities(np.array([8.6]), PHQ8)
    np.testing.assert_allclose(probability * 21, [0.2, 10.2, 10.2, 0.2, 0.2])
    # Scores outside the scale are in the first or last class.
    ends = intervals.class_probabilities(np.array([-5.0, 40.0]), PHQ8)
    np.testing.assert_allclose(ends * 21, [[20.2, 0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2, 20.2]])


def test_class_probabilities_are_calibrated_and_sum_to_1() -> None:
    rng = np.random.default_rng(7)
    intervals = SeverityIntervals().fit(*simulate(rng, 400, 2, growth=0.1))
    predicted, truth, _ = simulate(rng, 20_000, growth=0.1)
    probability = intervals.class_probabilities(predicted, PHQ8)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    at_least_10 = probability[:, 2:].sum(axis=1)
    for low, high in ((0, 0.1), (0.1, 0.4), (0.4, 0.6), (0.6, 0.9), (0.9, 1)):
        is_in = (at_least_10 >= low) & (at_least_10 < high)
        assert at_least_10[is_in].mean() == pytest.approx((truth[is_in] >= 9.5).mean(), abs=0.05)


def test_class_probabilities_of_pooled_and_unknown_recordings() -> None:
    intervals = SeverityIntervals().fit(*simulate(np.random.default_rng(8), 50, 3))
    predicted = np.array([8.0, 12.0, np.nan])
    single = intervals.class_probabilities(predicted, PHQ8)
    assert np.isnan(single[2]).all()
    pooled = intervals.class_probabilities(predicted, PHQ8, np.array(["a", "a", "a"]))
    assert (pooled == pooled[0]).all()
    assert np.isfinite(pooled).all()
    np.testing.assert_array_equal(intervals.class_probabilities(predicted[1:2], PHQ8)[0], single[1])


# ------------------------------------------------------------------------------------------ label sets


def simulate_classes(rng: np.random.Generator, n_subjects: int, n_classes: int, n_recordings: int = 1) -> Arrays:
    """Return calibrated probabilities, classes and subjects; the recordings of a subject are similar."""
    codes = rng.integers(n_classes, size=n_subjects)
    x = 1.5 * np.eye(n_classes)[codes] + rng.normal(size=(n_subjects, n_classes))
    subjects = np.repeat(np.arange(n_subjects), n_recordings)
    odds = np.exp(1.5 * x[subjects] + rng.normal(0, 0.3, (len(subjects), n_classes)))
    return odds / odds.sum(axis=1, keepdims=True), codes[subjects], subjects


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("n_recordings", [1, 3])
def test_label_sets_cover_new_subjects_and_are_never_empty(n_classes: int, n_recordings: int) -> None:
    rng = np.random.default_rng(n_classes)
    covered, pooled_covered, n_labels = [], [], []
    for _ in range(100):
        sets = LabelSets(0.9).fit(*simulate_classes(rng, 60, n_classes, n_recordings))
        probability, codes, subjects = simulate_classes(rng, 100, n_classes, n_recordings)
        is_in, pooled = sets.predict(probability), sets.predict(probability, subjects)
        assert is_in.any(axis=1).all()
        covered.append(is_in[np.arange(len(codes)), codes].mean())
        pooled_covered.append(pooled[np.arange(len(codes)), codes].mean())
        n_labels.append(is_in.sum(axis=1).mean())
    assert 0.885 < np.mean(covered) < 0.93
    assert 0.885 < np.mean(pooled_covered) < 0.93
    assert 1 < np.mean(n_labels) < 0.8 * n_classes


def test_the_most_probable_label_is_in_the_set_of_a_nearly_perfect_model() -> None:
    codes = np.arange(40) % 2
    certain = np.where(codes[:, None] == [0, 1], 0.99, 0.01)
    sets = LabelSets().fit(certain, codes, np.arange(40))
    assert sets.predict(np.array([[0.6, 0.4], [0.45, 0.55]])).tolist() == [[True, False], [False, True]]


def test_nothing_is_excluded_without_a_prediction_and_unknown_labels_are_left_out() -> None:
    probability, codes, subjects = simulate_classes(np.random.default_rng(9), 30, 3)
    expected = LabelSets().fit(probability[2:], codes[2:], subjects[2:])
    probability[0], codes[1] = np.nan, -1
    sets = LabelSets().fit(probability, codes, subjects)
    assert sets.quantile_ == expected.quantile_
    assert sets.predict(np.array([[np.nan] * 3, [1.0, 0.0, 0.0]])).tolist() == [[True] * 3, [True, False, False]]


def test_pooled_sets_are_the_same_for_pooled_probabilities() -> None:
    rng = np.random.default_rng(10)
    sets = LabelSets().fit(*simulate_classes(rng, 40, 3, 3))
    probability, _, subjects = simulate_classes(rng, 40, 3, 3)
    pooled = sets.predict(probability, subjects)
    assert (pooled[::3] == pooled[1::3]).all()
    log_mean = np.exp(np.log(probability).reshape(40, 3, 3).mean(axis=1))
    already = np.repeat(log_mean / log_mean.sum(axis=1, keepdims=True), 3, axis=0)
    np.testing.assert_array_equal(sets.predict(already, subjects), pooled)


# ---------------------------------------------------------------------------- independent implementation


class FixedRegressor:
    """A fitted regressor whose prediction is its input."""

    n_features_in_ = 1

    def fit(self, X: Any, y: Any) -> FixedRegressor:
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(X, dtype=float)[:, 0]


class FixedClassifier(FixedRegressor):
    """A fitted classifier whose probabilities are its input."""

    n_features_in_ = 3
    classes_ = np.arange(3)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(X, dtype=float)

    def predict(self, X: Any) -> NDArray[Any]:
        return np.argmax(X, axis=1)


@pytest.mark.parametrize("level", [0.6, 0.9])
@pytest.mark.parametrize("n", [20, 55])
def test_intervals_of_single_recordings_agree_with_mapie(n: int, level: float) -> None:
    from mapie.regression import SplitConformalRegressor

    rng = np.random.default_rng(n)
    predicted, truth, subjects = simulate(rng, n)
    ours = SeverityIntervals(level).fit(predicted, truth, subjects)
    assert ours.recordings_.spread.slope == 0, "the spread must be constant, as in MAPIE"
    theirs = SplitConformalRegressor(FixedRegressor(), confidence_level=level, prefit=True)
    theirs.conformalize(predicted[:, None], truth)
    new = np.linspace(0, 24, 9)
    _, intervals = theirs.predict_interval(new[:, None])
    np.testing.assert_allclose(np.column_stack(ours.predict(new)), intervals[:, :, 0])


@pytest.mark.parametrize("level", [0.6, 0.9])
def test_label_sets_of_single_recordings_agree_with_mapie(level: float) -> None:
    from mapie.classification import SplitConformalClassifier

    rng = np.random.default_rng(11)
    probability, codes, subjects = simulate_classes(rng, 47, 3)
    new, _, _ = simulate_classes(rng, 200, 3)
    theirs = SplitConformalClassifier(FixedClassifier(), confidence_level=level, conformity_score="lac", prefit=True)
    theirs.conformalize(probability, codes)
    _, sets = theirs.predict_set(new)
    # MAPIE's sets may be empty.
    expected = sets[:, :, 0] | (new == new.max(axis=1, keepdims=True))
    ours = LabelSets(level).fit(probability, codes, subjects).predict(new)
    np.testing.assert_array_equal(ours, expected)
