"""Options of scores and experts on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from program import TINY, invoke
from typer.testing import CliRunner

from pdmr_classic.cli.app import app

OPTIONS = ("--target", "--score-column", "--scale", "--level", "--experts", "--lite")


@pytest.fixture
def labelled(small_set: Path, tmp_path: Path) -> Path:
    """Return a copy of a set whose training labels have a score that fits the class, and one subject per recording."""
    folder = tmp_path / "set"
    shutil.copytree(small_set, folder)
    labels = pd.read_csv(folder / "train/labels.csv", dtype=str)
    scores = labels["status"].map({"Depression": "14", "Normal": "3"})
    labels.assign(severity=scores, subject_id=labels["data_id"]).to_csv(folder / "train/labels.csv", index=False)
    return folder


def change_scores(folder: Path, changes: dict[int, str]) -> None:
    path = folder / "train/labels.csv"
    labels = pd.read_csv(path, dtype=str)
    for row, score in changes.items():
        labels.loc[row, "severity"] = score
    labels.to_csv(path, index=False)


def check(folder: Path, *options: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["check", str(folder), "--json", "--jobs", "1", *options])
    return json.loads(result.stdout)


def codes(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["code"] for finding in findings]


# ---------------------------------------------------------------------------------------------------- check


def test_check_shows_the_scores_and_no_classes(labelled: Path) -> None:
    summary = check(labelled, "--target", "severity", "--scale", "phq8")
    train = summary["splits"]["train"]
    assert (train["scores"]["min"], train["scores"]["max"]) == (3.0, 14.0)
    assert "classes" not in train
    assert summary["fit_errors"] == []
    assert "scores" not in check(labelled)["splits"]["train"]


def test_check_shows_scores_and_classes_of_both(labelled: Path) -> None:
    change_scores(labelled, {0: "-1", 1: "9"})
    summary = check(labelled, "--target", "both", "--scale", "phq8")
    assert {"scores", "classes"} <= set(summary["splits"]["train"])
    assert {"no-score", "partial-labels"} <= set(codes(summary["findings"]))
    assert summary["fit_errors"] == []


@pytest.mark.parametrize(
    ("changes", "options", "code"),
    [
        ({0: "25"}, ("--scale", "phq8"), "score-outside-scale"),
        ({0: "mild", 2: "?!"}, ("--scale", "phq8"), "bad-score"),
        ({0: "4,5"}, (), "bad-score"),
        ({}, ("--scale", "0:10"), "score-outside-scale"),
        ({}, ("--scale", "phq10"), "bad-scale"),
    ],
)
def test_check_refuses_scores_that_fit_would_refuse(
    labelled: Path, changes: dict[int, str], options: tuple[str, ...], code: str
) -> None:
    change_scores(labelled, changes)
    assert codes(check(labelled, "--target", "severity", *options)["fit_errors"]) == [code]


def test_a_target_that_is_no_column_is_a_usage_error_that_lists_the_columns(labelled: Path, tmp_path: Path) -> None:
    result = invoke("check", labelled, "--target", "phq", cwd=tmp_path)
    assert result.exit_code == 3
    assert "--target names a column that is not in the label table" in result.output
    assert "severity" in result.output


def test_a_bad_file_of_a_recording_without_a_score_does_not_stop_fit(labelled: Path) -> None:
    labels = pd.read_csv(labelled / "train/labels.csv", dtype=str)
    file = next((labelled / "train/audio").glob(f"{labels['data_id'][0]}.csv"))
    file.write_text("no numbers\n")
    options = ("--target", "severity", "--scale", "phq8")
    assert check(labelled, *options)["fit_can_use"] is False
    change_scores(labelled, {0: ""})
    assert check(labelled, *options)["fit_can_use"] is True


def test_check_tells_what_is_known_of_the_conditions(labelled: Path) -> None:
    summary = check(labelled, "--experts", "gender")
    assert (summary["fit_errors"], "unknown-condition" in codes(summary["findings"])) == ([], False)
    assert codes(check(labelled, "--experts", "site")["fit_errors"]) == ["no-column"]
    path = labelled / "train/labels.csv"
    labels = pd.read_csv(path, dtype=str)
    labels.loc[0, "gender"] = "unknown"
    labels.to_csv(path, index=False)
    assert "unknown-condition" in codes(check(labelled, "--experts", "gender")["findings"])


# -------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("verb", ["fit", "evaluate"])
def test_fit_and_evaluate_have_the_options(option: str, verb: str, tmp_path: Path) -> None:
    assert option in invoke(verb, "--help", cwd=tmp_path).stdout


@pytest.mark.parametrize("level", ["0", "1", "90", "x"])
def test_a_level_is_between_0_and_1(level: str, labelled: Path, tmp_path: Path) -> None:
    result = invoke("fit", labelled, "--target", "severity", "--level", level, cwd=tmp_path)
    assert result.exit_code == 2
    assert "level" in result.output


def test_options_that_have_no_effect_are_refused(labelled: Path, tmp_path: Path) -> None:
    for options, message in (
        (("--score-column", "severity"), "--score-column has no effect without --target both"),
        (("--target", "severity", "--map", "0=Normal"), "--map has no effect with --target severity"),
    ):
        result = invoke("check", labelled, *options, cwd=tmp_path)
        assert (result.exit_code, message in result.output) == (2, True)


# -------------------------------------------------------------------------------------------------- predict


@pytest.fixture(scope="module")
def fitted(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model of the classes, m.joblib."""
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "tiny.toml").write_text(TINY)
    arguments = ("fit", small_set, "--config", "tiny.toml", "--level", "0.8", "--out", "m.joblib")
    assert invoke(*arguments, cwd=folder).exit_code == 0
    return folder


