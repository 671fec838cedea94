"""ONNX files: they predict what the model predicts, and are written only then."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings, fit, load_dataset
from pdmr_classic.cli.app import app
from pdmr_classic.errors import ArtifactError, ConfigError
from pdmr_classic.models.export import onnx_file
from pdmr_classic.models.export.onnx_file import TOLERANCE, export_onnx, run_onnx
from pdmr_classic.progress import CollectingReporter


def fit_table(features: pd.DataFrame, y: np.ndarray, **changes: Any) -> DepressionModel:
    names = ["Depression", "Normal"] if y.max() == 1 else ["sitting", "standing", "walking"]
    status = pd.Series(np.array(names, dtype=object)[y], features.index)
    groups = pd.Series([f"S{k // 2}" for k in range(len(y))], features.index)
    changes = {f"learning.{name}": value for name, value in changes.items()}
    settings = Settings().override({"learning.trials": 1, "learning.folds": 2, "learning.repeats": 1} | changes)
    return DepressionModel(settings).fit(features, status, groups, reporter=CollectingReporter())


def make_features(n_classes: int = 2) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    y = (np.arange(60) // 2) % n_classes
    names = [f"video__c{k}__mean" for k in range(7)] + [f"audio__vector__{k:03d}" for k in range(5)]
    X = rng.normal(size=(60, len(names))) + y[:, None] * np.linspace(0, 1, len(names))
    X[rng.random(X.shape) < 0.05] = np.nan
    X[:6, :7], X[6:12, 7:] = np.nan, np.nan
    return pd.DataFrame(X, index=pd.Index([f"{k:03d}" for k in range(60)], name="data_id"), columns=names), y


def assert_equal_predictions(model: DepressionModel, features: pd.DataFrame, path: Path) -> None:
    features = features.reindex(columns=model.feature_names_).copy()
    features.iloc[0] = np.nan
    export_onnx(model, path)
    labels, probability = run_onnx(path.read_bytes(), features.to_numpy())
    expected = model.predictor_.predict_raw(features).probability
    assert expected is not None
    status = model.predict_features(features)["status"].to_numpy()
    assert labels[0] == ""
    assert np.isnan(probability[0]).all()
    np.testing.assert_allclose(probability[1:], expected[1:], atol=TOLERANCE)
    assert (labels[1:] == status[1:]).all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("lite", [False, True])
def test_labels_and_probabilities_are_those_of_the_model(n_classes: int, lite: bool, tmp_path: Path) -> None:
    features, y = make_features(n_classes)
    assert_equal_predictions(fit_table(features, y, lite=lite), features, tmp_path / "m.onnx")


@pytest.mark.parametrize("form", ["l2", "signed_root"])
@pytest.mark.parametrize("components", [None, 3])
def test_a_normalised_audio_vector_is_exported(
    form: str, components: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {"audio": form, "audio_components": components}
    monkeypatch.setattr("pdmr_classic.models.learners.search_spaces._AUDIO_DEFAULTS", defaults)
    features, y = make_features()
    assert_equal_predictions(fit_table(features, y, learners=["svm", "lightgbm"]), features, tmp_path / "m.onnx")


@pytest.mark.parametrize("lite", [False, True])
def test_suppressed_habits_are_exported(lite: bool, tmp_path: Path) -> None:
    features, y = make_features()
    features.iloc[:, :5] += 6 * np.random.default_rng(0).normal(size=(30, 5))[np.arange(60) // 2]
    model = fit_table(features, y, lite=lite, suppress_identity=True)
    assert any(member["directions"] for member in model.metadata_["suppression"].values())
    assert_equal_predictions(model, features, tmp_path / "m.onnx")


def test_selected_columns_far_apart_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"k": 2, "C": 3.0}
    monkeypatch.setitem(sys.modules["pdmr_classic.models.learners.search_spaces"]._DEFAULTS, "linear", params)
    features, y = make_features()
    assert_equal_predictions(fit_table(features, y, learners=["linear"]), features, tmp_path / "m.onnx")


def test_features_fitted_in_folds_are_exported(small_set: Path, tmp_path: Path) -> None:
    families = ["distribution", "kinemes", "au_tangent", "audio_vector"]
    changes = {"features.families": families, "learning.learners": ["linear"], "learning.trials": 1}
    settings = Settings().override(changes | {"learning.folds": 2, "learning.repeats": 1})
    model = fit(load_dataset(small_set, split="train"), settings=settings, reporter=CollectingReporter())
    features = model.extract(load_dataset(small_set, split="test"), reporter=CollectingReporter()).features
    assert features.filter(like="material__kineme").notna().any(axis=None)
    assert_equal_predictions(model, features, tmp_path / "m.onnx")


def test_joined_views_of_three_modalities_are_exported(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = (np.arange(100) // 2) % 2
    names = [f"{view}__{k:03d}" for view in ("video__c", "audio__vector", "text__vector") for k in range(4)]
    X = 0.5 * rng.normal(size=(100, 12)) + rng.normal(size=100)[:, None] + 0.3 * y[:, None]
    X[:4, :4], X[4:8, 4:8], X[8:10, 4:] = np.nan, np.nan, np.nan
    features = pd.DataFrame(X, index=pd.Index([f"{k:03d}" for k in range(100)], name="data_id"), columns=names)
    model = fit_table(features, y, lite=True, join_views=True, importance=False)
    assert len(model.metadata_["joined_views"]) == 3
    assert_equal_predictions(model, features, tmp_path / "m.onnx")


def test_the_file_describes_itself(fitted_model: DepressionModel, tmp_path: Path) -> None:
    import onnxruntime

    written = export_onnx(fitted_model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(written.path, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["schema"] == "pdmr-classic/onnx/1"
    assert json.loads(metadata["classes"]) == fitted_model.classes_
    assert json.loads(metadata["positive"]) == "Depression"
    assert json.loads(metadata["threshold"]) == fitted_model.threshold_
    assert json.loads(metadata["features"]) == fitted_model.feature_names_
    assert [finding.code for finding in written.findings] == ["training-rows"]  # it has an SVM


def test_a_difference_is_an_error_and_nothing_is_written(
    fitted_model: DepressionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_wrongly(content: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels, probability = run_onnx(content, rows)
        return labels, probability + 2e-5

    monkeypatch.setattr(onnx_file, "run_onnx", run_wrongly)
    with pytest.raises(ArtifactError, match="predicts something else than the model, so nothing was written"):
        export_onnx(fitted_model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_label_that_differs_is_an_error(
    fitted_model: DepressionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_wrongly(content: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels, probability = run_onnx(content, rows)
        labels[-1] = "Other"
        return labels, probability

    monkeypatch.setattr(onnx_file, "run_onnx", run_wrongly)
    with pytest.raises(ArtifactError, match="1 of 200 check rows differ"):
        export_onnx(fitted_model, tmp_path / "m.onnx")


def test_a_model_of_a_score_is_refused(tmp_path: Path) -> None:
    features, y = make_features()
    groups = pd.Series([f"S{k // 2}" for k in range(len(y))], features.index)
    changes = {"severity.learners": ["ridge"], "learning.trials": 1, "learning.folds": 2, "learning.repeats": 1}
    score = pd.Series(np.arange(60.0) % 20, features.index)
    model = DepressionModel(Settings().override(changes)).fit(
        features, None, groups, severity=score, reporter=CollectingReporter()
    )
    with pytest.raises(ConfigError, match="only models of classes, without experts, can be exported"):
        export_onnx(model, tmp_path / "m.onnx")


def test_another_suffix_is_refused(fitted_model: DepressionModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.onnx"):
        export_onnx(fitted_model, tmp_path / "m.bin")


def test_without_the_extra_the_message_says_what_to_install(
    fitted_model: DepressionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"pip install 'pdmr-classic\[onnx\]'"):
        export_onnx(fitted_model, tmp_path / "m.onnx")


def test_the_command_writes_a_file(fitted_file: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    out = tmp_path / "m.onnx"
    result = CliRunner().invoke(app, ["export", str(fitted_file), "--onnx", str(out), "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["out"] == str(out)
    assert summary["n_bytes"] == out.stat().st_size
    assert summary["largest_difference"] <= TOLERANCE
    assert summary["findings"][0]["code"] == "training-rows"
