from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest
from simulated_severity import PHQ8, severity, simulate_ridge, simulate_severity

from pdmr_classic.evaluation.severity._clinical import predict_status
from pdmr_classic.evaluation.severity._permutation import permute_scores
from pdmr_classic.evaluation.severity._summary import summarise_severities
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.metrics import score


def constant(model: SeverityPredictions, value: float) -> SeverityPredictions:
    unknown = np.full(len(model), np.nan)
    return replace(model, predicted=np.full(len(model), value), low=unknown, high=unknown)


def summarise(model: SeverityPredictions, **others: SeverityPredictions) -> dict[str, Any]:
    systems = {"model": model, "mean": constant(model, 7.5), "median": constant(model, 6.0), **others}
    pseudonyms = {str(name): f"p{number}" for number, name in enumerate(np.unique(model.recording.astype(str)))}
    return summarise_severities(systems, pseudonyms, level=0.9)


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    """Return the summary of severities with a signal; tests must not modify it."""
    model = simulate_severity(0.8)
    return summarise(model, shortcut=simulate_severity(0.0, seed=1), **{"view video": simulate_severity(0.5)})


def test_the_summary_is_json_without_ids(summary: dict[str, Any]) -> None:
    text = json.dumps(summary, allow_nan=False)
    assert "r000" not in text
    assert list(summary["baselines"]) == ["mean", "median", "shortcut", "view video"]
    assert list(summary["systems"]) == ["mean", "median", "shortcut", "view video"]
    assert len(summary["predictions"]) == len(summary["systems"]["mean"]) == 80


def test_a_signal_is_told(summary: dict[str, Any]) -> None:
    agreement, error, shortcut, coverage = summary["conclusion"]
    assert agreement.startswith("Severities agree with the scores of new people better than by chance: CCC 0.")
    assert "is smaller than that of predicting the training median for everyone: difference -" in error
    assert shortcut.startswith("Recording conditions alone")
    assert "do not clearly agree" in shortcut
    assert coverage.startswith("The 90% intervals contain the scores of 100% of new people (95% CI 91% to 100%)")
    assert summary["warnings"] == []


def test_severities_without_a_signal_are_no_better_than_one_score_for_everyone() -> None:
    summary = summarise(simulate_severity(0.0))
    agreement, error, _, _ = summary["conclusion"]
    assert agreement.startswith("There is no evidence that severities agree")
    assert "is smaller" not in error
    assert summary["warnings"][0]["code"] == "severity-floor"
    assert summary["permutation_test"]["p_fixed_predictions"]["ccc"] > 0.05


def test_recording_conditions_that_predict_the_score_are_a_warning() -> None:
    shortcut = simulate_severity(0.9)
    summary = summarise(simulate_severity(0.6), shortcut=shortcut)
    assert [warning["code"] for warning in summary["warnings"]] == ["severity-shortcut"]
    assert "The model's CCC differs from it by -0." in summary["conclusion"][2]


def test_intervals_that_contain_too_few_scores_are_a_warning() -> None:
    model = simulate_severity(0.8)
    summary = summarise(replace(model, low=model.predicted - 1, high=model.predicted + 1))
    assert [warning["code"] for warning in summary["warnings"]] == ["severity-coverage"]
    assert "fewer than promised; their mean width is 2" in summary["conclusion"][-1]


def test_the_status_of_the_clinical_cutoff_is_scored(summary: dict[str, Any]) -> None:
    model = simulate_severity(0.8)
    expected = score(model.truth >= 10, np.floor(model.predicted + 0.5) >= 10, positive=True)  # type: ignore[arg-type]
    clinical = summary["clinical"]
    assert clinical["scores"]["f1"]["mean"] == pytest.approx(expected["f1"])
    assert clinical["scores"]["auc"]["mean"] > 0.9
    assert (clinical["cutoff"], clinical["n_positive"]) == (10, int((model.truth >= 10).sum()))


def test_severities_beyond_an_observed_range_are_ranked_with_valid_probabilities() -> None:
    model = simulate_severity(0.8)
    observed = replace(model, scale=replace(PHQ8, is_observed=True), predicted=model.predicted * 3 - 10)
    assert observed.predicted.min() < PHQ8.low
    assert observed.predicted.max() > PHQ8.high
    probability = predict_status(observed).probability
    assert ((probability >= 0) & (probability <= 1)).all()


def test_a_scale_without_cutoffs_has_neither_classes_nor_a_clinical_status() -> None:
    model = replace(simulate_severity(), scale=replace(PHQ8, cutoffs=(), class_names=(), clinical_cutoff=None))
    summary = summarise(model)
    assert summary["classes"] == {}
    assert summary["clinical"] is None


def test_one_score_for_everyone_has_an_unknown_agreement() -> None:
    summary = summarise(severity([4, 4, 4, 4], [3, 5, 4, 6]))
    assert summary["conclusion"][0].startswith("There is no evidence")
    perfect = summarise(severity([4, 4, 4, 4], [4, 4, 4, 4]))
    assert perfect["conclusion"][0].startswith("Whether severities agree with the scores of new people is unknown")


@pytest.mark.slow
def test_p_values_are_not_too_small_without_a_signal() -> None:
    tests = [permute_scores(simulate_ridge(0.0, seed=seed)[0], n=99) for seed in range(150)]
    assert tests[0]["permuted"] == "subject scores"
    p = {name: np.array([test["p_fixed_predictions"][name] for test in tests]) for name in ("ccc", "spearman")}
    assert kstest(p["spearman"], "uniform").pvalue > 0.01
    assert np.mean(p["spearman"] <= 0.05) <= 0.09
    # Pooled over folds, the concordance without a signal is below 0: its p-values are rather too large.
    assert np.mean(p["ccc"] <= 0.05) <= 0.05