def predict(data: Path, fitted: Path, folder: Path, *options: str) -> list[dict[str, Any]]:
    arguments = ("predict", data, "--model", fitted / "m.joblib", "--jobs", "1", *options)
    result = invoke(*arguments, cwd=folder)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_without_options_a_model_of_classes_writes_two_keys(small_set: Path, fitted: Path, tmp_path: Path) -> None:
    assert {tuple(record) for record in predict(small_set, fitted, tmp_path)} == {("data_id", "status")}


def test_sets_of_classes_are_added_and_contain_the_predicted_one(small_set: Path, fitted: Path, tmp_path: Path) -> None:
    before = predict(small_set, fitted, tmp_path)
    records = predict(small_set, fitted, tmp_path, "--sets")
    assert {tuple(record) for record in records} == {("data_id", "status", "label_set")}
    assert [record["status"] for record in records] == [record["status"] for record in before]
    assert all(record["label_set"] for record in records)
    assert not (tmp_path / "results.notes.json").exists()


def test_abstaining_writes_uncertain_where_several_classes_are_possible_and_notes_how_often(
    small_set: Path, fitted: Path, tmp_path: Path
) -> None:
    before = predict(small_set, fitted, tmp_path)
    records = predict(small_set, fitted, tmp_path, "--abstain")
    expected = [
        "Uncertain" if len(record["label_set"]) > 1 else old["status"]
        for record, old in zip(records, before, strict=True)
    ]
    assert [record["status"] for record in records] == expected
    assert "Uncertain" in expected
    notes = json.loads((tmp_path / "results.notes.json").read_text())
    assert notes["n_uncertain"] == expected.count("Uncertain")


def test_conditions_need_a_model_with_experts(small_set: Path, fitted: Path, tmp_path: Path) -> None:
    arguments = ("predict", small_set, "--model", fitted / "m.joblib", "--conditions", "c.csv")
    result = invoke(*arguments, cwd=tmp_path)
    assert result.exit_code == 2
    assert "--conditions has no effect: the model has no experts" in result.output
    assert not (tmp_path / "results.jsonl").exists()
