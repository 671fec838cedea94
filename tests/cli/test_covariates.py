"""`--covariates` on the command line: from the label table to predictions, with and without a table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from cli.program import TINY, Result, invoke

from pdmr_classic import DepressionModel, load_dataset
from pdmr_classic.config import Settings

OPTIONS = ("--covariates", "gender", "--covariates", "age", "--config", "tiny.toml", "--jobs", "1")


@pytest.fixture(scope="module")
def folder(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with age and gender, settings, and a model that was trained with both."""
    folder = tmp_path_factory.mktemp("covariates")
    for split in ("train", "test"):
        (folder / split).mkdir()
        for modality in ("video", "audio"):
            (folder / split / modality).symlink_to(small_set / split / modality)
        labels = pd.read_csv(small_set / split / "labels.csv", dtype=str)
        person = labels["subject_id"].str[1:].astype(int)
        labels.assign(age=20 + person * 7 % 5, gender=["fm"[k // 2 % 2] for k in person]).to_csv(
            folder / split / "labels.csv", index=False
        )
    (folder / "tiny.toml").write_text(TINY)
    result = invoke("fit", ".", *OPTIONS, "--out", "m.joblib", cwd=folder)
    assert result.exit_code == 0, result.output
    assert "covariates are inputs of the model: gender, age" in result.output
    return folder


def predict(folder: Path, data: Path | str, *options: str | Path) -> tuple[Result, str]:
    result = invoke(
        *("predict", data, "--model", "m.joblib", "--out", "r.jsonl", "--proba", "--jobs", "1"), *options, cwd=folder
    )
    assert result.exit_code == 0, result.output
    return result, (folder / "r.jsonl").read_text()


def test_predict_reads_covariates_and_no_label(folder: Path, tmp_path: Path) -> None:
    result, expected = predict(folder, ".")
    assert "covariate" not in result.output
    for modality in ("video", "audio"):
        (tmp_path / modality).symlink_to(folder / "test" / modality)
    without, changed = predict(folder, tmp_path)
    assert "covariates are not known for these recordings" in without.output
    assert changed != expected
    labels = pd.read_csv(folder / "test/labels.csv", dtype=str)
    wrong = labels.assign(status=["x", *labels["status"].map({"Depression": "Normal", "Normal": "Depression"})[1:]])
    wrong.to_csv(tmp_path / "labels.csv", index=False)
    assert predict(folder, tmp_path)[1] == expected
    labels[["data_id", "gender"]].to_csv(tmp_path / "labels.csv", index=False)
    assert "model predicts without them: age" in " ".join(predict(folder, tmp_path)[0].output.split())
    labels.assign(gender="x").to_csv(tmp_path / "labels.csv", index=False)
    assert "training never saw" in " ".join(predict(folder, tmp_path)[0].output.split())


def test_the_library_predicts_the_same(folder: Path) -> None:
    model = DepressionModel.load(folder / "m.joblib", trust=True)
    assert {name for name in model.feature_names_ if name.startswith("covariates")} == {
        *("covariates__gender__f", "covariates__gender__m", "covariates__age__value")
    }
    predictions = model.predict(load_dataset(folder / "test"))
    rows = [json.loads(line) for line in predict(folder, ".")[1].splitlines()]
    assert [row["probability"] for row in rows] == predictions["probability"].round(6).tolist()


def test_validate_reads_covariates(folder: Path) -> None:
    result = invoke("validate", "m.joblib", ".", "--jobs", "1", "--json", cwd=folder)
    assert result.exit_code == 0, result.output
    assert "covariates are not known" not in result.output
    assert json.loads(result.stdout)["case_mix"]["views"]["covariates"] == 8


def test_evaluate_says_what_views_add(folder: Path) -> None:
    arguments = ("evaluate", "train", *OPTIONS, "--folds", "2", "--repeats", "1", "--out", "e.json")
    result = invoke(*arguments, cwd=folder)
    assert result.exit_code == 0, result.output
    assert "added to covariates" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    evaluation = json.loads((folder / "e.json").read_text())
    assert list(evaluation["added_value"]["views"]) == ["video", "audio", "all views"]
    assert "without covariates" in evaluation["stress_tests"]
    assert "covariates_only" in evaluation["baselines"]


def test_check_describes_covariates(folder: Path) -> None:
    result = invoke("check", ".", "--covariates", "gender", "--json", "--jobs", "1", cwd=folder)
    assert result.exit_code == 0, result.output
    covariates = json.loads(result.stdout)["splits"]["train"]["covariates"]
    assert (covariates["gender"]["kind"], covariates["gender"]["known"]) == ("category", 16)
    assert "covariate gender" in invoke("check", ".", "--covariates", "gender", "--jobs", "1", cwd=folder).stdout


@pytest.mark.parametrize("verb", ["fit", "check"])
@pytest.mark.parametrize(("column", "code"), [("status", 2), ("severity", 2), ("subject_id", 2), ("height", 2)])
def test_columns_that_are_no_covariates_are_refused(folder: Path, verb: str, column: str, code: int) -> None:
    arguments = [verb, ".", "--covariates", column, "--config", "tiny.toml", "--jobs", "1"]
    result = invoke(*arguments, *(["--out", "n.joblib"] if verb == "fit" else []), cwd=folder)
    # `check` lists what `fit` would refuse.
    assert result.exit_code == (code if verb == "fit" else 3)
    assert "--covariates" in result.output


def test_extract_writes_covariates_of_the_settings(folder: Path) -> None:
    (folder / "covariates.toml").write_text(TINY + '[data]\ncovariates = ["gender"]\n')
    arguments = ("extract", "train", "--config", "covariates.toml", "--out", "f.csv", "--jobs", "1")
    result = invoke(*arguments, cwd=folder)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(folder / "f.csv")
    assert {"covariates__gender__f", "covariates__gender__m"} <= set(table.columns)
    assert Settings.load(folder / "covariates.toml").label_columns.required == ("gender",)
