"""Options of `fit` and `predict` that are not files: metric, threshold, weights, subjects, prevalence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pdmr_classic import load_dataset
from pdmr_classic.cli.app import app
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.labels.groups import read_subjects
from pdmr_classic.io.labels.labels import read_weights

QUICK = '[learning]\nlearners = ["svm"]\ntrials = 1\nrepeats = 1\nfolds = 3\nimportance = false\n'


def run(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def run_json(*args: object) -> dict[str, Any]:
    result = run(*args, "--json", "--jobs", 1)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def read_results(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()]).set_index("data_id")


def write_subjects(small_set: Path, folder: Path) -> Path:
    """Write a table with two recordings per subject and no status, and return its path."""
    ids = load_dataset(small_set, split="test").data_ids
    table = pd.DataFrame({"data_id": ids, "subject_id": [f"T{index // 2}" for index in range(len(ids))]})
    table.to_csv(folder / "subjects.csv", index=False)
    return folder / "subjects.csv"


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    (tmp_path / "quick.toml").write_text(QUICK)
    return tmp_path / "quick.toml"


# ----------------------------------------------------------------------------------------------- fit


def test_metric_and_threshold_are_stored_in_the_manifest(small_set: Path, quick: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.joblib"
    with_metric = run_json("fit", small_set, "--config", quick, "--out", out, "--metric", "logloss")
    assert (with_metric["metric"], with_metric["threshold"]) == ("logloss", 0.5)
    with_threshold = run_json("fit", small_set, "--config", quick, "--out", out, "--threshold", 0.25)
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert (with_threshold["metric"], with_threshold["threshold"], manifest["threshold"]) == (None, 0.25, 0.25)
    assert manifest["settings"]["learning"]["threshold"] == 0.25


@pytest.mark.parametrize("option", [("--metric", "accuracy"), ("--threshold", "1.5")])
def test_an_invalid_metric_or_threshold_is_a_usage_error(small_set: Path, option: tuple[str, str]) -> None:
    result = run("fit", small_set, *option)
    assert result.exit_code == 2
    assert option[1] in result.output


def test_weights_are_read_from_a_column_of_the_labels(small_set: Path, quick: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(small_set / "train/labels.csv", dtype=str)
    for name, weight in (("even", "1"), ("heavy", "5")):
        weights = labels["status"].map({"Depression": weight, "Normal": "1"})
        labels.assign(counts=weights).to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "weights.toml").write_text(QUICK + '[data]\nweights = "counts"\n')
    command = ("fit", small_set, "--out", tmp_path / "m.joblib", "--config")
    summaries = {
        name: run_json(*command, tmp_path / "weights.toml", "--labels", tmp_path / f"{name}.csv")
        for name in ("even", "heavy")
    }
    unweighted = run_json(*command, quick)
    assert summaries["even"] == unweighted
    assert summaries["heavy"]["data_fingerprint"] != unweighted["data_fingerprint"]
    assert summaries["heavy"]["inner_scores"]["brier"] != unweighted["inner_scores"]["brier"]
    result = run(*command, tmp_path / "weights.toml")
    assert result.exit_code == 2
    assert "data.weights names a column that is not in the label table" in result.output


@pytest.mark.parametrize("cell", ["", "much", "-1", "inf"])
def test_an_invalid_weight_is_refused(cell: str) -> None:
    labels = pd.DataFrame({"w": ["1", cell]}, index=["001", "002"])
    with pytest.raises(DataError, match=rf"1 recording has no valid weight[^\0]*'{cell}' for '002'"):
        read_weights(labels, "w")
    assert read_weights(labels, None) is None


# ------------------------------------------------------------------------------------------- predict


def test_subjects_from_a_table_without_status_are_pooled(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    subjects_file, out = write_subjects(small_set, tmp_path), tmp_path / "results.jsonl"
    command = ("predict", small_set, "--model", fitted_file, "--out", out, "--proba")
    summary = run_json(*command, "--pool-subjects", "--subjects", subjects_file)
    table = read_results(out)
    subjects = pd.read_csv(subjects_file, dtype=str, index_col="data_id")["subject_id"]
    assert len(table) == len(subjects)
    assert (table.groupby(subjects)[["status", "probability"]].nunique() == 1).all(axis=None)
    assert summary["n_subjects"] == subjects.nunique()


def test_subjects_are_read_from_the_labels_by_default(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    summary = run_json(
        "predict", small_set / "train", "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--pool-subjects",
        "--allow-overlap",
    )  # fmt: skip
    assert summary["n_subjects"] == pd.read_csv(small_set / "train/labels.csv")["subject_id"].nunique()


def test_subjects_without_pooling_are_a_usage_error(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    subjects_file = write_subjects(small_set, tmp_path)
    result = run(
        "predict", small_set, "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--subjects", subjects_file
    )
    assert result.exit_code == 2
    assert "--subjects has no effect without --pool-subjects" in result.output


@pytest.mark.parametrize("prevalence", ["0.1", "estimate"])
def test_the_prevalence_is_part_of_the_json(
    small_set: Path, fitted_file: Path, tmp_path: Path, prevalence: str
) -> None:
    out = tmp_path / "r.jsonl"
    command = ("predict", small_set, "--model", fitted_file, "--out", out)
    before, after = run_json(*command), run_json(*command, "--prevalence", prevalence)
    assert "prevalence" not in before
    assert sum(after["prevalence"].values()) == pytest.approx(1)
    if prevalence == "0.1":
        assert after["prevalence"]["Depression"] == pytest.approx(0.1)
        assert "prevalence_interval" not in after
        return
    low, high = after["prevalence_interval"]["Depression"]
    assert low <= after["prevalence"]["Depression"] <= high
    assert json.loads(out.with_suffix(".notes.json").read_text())["prevalence_interval"] == after["prevalence_interval"]


@pytest.fixture
def audio_set(tmp_path: Path) -> Path:
    """Return a set of audio vectors in which depressed subjects differ by one and a half standard deviations."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        (tmp_path / split / "audio").mkdir(parents=True)
        rows = []
        for number in range(24):
            status = ("Normal", "Depression")[number % 2]
            vector = rng.normal(size=(1, 8)) + 1.5 * (status == "Depression") * np.eye(1, 8)
            np.savetxt(tmp_path / split / "audio" / f"{number:03d}.csv", vector, delimiter=",")
            rows.append({"data_id": f"{number:03d}", "status": status, "subject_id": f"{split}{number}"})
        pd.DataFrame(rows).to_csv(tmp_path / split / "labels.csv", index=False)
    return tmp_path


