from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import simulated

from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.subgroups import check_subgroup_columns, score_subgroups


def by_hand() -> tuple[Predictions, pd.Series]:
    """Six recordings of six subjects: among f one of two is found, among m all are, and one of neither is wrong."""
    truth, predicted = np.array([1, 1, 0, 1, 0, 0]), np.array([1, 0, 0, 1, 0, 1])
    p = np.array([0.9, 0.2, 0.3, 0.8, 0.1, 0.6])
    ids = np.array([f"r{place}" for place in range(6)], dtype=object)
    zeros = np.zeros(6, dtype=np.intp)
    predictions = Predictions(
        ids, np.arange(6), zeros, zeros, truth, predicted, np.column_stack([1 - p, p]), ("no", "yes"), "yes"
    )
    return predictions, pd.Series(["f", "f", "f", "m", "m", ""], index=ids)


def test_scores_of_subgroups_are_those_by_hand() -> None:
    found = score_subgroups(*by_hand())
    groups = found["groups"]
    assert {value: part["n_recordings"] for value, part in groups.items()} == {"f": 3, "m": 2, "(unknown)": 1}
    assert groups["f"]["scores"]["f1"]["mean"] == pytest.approx(2 / 3)
    assert groups["f"]["scores"]["auc"]["mean"] == pytest.approx(1 / 2)
    assert groups["m"]["scores"]["f1"]["mean"] == 1
    assert groups["m"]["scores"]["auc"]["mean"] == 1
    assert found["gaps"]["f1"] == {"gap": pytest.approx(1 / 3), "between": ["m", "f"]}
    assert found["gaps"]["auc"] == {"gap": pytest.approx(1 / 2), "between": ["m", "f"]}


def test_a_score_that_cannot_exist_in_a_subgroup_is_none_and_makes_no_gap() -> None:
    unknown = score_subgroups(*by_hand())["groups"]["(unknown)"]["scores"]
    for name in ("f1", "auc"):
        assert unknown[name] == {"mean": None, "sd": None, "low": None, "high": None}


def test_a_subgroup_of_enough_subjects_has_an_interval() -> None:
    predictions = simulated(1.4)
    halves = pd.Series(np.where(predictions.subject % 4 < 2, "a", "b"), index=predictions.recording)
    for part in score_subgroups(predictions, halves)["groups"].values():
        score = part["scores"]["auc"]
        assert score["low"] < score["mean"] < score["high"]


def test_a_column_with_too_many_values_is_refused() -> None:
    labels = pd.DataFrame({"severity": [str(value) for value in range(21)]})
    with pytest.raises(ConfigError, match="--by severity makes too many groups"):
        check_subgroup_columns(labels, ["severity"], pd.Series(["S1"] * 21))
