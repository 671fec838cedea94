"""Scores and experts on the command line, from a folder of recordings to scored results."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from program import TINY, Result, invoke

from pdmr_classic import DepressionModel, load_dataset, make_synthetic

SETTINGS = TINY + '[severity]\nlearners = ["ridge"]\nlevel = 0.6\n'
STANDARD_KEYS = ("data_id", "status")
SEVERITY_KEYS = ("severity", "severity_class", "severity_interval", "label_set")
CLASSES = ["none", "mild", "moderate", "moderately severe", "severe"]


@pytest.fixture(scope="module")
def scored_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen training and eight test subjects with PHQ-8-like scores and interviewers."""
    folder = tmp_path_factory.mktemp("scored") / "set"
    make_synthetic(folder, subjects=24, segments=2, seconds=(2, 3), condition=True)
    return folder


@pytest.fixture(scope="module")
def work(scored_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of the score (score.joblib), of both with experts (both.joblib), and of the class alone."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "tiny.toml").write_text(SETTINGS)
    for name, options in (
        ("score", ("--target", "severity", "--scale", "phq8")),
        ("both", ("--target", "both", "--scale", "phq8", "--experts", "interviewer")),
        ("status", ()),
    ):
        result = fit(scored_set, folder, *options, out=f"{name}.joblib")
        assert result.exit_code == 0, result.output
    return folder


def fit(data: Path, folder: Path, *options: str, out: str = "new.joblib") -> Result:
    return invoke("fit", data, "--config", "tiny.toml", "--jobs", "1", "--out", out, *options, cwd=folder)


def predict(data: Path, model: Path, folder: Path, *options: str | Path) -> list[dict[str, Any]]:
    result = invoke("predict", data, "--model", model, "--jobs", "1", *options, cwd=folder)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def copy_set(scored_set: Path, folder: Path, **columns: Any) -> Path:
    """Return a copy of the set whose training labels are changed."""
    shutil.copytree(scored_set, folder / "set")
    path = folder / "set/train/labels.csv"
    labels = pd.read_csv(path, dtype=str)
    labels.assign(**{name: change(labels) for name, change in columns.items()}).to_csv(path, index=False)
    return folder / "set"


# ------------------------------------------------------------------------------------------- from end to end


def test_a_score_is_learned_predicted_and_scored(scored_set: Path, work: Path, tmp_path: Path) -> None:
    records = predict(scored_set, work / "score.joblib", tmp_path)
    assert [record["data_id"] for record in records] == load_dataset(scored_set, split="test").data_ids
    for record in records:
        assert tuple(record) == (*STANDARD_KEYS, *SEVERITY_KEYS)
        low, high = record["severity_interval"]
        assert 0 <= low <= record["severity"] <= high <= 24
        assert record["severity_class"] in CLASSES
        assert record["status"] == ("Depression" if record["severity"] >= 9.5 else "Normal")
        assert record["status"] in record["label_set"]
    arguments = ("score", "results.jsonl", scored_set / "test", "--target", "severity", "--scale", "phq8", "--json")
    result = invoke(*arguments, cwd=tmp_path)
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    labels = pd.read_csv(scored_set / "test/labels.csv", dtype={"data_id": str}).set_index("data_id")
    errors = [abs(record["severity"] - labels["severity"][record["data_id"]]) for record in records]
    assert scores["severity"]["mae"] == pytest.approx(np.mean(errors))
    assert scores["severity"]["ccc"] > 0.3
    assert "Depression" not in json.dumps({key: value for key, value in scores.items() if key != "findings"})


def test_both_are_learned_with_experts(scored_set: Path, work: Path, tmp_path: Path) -> None:
    manifest = json.loads((work / "both.json").read_text())
    assert set(manifest["experts"]) == set(manifest["severity"]["experts"])
    assert manifest["experts"]
    assert "severity_columns" in manifest
    records = predict(scored_set, work / "both.joblib", tmp_path)
    assert {tuple(record) for record in records} == {(*STANDARD_KEYS, *SEVERITY_KEYS)}
    arguments = ("score", "results.jsonl", scored_set / "test", "--target", "both", "--scale", "phq8", "--json")
    scores = json.loads(invoke(*arguments, cwd=tmp_path).stdout)
    assert scores["f1"] > 0.5
    assert scores["severity"]["n"] == len(records)


def test_a_model_of_classes_alone_writes_exactly_two_keys(scored_set: Path, work: Path, tmp_path: Path) -> None:
    lines = {tuple(record) for record in predict(scored_set, work / "status.joblib", tmp_path)}
    assert lines == {STANDARD_KEYS}
    assert not {"severity", "severity_columns", "experts"} & set(json.loads((work / "status.json").read_text()))


def test_probabilities_of_severity_classes_are_written_on_request(scored_set: Path, work: Path, tmp_path: Path) -> None:
    for record in predict(scored_set, work / "both.joblib", tmp_path, "--proba"):
        assert tuple(record["severity_probabilities"]) == tuple(CLASSES)
        assert sum(record["severity_probabilities"].values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("model", ["score.joblib", "both.joblib"])
def test_abstaining_writes_uncertain_where_several_labels_are_possible(
    scored_set: Path, work: Path, tmp_path: Path, model: str
) -> None:
    before = predict(scored_set, work / model, tmp_path)
    records = predict(scored_set, work / model, tmp_path, "--abstain")
    expected = [
        "Uncertain" if len(record["label_set"]) > 1 else old["status"]
        for record, old in zip(records, before, strict=True)
    ]
    assert [record["status"] for record in records] == expected
    assert len(set(expected)) > 1
    for record, old in zip(records, before, strict=True):
        assert {**record, "status": old["status"]} == old


def test_pooled_recordings_of_a_subject_have_one_line_each_and_one_severity(
    scored_set: Path, work: Path, tmp_path: Path
) -> None:
    records = predict(scored_set, work / "both.joblib", tmp_path, "--pool-subjects")
    subjects = pd.read_csv(scored_set / "test/labels.csv", dtype=str).set_index("data_id")["subject_id"]
    severities: dict[str, set[float]] = {}
    for record in records:
        severities.setdefault(subjects[record["data_id"]], set()).add(record["severity"])
    assert len(severities) == 8
    assert all(len(values) == 1 for values in severities.values())


@pytest.mark.slow
def test_one_recording_alone_is_predicted_as_among_others(scored_set: Path, work: Path, tmp_path: Path) -> None:
    for model in ("score.joblib", "both.joblib"):
        together = {record["data_id"]: record for record in predict(scored_set, work / model, tmp_path)}
        for data_id in list(together)[:3]:
            (tmp_path / "ids.txt").write_text(f"{data_id}\n")
            assert predict(scored_set, work / model, tmp_path, "--ids", tmp_path / "ids.txt") == [together[data_id]]


def test_predictions_follow_the_conditions_and_an_unseen_one_is_told(
    scored_set: Path, work: Path, tmp_path: Path
) -> None:
    ids = load_dataset(scored_set, split="test").data_ids
    results = {}
    for name in ("human", "robot", "alien", ""):
        path = tmp_path / f"{name or 'unknown'}.csv"
        pd.DataFrame({"data_id": ids, "interviewer": name}).to_csv(path, index=False)
        arguments = ("predict", scored_set, "--model", work / "both.joblib", "--conditions", path, "--jobs", "1")
        run = invoke(*arguments, cwd=tmp_path)
        assert run.exit_code == 0, run.output
        assert ("alien" in run.stderr) == (name == "alien")
        results[name] = (tmp_path / "results.jsonl").read_text()
    assert results["alien"] == results[""]
    assert results["human"] != results["robot"]


def test_a_bare_score_model_has_neither_status_nor_class(scored_set: Path, work: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SETTINGS)
    data = copy_set(scored_set, tmp_path, minutes=lambda labels: labels["severity"].astype(float) / 2 + 20)
    assert fit(data, tmp_path, "--target", "minutes", "--scale", "10:50").exit_code == 0
    for record in predict(data, tmp_path / "new.joblib", tmp_path):
        assert {"severity", "severity_interval"} <= set(record)
        assert not {"severity_class", "label_set"} & set(record)
        assert record.get("status", "") == ""


# ---------------------------------------------------------------------------------- what is told and refused


def test_recordings_with_one_of_both_labels_are_used_and_told(scored_set: Path, work: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SETTINGS)
    data = copy_set(
        scored_set,
        tmp_path,
        severity=lambda labels: labels["severity"].where(labels.index >= 3, ""),
        status=lambda labels: labels["status"].where(labels.index < 25, ""),
    )
    result = fit(data, tmp_path, "--target", "both", "--scale", "phq8")
    assert result.exit_code == 0, result.output
    manifest, n = json.loads((tmp_path / "new.json").read_text()), len(pd.read_csv(data / "train/labels.csv"))
    assert (manifest["n_recordings"], manifest["severity"]["n_recordings"]) == (25, n - 3)
    assert "3 recordings" in result.stderr
    assert f"{n - 25} recordings" in result.stderr


def test_labels_that_contradict_the_clinical_cutoff_are_told_not_refused(
    scored_set: Path, work: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny.toml").write_text(SETTINGS)
    data = copy_set(scored_set, tmp_path, severity=lambda labels: labels["severity"].where(labels.index != 0, "24"))
    labels = pd.read_csv(data / "train/labels.csv", dtype=str)
    labels.loc[0, "status"] = "Normal"
    labels.to_csv(data / "train/labels.csv", index=False)
    result = fit(data, tmp_path, "--target", "both", "--scale", "phq8")
    assert result.exit_code == 0, result.output
    assert labels.loc[0, "data_id"] in result.stderr
    assert "contradict" in result.stderr


def test_a_condition_with_one_subject_is_told(scored_set: Path, work: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SETTINGS)
    data = copy_set(
        scored_set,
        tmp_path,
        site=lambda labels: np.where(labels["subject_id"] == labels["subject_id"][0], "attic", labels["interviewer"]),
    )
    result = fit(data, tmp_path, "--target", "severity", "--scale", "phq8", "--experts", "site")
    assert result.exit_code == 0, result.output
    assert "condition 'attic' gets no expert" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        (("--scale", "phq8"), {0: "25"}, "outside the scale"),
        (("--scale", "phq8"), {0: "mild"}, "mild"),
        (("--scale", "0:10"), {}, "outside the scale"),
        (("--scale", "phq8"), dict.fromkeys(range(32), "7"), "all scores are equal"),
        (("--scale", "phq8"), dict.fromkeys(range(26), ""), "cannot be learned from"),
        (("--scale", "phq8", "--level", "0.99"), {}, "--level 0.99 needs at least 99 subjects with a score"),
        (("--scale", "phq10"), {}, "phq10"),
        (("--scale", "phq8", "--experts", "site"), {}, "--experts names a column that is not in the label table"),
    ],
)
def test_bad_scores_are_refused_before_any_recording_is_read(
    scored_set: Path, tmp_path: Path, options: tuple[str, ...], change: dict[int, str], message: str
) -> None:
    (tmp_path / "tiny.toml").write_text(SETTINGS)
    data = copy_set(
        scored_set,
        tmp_path,
        severity=lambda labels: [change.get(row, cell) for row, cell in enumerate(labels["severity"])],
    )
    for file in (data / "train").glob("*/*.csv"):
        file.write_text("not read\n")
    result = fit(data, tmp_path, "--target", "severity", *options)
    assert result.exit_code in (2, 3)
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "new.joblib").exists()


def test_an_unknown_learner_of_scores_is_refused(scored_set: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SETTINGS.replace('"ridge"', '"lasso"'))
    result = fit(scored_set, tmp_path, "--target", "severity", "--scale", "phq8")
    assert result.exit_code == 2
    assert "unknown learner for scores" in result.output


def test_the_python_model_predicts_what_the_program_writes(scored_set: Path, work: Path, tmp_path: Path) -> None:
    records = predict(scored_set, work / "both.joblib", tmp_path)
    model = DepressionModel.load(work / "both.joblib")
    data = load_dataset(scored_set, split="test")
    conditions = pd.read_csv(scored_set / "test/labels.csv", dtype=str).set_index("data_id")["interviewer"]
    predictions = model.predict(data, conditions=conditions)
    assert predictions["severity"].round(2).tolist() == [record["severity"] for record in records]
    assert predictions["status"].tolist() == [record["status"] for record in records]
