"""AUC within strata of equal conditions, and paired differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulate_predictions

from pdmr_classic.evaluation.confounds._strata import compare_aucs, match_rows, score_within_strata
from pdmr_classic.evaluation.predictions import Predictions


def score_by(predictions: Predictions, score: np.ndarray) -> Predictions:
    p = 1 / (1 + np.exp(-score))
    return replace(predictions, probability=np.column_stack([1 - p, p]))


def test_a_model_that_only_repeats_the_conditions_is_at_chance_within_strata() -> None:
    rng = np.random.default_rng(0)
    base = simulate_predictions(0, subjects=200, each=1)
    condition = (rng.random(200) < np.where(base.truth == 1, 0.75, 0.25)).astype(float)
    conditions = score_by(base, condition)
    copy, strong = score_by(base, condition + 0.1 * rng.normal(size=200)), score_by(base, base.truth + condition)
    assert score_within_strata(copy, copy)["auc"]["mean"] > 0.5, "fine differences are within strata"
    assert score_within_strata(copy, conditions)["auc"]["mean"] == pytest.approx(0.5, abs=0.12)
    assert score_within_strata(strong, conditions)["auc"]["mean"] == 1


def test_conditions_that_are_the_label_leave_no_pairs() -> None:
    base = simulate_predictions(1, subjects=40, each=1)
    part = score_within_strata(base, score_by(base, base.truth.astype(float)))
    assert part["n_pairs"] == 0
    assert part["auc"] == {"mean": None, "low": None, "high": None}


def test_without_a_relation_the_auc_within_strata_is_about_the_auc() -> None:
    base = simulate_predictions(2, subjects=200, each=1, repeats=2)
    noise = score_by(base, np.random.default_rng(0).normal(size=400))
    part = score_within_strata(base, noise)
    assert part["auc"]["mean"] == pytest.approx(0.83, abs=0.08)
    assert part["auc"]["low"] < part["auc"]["mean"] < part["auc"]["high"]


def test_differences_are_paired_by_repeat_and_recording() -> None:
    strong, weak = (simulate_predictions(distance, subjects=100, each=1, repeats=2, seed=1) for distance in (3, 0))
    shuffled = weak.subset(np.random.default_rng(0).permutation(200)[:150])
    a, b = match_rows(strong, shuffled)
    assert (a.recording == b.recording).all()
    assert (a.repeat == b.repeat).all()
    part = compare_aucs(strong, weak)
    assert part["low"] is not None
    assert 0 < part["low"] < part["difference"] < part["high"]
    assert compare_aucs(strong, strong)["difference"] == 0
