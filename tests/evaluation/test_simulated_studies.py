"""Evaluations of many small simulated studies: intervals and p-values compared with the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.evaluation import run_fold as folds
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.outer_folds import OuterFold

STUDIES = 60
QUICK = Settings().override(
    {
        "learning.learners": ("linear",),
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 2,
        "learning.importance": False,
    }
)
Study = tuple[pd.DataFrame, pd.Series, pd.Series]


def draw_study(signal: float, subjects: int, each: int, seed: int) -> Study:
    """Draw people from a population: half are positive, and recordings of one person are correlated."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), each)
    positive = rng.permutation(np.arange(subjects) % 2)[subject]
    of_person = 0.8 * rng.normal(size=(subjects, 4))[subject]
    X = signal * np.array([1, 0.5, 0, 0]) * positive[:, None] + of_person + rng.normal(size=(len(subject), 4))
    index = pd.Index([f"r{place:05d}" for place in range(len(X))], name="data_id")
    status = pd.Series(np.where(positive, "Depression", "Normal").astype(object), index=index)
    groups = pd.Series([f"S{number}" for number in subject], index=index)
    return pd.DataFrame(X, columns=[f"video__c{k}__mean" for k in range(4)], index=index), status, groups


def evaluate_study(signal: float, seed: int) -> dict[str, Any]:
    study = draw_study(signal, 40, 2, seed)
    with pytest.MonkeyPatch.context() as patch:
        # The baselines take half of the time and are not tested here.
        patch.setattr(folds, "run_baselines", run_no_baselines)
        return evaluate_features(*study, settings=QUICK, folds=3, repeats=1)


def run_no_baselines(table: folds.EvaluationTable, settings: Settings, outer: OuterFold) -> dict[str, Any]:
    record = folds._prediction_record(outer.test, table.codes[outer.test], np.full((len(outer.test), 2), 0.5))
    return dict.fromkeys(("shortcut", "logistic_regression"), record)


@pytest.fixture(scope="module")
def null_evaluations() -> list[dict[str, Any]]:
    """Return evaluations of studies whose labels are unrelated to the features."""
    return [evaluate_study(0.0, seed) for seed in range(STUDIES)]


@pytest.mark.slow
def test_the_interval_contains_one_half_under_the_null_hypothesis(null_evaluations: list[dict[str, Any]]) -> None:
    aucs = [evaluation["scores"]["auc"] for evaluation in null_evaluations]
    assert np.mean([auc["mean"] for auc in aucs]) == pytest.approx(0.5, abs=0.03)
    assert sum(auc["low"] <= 0.5 <= auc["high"] for auc in aucs) >= 57


@pytest.mark.slow
def test_p_values_are_uniform_under_the_null_hypothesis(null_evaluations: list[dict[str, Any]]) -> None:
    p = pd.DataFrame([evaluation["permutation_test"]["p_fixed_predictions"] for evaluation in null_evaluations])
    # 0.09; 0.001 if the permutation distribution is not widened for predictions that share training subjects.
    assert kstest(p["auc"], "uniform").pvalue > 0.02
    # If a threshold for F1 predicts everyone positive, all permutations have the same score: p is 1.
    assert ((p <= 0.05).mean() <= 0.09).all()


@pytest.fixture
def true_aucs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the AUC of each outer-fold model on 4,000 new people."""
    new_people, status, _ = draw_study(1.0, 4000, 1, seed=10_000)
    aucs: list[float] = []
    fit = folds._fit_model

    def fit_and_score(*args: Any) -> DepressionModel:
        model = fit(*args)
        aucs.append(float(roc_auc_score(status == "Depression", model.predict_features(new_people)["probability"])))
        return model

    monkeypatch.setattr(folds, "_fit_model", fit_and_score)
    return aucs


@pytest.mark.slow
def test_the_interval_covers_the_performance_of_the_models_on_many_new_people(true_aucs: list[float]) -> None:
    """The truth is the AUC of these models: the interval does not include the variability of retraining."""
    covered = 0
    for seed in range(STUDIES):
        true_aucs.clear()
        auc = evaluate_study(1.0, seed)["scores"]["auc"]
        assert len(true_aucs) == 3
        covered += auc["low"] <= np.mean(true_aucs) <= auc["high"]
    assert covered >= 57
