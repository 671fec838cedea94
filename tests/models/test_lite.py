"""Lite models: small, without rows of training data, and otherwise like any model."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings, fit, load_dataset
from pdmr_classic.errors import ConfigError

MAX_BYTES = 520_000


@pytest.fixture(scope="module")
def lite_model(small_set: Path, quick_settings: Settings) -> DepressionModel:
    settings = quick_settings.override({"learning.lite": True})
    return fit(load_dataset(small_set, split="train"), settings=settings)


@pytest.fixture(scope="module")
def lite_file(lite_model: DepressionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lite_model.save(tmp_path_factory.mktemp("lite") / "lite.joblib")


def test_it_has_few_small_members(lite_model: DepressionModel) -> None:
    learners = {member["learner"] for member in lite_model.metadata_["base_learners"]}
    assert learners == {"lite_ridge", "lite_trees"}
    assert lite_model.metadata_["contains_training_rows"] is False


def test_the_files_are_small(lite_file: Path) -> None:
    assert lite_file.stat().st_size + lite_file.with_suffix(".json").stat().st_size < MAX_BYTES


def test_a_saved_model_predicts_the_same(lite_model: DepressionModel, lite_file: Path, small_set: Path) -> None:
    test = load_dataset(small_set, split="test")
    pd.testing.assert_frame_equal(DepressionModel.load(lite_file).predict(test), lite_model.predict(test))


def test_a_recording_without_video_is_predicted(lite_model: DepressionModel, small_set: Path) -> None:
    features = lite_model.extract(load_dataset(small_set, split="test")).features
    features.loc[:, [name.startswith("video") for name in features]] = np.nan
    probability = lite_model.predict_features(features)["probability"]
    has_audio = features.filter(like="audio__").notna().any(axis=1)
    assert has_audio.sum() > 4
    assert probability[has_audio].notna().all()
    assert probability[~has_audio].isna().all()


def test_one_row_of_numbers_is_predicted_without_pandas(lite_file: Path, small_set: Path) -> None:
    model = DepressionModel.load(lite_file)
    features = model.extract(load_dataset(small_set, split="test")).features.reindex(columns=model.feature_names_)
    expected = model.predict_features(features)
    assert model.lite_ is not None
    probability = model.lite_.predict_proba(features.to_numpy()[:1])[0, model.classes_.index("Depression")]
    assert probability == pytest.approx(expected["probability"].iloc[0], abs=1e-12)


def test_it_holds_no_row_of_the_training_features(
    lite_model: DepressionModel, lite_file: Path, small_set: Path
) -> None:
    features = lite_model.extract(load_dataset(small_set, split="train")).features.reindex(
        columns=lite_model.feature_names_
    )
    content = pickle.dumps(DepressionModel.load(lite_file))
    is_normal = (features.abs() > 1e-3) & (features.abs() < 1e3)
    values = features.where(is_normal).to_numpy().ravel()
    values = np.unique(values[np.isfinite(values)])
    chosen = values[:: max(len(values) // 500, 1)]
    held = [float(value) for value in chosen if value.tobytes() in content or np.float32(value).tobytes() in content]
    assert len(held) < 0.05 * len(chosen)


def test_subjects_can_be_pooled(lite_model: DepressionModel, small_set: Path) -> None:
    test = load_dataset(small_set, split="test")
    subjects = pd.Series(test.groups)
    pooled = lite_model.predict(test, pool_subjects=subjects)
    assert (pooled["probability"].groupby(subjects.reindex(pooled.index).to_numpy()).nunique() == 1).all()


def test_the_prevalence_can_be_corrected(lite_file: Path, small_set: Path) -> None:
    model, test = DepressionModel.load(lite_file), load_dataset(small_set, split="test")
    assert (model.predict(test, prevalence=0.1)["probability"] < model.predict(test)["probability"]).all()


def test_its_manifest_repeats_the_fit(lite_file: Path) -> None:
    assert Settings.load(lite_file.with_suffix(".json")).learning.lite
    assert "feature_ranges" not in json.loads(lite_file.with_suffix(".json").read_text())
    assert DepressionModel.load(lite_file).metadata_["feature_ranges"]["features"]


def test_a_saved_lite_model_has_no_stacker(lite_file: Path) -> None:
    with pytest.raises(AttributeError, match="a saved lite model has no stacker_, only lite_"):
        _ = DepressionModel.load(lite_file).stacker_


def test_a_score_is_refused() -> None:
    index = pd.Index([f"{k:03d}" for k in range(40)])
    features = pd.DataFrame({"video__c__mean": np.arange(40.0)}, index)
    groups, severity = pd.Series(index, index), pd.Series(np.arange(40.0) % 20, index)
    model = DepressionModel(Settings().override({"learning.lite": True}))
    with pytest.raises(ConfigError, match="learns classes only"):
        model.fit(features, None, groups, severity=severity)


def test_experts_are_refused_before_files_are_read(small_set: Path) -> None:
    settings = Settings().override({"learning.lite": True, "learning.experts": "site"})
    with pytest.raises(ConfigError, match="without experts"):
        fit(load_dataset(small_set, split="train"), settings=settings)
