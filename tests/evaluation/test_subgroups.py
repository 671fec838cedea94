from __future__ import annotations

from dataclasses import replace

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
    for name, gap in (("f1", 1 / 3), ("auc", 1 / 2)):
        part = result["gaps"][name]
        assert (part["gap"], part["best"], part["worst"]) == (pytest.approx(gap), "m", "f")


def test_an_undefined_score_of_a_subgroup_is_none_and_excluded_from_the_gap() -> None:
    unknown = score_subgroups(*six_recordings())["groups"]["(unknown)"]["scores"]
    for name in ("f1", "auc"):
        assert {unknown[name][key] for key in ("mean", "sd", "low", "high")} == {None}
        assert unknown[name]["reason"] == "one class only in the held-out recordings"


def test_a_subgroup_with_enough_subjects_has_an_interval() -> None:
    predictions = simulate_predictions(1.4)
    halves = pd.Series(np.where(predictions.subject % 4 < 2, "a", "b"), index=predictions.recording)
    groups = score_subgroups(predictions, halves)["groups"]
    assert list(groups) == ["a", "b"]
    for part in groups.values():
        score = part["scores"]["auc"]
        assert score["low"] < score["mean"] < score["high"]


def random_groups(predictions: Predictions, n_groups: int, seed: int) -> pd.Series:
    """Return equally large groups of subjects that have nothing to do with the predictions."""
    n_subjects = len(np.unique(predictions.subject))
    group = np.random.default_rng(seed).permutation(np.arange(n_subjects) % n_groups)
    return pd.Series([f"g{group[number]}" for number in predictions.subject], index=predictions.recording)


@pytest.mark.parametrize("n_groups", [2, 6])
def test_gaps_between_equal_groups_are_significant_in_about_one_of_twenty_studies(n_groups: int) -> None:
    gaps = []
    for study in range(40):
        predictions = simulate_predictions(1.4, subjects=60, each=2, seed=study)
        gaps.append(score_subgroups(predictions, random_groups(predictions, n_groups, study))["gaps"])
    for name in ("f1", "auc"):
        assert np.mean([gap[name]["p"] <= 0.05 for gap in gaps]) <= 0.12, name
        assert 0.35 < np.median([gap[name]["p"] for gap in gaps]) < 0.65, name
        assert np.mean([gap[name]["gap"] <= gap[name]["chance_95"] for gap in gaps]) >= 0.88, name


def test_a_group_for_which_predictions_are_useless_is_found() -> None:
    predictions = simulate_predictions(3.0, subjects=100, each=2)
    groups = random_groups(predictions, 2, 0)
    useless = (groups == "g0").to_numpy()
    noise = np.random.default_rng(0).random(100)[predictions.subject]
    p = np.where(useless, noise, predictions.probability[:, 1])
    mixed = replace(predictions, predicted=(p >= 0.5).astype(np.intp), probability=np.column_stack([1 - p, p]))
    gaps = score_subgroups(mixed, groups)["gaps"]
    for name in ("f1", "macro_f1", "auc"):
        assert gaps[name]["p"] <= 0.02
        assert (gaps[name]["best"], gaps[name]["worst"]) == ("g1", "g0")
        assert gaps[name]["gap"] > gaps[name]["chance_95"]


def test_a_column_with_too_many_values_is_refused() -> None:
    labels = pd.DataFrame({"severity": [str(value) for value in range(21)]})
    with pytest.raises(ConfigError, match="--by severity has too many values"):
        check_subgroup_columns(labels, ["severity"], pd.Series(["S1"] * 21))
