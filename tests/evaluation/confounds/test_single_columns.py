"""A shortcut in a single column, which a learner of all columns may miss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm
from simulated import simulate_predictions

from pdmr_classic.evaluation.confounds._single_columns import compare_single_columns

SUBJECTS, COLUMNS = 100, 9


def compare(auc: float, seed: int) -> tuple[str, float]:
    """Compare nine columns of noise, of which one tells the classes apart with this AUC."""
    predictions = simulate_predictions(0.0, subjects=SUBJECTS, each=2, seed=seed)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(SUBJECTS, COLUMNS))[predictions.subject]
    values[:, 3] += 2**0.5 * norm.ppf(auc) * predictions.truth
    columns = pd.DataFrame(values, index=predictions.recording).add_prefix("c")
    return compare_single_columns(columns, predictions, seed)


def test_a_shortcut_of_auc_75_is_found_in_nine_of_ten_sets_and_chance_in_one_of_twenty() -> None:
    found = [compare(0.75, seed) for seed in range(30)]
    assert sum(p <= 0.025 for _, p in found) >= 27
    assert {name for name, p in found if p <= 0.025} == {"c3"}
    assert sum(p <= 0.05 for _, p in (compare(0.5, seed) for seed in range(60))) <= 8


def test_conditions_that_are_constant_among_the_predicted_recordings_are_no_difference() -> None:
    predictions = simulate_predictions(0.0, subjects=20, each=1)
    columns = pd.DataFrame({"fps": 30.0}, index=predictions.recording)
    columns.loc["not predicted"] = 25.0
    assert compare_single_columns(columns, predictions) == ("", 1.0)


def test_missing_values_and_constant_columns_are_no_difference() -> None:
    predictions = simulate_predictions(0.0, subjects=20, each=1)
    columns = pd.DataFrame({"a": 1.0, "b": np.arange(20.0)}, index=predictions.recording)
    columns.loc[columns.index[:5], "b"] = np.nan
    name, p = compare_single_columns(columns, replace(predictions, truth=predictions.truth.copy()))
    assert name == "b"
    assert 0 < p <= 1
