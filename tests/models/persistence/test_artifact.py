from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings, fit, load_dataset
from pdmr_classic.errors import ArtifactError, ConfigError, TargetError
from pdmr_classic.models.persistence.artifact import (
    SCHEMA,
    load_artifact,
    manifest_path,
    read_manifest,
    save_artifact,
)
from pdmr_classic.models.persistence.versions import describe_environment
from pdmr_classic.progress import CollectingReporter


class Payload:
    """What a hostile file would hold: unpickling it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def copied(fitted_file: Path, tmp_path: Path) -> Path:
    """Return a copy of the fitted model that a test may spoil."""
    shutil.copy(manifest_path(fitted_file), tmp_path / "mine.json")
    return Path(shutil.copy(fitted_file, tmp_path / "mine.joblib"))


def payload(mark: Path) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(Payload(mark), buffer)
    return buffer.getvalue()


def changed_manifest(path: Path, **changes: Any) -> None:
    place = manifest_path(path)
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))


def test_a_loaded_model_predicts_what_the_saved_one_did(
    fitted_model: DepressionModel, fitted_file: Path, small_set: Path
) -> None:
    test = load_dataset(small_set, split="test")
    pd.testing.assert_frame_equal(DepressionModel.load(fitted_file).predict(test), fitted_model.predict(test))


def test_the_manifest_says_what_the_model_is(fitted_model: DepressionModel, fitted_file: Path) -> None:
    manifest = read_manifest(fitted_file)
    assert manifest["schema"] == SCHEMA
    assert manifest["sha256"] == hashlib.sha256(fitted_file.read_bytes()).hexdigest()
    assert manifest["features"] == fitted_model.feature_names_
    assert manifest["classes"] == {"Depression": 8, "Normal": 8}
    assert manifest["positive"] == "Depression"
    assert manifest["threshold"] == fitted_model.threshold_
    assert manifest["n_subjects"] == 8
    assert manifest["contains_training_rows"] is True, "an SVM keeps its support vectors"
    assert manifest["synthetic"] is True
    assert {name: manifest[name] for name in ("python", "libraries", "machine")} == describe_environment()


def test_the_manifest_gives_the_settings_back(fitted_file: Path, quick_settings: Settings) -> None:
    assert Settings.load(manifest_path(fitted_file)) == quick_settings


def test_a_fit_with_the_settings_of_the_manifest_repeats_the_model(
    fitted_model: DepressionModel, fitted_file: Path, small_set: Path
) -> None:
    again = fit(load_dataset(small_set, split="train"), settings=Settings.load(manifest_path(fitted_file)))
    test = load_dataset(small_set, split="test")
    pd.testing.assert_frame_equal(again.predict(test), fitted_model.predict(test), check_exact=True)
    salted = {"contents": "salted at random"}
    assert {**again.facts_, **salted} == {**fitted_model.facts_, **salted}


def test_the_manifest_holds_the_settings_in_effect_not_only_those_given(
    small_set: Path, tmp_path: Path, quick_settings: Settings
) -> None:
    only_svm = quick_settings.override({"learning.learners": ("svm",)})
    model = fit(load_dataset(small_set, split="train"), settings=only_svm, trials=2, seed=5)
    loaded = Settings.load(manifest_path(model.save(tmp_path / "m.joblib")))
    assert loaded == only_svm.override({"learning.trials": 2, "learning.seed": 5})


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_changed_byte_is_found_before_anything_is_unpickled(copied: Path, place: int) -> None:
    data = bytearray(copied.read_bytes())
    data[place] ^= 1
    copied.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"not the one that its manifest describes; it was not opened"):
        DepressionModel.load(copied)


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_truncated_model_is_refused(copied: Path, share: float) -> None:
    data = copied.read_bytes()
    copied.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ArtifactError, match="not the one that its manifest describes"):
        DepressionModel.load(copied)


def test_a_payload_under_another_models_manifest_does_not_run(copied: Path, tmp_path: Path) -> None:
    copied.write_bytes(payload(tmp_path / "executed"))
    with pytest.raises(ArtifactError, match="it was not opened"):
        DepressionModel.load(copied)
    assert not (tmp_path / "executed").exists()


def test_a_payload_without_a_manifest_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "evil.joblib").write_bytes(payload(tmp_path / "executed"))
    with pytest.raises(ArtifactError, match="has no manifest; it was not opened"):
        DepressionModel.load(tmp_path / "evil.joblib")
    assert not (tmp_path / "executed").exists()


def test_the_payload_of_these_tests_would_run_if_it_were_opened(tmp_path: Path) -> None:
    joblib.load(io.BytesIO(payload(tmp_path / "executed")))
    assert (tmp_path / "executed").is_dir()


def test_a_manifest_of_another_model_is_refused(copied: Path) -> None:
    changed_manifest(copied, sha256="0" * 64)
    with pytest.raises(ArtifactError, match=r"expected: SHA-256 0000"):
        DepressionModel.load(copied)


@pytest.mark.parametrize("schema", ["pdmr-classic/model/9", None, 7])
def test_a_manifest_of_another_schema_is_refused_and_nothing_is_opened(
    copied: Path, tmp_path: Path, schema: Any
) -> None:
    data = payload(tmp_path / "executed")
    copied.write_bytes(data)
    changed_manifest(copied, schema=schema, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(ArtifactError, match=r"of another schema; the model was not opened[^\0]*train anew"):
        DepressionModel.load(copied)
    assert not (tmp_path / "executed").exists()


def test_a_missing_manifest_is_told_with_the_name_it_should_have(copied: Path) -> None:
    manifest_path(copied).unlink()
    with pytest.raises(ArtifactError, match=r"no manifest[^\0]*expected: mine\.json beside it"):
        DepressionModel.load(copied)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"a string"', '{"schema": "pdmr-classic/model/1"}'])
def test_a_manifest_that_is_none_is_refused(copied: Path, text: str) -> None:
    manifest_path(copied).write_text(text)
    with pytest.raises(ArtifactError, match=r"is no JSON|of another schema"):
        DepressionModel.load(copied)


def test_a_manifest_that_is_no_text_is_refused(copied: Path) -> None:
    manifest_path(copied).write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ArtifactError, match="is no JSON"):
        DepressionModel.load(copied)


def test_a_text_file_named_joblib_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.joblib").write_text("call the laboratory back\n")
    with pytest.raises(ArtifactError, match="has no manifest"):
        DepressionModel.load(tmp_path / "notes.joblib")


def test_a_text_file_under_a_model_s_manifest_is_refused(copied: Path) -> None:
    copied.write_text("call the laboratory back\n")
    with pytest.raises(ArtifactError, match="not the one that its manifest describes"):
        DepressionModel.load(copied)


def test_a_text_file_under_a_manifest_with_its_own_hash_is_refused(copied: Path) -> None:
    copied.write_text("call the laboratory back\n")
    changed_manifest(copied, sha256=hashlib.sha256(copied.read_bytes()).hexdigest())
    with pytest.raises(ArtifactError, match="cannot be opened"):
        DepressionModel.load(copied, trust=True)


@pytest.mark.parametrize("name", ["none.joblib", "folder.joblib"])
def test_a_model_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.joblib").mkdir()
    with pytest.raises(ArtifactError, match=r"there is no model[^\0]*train one: pdmr-classic fit"):
        DepressionModel.load(tmp_path / name)


def test_another_kind_of_object_with_a_good_manifest_is_refused(tmp_path: Path) -> None:
    save_artifact({"weights": [1, 2]}, tmp_path / "other.joblib", {"features": ["video__c__mean"]})
    with pytest.raises(ArtifactError, match=r"holds no DepressionModel[^\0]*found: +dict"):
        DepressionModel.load(tmp_path / "other.joblib")


@pytest.mark.parametrize("changes", [{"feature_names_": ["video__other__mean"]}, {"feature_names_": []}])
def test_a_manifest_with_other_features_than_the_model_is_refused(
    fitted_model: DepressionModel, tmp_path: Path, changes: dict[str, Any]
) -> None:
    odd = copy.copy(fitted_model)
    odd.__dict__.update(changes)
    with pytest.raises(ArtifactError, match="the manifest lists other features than the model has"):
        DepressionModel.load(odd.save(tmp_path / "odd.joblib"))


@pytest.mark.parametrize("features", [None, [], "video__c__mean", [1, 2], ["a", "a"], {"a": 1}])
def test_a_manifest_without_a_list_of_features_is_refused(copied: Path, features: Any) -> None:
    changed_manifest(copied, features=features)
    with pytest.raises(ArtifactError, match=r"manifest is damaged; the model was not opened[^\0]*'features"):
        DepressionModel.load(copied)


@pytest.mark.parametrize("changes", [{"sha256": "G" * 64}, {"sha256": 7}, {"libraries": None}, {"libraries": {"a": 1}}])
def test_a_damaged_manifest_is_refused(copied: Path, changes: dict[str, Any]) -> None:
    changed_manifest(copied, **changes)
    with pytest.raises(ArtifactError, match="manifest is damaged; the model was not opened"):
        DepressionModel.load(copied)


def test_a_manifest_that_is_nested_without_end_is_refused(copied: Path) -> None:
    manifest_path(copied).write_text("[" * 100_000)
    with pytest.raises(ArtifactError, match="is no JSON"):
        DepressionModel.load(copied)


def test_a_pipe_in_the_place_of_the_manifest_does_not_block(copied: Path) -> None:
    manifest_path(copied).unlink()
    os.mkfifo(manifest_path(copied))
    with pytest.raises(ArtifactError, match="no manifest"):
        DepressionModel.load(copied)


# ----------------------------------------------------------------------------------------- versions


def other(version: str, part: int) -> str:
    """Return a version that differs from this one in one part."""
    parts = version.split(".")
    parts[part] = str(int(parts[part]) + 1)
    return ".".join(parts)


@pytest.mark.parametrize(("library", "part"), [("lightgbm", 1), ("numpy", 2), ("scikit-learn", 2), ("pdmr-classic", 2)])
def test_other_library_versions_are_told_and_the_model_is_loaded(copied: Path, library: str, part: int) -> None:
    libraries = read_manifest(copied)["libraries"]
    changed = other(libraries[library], part)
    changed_manifest(copied, libraries=libraries | {library: changed})
    told = CollectingReporter()
    assert DepressionModel.load(copied, reporter=told).classes_ == ["Depression", "Normal"]
    (finding,) = told.findings
    assert finding.code == "other-versions"
    assert f"{library} {changed} (here {libraries[library]})" in str(finding.found)


@pytest.mark.parametrize(("library", "part"), [("lightgbm", 0), ("numpy", 0), ("scikit-learn", 1), ("pdmr-classic", 1)])
def test_incompatible_versions_are_refused_before_anything_is_unpickled(
    copied: Path, tmp_path: Path, library: str, part: int
) -> None:
    copied.write_bytes(payload(tmp_path / "executed"))
    digest = hashlib.sha256(copied.read_bytes()).hexdigest()
    libraries = read_manifest(copied)["libraries"]
    changed_manifest(copied, sha256=digest, libraries=libraries | {library: other(libraries[library], part)})
    with pytest.raises(ArtifactError, match=rf"do not go together[^\0]*pip install '{library}==[\d.]+\.\*'"):
        DepressionModel.load(copied, trust=True)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("machine", [{"cpu": "another", "architecture": "arm64", "blas": []}, None])
def test_a_model_from_another_machine_is_loaded_without_a_word(copied: Path, machine: Any) -> None:
    changed_manifest(copied, machine=machine)
    told = CollectingReporter()
    DepressionModel.load(copied, reporter=told)
    assert told.findings == []


def test_a_library_that_the_manifest_does_not_name_is_incompatible(copied: Path) -> None:
    libraries = read_manifest(copied)["libraries"]
    del libraries["xgboost"]
    changed_manifest(copied, libraries=libraries)
    with pytest.raises(ArtifactError, match=r"expected: xgboost unknown"):
        DepressionModel.load(copied)


def test_a_model_is_named_joblib_or_not_written(fitted_model: DepressionModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.joblib[^\0]*expected: mine\.joblib"):
        fitted_model.save(tmp_path / "mine.pkl")
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_not_written_over_a_folder(fitted_model: DepressionModel, tmp_path: Path) -> None:
    (tmp_path / "mine.joblib").mkdir()
    with pytest.raises(TargetError, match="the target is a folder"):
        fitted_model.save(tmp_path / "mine.joblib")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.joblib"]


def test_a_model_whose_manifest_has_no_place_is_not_written(fitted_model: DepressionModel, tmp_path: Path) -> None:
    (tmp_path / "mine.json").mkdir()
    with pytest.raises(TargetError, match="the target is a folder"):
        fitted_model.save(tmp_path / "mine.joblib")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.json"]


def test_a_file_that_is_saved_twice_loads_with_its_own_manifest(fitted_model: DepressionModel, tmp_path: Path) -> None:
    for _ in range(2):
        fitted_model.save(tmp_path / "mine.joblib")
    model, manifest, findings = load_artifact(tmp_path / "mine.joblib")
    assert model.feature_names_ == manifest["features"]
    assert findings == []
