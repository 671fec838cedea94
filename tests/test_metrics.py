from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics as sk
from sklearn.metrics import f1_score

from pdmr_classic import score
from pdmr_classic.config import Metric
from pdmr_classic.io.labels.scales import SCALES
from pdmr_classic.metrics import always_positive_f1, concordance, confusion_matrix, score_severity
from pdmr_classic.models.decision.threshold import choose_threshold


def test_scores_equal_manual_calculation() -> None:
    truth = ["Depression", "Depression", "Depression", "Normal", "Normal"]
    predicted = ["Depression", "Depression", "Normal", "Depression", "Normal"]
    scores = score(truth, predicted, positive="Depression", probability=[0.9, 0.8, 0.3, 0.7, 0.1])
    normal = 2 * 1 / (2 * 1 + 1 + 1)
    expected = {
        "n": 5,
        "f1": 2 / 3,
        "precision": 2 / 3,
        "recall": 2 / 3,
        "specificity": 1 / 2,
        "positive_share": 0.6,
        "floor": 2 * 0.6 / 1.6,
        "macro_f1": (2 / 3 + normal) / 2,
        "weighted_f1": (3 * 2 / 3 + 2 * normal) / 5,
        "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
        # Of six pairs (positive, negative), only 0.3 against 0.7 is ranked incorrectly.
        "auc": 5 / 6,
        "brier": (0.01 + 0.04 + 0.49 + 0.49 + 0.01) / 5,
    }
    assert scores == pytest.approx(expected)


def test_specificity_is_undefined_without_negatives() -> None:
    assert np.isnan(score(["yes", "yes"], ["yes", "no"], positive="yes")["specificity"])


