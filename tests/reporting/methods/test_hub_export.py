"""Folders for the hub: complete or absent, with a card that claims nothing that is not in the files."""

from __future__ import annotations

import copy
import io
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.errors import ArtifactError, ConfigError, DataError, TargetError
from pdmr_classic.evaluation.evaluate import write_evaluation
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.models.export import hub_files
from pdmr_classic.models.export.hub_files import HubExport
from pdmr_classic.models.persistence.artifact import manifest_path
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.methods.hub_export import export_hub

QUICK = {
    "learning.learners": ["svm"],
    "learning.trials": 1,
    "learning.folds": 2,
    "learning.repeats": 1,
    "evaluation.folds": 2,
    "evaluation.repeats": 1,
    "evaluation.stress": False,
}
ID, SUBJECT, EVIL = "Rq7xRec", "Zw9kSub", "<script>alert(1)</script>|# No"
Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Model and evaluation of 15 subjects; one label would break a page."""
    folder = tmp_path_factory.mktemp("shared")
    rng = np.random.default_rng(0)
    index = pd.Index([f"{ID}{k:03d}" for k in range(30)], name="data_id")
    groups = pd.Series([f"{SUBJECT}{k // 2}" for k in range(30)], index)
    status = pd.Series(["Depression" if k // 2 % 2 else EVIL for k in range(30)], index)
    smiles = rng.normal(size=30) - (status == "Depression")
    features = pd.DataFrame({"video__AU12_r__mean": smiles, "audio__vector__000": rng.normal(size=30)}, index)
    settings = Settings().override(QUICK)
    model = DepressionModel(settings).fit(features, status, groups, reporter=CollectingReporter())
    evaluation = evaluate_features(features, status, groups, settings=settings)
    write_evaluation(evaluation, folder / "evaluation.json")
    return model.save(folder / "mine.joblib"), folder / "evaluation.json"


@pytest.fixture(scope="module")
def export(files: Files, tmp_path_factory: pytest.TempPathFactory) -> HubExport:
    model, evaluation = files
    folder = tmp_path_factory.mktemp("hub") / "a model"
    return export_hub(model, folder, evaluation=evaluation, license_id="cc-by-nc-4.0")


def read_card(folder: Path) -> tuple[dict[str, Any], str]:
    _, metadata, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(metadata), text


def change_evaluation(files: Files, folder: Path, **changes: Any) -> Path:
    evaluation = copy.deepcopy(json.loads(files[1].read_text()))
    for name, value in changes.items():
        section, _, key = name.partition("__")
        evaluation[section] = evaluation[section] | {key: value} if key else value
    path = folder / "changed.json"
    path.write_text(json.dumps(evaluation))
    return path


def test_the_folder_has_all_files_and_nothing_else(export: HubExport) -> None:
    names = {path.name for path in export.folder.iterdir()}
    assert names == set(export.sizes)
    assert names == {
        *("README.md", "config.json", "evaluation.json", "model.joblib", "model.json", "model.skops"),
        "requirements.txt",
    }
    assert [path.name for path in export.folder.parent.iterdir()] == ["a model"]


def test_the_metadata_are_those_that_the_hub_reads(export: HubExport, files: Files) -> None:
    metadata, _ = read_card(export.folder)
    assert metadata["library_name"] == "sklearn"
    assert metadata["pipeline_tag"] == "tabular-classification"
    assert metadata["license"] == "cc-by-nc-4.0"
    assert {"sklearn", "skops", "tabular-classification", "depression"} <= set(metadata["tags"])
    (results,) = metadata["model-index"][0]["results"]
    values = {metric["type"]: metric["value"] for metric in results["metrics"]}
    scores = json.loads(files[1].read_text())["scores"]
    assert values["f1"] == round(scores["f1"]["mean"], 4)
    assert values["roc_auc"] == round(scores["auc"]["mean"], 4)
    assert sorted(values) == sorted(metadata["metrics"])


def test_the_configuration_names_the_skops_file(export: HubExport) -> None:
    sklearn = json.loads((export.folder / "config.json").read_text())["sklearn"]
    assert sklearn["model"] == {"file": "model.skops"}
    assert sklearn["model_format"] == "skops"
    requirements = (export.folder / "requirements.txt").read_text().splitlines()
    assert sklearn["environment"] == requirements
    assert all(re.match(r"[a-z-]+(\[hub\])?==[0-9.]+", line) for line in requirements)


def test_skops_opens_the_file_without_any_trusted_type(export: HubExport) -> None:
    path = export.folder / "model.skops"
    assert skops.io.get_untrusted_types(file=path) == []
    assert set(skops.io.load(path)) == {"schema", "model"}


def test_the_joblib_file_is_the_one_that_fit_wrote(export: HubExport, files: Files) -> None:
    assert (export.folder / "model.joblib").read_bytes() == files[0].read_bytes()
    own, original = (json.loads(path.read_text()) for path in (export.folder / "model.json", manifest_path(files[0])))
    assert {name: value for name, value in own.items() if name != "skops_sha256"} == original
    models = (DepressionModel.load(path) for path in (export.folder, export.folder / "model.joblib"))
    table = pd.DataFrame({"video__AU12_r__mean": [0.1, np.nan], "audio__vector__000": [0.2, 0.3]})
    pd.testing.assert_frame_equal(*(model.predict_features(table) for model in models), check_exact=True)


def test_labels_have_no_effect_on_the_page(export: HubExport) -> None:
    _, text = read_card(export.folder)
    assert not re.search(r"(?<!\\)<script", text)
    assert r"\<script\>alert(1)\</script\>\|\# No" in text


def test_the_card_says_what_the_files_reveal(export: HubExport) -> None:
    _, text = read_card(export.folder)
    assert "**contain rows of training features**" in text
    assert "not a diagnosis" in text
    assert "rows of training features" in {finding.code: finding.what for finding in export.findings}["training-rows"]


def test_no_file_names_a_recording_or_a_subject(export: HubExport) -> None:
    for path in export.folder.iterdir():
        contents = [path.read_bytes()]
        if path.suffix == ".skops":
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        if path.suffix == ".joblib":
            buffer = io.BytesIO()
            joblib.dump(joblib.load(path), buffer, compress=0)
            contents.append(buffer.getvalue())
        for content in contents:
            assert ID.encode() not in content
            assert SUBJECT.encode() not in content


def test_single_recordings_are_not_in_the_evaluation(export: HubExport, files: Files) -> None:
    summary, full = (json.loads(path.read_text()) for path in (export.folder / "evaluation.json", files[1]))
    assert summary["schema"] == "pdmr-classic/evaluation-summary/1"
    assert summary["scores"] == full["scores"]
    assert set(full) - set(summary) == {"predictions", "systems"}
    assert full["predictions"][0]["recording"] not in json.dumps(summary)


def test_the_command_quotes_the_folder_and_names_a_valid_repository(export: HubExport) -> None:
    assert export.upload == f"hf upload ORG/a-model '{export.folder}' . --private"


def test_without_an_evaluation_there_are_no_scores(files: Files, tmp_path: Path) -> None:
    export = export_hub(files[0], tmp_path / "hub")
    metadata, text = read_card(export.folder)
    assert "model-index" not in metadata
    assert "metrics" not in metadata
    assert "license" not in metadata
    assert "No evaluation was given" in text
    inner = json.loads(manifest_path(files[0]).read_text())["inner_scores"]
    assert f"{inner['auc']:.3f}" not in text
    assert f"{inner['f1']:.3f}" not in text
    assert {"no-evaluation", "no-license"} <= {finding.code for finding in export.findings}
    assert not (export.folder / "evaluation.json").exists()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"data__fingerprint": "0" * 32}, "other features, labels or subjects"),
        ({"data__n_subjects": 99, "data__fingerprint": ""}, "30 recordings of 99 subjects"),
        ({"settings__features": {"families": ["audio_vector"]}}, "features.families"),
        ({"settings__learning": {"learners": ["linear"]}}, "learning.learners = ['linear'] (model: ['svm'])"),
    ],
)
def test_the_evaluation_of_another_model_is_refused(
    changes: dict[str, Any], found: str, files: Files, tmp_path: Path
) -> None:
    evaluation = change_evaluation(files, tmp_path, **changes)
    with pytest.raises(DataError, match="not one of this model") as caught:
        export_hub(files[0], tmp_path / "hub", evaluation=evaluation)
    assert found in str(caught.value.finding.found)
    assert not (tmp_path / "hub").exists()


def test_another_seed_is_the_same_procedure(files: Files, tmp_path: Path) -> None:
    settings = json.loads(files[1].read_text())["settings"]["learning"] | {"seed": 7}
    evaluation = change_evaluation(files, tmp_path, settings__learning=settings)
    assert "evaluation.json" in export_hub(files[0], tmp_path / "hub", evaluation=evaluation).sizes


def test_an_evaluation_without_fingerprint_is_noted(files: Files, tmp_path: Path) -> None:
    evaluation = change_evaluation(files, tmp_path, data__fingerprint="")
    export = export_hub(files[0], tmp_path / "hub", evaluation=evaluation)
    assert "unverified-evaluation" in {finding.code for finding in export.findings}


def test_a_file_that_is_no_evaluation_is_refused(files: Files, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not an evaluation"):
        export_hub(files[0], tmp_path / "hub", evaluation=manifest_path(files[0]))


def test_a_folder_in_use_is_refused_and_unchanged(files: Files, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(TargetError, match="already in use") as caught:
        export_hub(files[0], tmp_path)
    assert caught.value.finding.found == "a folder that is not empty"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(files: Files, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    export_hub(files[0], tmp_path / "hub")
    assert (tmp_path / "hub/README.md").is_file()


def test_nothing_is_written_if_the_copy_predicts_something_else(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_other(content: bytes, path: Path) -> Any:
        model = DepressionModel.load(files[0])
        model.threshold_ = 0.123
        return model

    monkeypatch.setattr(hub_files, "load_skops", load_other)
    with pytest.raises(ArtifactError, match="predicts something else"):
        export_hub(files[0], tmp_path / "hub")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("license_id", ["MIT License", "", "mit\nlibrary_name: x"])
def test_a_license_is_an_identifier(license_id: str, files: Files, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--license must be an identifier"):
        export_hub(files[0], tmp_path / "hub", license_id=license_id)


def test_a_converted_model_is_not_converted_again(export: HubExport, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a model that fit wrote"):
        export_hub(export.folder, tmp_path / "hub")


@pytest.mark.parametrize("name", ["skops.io", "huggingface_hub"])
def test_without_the_extra_its_name_is_told(
    name: str, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError) as caught:
        export_hub(files[0], tmp_path / "hub")
    assert caught.value.finding.hint == "run pip install 'pdmr-classic[hub]'"
    assert list(tmp_path.iterdir()) == []
