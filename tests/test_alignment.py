"""Labelled things are matched by their index in every function that takes two of them, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DataError, DepressionModel, GroupedFolds, GroupedStacker, Settings, SeverityStacker, score
from pdmr_classic.alignment import align_rows
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.models.decision.pooling import match_subjects, pool_subjects
from pdmr_classic.models.decision.prevalence import correct_probability
from pdmr_classic.models.decision.threshold import choose_threshold
from pdmr_classic.models.learners.preprocessing import KeepBest
from pdmr_classic.models.target_checks import check_target
from pdmr_classic.splits import count_feasible_folds
from pdmr_classic.subjects.inference import infer_subjects

N = 24
INDEX = pd.Index([f"{number:03d}" for number in range(N)], name="data_id")
RNG = np.random.default_rng(0)
STATUS = pd.Series(np.array(["Depression", "Normal"], dtype=object)[np.arange(N) // 2 % 2], INDEX)
GROUPS = pd.Series([f"S{number // 2}" for number in range(N)], INDEX)
FEATURES = pd.DataFrame(
    {
        "video__a__mean": RNG.normal(size=N) + 2.0 * (STATUS == "Depression"),
        "audio__vector__000": RNG.normal(size=N),
    },
    INDEX,
)
WEIGHTS = pd.Series(RNG.uniform(0.5, 2, N), INDEX)
PROBABILITY = pd.Series(RNG.uniform(size=N), INDEX)
IS_POSITIVE = STATUS == "Depression"
QUICK = Settings().override(
    {"learning.learners": ("linear",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2}
)


def fit_model(features: Any, status: Any, groups: Any, weights: Any) -> Any:
    model = DepressionModel(QUICK).fit(features, status, groups, sample_weight=weights)
    return model.predict_features(FEATURES)["probability"].to_numpy()


def evaluate_table(features: Any, status: Any, groups: Any, labels: Any) -> Any:
    return evaluate_features(features, status, groups, labels=labels, settings=QUICK, folds=2, repeats=1)["scores"]


def fit_stacker(X: Any, y: Any, groups: Any, weights: Any) -> Any:
    stacker = GroupedStacker(learners=["linear"], folds=2, repeats=1).fit(X, y, groups, weights)
    return stacker.predict_proba(FEATURES)


def fit_severity_stacker(X: Any, y: Any, groups: Any, weights: Any) -> Any:
    return SeverityStacker(learners=["ridge"], folds=2, repeats=1).fit(X, y, groups, weights).predict(FEATURES)


def split_folds(X: Any, y: Any, groups: Any) -> Any:
    return [test.tolist() for _, test in GroupedFolds(3, n_repeats=2).split(X, y, groups)]


TWO_COLUMNS = pd.DataFrame({"a": PROBABILITY, "b": 1 - PROBABILITY})
HASHES = pd.DataFrame({"audio": [f"h{number // 2}" for number in range(N)]}, INDEX)
CALLS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "score": (lambda t, p, q: score(t, p, positive="Depression", probability=q), [STATUS, STATUS[::-1], PROBABILITY]),
    "GroupedFolds": (split_folds, [FEATURES, STATUS, GROUPS]),
    "GroupedStacker": (fit_stacker, [FEATURES, STATUS, GROUPS, WEIGHTS]),
    "SeverityStacker": (fit_severity_stacker, [FEATURES, PROBABILITY, GROUPS, WEIGHTS]),
    "DepressionModel": (fit_model, [FEATURES, STATUS, GROUPS, WEIGHTS]),
    "evaluate_features": (evaluate_table, [FEATURES, STATUS, GROUPS, pd.DataFrame({"site": GROUPS})]),
    "check_target": (lambda s, g, w: check_target(s, g, Settings(), w).weights, [STATUS, GROUPS, WEIGHTS]),
    "count_feasible_folds": (lambda y, g: count_feasible_folds(y, g, 5), [STATUS, GROUPS]),
    "choose_threshold": (
        lambda p, y, g, w: choose_threshold(p, y, g, sample_weight=w),
        [PROBABILITY, IS_POSITIVE, GROUPS, WEIGHTS],
    ),
    "pool_subjects": (pool_subjects, [TWO_COLUMNS, GROUPS]),
    "KeepBest": (lambda X, y: KeepBest(1).fit(X, y).get_support(), [FEATURES, STATUS]),
    "infer_subjects": (lambda f, h: infer_subjects(f, h).groups, [FEATURES, HASHES]),
    "correct_probability": (
        lambda t, n: correct_probability([[0.5, 0.5]], t, n),
        [pd.Series([0.5, 0.5], ["no", "yes"]), pd.Series([0.9, 0.1], ["no", "yes"])],
    ),
}


def assert_equal(result: Any, expected: Any) -> None:
    if isinstance(expected, dict | list):
        assert result == expected
    else:
        np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))


@pytest.mark.parametrize("name", CALLS)
def test_the_order_of_labelled_rows_does_not_matter(name: str) -> None:
    function, arguments = CALLS[name]
    first, *others = arguments
    expected = function(first, *(other.loc[first.index] for other in others))
    assert_equal(function(first, *(other[::-1] for other in others)), expected)


@pytest.mark.parametrize("name", CALLS)
def test_different_rows_are_refused(name: str) -> None:
    function, (first, *others) = CALLS[name]
    renamed = [other.set_axis([f"x{number}" for number in range(len(other))]) for other in others]
    with pytest.raises(DataError, match=r"describe different rows[^\0]*only in"):
        function(first, *renamed)


@pytest.mark.parametrize("name", CALLS)
def test_repeated_rows_are_refused(name: str) -> None:
    function, (first, *others) = CALLS[name]
    with pytest.raises(DataError, match="repeated in the index"):
        function(first, *(other.iloc[[0, *range(len(other) - 1)]] for other in others))


def test_arrays_are_matched_by_position() -> None:
    by_position = score(STATUS[::-1].to_numpy(), STATUS.to_numpy(), positive="Depression")
    assert by_position["n"] == N
    assert by_position["f1"] < 1
    assert score(STATUS[::-1], STATUS.to_numpy(), positive="Depression") == by_position
    assert score(STATUS[::-1], STATUS, positive="Depression")["f1"] == 1


def test_an_array_beside_rows_in_two_orders_is_refused() -> None:
    with pytest.raises(DataError, match="truth and predicted have their rows in different orders, and probability"):
        score(STATUS, STATUS[::-1], positive="Depression", probability=PROBABILITY.to_numpy())
    with pytest.raises(DataError, match="and sample_weight has no labels"):
        DepressionModel(QUICK).fit(FEATURES, STATUS[::-1], GROUPS, sample_weight=WEIGHTS.to_numpy())
    same_order = score(STATUS, STATUS.copy(), positive="Depression", probability=PROBABILITY.to_numpy())
    assert same_order == score(STATUS, STATUS, positive="Depression", probability=PROBABILITY)


def test_columns_of_one_table_need_no_unique_labels() -> None:
    table = pd.DataFrame({"status": ["yes", "no"], "predicted": ["yes", "yes"]}, index=["001", "001"])
    assert score(table["status"], table["predicted"], positive="yes")["recall"] == 1
    with pytest.raises(DataError, match="1 label is repeated in the index of status"):
        align_rows(status=table["status"], predicted=table["predicted"].copy().set_axis(["001", "001"]))


def test_a_subject_that_is_listed_twice_cannot_be_pooled() -> None:
    with pytest.raises(DataError, match="1 label is repeated in the index of pool_subjects"):
        match_subjects(INDEX, pd.concat([GROUPS, GROUPS[:1]]))