def test_a_lower_prevalence_lowers_the_threshold(audio_set: Path, quick: Path) -> None:
    model = audio_set / "m.joblib"
    run_json("fit", audio_set, "--config", quick, "--out", model)
    command = ("predict", audio_set, "--model", model, "--out", audio_set / "r.jsonl")
    rare, unchanged, common = (
        run_json(*command, *option)["threshold"] for option in (("--prevalence", 0.1), (), ("--prevalence", 0.9))
    )
    assert rare < unchanged < common


def test_the_prevalence_correction_is_reported(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    result = run("predict", small_set, "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--prevalence", "0.1")
    assert result.exit_code == 0
    assert "probabilities are corrected to a prevalence of 10.0% Depression" in result.output


@pytest.mark.parametrize("prevalence", ["0", "1", "11%", "often"])
def test_an_invalid_prevalence_is_a_usage_error(
    small_set: Path, fitted_file: Path, tmp_path: Path, prevalence: str
) -> None:
    result = run(
        "predict", small_set, "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--prevalence", prevalence
    )
    assert result.exit_code == 2
    assert "--prevalence must be between 0 and 1" in result.output
    assert not (tmp_path / "r.jsonl").exists()


# ------------------------------------------------------------------------------------- subjects and weights


def test_subjects_from_a_table_follow_the_order_of_the_recordings(small_set: Path, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="test", use_labels=False)
    subjects_file = write_subjects(small_set, tmp_path)
    pd.read_csv(subjects_file, dtype=str).iloc[:0:-1].to_csv(subjects_file, index=False)
    subjects = read_subjects(data.data_ids, data.folder, subjects_file)
    assert subjects.index.tolist() == data.data_ids
    assert subjects.iloc[:4].tolist() == ["", "T0", "T1", "T1"]
    assert read_subjects(data.data_ids, data.folder, option=r"re:^(\d)").tolist() == [
        data_id[0] for data_id in data.data_ids
    ]


def test_a_table_without_subjects_is_refused(small_set: Path, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="test", use_labels=False)
    (tmp_path / "subjects.csv").write_text("data_id,status\n001,Normal\n")
    with pytest.raises(DataError, match=r"the table has no subject ids[^\0]*data_id,subject_id[^\0]*data_id, status"):
        read_subjects(data.data_ids, data.folder, tmp_path / "subjects.csv")
    (tmp_path / "set/audio").mkdir(parents=True)
    (tmp_path / "set/audio/001.csv").write_text("1,2\n")
    with pytest.raises(DataError, match=r"there are no subject ids for these recordings[^\0]*--subjects FILE"):
        read_subjects([], load_dataset(tmp_path / "set").folder)


def test_weights_without_a_label_table_are_an_invalid_setting() -> None:
    with pytest.raises(ConfigError, match=r"data.weights names a column that is not in the label table[^\0]*'w'"):
        read_weights(None, "w")