def test_a_confusion_matrix_has_true_classes_as_rows_and_counts_by_index() -> None:
    truth = pd.Series(["a", "b", "b"], ["x", "y", "z"])
    predicted = pd.Series(["a", "a", "b"], ["z", "y", "x"])
    assert confusion_matrix(truth, predicted, ["a", "b", "c"]) == [[0, 1, 0], [2, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_always_positive_f1_equals_scikit_learn(share: float) -> None:
    truth = np.arange(100) < 100 * share
    assert always_positive_f1(share) == pytest.approx(f1_score(truth, np.ones(100, dtype=bool)))


def test_a_positive_class_that_is_never_predicted_scores_zero_without_a_warning() -> None:
    scores = score(["yes", "no"], ["no", "no"], positive="yes")
    assert (scores["f1"], scores["precision"], scores["recall"]) == (0, 0, 0)


def test_auc_is_nan_if_the_truth_has_one_class() -> None:
    scores = score(["yes", "yes"], ["yes", "no"], positive="yes", probability=[0.8, 0.4])
    assert np.isnan(scores["auc"])
    assert scores["brier"] == pytest.approx((0.04 + 0.36) / 2)


def test_a_class_that_is_only_predicted_does_not_lower_the_macro_average() -> None:
    assert score(["a", "b"], ["a", "b"])["macro_f1"] == 1
    assert score(["a", "a", "b"], ["a", "c", "b"])["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_probabilities_of_several_classes_are_scored_one_vs_rest() -> None:
    p = pd.DataFrame({"a": [0.8, 0.3, 0.1, 0.2], "b": [0.1, 0.6, 0.3, 0.3], "c": [0.1, 0.1, 0.6, 0.5]})
    truth = ["a", "b", "c", "b"]
    scores = score(truth, p.idxmax(axis=1), probability=p)
    # b: its 0.6 and 0.3 against 0.1 and 0.3, one tie.
    assert scores["auc"] == pytest.approx((1 + 3.5 / 4 + 1) / 3)
    # First row: 0.04 + 0.01 + 0.01.
    assert scores["brier"] == pytest.approx((0.06 + 0.26 + 0.26 + 0.78) / 4)
    with pytest.raises(ValueError, match="one column per class"):
        score(truth, truth, probability=[0.5] * 4)


def test_several_classes_have_no_scores_of_a_positive_class() -> None:
    scores = score(["a", "b", "c"], ["a", "b", "b"])
    assert scores["balanced_accuracy"] == pytest.approx(2 / 3)
    assert not {"f1", "floor", "precision", "recall"} & set(scores)


def test_the_threshold_is_between_separable_classes() -> None:
    p = np.r_[np.linspace(0.05, 0.2, 10), np.linspace(0.7, 0.95, 10)]
    threshold = choose_threshold(p, np.arange(20) >= 10, np.arange(20))
    assert 0.2 < threshold < 0.7


def test_the_threshold_is_not_moved_by_many_recordings_of_one_subject() -> None:
    p = np.r_[np.linspace(0.05, 0.3, 15), np.linspace(0.6, 0.95, 15), np.full(20, 0.99)]
    positive = np.r_[np.zeros(15, bool), np.ones(15, bool), np.zeros(20, bool)]
    subjects = np.r_[np.arange(30), np.full(20, 30)]
    assert choose_threshold(p, positive, subjects) < 0.6


def test_the_threshold_depends_on_the_seed_and_on_nothing_else() -> None:
    rng = np.random.default_rng(1)
    p, positive, subjects = rng.random(60), rng.random(60) < 0.4, np.repeat(np.arange(20), 3)
    by_seed = [choose_threshold(p, positive, subjects, seed=seed) for seed in range(5)]
    assert len(set(by_seed)) > 1
    for seed, threshold in enumerate(by_seed):
        assert choose_threshold(p, positive, subjects, seed=seed) == threshold
        names = np.array([f"S{subject:02d}" for subject in subjects])
        assert choose_threshold(p, positive, names, seed=seed) == threshold
        order = rng.permutation(60)
        assert choose_threshold(p[order], positive[order], subjects[order], seed=seed) == threshold


def test_recordings_with_equal_probability_are_on_the_same_side_of_the_threshold() -> None:
    assert choose_threshold([0.4] * 4, [True, True, False, False], list("abcd")) == pytest.approx(0.4)


def make_calibrated(power: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities u^power for uniform u, and labels drawn from them; a share 1 / (power + 1) is positive."""
    rng = np.random.default_rng(0)
    p = rng.random(n) ** power
    return p, rng.random(n) < p


# Uniform p: F1 at t is (1 - t^2) / (1.5 - t), and its best threshold is half of its best value (Lipton et al. 2014).
# Balanced accuracy: the best threshold is the share of positives. Macro F1: 0.5, by symmetry.
@pytest.mark.parametrize(
    ("metric", "power", "expected"),
    [
        ("f1", 1.0, (3 - np.sqrt(5)) / 2),
        ("macro_f1", 1.0, 0.5),
        ("balanced_accuracy", 1.0, 0.5),
        ("balanced_accuracy", 2.0, 1 / 3),
        ("balanced_accuracy", 4.0, 1 / 5),
        ("logloss", 4.0, 0.5),
    ],
)
def test_the_threshold_of_each_metric_equals_its_closed_form(metric: Metric, power: float, expected: float) -> None:
    p, positive = make_calibrated(power)
    assert choose_threshold(p, positive, np.arange(len(p)), metric=metric) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("metric", "name"), [("f1", "f1"), ("macro_f1", "macro_f1"), ("balanced_accuracy",) * 2])
def test_the_threshold_is_nearly_optimal_for_its_metric(metric: Metric, name: str) -> None:
    p, positive = make_calibrated(3.0)

    def score_at(threshold: float) -> float:
        return score(positive.astype(str), (p >= threshold).astype(str), positive="True")[name]

    best = max(score_at(threshold) for threshold in np.linspace(0.01, 0.99, 99))
    assert score_at(choose_threshold(p, positive, np.arange(len(p)), metric=metric)) > best - 0.01


def test_all_recordings_are_negative_if_that_maximises_macro_f1() -> None:
    positive = np.arange(20) < 2
    assert choose_threshold(np.full(20, 0.1), positive, np.arange(20), metric="macro_f1") == pytest.approx(0.55)


def test_unit_weights_do_not_change_the_threshold_and_zero_weight_rows_are_ignored() -> None:
    rng = np.random.default_rng(1)
    p, positive, subjects = rng.random(60), rng.random(60) < 0.4, np.repeat(np.arange(20), 3)
    unweighted = choose_threshold(p, positive, subjects)
    assert choose_threshold(p, positive, subjects, sample_weight=np.ones(60)) == unweighted
    extended = np.r_[p, rng.random(30)], np.r_[positive, np.ones(30, dtype=bool)], np.r_[subjects, np.arange(30) + 50]
    assert choose_threshold(*extended, sample_weight=np.r_[np.ones(60), np.zeros(30)]) == unweighted


@pytest.mark.slow
def test_a_lower_weight_of_positives_raises_the_threshold_on_uncorrected_probabilities() -> None:
    p, positive = make_calibrated(1.0)
    rare = choose_threshold(p, positive, np.arange(len(p)), sample_weight=np.where(positive, 0.1, 1.0))
    assert rare > choose_threshold(p, positive, np.arange(len(p))) + 0.2


def test_concordance_is_reduced_by_a_bias_and_a_wrong_scale() -> None:
    truth = np.array([0.0, 5.0, 10.0, 15.0])
    assert concordance(truth, truth) == pytest.approx(1)
    assert concordance(truth, -truth) < 0
    assert concordance(truth, truth + 5) == pytest.approx(2 * 31.25 / (2 * 31.25 + 25))
    assert concordance(truth, 2 * truth) < 0.8
    assert np.isnan(concordance(np.ones(3), np.ones(3)))


def test_concordance_matches_series_by_their_index() -> None:
    truth = pd.Series([0.0, 1.0, 3.0], index=["a", "b", "c"])
    assert concordance(truth, truth[::-1]) == pytest.approx(1)


# ------------------------------------------------------------------------------------------- severity

PHQ8 = SCALES["phq8"]


def test_scores_of_severities_are_those_of_scikit_learn_and_scipy() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 25, 60).astype(float)
    predicted = PHQ8.clip(truth + rng.normal(0, 5, 60))
    scores = score_severity(truth, predicted, PHQ8)
    assert scores["mae"] == pytest.approx(sk.mean_absolute_error(truth, predicted))
    assert scores["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, predicted))
    assert scores["pearson"] == pytest.approx(stats.pearsonr(truth, predicted).statistic)
    assert scores["spearman"] == pytest.approx(stats.spearmanr(truth, predicted).statistic)
    classes = [np.digitize(np.floor(values + 0.5), [5, 10, 15, 20]) for values in (truth, predicted)]
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(*classes))
    assert scores["macro_f1"] == pytest.approx(sk.f1_score(*classes, average="macro"))


@pytest.mark.parametrize(("name", "power"), [("linear_kappa", 1), ("quadratic_kappa", 2)])
def test_kappas_compare_disagreement_with_that_by_chance(name: str, power: int) -> None:
    """Cohen 1968: 1 minus the mean disagreement of the pairs, divided by that of all pairs of rows."""
    rng = np.random.default_rng(1)
    truth, predicted = rng.integers(0, 25, 40).astype(float), rng.integers(0, 25, 40).astype(float)
    x, y = PHQ8.class_codes(truth), PHQ8.class_codes(predicted)
    by_chance = (np.abs(np.subtract.outer(x, y)) ** power).mean()
    expected = 1 - (np.abs(x - y) ** power).mean() / by_chance
    assert score_severity(truth, predicted, PHQ8)[name] == pytest.approx(expected)


def test_severities_are_matched_by_index_and_unknown_ones_left_out() -> None:
    truth = pd.Series([2.0, 8.0, np.nan, 12.0], index=list("abcd"))
    predicted = pd.Series([11.0, 5.0, 7.0, 2.0], index=list("dcba"))
    scores = score_severity(truth, predicted, PHQ8)
    assert (scores["n"], scores["mae"]) == (3, pytest.approx((0 + 1 + 1) / 3))


def test_undefined_scores_of_severities_are_nan() -> None:
    equal = score_severity([3, 3, 3], [4, 4, 4], PHQ8)
    assert np.isnan([equal[name] for name in ("pearson", "spearman", "linear_kappa", "quadratic_kappa")]).all()
    assert (equal["ccc"], equal["accuracy"]) == (0, 1)
    nothing = score_severity([np.nan], [4], PHQ8)
    assert nothing.pop("n") == 0
    assert np.isnan(list(nothing.values())).all()
    assert set(nothing) | {"n"} == set(equal)
