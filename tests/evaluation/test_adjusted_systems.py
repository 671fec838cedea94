"""The options of `predict` in evaluations: pooled subjects, subjects that weigh the same, another prevalence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from simulated import simulate_predictions

from pdmr_classic import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation import _run_folds as run_folds
from pdmr_classic.evaluation._adjusted_systems import POOLED, _select_one_row_per_subject, score_adjusted_systems
from pdmr_classic.evaluation._weighted_scores import summarise_weighted
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable

QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3}
)


def make_predictions(truth: NDArray[Any], p: NDArray[Any], subject: NDArray[Any]) -> Predictions:
    n = len(truth)
    zeros = np.zeros(n, dtype=np.intp)
    ids = np.array([f"r{k:03d}" for k in range(n)], dtype=object)
    probability = np.column_stack([1 - p, p])
    return Predictions(
        ids, subject, zeros, zeros, truth.astype(np.intp), (p >= 0.5).astype(np.intp), probability, ("no", "yes"), "yes"
    )


def score_rows(predictions: Predictions) -> dict[str, Any]:
    empty = pd.Series(dtype=object)
    table = EvaluationTable(pd.DataFrame(), empty, empty, predictions.classes, predictions.positive)
    return dict(score_adjusted_systems(table, predictions, {POOLED: predictions}, [], 0)["rows"])


def with_dominant_subject(is_correct: bool) -> Predictions:
    """Return 40 subjects with one recording, three quarters of them correct, and one positive subject with 40."""
    truth = np.concatenate([np.arange(40) % 2, np.ones(40, dtype=int)])
    p = np.where(np.arange(80) % 8 < 6, 0.2 + 0.6 * truth, 0.8 - 0.6 * truth)
    p[40:] = 0.8 if is_correct else 0.2
    return make_predictions(truth, p, np.concatenate([np.arange(40), np.full(40, 40)]))


def test_a_subject_with_half_of_the_rows_moves_the_score_of_recordings_but_not_that_of_subjects() -> None:
    right, wrong = with_dominant_subject(True), with_dominant_subject(False)
    f1 = [summarise_scores(predictions)["scores"]["f1"]["mean"] for predictions in (right, wrong)]
    assert f1[0] - f1[1] > 0.5
    for name in ("the model, equal subjects", f"{POOLED}, a row each"):
        f1 = [score_rows(predictions)[name]["scores"]["f1"]["mean"] for predictions in (right, wrong)]
        assert 0 < f1[0] - f1[1] < 0.05, name
        assert f1[0] == pytest.approx(0.75, abs=0.03), name


def test_subjects_with_several_labels_are_left_out_of_the_score_per_subject_and_counted() -> None:
    truth = np.array([0, 0, 1, 1, 0, 1])
    predictions = make_predictions(truth, 0.2 + 0.6 * truth, np.array([0, 0, 1, 1, 2, 2]))
    row = score_rows(predictions)[f"{POOLED}, a row each"]
    assert (row["n_subjects"], row["n_recordings"], row["n_mixed"]) == (2, 2, 1)
    assert row["scored_on"] == "subjects; 1 subject with several labels left out"


def test_scores_at_another_prevalence_equal_those_of_repeated_negatives() -> None:
    rng = np.random.default_rng(0)
    truth = np.arange(40) % 2
    p = np.clip(0.3 * truth + rng.uniform(0, 0.7, 40), 0, 1)
    predictions = make_predictions(truth, p, np.arange(40))
    rows = np.concatenate([np.arange(40), *[np.flatnonzero(truth == 0)] * 8])
    expected = summarise_scores(predictions.subset(rows))["scores"]
    scores = summarise_weighted(predictions, np.ones(40), class_shares=np.array([0.9, 0.1]))["scores"]
    for name, part in scores.items():
        assert part["mean"] == pytest.approx(expected[name]["mean"]), name
        assert part["low"] < part["mean"] < part["high"], name


def test_equal_weights_change_nothing() -> None:
    predictions = with_dominant_subject(True)
    scores = summarise_weighted(predictions, np.full(80, 0.3))["scores"]
    expected = summarise_scores(predictions)["scores"]
    for name, part in scores.items():
        assert part["mean"] == pytest.approx(expected[name]["mean"]), name


# -------------------------------------------------------------------------------------------- whole evaluations


def study(classes: int = 2, each: int = 3) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(24), each)
    index = pd.Index([f"r{place:03d}" for place in range(len(subject))], name="data_id")
    label = subject % classes
    columns = {f"video__c{k}__mean": 1.0 * (label == k) + rng.normal(size=len(subject)) for k in range(3)}
    names = np.array(["Depression", "Normal"] if classes == 2 else ["a", "b", "c"], dtype=object)
    return pd.DataFrame(columns, index=index), pd.Series(names[label], index=index), pd.Series(subject, index=index)


def evaluate_at(prevalence: Any, **options: Any) -> dict[str, Any]:
    settings = QUICK.override({"evaluation.prevalence": prevalence})
    return evaluate_features(*study(**options), settings=settings, folds=3, repeats=1)


def test_what_predict_would_do_is_evaluated() -> None:
    evaluation = evaluate_at(0.1)
    rows, systems = evaluation["as_predicted"]["rows"], read_systems(evaluation)
    assert list(rows) == [
        *("the model, equal subjects", "pooled subjects", "pooled subjects, a row each"),
        *("the model, uncorrected", "prevalence 0.1"),
        *("pooled subjects, uncorrected", "pooled subjects, prevalence 0.1"),
    ]
    assert rows["pooled subjects"]["scores"]["auc"]["mean"] > evaluation["scores"]["auc"]["mean"]
    pooled = systems[POOLED]
    for number in np.unique(pooled.subject):
        assert np.ptp(pooled.probability[pooled.subject == number], axis=0).max() == pytest.approx(0)
    corrected, model = systems["prevalence 0.1"].probability[:, 0], systems["model"].probability[:, 0]
    assert (corrected < model).all()
    assert rows["prevalence 0.1"]["scores"]["brier"]["mean"] < rows["the model, uncorrected"]["scores"]["brier"]["mean"]
    assert "10.0%" in rows["prevalence 0.1"]["scored_on"]


@pytest.mark.parametrize("classes", [2, 3])
def test_estimated_prevalences_are_compared_with_the_truth(classes: int) -> None:
    evaluation = evaluate_at("estimate", classes=classes, each=1)
    assert list(evaluation["as_predicted"]["rows"]) == ["prevalence estimate"]
    estimates = evaluation["as_predicted"]["prevalence_estimates"]
    assert [part["n"] for part in estimates] == [8, 8, 8]
    for part in estimates:
        assert sum(part["prevalence"].values()) == pytest.approx(1)
        assert part["true"] == pytest.approx(dict.fromkeys(evaluation["data"]["classes"], 1 / classes), abs=0.13)


def test_a_subject_with_several_left_out_values_has_a_row_for_each() -> None:
    pooled = simulate_predictions(1.0, subjects=4, each=2)
    split = replace(pooled, fold=np.arange(8) % 2)
    rows, n_mixed = _select_one_row_per_subject(split)
    assert (len(rows), n_mixed) == (8, 0)


def test_without_several_recordings_of_a_subject_and_without_a_prevalence_nothing_is_adjusted() -> None:
    evaluation = evaluate_at(None, each=1)
    assert evaluation["as_predicted"] == {"rows": {}, "prevalence_estimates": []}
    assert list(evaluation["systems"]) == ["logistic_regression"]


@pytest.mark.parametrize(
    ("prevalence", "classes", "message"),
    [
        (1.5, 2, "evaluation.prevalence is not valid"),
        ("often", 2, "a number between 0 and 1, or 'estimate'"),
        (float("nan"), 2, "a number between 0 and 1, or 'estimate'"),
        (0.2, 3, "must be 'estimate' if there are more than two"),
    ],
)
def test_a_prevalence_that_makes_no_sense_is_refused_before_a_fold_is_run(
    prevalence: Any, classes: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folds, "run_fold", pytest.fail)
    with pytest.raises(ConfigError, match=message):
        evaluate_at(prevalence, classes=classes)
