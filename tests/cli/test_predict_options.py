"""What `fit` and `predict` take beside their files: metric, threshold, weights, subjects, prevalence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from pdmr_classic import load_dataset
from pdmr_classic.cli.app import app
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.groups import read_subjects
from pdmr_classic.io.labels import read_weights

QUICK = '[learning]\nlearners = ["svm"]\ntrials = 1\nrepeats = 1\nfolds = 3\nimportance = false\n'


def run(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def summary(*args: object) -> dict[str, Any]:
    result = run(*args, "--json", "--jobs", 1)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def results(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()]).set_index("data_id")


def with_subjects(small_set: Path, folder: Path) -> Path:
    """Write a table of subjects without a status: two recordings each."""
    ids = load_dataset(small_set, split="test").data_ids
    table = pd.DataFrame({"data_id": ids, "subject_id": [f"T{place // 2}" for place in range(len(ids))]})
    table.to_csv(folder / "who.csv", index=False)
    return folder / "who.csv"


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    (tmp_path / "quick.toml").write_text(QUICK)
    return tmp_path / "quick.toml"


# ----------------------------------------------------------------------------------------------- fit


def test_the_metric_and_the_threshold_stand_in_the_manifest(small_set: Path, quick: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.joblib"
    by_metric = summary("fit", small_set, "--config", quick, "--out", out, "--metric", "logloss")
    assert (by_metric["metric"], by_metric["threshold"]) == ("logloss", 0.5)
    given = summary("fit", small_set, "--config", quick, "--out", out, "--threshold", 0.25)
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert (given["metric"], given["threshold"], manifest["threshold"]) == (None, 0.25, 0.25)
    assert manifest["settings"]["learning"]["threshold"] == 0.25


@pytest.mark.parametrize("option", [("--metric", "accuracy"), ("--threshold", "1.5")])
def test_a_metric_or_threshold_that_is_none_is_wrong_usage(small_set: Path, option: tuple[str, str]) -> None:
    result = run("fit", small_set, *option)
    assert result.exit_code == 2
    assert option[1] in result.output


def test_weights_come_from_a_column_of_the_labels(small_set: Path, quick: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(small_set / "train/labels.csv", dtype=str)
    for name, heavy in (("even", "1"), ("heavy", "5")):
        weights = labels["status"].map({"Depression": heavy, "Normal": "1"})
        labels.assign(counts=weights).to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "weights.toml").write_text(QUICK + '[data]\nweights = "counts"\n')
    plain = ("fit", small_set, "--out", tmp_path / "m.joblib", "--config")
    found = {
        name: summary(*plain, tmp_path / "weights.toml", "--labels", tmp_path / f"{name}.csv")
        for name in ("even", "heavy")
    }
    without = summary(*plain, quick)
    assert found["even"] == without
    assert found["heavy"]["data_fingerprint"] != without["data_fingerprint"]
    assert found["heavy"]["inner_scores"]["brier"] != without["inner_scores"]["brier"]
    result = run(*plain, tmp_path / "weights.toml")
    assert result.exit_code == 2
    assert "data.weights must be a column of the labels" in result.output


@pytest.mark.parametrize("cell", ["", "much", "-1", "inf"])
def test_a_weight_that_is_none_is_refused(cell: str) -> None:
    labels = pd.DataFrame({"w": ["1", cell]}, index=["001", "002"])
    with pytest.raises(DataError, match=rf"1 recording has no valid weight[^\0]*'{cell}' for '002'"):
        read_weights(labels, "w")
    assert read_weights(labels, None) is None


# ------------------------------------------------------------------------------------------- predict


def test_subjects_of_a_table_without_status_are_pooled(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    who, out = with_subjects(small_set, tmp_path), tmp_path / "results.jsonl"
    plain = ("predict", small_set, "--model", fitted_file, "--out", out, "--proba")
    found = summary(*plain, "--pool-subjects", "--subjects", who)
    table = results(out)
    subject = pd.read_csv(who, dtype=str, index_col="data_id")["subject_id"]
    assert len(table) == len(subject)
    assert (table.groupby(subject)[["status", "probability"]].nunique() == 1).all(axis=None)
    assert found["n_subjects"] == subject.nunique()


def test_subjects_come_from_the_labels_by_default(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    found = summary(
        "predict", small_set / "train", "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--pool-subjects",
        "--allow-overlap",
    )  # fmt: skip
    assert found["n_subjects"] == pd.read_csv(small_set / "train/labels.csv")["subject_id"].nunique()


def test_subjects_without_pooling_are_wrong_usage(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    who = with_subjects(small_set, tmp_path)
    result = run("predict", small_set, "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--subjects", who)
    assert result.exit_code == 2
    assert "--subjects has no effect without --pool-subjects" in result.output


@pytest.mark.parametrize("share", ["0.1", "estimate"])
def test_the_prevalence_stands_in_the_json(small_set: Path, fitted_file: Path, tmp_path: Path, share: str) -> None:
    out = tmp_path / "r.jsonl"
    plain = ("predict", small_set, "--model", fitted_file, "--out", out)
    before, after = summary(*plain), summary(*plain, "--prevalence", share)
    assert "prevalence" not in before
    assert sum(after["prevalence"].values()) == pytest.approx(1)
    if share == "0.1":
        assert after["prevalence"]["Depression"] == pytest.approx(0.1)
        assert after["threshold"] < before["threshold"]


def test_the_prevalence_is_told(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    result = run("predict", small_set, "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--prevalence", "0.1")
    assert result.exit_code == 0
    assert "probabilities are corrected to a prevalence of 10.0% Depression" in result.output


@pytest.mark.parametrize("share", ["0", "1", "11%", "often"])
def test_a_prevalence_that_is_no_share_is_wrong_usage(
    small_set: Path, fitted_file: Path, tmp_path: Path, share: str
) -> None:
    result = run("predict", small_set, "--model", fitted_file, "--out", tmp_path / "r.jsonl", "--prevalence", share)
    assert result.exit_code == 2
    assert "--prevalence must be between 0 and 1" in result.output
    assert not (tmp_path / "r.jsonl").exists()


# ------------------------------------------------------------------------------------- who is who


def test_the_subjects_of_a_table_are_in_the_order_of_the_recordings(small_set: Path, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="test", use_labels=False)
    who = with_subjects(small_set, tmp_path)
    pd.read_csv(who, dtype=str).iloc[:0:-1].to_csv(who, index=False)
    found = read_subjects(data.data_ids, data.folder, who)
    assert found.index.tolist() == data.data_ids
    assert found.iloc[:4].tolist() == ["", "T0", "T1", "T1"]
    assert read_subjects(data.data_ids, data.folder, option=r"re:^(\d)").tolist() == [
        data_id[0] for data_id in data.data_ids
    ]


def test_a_table_without_subjects_is_refused(small_set: Path, tmp_path: Path) -> None:
    data = load_dataset(small_set, split="test", use_labels=False)
    (tmp_path / "who.csv").write_text("data_id,status\n001,Normal\n")
    with pytest.raises(DataError, match=r"the table has no subject ids[^\0]*data_id,subject_id[^\0]*data_id, status"):
        read_subjects(data.data_ids, data.folder, tmp_path / "who.csv")
    (tmp_path / "set/audio").mkdir(parents=True)
    (tmp_path / "set/audio/001.csv").write_text("1,2\n")
    with pytest.raises(DataError, match=r"there are no subject ids for these recordings[^\0]*--subjects FILE"):
        read_subjects([], load_dataset(tmp_path / "set").folder)


def test_weights_of_no_table_are_a_wrong_setting() -> None:
    with pytest.raises(ConfigError, match=r"data.weights must be a column of the labels[^\0]*'w'"):
        read_weights(None, "w")
