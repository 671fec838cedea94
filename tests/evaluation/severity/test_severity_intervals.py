from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from simulated import simulate_predictions
from simulated_severity import PHQ8, severity, simulate_ridge, simulate_severity
from sklearn import metrics as sk

from pdmr_classic.evaluation.inflation import estimate_inflation
from pdmr_classic.evaluation.severity.intervals import (
    bootstrap_severity,
    estimate_severity_inflation,
    find_severity_limits,
    weighted_severity_scores,
)
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.metrics import score_severity


def unweighted(predictions: SeverityPredictions) -> dict[str, float]:
    scores = weighted_severity_scores(predictions, np.ones((len(predictions), 1)))
    return {name: float(values[0]) for name, values in scores.items()}


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_1_give_the_scores_of_the_metrics(seed: int) -> None:
    predictions = simulate_severity(folds=1, repeats=1, seed=seed)
    expected = score_severity(predictions.truth, predictions.predicted, PHQ8)
    scores = unweighted(predictions)
    assert scores == pytest.approx({name: expected[name] for name in scores})
    assert set(expected) - set(scores) == {"n"}


def test_a_weight_of_2_is_a_row_that_occurs_twice() -> None:
    predictions = simulate_severity(subjects=15, folds=1)
    weights = np.random.default_rng(0).integers(0, 3, len(predictions))
    copies = predictions.subset(np.repeat(np.arange(len(predictions)), weights))
    weighted = weighted_severity_scores(predictions, weights[:, None].astype(float))
    expected = score_severity(copies.truth, copies.predicted, PHQ8)
    for name in set(weighted) - {"spearman"}:
        assert weighted[name][0] == pytest.approx(expected[name]), name
    # Ranks are those of the sample.
    ranks = [stats.rankdata(values) for values in (predictions.truth, predictions.predicted)]
    repeated = [np.repeat(rank, weights) for rank in ranks]
    assert weighted["spearman"][0] == pytest.approx(stats.pearsonr(*repeated).statistic)


def test_correlations_are_averaged_over_folds_and_repeats() -> None:
    predictions = simulate_severity(folds=3, repeats=2)
    folds = [predictions.subset(fold) for rows in predictions.repeat_rows() for fold in predictions.fold_rows(rows)]
    assert len(folds) == 6
    expected = np.mean([stats.spearmanr(fold.truth, fold.predicted).statistic for fold in folds])
    assert unweighted(predictions)["spearman"] == pytest.approx(expected)


def test_training_means_of_the_folds_do_not_correlate_with_the_scores() -> None:
    """Pooled over folds, they do, negatively: the more is held out of the severe, the lower the mean of the others."""
    predictions = simulate_severity(folds=4)
    means = [predictions.truth[predictions.fold != number].mean() for number in range(4)]
    constant = replace(predictions, predicted=np.array(means)[predictions.fold])
    assert np.isnan(unweighted(constant)["pearson"])
    assert stats.pearsonr(constant.truth, constant.predicted).statistic < -0.05


def test_scales_without_classes_have_no_scores_of_classes() -> None:
    numbers = replace(PHQ8, cutoffs=(), class_names=())
    assert list(unweighted(replace(simulate_severity(), scale=numbers))) == [
        *("mae", "rmse", "ccc", "pearson", "spearman")
    ]


def test_kappa_is_undefined_if_all_are_in_one_class() -> None:
    scores = unweighted(severity([1, 2, 3], [2, 2, 1]))
    assert np.isnan(scores["quadratic_kappa"])
    assert scores["accuracy"] == 1


def test_the_macro_f1_leaves_out_classes_without_a_true_score() -> None:
    predictions = severity([1, 2, 7, 8], [1, 12, 7, 1])
    classes = predictions.true_classes, predictions.predicted_classes
    expected = sk.f1_score(*classes, labels=[0, 1], average="macro")
    assert unweighted(predictions)["macro_f1"] == pytest.approx(expected)


def test_bootstrap_samples_are_of_subjects_and_reproducible() -> None:
    predictions = simulate_severity(each=1)
    copies = predictions.subset(np.repeat(np.arange(len(predictions)), 3))
    drawn, of_copies = bootstrap_severity(predictions, 50), bootstrap_severity(copies, 50)
    np.testing.assert_allclose(drawn["mae"], of_copies["mae"])
    np.testing.assert_array_equal(bootstrap_severity(predictions, 50)["ccc"], drawn["ccc"])


@pytest.mark.parametrize("name", ["mae", "rmse", "ccc", "pearson", "spearman", "quadratic_kappa", "macro_f1"])
def test_the_interval_contains_the_score_and_stays_in_its_range(name: str) -> None:
    predictions = simulate_severity(0.3, subjects=60)
    drawn = bootstrap_severity(predictions, 200)[name]
    limits = find_severity_limits(predictions, name, drawn)
    assert limits["low"] is not None
    assert limits["high"] is not None
    assert (0 if name in ("mae", "rmse", "macro_f1") else -1) < limits["low"] < drawn[0] < limits["high"]
    assert limits["high"] < (24 if name in ("mae", "rmse") else 1)


def test_the_interval_of_an_error_does_not_depend_on_the_unit() -> None:
    predictions = simulate_severity(subjects=20)
    scale = replace(PHQ8, low=0.0, high=240.0, cutoffs=(), class_names=())
    tenfold = replace(predictions, truth=10 * predictions.truth, predicted=10 * predictions.predicted, scale=scale)
    limits = [find_severity_limits(p, "mae", bootstrap_severity(p, 100)["mae"]) for p in (predictions, tenfold)]
    assert limits[1]["low"] == pytest.approx(10 * (limits[0]["low"] or 0))


def test_a_class_with_one_subject_leaves_macro_f1_without_an_interval() -> None:
    predictions = severity([0, 1, 2, 3, 7, 8, 9, 22], [1, 1, 2, 7, 7, 8, 3, 15])
    drawn = bootstrap_severity(predictions, 100)
    assert find_severity_limits(predictions, "macro_f1", drawn["macro_f1"]) == {"low": None, "high": None}
    assert find_severity_limits(predictions, "accuracy", drawn["accuracy"])["low"] is not None


def test_the_inflation_of_a_score_of_0_and_1_is_that_of_classes() -> None:
    classes = simulate_predictions(1.0, repeats=2)
    scale = replace(PHQ8, high=1.0, cutoffs=(), class_names=())
    unknown = np.full(len(classes), np.nan)
    predictions = SeverityPredictions(
        *(classes.recording, classes.subject, classes.repeat, classes.fold),
        *(classes.truth.astype(float), classes.probability[:, 1], unknown, unknown, scale),
    )
    assert estimate_severity_inflation(predictions) == pytest.approx(estimate_inflation(classes))
    assert estimate_severity_inflation(replace(predictions, is_one_way=True)) == 1


def count_covered(name: str, signal: float, studies: int = 100) -> float:
    """Return the share of studies whose interval contains the score that the models reach on new people."""
    hits = 0
    for seed in range(studies):
        predictions, true = simulate_ridge(signal, subjects=40, seed=seed)
        limits = find_severity_limits(predictions, name, bootstrap_severity(predictions, 400)[name])
        hits += (limits["low"] or -np.inf) <= true[name] <= (limits["high"] or np.inf)
    return hits / studies


@pytest.mark.slow
@pytest.mark.parametrize("signal", [0.0, 1.0])
@pytest.mark.parametrize("name", ["mae", "ccc"])
def test_intervals_contain_the_score_on_new_people(name: str, signal: float) -> None:
    assert count_covered(name, signal) >= 0.86
