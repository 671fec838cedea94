from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulated import simulate_predictions

from pdmr_classic.errors import ConfigError
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.subgroups import check_subgroup_columns, score_subgroups


def six_recordings() -> tuple[Predictions, pd.Series]:
    """Return six recordings of six subjects: f with one of two positives correct, m with all correct, one unknown."""
    truth, predicted = np.array([1, 1, 0, 1, 0, 0]), np.array([1, 0, 0, 1, 0, 1])
    p = np.array([0.9, 0.2, 0.3, 0.8, 0.1, 0.6])
    ids = np.array([f"r{place}" for place in range(6)], dtype=object)
    zeros = np.zeros(6, dtype=np.intp)
    predictions = Predictions(
        ids, np.arange(6), zeros, zeros, truth, predicted, np.column_stack([1 - p, p]), ("no", "yes"), "yes"
    )
    return predictions, pd.Series(["f", "f", "f", "m", "m", ""], index=ids)


def test_subgroup_scores_equal_hand_computed_values() -> None:
    result = score_subgroups(*six_recordings())
    groups = result["groups"]
    assert {value: part["n_recordings"] for value, part in groups.items()} == {"f": 3, "m": 2, "(unknown)": 1}
    assert groups["f"]["scores"]["f1"]["mean"] == pytest.approx(2 / 3)
    assert groups["f"]["scores"]["auc"]["mean"] == pytest.approx(1 / 2)
    assert groups["m"]["scores"]["f1"]["mean"] == 1
    assert groups["m"]["scores"]["auc"]["mean"] == 1
    assert result["gaps"]["f1"] == {"gap": pytest.approx(1 / 3), "best": "m", "worst": "f"}
    assert result["gaps"]["auc"] == {"gap": pytest.approx(1 / 2), "best": "m", "worst": "f"}


def test_an_undefined_score_of_a_subgroup_is_none_and_excluded_from_the_gap() -> None:
    unknown = score_subgroups(*six_recordings())["groups"]["(unknown)"]["scores"]
    for name in ("f1", "auc"):
        assert unknown[name] == {"mean": None, "sd": None, "low": None, "high": None}


def test_a_subgroup_with_enough_subjects_has_an_interval() -> None:
    predictions = simulate_predictions(1.4)
    halves = pd.Series(np.where(predictions.subject % 4 < 2, "a", "b"), index=predictions.recording)
    groups = score_subgroups(predictions, halves)["groups"]
    assert list(groups) == ["a", "b"]
    for part in groups.values():
        score = part["scores"]["auc"]
        assert score["low"] < score["mean"] < score["high"]


def test_a_column_with_too_many_values_is_refused() -> None:
    labels = pd.DataFrame({"severity": [str(value) for value in range(21)]})
    with pytest.raises(ConfigError, match="--by severity has too many values"):
        check_subgroup_columns(labels, ["severity"], pd.Series(["S1"] * 21))
