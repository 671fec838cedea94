"""Contributions add up to what is predicted, for every kind of model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from explained_tables import AUDIO, PLANTED, VIDEO, make_table

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.models.explanation._parts import PREDICTED_SCORES
from pdmr_classic.models.explanation.explain import SCORE, Explanation, explain_features
from pdmr_classic.progress import CollectingReporter

QUICK = {"trials": 1, "repeats": 1, "folds": 3, "importance": False}


def fit_model(
    *data: Any, severity: pd.Series | None = None, conditions: pd.Series | None = None, **learning: Any
) -> DepressionModel:
    settings = Settings().override({f"learning.{name}": value for name, value in (QUICK | learning).items()})
    settings = settings.override({"severity.learners": ["lightgbm_regressor", "ordinal", "svr"]})
    return DepressionModel(settings).fit(*data, severity=severity, conditions=conditions, reporter=CollectingReporter())


def predicted(model: DepressionModel, table: pd.DataFrame, conditions: pd.Series | None = None) -> np.ndarray:
    """Return what contributions must add up to."""
    predictions = model.predict_features(table, conditions=conditions, reporter=CollectingReporter())
    if not model.learns_status:
        return predictions["severity"].to_numpy()
    if model.positive_ is not None:
        p = predictions["probability"].to_numpy()
        return np.log(p / (1 - p))
    logs = np.log(predictions[[f"probability_{name}" for name in model.classes_]].to_numpy())
    return np.asarray(logs.max(axis=1) - logs.mean(axis=1))


def total(explanation: Explanation) -> np.ndarray:
    parts = explanation.contributions.sum(axis=1, skipna=False) + explanation.adjustments.sum(axis=1)
    return np.asarray(explanation.base + parts)


def check_sum(model: DepressionModel, table: pd.DataFrame, conditions: pd.Series | None = None) -> Explanation:
    explanation = explain_features(model, table, conditions=conditions)
    np.testing.assert_allclose(total(explanation), predicted(model, table, conditions), atol=1e-6)
    for grouped in (explanation.by_view(), explanation.by_family(), explanation.by_channel()):
        np.testing.assert_allclose(grouped.sum(axis=1), explanation.contributions.sum(axis=1), atol=1e-9)
    return explanation


@pytest.fixture(scope="module")
def model() -> DepressionModel:
    """All learners on video, audio and both."""
    return fit_model(*make_table())


def test_contributions_add_up_and_the_planted_feature_comes_first(model: DepressionModel) -> None:
    table = make_table()[0]
    explanation = check_sum(model, table)
    assert explanation.contributions.abs().mean().idxmax() == PLANTED
    assert explanation.by_channel().abs().mean().idxmax() == "video AU12_r"
    assert (explanation.exact_share == 1).all()
    assert (explanation.error == 0).all(axis=None)
    assert set(explanation.targets) == {"Depression"}
    # Recordings of class Depression, whose planted feature is low, are pushed towards it.
    sign = np.where(make_table()[1] == "Depression", 1.0, -1.0)
    assert (explanation.contributions[PLANTED] * sign).mean() > 0.5


def test_a_missing_modality_contributes_nothing(model: DepressionModel) -> None:
    table = make_table()[0]
    without_video, without_audio = table.index[7], table.index[12]
    explanation = check_sum(model, table)
    assert (explanation.contributions.loc[without_video, VIDEO] == 0).all()
    assert (explanation.contributions.loc[without_audio, AUDIO] == 0).all()
    assert explanation.by_view().loc[without_video, "audio"] != 0
    assert explanation.spread.loc[without_video, "distribution"] == 0


def test_a_recording_without_any_modality_has_no_contributions(model: DepressionModel) -> None:
    table = make_table()[0].iloc[:2].copy()
    table.iloc[0] = np.nan
    explanation = explain_features(model, table)
    assert np.isnan(explanation.log_odds[0])
    assert explanation.contributions.iloc[0].isna().all()
    assert np.isfinite(explanation.contributions.iloc[1]).all()


def test_a_saved_model_gives_the_same_contributions(model: DepressionModel, tmp_path: Path) -> None:
    table = make_table()[0]
    loaded = DepressionModel.load(model.save(tmp_path / "m.joblib"), trust=True)
    expected = explain_features(model, table).contributions
    pd.testing.assert_frame_equal(explain_features(loaded, table).contributions, expected, rtol=1e-9)


def test_a_recording_is_explained_alone_as_among_others(model: DepressionModel) -> None:
    table = make_table()[0]
    alone = explain_features(model, table.iloc[[4]]).contributions
    pd.testing.assert_frame_equal(alone, explain_features(model, table).contributions.iloc[[4]], rtol=1e-9)


def test_log_odds_beyond_the_limits_are_an_adjustment() -> None:
    table, status, groups = make_table()
    table[PLANTED] += 20 * (status == "Normal")
    model = fit_model(table, status, groups, learners=["linear"])
    explanation = check_sum(model, 3 * table)
    assert list(explanation.adjustments) == ["limits"]
    assert explanation.adjustments["limits"].abs().max() > 1


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_lite_model_adds_up_saved_and_in_memory(n_classes: int, tmp_path: Path) -> None:
    table, status, groups = make_table(n_classes=n_classes)
    model = fit_model(table, status, groups, lite=True)
    check_sum(model, table)
    loaded = DepressionModel.load(model.save(tmp_path / "m.joblib"), trust=True)
    explanation = check_sum(loaded, table)
    assert explanation.contributions.abs().mean().idxmax() == PLANTED


def test_several_classes_speak_for_the_predicted_one() -> None:
    table, status, groups = make_table(n_classes=3)
    model = fit_model(table, status, groups, learners=["lightgbm", "xgboost", "svm", "extra_trees"])
    explanation = check_sum(model, table)
    assert list(explanation.targets) == model.predict_features(table)["status"].tolist()
    assert (explanation.exact_share > 0).all()
    assert (explanation.exact_share < 1).mean() > 0.8
    assert any("svm" in line and "sampled" in line for line in explanation.method)
    assert (explanation.error["distribution"] > 0).any()


def test_the_same_seed_gives_the_same_bytes_and_more_permutations_a_smaller_error() -> None:
    table, status, groups = make_table(n_classes=3)
    model = fit_model(table, status, groups, learners=["svm"])
    few, again, other = (explain_features(model, table, seed=seed, n_permutations=4) for seed in (0, 0, 1))
    assert few.contributions.to_numpy().tobytes() == again.contributions.to_numpy().tobytes()
    assert few.contributions.to_numpy().tobytes() != other.contributions.to_numpy().tobytes()
    many = explain_features(model, table, n_permutations=64)
    assert many.error.mean().mean() < 0.5 * few.error.mean().mean()


def test_suppressed_habits_add_up() -> None:
    table, status, groups = make_table(80)
    rng = np.random.default_rng(1)
    table.iloc[:, 1] += 4 * rng.normal(size=40).repeat(2)
    model = fit_model(
        table, status, groups, suppress_identity=True, learners=["svm", "linear", "lightgbm", "extra_trees"]
    )
    assert any("SuppressIdentity" in str(pipeline) for pipeline in model.stacker_.models_.values())
    check_sum(model, table)


@pytest.fixture(scope="module")
def gated() -> tuple[DepressionModel, pd.DataFrame]:
    """A model with a joined view and a gate of views, and its table."""
    rng, n = np.random.default_rng(0), 240
    codes = np.arange(n) // 2 % 2
    sign = 2 * codes[:, None] - 1
    is_low = rng.random(n) < 0.3
    video = np.where(is_low[:, None], 2 * rng.normal(size=(n, 5)), sign) + rng.normal(size=(n, 5))
    audio = 0.4 * sign + rng.normal(size=(n, 5))
    names = [f"{view}__{k:03d}" for view in ("video__c", "audio__vector") for k in range(5)]
    index = pd.Index([f"r{k}" for k in range(n)], name="data_id")
    table = pd.DataFrame(np.hstack([video, audio]), index, names)
    table["quality__stream__coverage"] = np.where(is_low, 0.2, 1.0) - 0.05 * rng.random(n)
    status = pd.Series(np.where(codes == 1, "Depression", "Normal"), index)
    groups = pd.Series([f"S{k // 2}" for k in range(n)], index)
    return fit_model(table, status, groups, learners=["linear"], join_views=True), table


def test_joined_views_and_a_gate_add_up(gated: tuple[DepressionModel, pd.DataFrame]) -> None:
    model, table = gated
    assert model.has_view_gate
    assert "joined" in model.stacker_.views_
    incomplete = table.copy()
    incomplete.iloc[:5, :5] = np.nan
    incomplete.iloc[5:10, 5:10] = np.nan
    explanation = check_sum(model, incomplete)
    assert "joined" in explanation.by_view()
    assert "quality__stream__coverage" not in explanation.names


def test_experts_add_up_with_and_without_a_known_condition() -> None:
    table, status, groups = make_table(160)
    conditions = pd.Series(["human" if k % 8 < 4 else "robot" for k in range(160)], table.index)
    table.loc[conditions == "human", PLANTED] *= -1
    model = fit_model(table, status, groups, conditions=conditions, experts="interviewer", learners=["linear", "svm"])
    assert model.predictor_.presence is not None
    assert model.predictor_.presence.experts is not None
    assert set(model.predictor_.presence.experts.experts_) == {"human", "robot"}
    table.loc[table.index[:6], AUDIO] = np.nan
    known = check_sum(model, table, conditions)
    unknown = check_sum(model, table)
    assert not np.allclose(known.contributions[PLANTED], unknown.contributions[PLANTED])


@pytest.fixture(scope="module")
def scored() -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.Series]:
    """A table whose planted feature shows the score, labels, subjects and scores."""
    table, status, groups = make_table(160)
    rng = np.random.default_rng(2)
    score = pd.Series(np.where(status == "Depression", 14.0, 5.0) + rng.normal(0, 3, 160), table.index).clip(0, 24)
    table[PLANTED] = score + rng.normal(0, 4, 160)
    return table, status, groups, score


def test_a_model_of_a_score_has_contributions_in_points(
    scored: tuple[pd.DataFrame, pd.Series, pd.Series, pd.Series],
) -> None:
    table, _, groups, score = scored
    model = fit_model(table, None, groups, severity=score)
    explanation = check_sum(model, table)
    assert set(explanation.targets) == {SCORE}
    assert explanation.contributions.abs().mean().idxmax() == PLANTED


def test_predicted_scores_are_an_adjustment(scored: tuple[pd.DataFrame, pd.Series, pd.Series, pd.Series]) -> None:
    table, status, groups, score = scored
    model = fit_model(table, status, groups, severity=score, learners=["lightgbm"])
    assert model.predictor_.presence is not None
    assert model.predictor_.presence.uses_severity
    assert PREDICTED_SCORES in check_sum(model, table).adjustments
