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
from pdmr_classic.environment import describe_environment
from pdmr_classic.errors import ArtifactError, ConfigError, TargetError
from pdmr_classic.models.persistence.artifact import (
    SCHEMA,
    load_artifact,
    manifest_path,
    read_manifest,
    save_artifact,
)
from pdmr_classic.progress import CollectingReporter


class Payload:
    """Content of a malicious file: unpickling it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def model_copy(fitted_file: Path, tmp_path: Path) -> Path:
    """Return a copy of the fitted model that a test may modify."""
    shutil.copy(manifest_path(fitted_file), tmp_path / "mine.json")
    return Path(shutil.copy(fitted_file, tmp_path / "mine.joblib"))


def payload(mark: Path) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(Payload(mark), buffer)
    return buffer.getvalue()


def change_manifest(path: Path, **changes: Any) -> None:
    place = manifest_path(path)
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))


def test_an_older_model_uses_the_timestamps_of_new_recordings(fitted_model: DepressionModel, tmp_path: Path) -> None:
    older = copy.copy(fitted_model)
    older.settings = fitted_model.settings.override({"reading.fps": 30.0})
    for name in ("tracker", "face", "angle_unit", "au_maximum", "time_unit", "resting_face"):
        del older.settings.reading.__dict__[name]
    loaded = DepressionModel.load(older.save(tmp_path / "older.joblib"))
    assert loaded.settings == fitted_model.settings


def test_a_loaded_model_predicts_what_the_saved_one_did(
    fitted_model: DepressionModel, fitted_file: Path, small_set: Path
) -> None:
    test = load_dataset(small_set, split="test")
    pd.testing.assert_frame_equal(DepressionModel.load(fitted_file).predict(test), fitted_model.predict(test))


def test_the_manifest_describes_the_model(fitted_model: DepressionModel, fitted_file: Path) -> None:
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


def test_settings_can_be_loaded_from_the_manifest(fitted_file: Path, quick_settings: Settings) -> None:
    assert Settings.load(manifest_path(fitted_file)) == quick_settings


def test_a_fit_with_the_settings_of_the_manifest_repeats_the_model(
    fitted_model: DepressionModel, fitted_file: Path, small_set: Path
) -> None:
    again = fit(load_dataset(small_set, split="train"), settings=Settings.load(manifest_path(fitted_file)))
    test = load_dataset(small_set, split="test")
    pd.testing.assert_frame_equal(again.predict(test), fitted_model.predict(test), check_exact=True)
    salted = {"content_hashes": "salted at random"}
    assert {**again.metadata_, **salted} == {**fitted_model.metadata_, **salted}


def test_the_manifest_contains_the_effective_settings(
    small_set: Path, tmp_path: Path, quick_settings: Settings
) -> None:
    only_svm = quick_settings.override({"learning.learners": ("svm",)})
    model = fit(load_dataset(small_set, split="train"), settings=only_svm, trials=2, seed=5)
    loaded = Settings.load(manifest_path(model.save(tmp_path / "m.joblib")))
    assert loaded == only_svm.override({"learning.trials": 2, "learning.seed": 5})


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_changed_byte_is_detected_before_anything_is_unpickled(model_copy: Path, place: int) -> None:
    data = bytearray(model_copy.read_bytes())
    data[place] ^= 1
    model_copy.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"does not match its manifest and was not opened"):
        DepressionModel.load(model_copy)


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_truncated_model_is_refused(model_copy: Path, share: float) -> None:
    data = model_copy.read_bytes()
    model_copy.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ArtifactError, match="does not match its manifest"):
        DepressionModel.load(model_copy)


def test_a_payload_with_the_manifest_of_another_model_does_not_run(model_copy: Path, tmp_path: Path) -> None:
    model_copy.write_bytes(payload(tmp_path / "executed"))
    with pytest.raises(ArtifactError, match="was not opened"):
        DepressionModel.load(model_copy)
    assert not (tmp_path / "executed").exists()


def test_a_payload_without_a_manifest_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "evil.joblib").write_bytes(payload(tmp_path / "executed"))
    with pytest.raises(ArtifactError, match="has no manifest and was not opened"):
        DepressionModel.load(tmp_path / "evil.joblib")
    assert not (tmp_path / "executed").exists()


def test_the_payload_of_these_tests_would_run_if_it_were_opened(tmp_path: Path) -> None:
    joblib.load(io.BytesIO(payload(tmp_path / "executed")))
    assert (tmp_path / "executed").is_dir()


def test_a_manifest_of_another_model_is_refused(model_copy: Path) -> None:
    change_manifest(model_copy, sha256="0" * 64)
    with pytest.raises(ArtifactError, match=r"expected: SHA-256 0000"):
        DepressionModel.load(model_copy)


@pytest.mark.parametrize("schema", ["pdmr-classic/model/9", None, 7])
def test_a_manifest_of_another_schema_is_refused_and_nothing_is_opened(
    model_copy: Path, tmp_path: Path, schema: Any
) -> None:
    data = payload(tmp_path / "executed")
    model_copy.write_bytes(data)
    change_manifest(model_copy, schema=schema, sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(
        ArtifactError,
        match=r"unsupported schema version in the manifest; the model was not opened[^\0]*train the model again",
    ):
        DepressionModel.load(model_copy)
    assert not (tmp_path / "executed").exists()


def test_a_missing_manifest_is_reported_with_its_expected_name(model_copy: Path) -> None:
    manifest_path(model_copy).unlink()
    with pytest.raises(ArtifactError, match=r"no manifest[^\0]*expected: mine\.json next to it"):
        DepressionModel.load(model_copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"a string"', '{"schema": "pdmr-classic/model/1"}'])
def test_a_file_that_is_not_a_manifest_is_refused(model_copy: Path, text: str) -> None:
    manifest_path(model_copy).write_text(text)
    with pytest.raises(ArtifactError, match=r"is not valid JSON|unsupported schema version"):
        DepressionModel.load(model_copy)


def test_a_binary_manifest_is_refused(model_copy: Path) -> None:
    manifest_path(model_copy).write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ArtifactError, match="is not valid JSON"):
        DepressionModel.load(model_copy)


def test_a_text_file_named_joblib_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.joblib").write_text("call the laboratory back\n")
    with pytest.raises(ArtifactError, match="has no manifest"):
        DepressionModel.load(tmp_path / "notes.joblib")


def test_a_text_file_with_the_manifest_of_a_model_is_refused(model_copy: Path) -> None:
    model_copy.write_text("call the laboratory back\n")
    with pytest.raises(ArtifactError, match="does not match its manifest"):
        DepressionModel.load(model_copy)


def test_a_text_file_with_a_manifest_of_its_own_hash_is_refused(model_copy: Path) -> None:
    model_copy.write_text("call the laboratory back\n")
    change_manifest(model_copy, sha256=hashlib.sha256(model_copy.read_bytes()).hexdigest())
    with pytest.raises(ArtifactError, match="cannot be opened"):
        DepressionModel.load(model_copy, trust=True)


@pytest.mark.parametrize("name", ["none.joblib", "folder.joblib"])
def test_a_missing_model_is_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.joblib").mkdir()
    with pytest.raises(ArtifactError, match=r"does not exist[^\0]*train a model: pdmr-classic fit"):
        DepressionModel.load(tmp_path / name)


def test_another_type_of_object_with_a_valid_manifest_is_refused(tmp_path: Path) -> None:
    save_artifact({"weights": [1, 2]}, tmp_path / "other.joblib", {"features": ["video__c__mean"]})
    with pytest.raises(ArtifactError, match=r"does not contain a DepressionModel[^\0]*found: +dict"):
        DepressionModel.load(tmp_path / "other.joblib")


@pytest.mark.parametrize("changes", [{"feature_names_": ["video__other__mean"]}, {"feature_names_": []}])
def test_a_manifest_with_other_features_than_the_model_is_refused(
    fitted_model: DepressionModel, tmp_path: Path, changes: dict[str, Any]
) -> None:
    odd = copy.copy(fitted_model)
    odd.__dict__.update(changes)
    with pytest.raises(ArtifactError, match="the features in the manifest differ from those of the model"):
        DepressionModel.load(odd.save(tmp_path / "odd.joblib"))


@pytest.mark.parametrize("features", [None, [], "video__c__mean", [1, 2], ["a", "a"], {"a": 1}])
def test_a_manifest_without_a_list_of_features_is_refused(model_copy: Path, features: Any) -> None:
    change_manifest(model_copy, features=features)
    with pytest.raises(ArtifactError, match=r"manifest is corrupt, and the model was not opened[^\0]*'features"):
        DepressionModel.load(model_copy)


@pytest.mark.parametrize("changes", [{"sha256": "G" * 64}, {"sha256": 7}, {"libraries": None}, {"libraries": {"a": 1}}])
def test_a_damaged_manifest_is_refused(model_copy: Path, changes: dict[str, Any]) -> None:
    change_manifest(model_copy, **changes)
    with pytest.raises(ArtifactError, match="manifest is corrupt, and the model was not opened"):
        DepressionModel.load(model_copy)


def test_a_deeply_nested_manifest_is_refused(model_copy: Path) -> None:
    manifest_path(model_copy).write_text("[" * 100_000)
    with pytest.raises(ArtifactError, match="is not valid JSON"):
        DepressionModel.load(model_copy)


def test_a_pipe_instead_of_the_manifest_does_not_block(model_copy: Path) -> None:
    manifest_path(model_copy).unlink()
    os.mkfifo(manifest_path(model_copy))
    with pytest.raises(ArtifactError, match="no manifest"):
        DepressionModel.load(model_copy)


# ----------------------------------------------------------------------------------------- versions


def other(version: str, part: int) -> str:
    """Return the version with one part incremented."""
    parts = version.split(".")
    parts[part] = str(int(parts[part]) + 1)
    return ".".join(parts)


@pytest.mark.parametrize(("library", "part"), [("lightgbm", 1), ("numpy", 2), ("scikit-learn", 2), ("pdmr-classic", 2)])
def test_compatible_library_versions_are_reported_and_the_model_is_loaded(
    model_copy: Path, library: str, part: int
) -> None:
    libraries = read_manifest(model_copy)["libraries"]
    changed = other(libraries[library], part)
    change_manifest(model_copy, libraries=libraries | {library: changed})
    reporter = CollectingReporter()
    assert DepressionModel.load(model_copy, reporter=reporter).classes_ == ["Depression", "Normal"]
    (finding,) = reporter.findings
    assert finding.code == "version-mismatch"
    assert f"{library} {changed} (installed: {libraries[library]})" in str(finding.found)


@pytest.mark.parametrize(("library", "part"), [("lightgbm", 0), ("numpy", 0), ("scikit-learn", 1), ("pdmr-classic", 1)])
def test_incompatible_versions_are_refused_before_anything_is_unpickled(
    model_copy: Path, tmp_path: Path, library: str, part: int
) -> None:
    model_copy.write_bytes(payload(tmp_path / "executed"))
    digest = hashlib.sha256(model_copy.read_bytes()).hexdigest()
    libraries = read_manifest(model_copy)["libraries"]
    change_manifest(model_copy, sha256=digest, libraries=libraries | {library: other(libraries[library], part)})
    with pytest.raises(ArtifactError, match=rf"incompatible library versions[^\0]*pip install '{library}==[\d.]+\.\*'"):
        DepressionModel.load(model_copy, trust=True)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("machine", [{"cpu": "another", "architecture": "arm64", "blas": []}, None])
def test_a_model_from_another_machine_is_loaded_without_a_note(model_copy: Path, machine: Any) -> None:
    change_manifest(model_copy, machine=machine)
    reporter = CollectingReporter()
    DepressionModel.load(model_copy, reporter=reporter)
    assert reporter.findings == []


def test_a_library_missing_from_the_manifest_is_incompatible(model_copy: Path) -> None:
    libraries = read_manifest(model_copy)["libraries"]
    del libraries["xgboost"]
    change_manifest(model_copy, libraries=libraries)
    with pytest.raises(ArtifactError, match=r"expected: xgboost unknown"):
        DepressionModel.load(model_copy)


def test_a_model_is_written_only_with_the_suffix_joblib(fitted_model: DepressionModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.joblib[^\0]*expected: mine\.joblib"):
        fitted_model.save(tmp_path / "mine.pkl")
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_not_written_over_a_folder(fitted_model: DepressionModel, tmp_path: Path) -> None:
    (tmp_path / "mine.joblib").mkdir()
    with pytest.raises(TargetError, match="the output path is a folder"):
        fitted_model.save(tmp_path / "mine.joblib")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.joblib"]


def test_a_model_whose_manifest_cannot_be_written_is_not_written(fitted_model: DepressionModel, tmp_path: Path) -> None:
    (tmp_path / "mine.json").mkdir()
    with pytest.raises(TargetError, match="the output path is a folder"):
        fitted_model.save(tmp_path / "mine.joblib")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.json"]


def test_a_model_saved_twice_loads_with_its_manifest(fitted_model: DepressionModel, tmp_path: Path) -> None:
    for _ in range(2):
        fitted_model.save(tmp_path / "mine.joblib")
    model, manifest, findings = load_artifact(tmp_path / "mine.joblib")
    assert model.feature_names_ == manifest["features"]
    assert findings == []
