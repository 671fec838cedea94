"""What views add to the covariates alone: paired on the same recordings, with a permutation test."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.evaluation._added_value import class_differences, conclude_added_value
from pdmr_classic.evaluation._member_systems import list_parts
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.intervals import weighted_scores
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.severity._added_value import conclude_added_severity, severity_differences
from pdmr_classic.evaluation.severity.intervals import weighted_severity_scores
from pdmr_classic.evaluation.severity.predictions import SeverityPredictions
from pdmr_classic.evaluation.stored_systems import read_systems
from pdmr_classic.evaluation.swap_test import swap_test
from pdmr_classic.io.labels.scales import SCALES
from pdmr_classic.progress import CollectingReporter

QUICK = Settings().override(
    {
        **{"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 3},
        **{"evaluation.folds": 3, "evaluation.repeats": 1, "learning.importance": False},
    }
)
N = 60
ROWS = np.arange(N)


def study(in_age: float, in_video: float, views: tuple[str, ...] = ("video", "audio")) -> Any:
    rng = np.random.default_rng(5)
    code = ROWS // 2 % 2
    index = pd.Index([f"r{k:02d}" for k in ROWS], name="data_id")
    X = pd.DataFrame(index=index)
    for view in views:
        for k in range(3):
            X[f"{view}__c{k}__mean"] = rng.normal(size=N) + in_video * code * (view == "video")
    X["covariates__age__value"] = rng.normal(size=N) + in_age * code
    status = pd.Series(np.where(code, "Normal", "Depression"), index)
    return X, status, pd.Series([f"S{k // 2}" for k in ROWS], index)


def evaluate(*data: Any) -> dict[str, Any]:
    return evaluate_features(*data, settings=QUICK, reporter=CollectingReporter())


def test_covariates_that_carry_the_signal_are_reported() -> None:
    evaluation = evaluate(*study(2.5, 0.0))
    added = evaluation["added_value"]
    assert list(added["views"]) == ["video", "audio", "all views"]
    assert added["covariates"]["auc"]["low"] > 0.5
    for part in added["views"].values():
        difference = part["differences"]["auc"]
        # Equal predictions in all folds have no interval.
        assert difference["low"] is None or difference["low"] <= 0 <= difference["high"]
        assert difference["p"] > 0.05
    (sentence,) = [text for text in evaluation["conclusion"] if text.startswith("Covariates alone")]
    assert "cannot be distinguished" in sentence
    assert "covariates-alone" in [warning["code"] for warning in evaluation["warnings"]]


def test_a_view_that_adds_is_found() -> None:
    X, status, groups = study(0.0, 2.0)
    X.iloc[:6, :3] = np.nan  # no video
    evaluation = evaluate(X, status, groups)
    views = evaluation["added_value"]["views"]
    assert views["video"]["n_recordings"] == N - 6
    assert views["audio"]["n_recordings"] == views["all views"]["n_recordings"] == N
    assert views["video"]["differences"]["auc"]["low"] > 0
    assert views["video"]["differences"]["auc"]["p"] <= 0.05
    assert views["audio"]["differences"]["auc"]["low"] <= 0
    assert "With all views together, the AUC is higher" in evaluation["conclusion"][-1]
    assert "covariates-alone" not in [warning["code"] for warning in evaluation["warnings"]]


def test_with_one_other_view_the_model_is_compared() -> None:
    evaluation = evaluate(*study(1.0, 1.0, ("video",)))
    systems = read_systems(evaluation)
    assert "covariates and video" not in systems
    differences = evaluation["added_value"]["views"]["video"]["differences"]["auc"]
    ones = np.ones((N, 1))
    auc = [weighted_scores(systems[name], ones)["auc"][0] for name in ("model", "view covariates")]
    assert differences["difference"] == pytest.approx(auc[0] - auc[1])


def test_without_covariates_nothing_is_reported() -> None:
    X, status, groups = study(1.0, 1.0)
    evaluation = evaluate(X.drop(columns="covariates__age__value"), status, groups)
    assert "added_value" not in evaluation
    assert not [name for name in evaluation["systems"] if name.startswith("covariates")]


def test_the_system_of_a_view_uses_members_of_covariates_and_this_view_only() -> None:
    X, status, groups = study(1.0, 1.0)
    model = DepressionModel(QUICK).fit(X, status, groups, reporter=CollectingReporter())
    parts = list_parts(model.stacker_)
    assert set(parts["covariates and video"]) >= {"video/linear", "covariates/linear"}
    assert not [name for name in parts["covariates and video"] if "audio" in name or name.startswith("both")]


def simulate(seed: int, probability: Any) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = ROWS // 2 % 2
    p = probability(rng, truth)
    zeros = np.zeros(N, dtype=np.intp)
    subject = (ROWS // 2).astype(np.intp)
    matrix = np.column_stack([1 - p, p])
    names = ROWS.astype(str).astype(object)
    return Predictions(
        names, subject, zeros, subject % 3, truth, (p > 0.5).astype(np.intp), matrix, ("n", "y"), "y", is_one_way=True
    )


def test_the_differences_after_swaps_are_those_of_the_swapped_predictions() -> None:
    """F1 and AUC agree with the scores of predictions that are swapped one subject after the other."""
    a, b = (simulate(seed, lambda rng, truth: rng.permuted(np.linspace(0.01, 0.99, N))) for seed in (0, 1))
    swaps = np.random.default_rng(2).integers(2, size=(30, 5)).astype(float)
    found = class_differences(a, b)(swaps)
    for column in range(5):
        rows = swaps[a.subject, column] > 0
        mixed = []
        for own, other in ((a, b), (b, a)):
            predicted = np.where(rows, other.predicted, own.predicted)
            rank = own.probability.copy()
            for fold in range(3):
                members = a.fold == fold
                ranks = [pd.Series(system.probability[members, 1]).rank().to_numpy() for system in (own, other)]
                rank[members, 1] = np.where(rows[members], ranks[1], ranks[0])
            mixed.append(Predictions(*_parts(a), predicted, rank, a.classes, a.positive))
        ones = np.ones((N, 1))
        scores = [weighted_scores(system, ones) for system in mixed]
        for name in ("f1", "macro_f1", "auc"):
            assert found[name][column] == pytest.approx(scores[0][name][0] - scores[1][name][0])


def _parts(system: Predictions) -> tuple[Any, ...]:
    return system.recording, system.subject, system.repeat, system.fold, system.truth


def test_p_values_of_equal_systems_are_uniform() -> None:
    def predict(rng: np.random.Generator, truth: np.ndarray) -> np.ndarray:
        person = np.repeat(rng.normal(size=N // 2), 2)
        return 1 / (1 + np.exp(-(truth - 0.5 + person + 0.3 * rng.normal(size=N))))

    p = []
    for seed in range(80):
        a, b = simulate(2 * seed, predict), simulate(2 * seed + 1, predict)
        p.append(swap_test(a, class_differences(a, b), n=100, seed=seed)["auc"])
    assert np.mean(np.array(p) <= 0.05) <= 0.12
    assert 0.35 < np.mean(p) < 0.65


def test_equal_predictions_have_a_p_value_of_one() -> None:
    a = simulate(0, lambda rng, truth: rng.random(N))
    assert set(swap_test(a, class_differences(a, a), n=20).values()) == {1.0}


def test_differences_of_severities_are_those_of_their_scores() -> None:
    rng = np.random.default_rng(0)
    subject = (ROWS // 2).astype(np.intp)
    truth = rng.integers(0, 25, size=N).astype(float)
    systems = [
        SeverityPredictions(
            ROWS.astype(str).astype(object),
            subject,
            *(np.zeros(N, dtype=np.intp), subject % 3, truth, 0.5 * truth + 5 * rng.random(N)),
            *(np.full(N, np.nan), np.full(N, np.nan), SCALES["phq8"]),
        )
        for _ in range(2)
    ]
    found = severity_differences(*systems)(np.zeros((30, 1)))
    scores = [weighted_severity_scores(system, np.ones((N, 1))) for system in systems]
    for name in ("mae", "ccc"):
        assert found[name][0] == pytest.approx(scores[0][name][0] - scores[1][name][0])
    everyone = severity_differences(*systems)(np.ones((30, 1)))
    assert everyone["mae"][0] == pytest.approx(-found["mae"][0])


@pytest.mark.parametrize(("low", "high", "of_covariates"), list(product((-0.1, 0.02), (0.1, 0.2), (0.4, 0.6))))
def test_only_covariates_better_than_chance_are_a_warning(low: float, high: float, of_covariates: float) -> None:
    difference = {"difference": 0.05, "low": low, "high": high, "p": 0.1}
    added = {
        "covariates": {"auc": {"mean": 0.7, "low": of_covariates, "high": 0.9}},
        "views": {"video": {"differences": {"auc": difference}}},
    }
    sentence = conclude_added_value(added)
    assert sentence is not None
    assert sentence[1] == (low <= 0 and of_covariates > 0.5)


@pytest.mark.parametrize(("p", "verb"), [(0.05, "is"), (0.051, "may be"), (None, "may be")])
@pytest.mark.parametrize("sign", [1, -1])
def test_views_differ_from_covariates_only_if_interval_and_permutation_test_agree(
    p: float | None, verb: str, sign: int
) -> None:
    part = {"difference": sign * 0.2, "low": min(sign * 0.1, sign * 0.3), "high": max(sign * 0.1, sign * 0.3), "p": p}
    views = {"video": {"differences": {"auc": part, "mae": part}}}
    sentence = conclude_added_value({"covariates": {"auc": {"mean": 0.6, "low": 0.4, "high": 0.8}}, "views": views})
    assert sentence is not None
    assert f"the AUC {verb} {'higher' if sign > 0 else 'lower'}: " in sentence[0].what
    (severity,) = conclude_added_severity({"views": views})
    assert f"the mean absolute error {verb} {'larger' if sign > 0 else 'smaller'} than that of" in severity
