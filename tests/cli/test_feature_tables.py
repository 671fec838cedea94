"""Commands on a feature table, or a feature store, give the results of the recordings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from program import TINY, invoke


@pytest.fixture(scope="module")
def folder(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of `small_set`, the settings, and a model of the recordings."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "tiny.toml").write_text(TINY)
    for split, out in (("train", "train.parquet"), ("test", "test.parquet"), ("test", "store/")):
        result = invoke("extract", small_set, "--split", split, "--config", "tiny.toml", "--out", out, cwd=folder)
        assert result.exit_code == 0, result.output
    result = invoke("fit", small_set, "--config", "tiny.toml", "--out", "recordings.joblib", cwd=folder)
    assert result.exit_code == 0, result.output
    return folder


def predict(folder: Path, data: Path | str, model: str, out: str) -> bytes:
    result = invoke("predict", data, "--model", model, "--out", out, "--proba", cwd=folder)
    assert result.exit_code == 0, result.output
    return (folder / out).read_bytes()


def test_results_have_the_same_bytes(folder: Path, small_set: Path) -> None:
    labels = small_set / "train" / "labels.csv"
    arguments = ("fit", "train.parquet", "--labels", labels, "--config", "tiny.toml", "--out", "table.joblib")
    result = invoke(*arguments, cwd=folder)
    assert result.exit_code == 0, result.output
    expected = predict(folder, small_set, "recordings.joblib", "expected.jsonl")
    assert predict(folder, "test.parquet", "recordings.joblib", "a.jsonl") == expected
    assert predict(folder, "store", "recordings.joblib", "b.jsonl") == expected
    assert predict(folder, small_set, "table.joblib", "c.jsonl") == expected
    assert predict(folder, "test.parquet", "table.joblib", "d.jsonl") == expected
    manifests = [json.loads((folder / f"{name}.json").read_text()) for name in ("recordings", "table")]
    assert manifests[0]["data_fingerprint"] == manifests[1]["data_fingerprint"]


def test_validate_and_explain_read_tables(folder: Path, small_set: Path) -> None:
    labels = small_set / "test" / "labels.csv"
    options = ("--allow-overlap", "--json")
    found = invoke("validate", "recordings.joblib", "test.parquet", "--labels", labels, *options, cwd=folder)
    expected = invoke("validate", "recordings.joblib", small_set, "--labels", labels, *options, cwd=folder)
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["scores"] == json.loads(expected.stdout)["scores"]
    result = invoke("explain", "store", "--model", "recordings.joblib", "--json", cwd=folder)
    assert result.exit_code == 0, result.output
    strips = [recording["strip"] for recording in json.loads(result.stdout)["recordings"]]
    assert {strip["reason"] for strip in strips} == {
        "strip charts need the recordings, and the features come from a table"
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "train.parquet", "--config", "tiny.toml"), "there are no labels"),
        (("fit", "train.parquet"), "other feature families"),
        (("check", "train.parquet"), "also take feature tables"),
        (("fit", "tiny.toml"), "the data folder does not exist"),
        (("predict", "test.parquet", "--model", "recordings.joblib", "--fps", "10"), "reading.fps = 10.0"),
        (("predict", "train.parquet", "--model", "recordings.joblib"), "also in the training set"),
    ],
    ids=["labels", "families", "check", "file", "fps", "overlap"],
)
def test_what_does_not_fit_gets_one_message(
    folder: Path, small_set: Path, arguments: tuple[str, ...], message: str
) -> None:
    labels = small_set / "train" / "labels.csv"
    options = ("--labels", labels) if arguments == ("fit", "train.parquet") else ()
    result = invoke(*arguments, *options, cwd=folder)
    assert result.exit_code == 3
    assert message in " ".join(result.stderr.split())


def test_subjects_that_paths_tell_are_not_lost_in_a_text_table(small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    labels = pd.read_csv(small_set / "train" / "labels.csv", dtype=str)
    labels = labels[[(small_set / "train" / "video" / f"{name}.csv").is_file() for name in labels["data_id"]]]
    for data_id, subject in zip(labels["data_id"], labels["subject_id"], strict=True):
        (tmp_path / "set" / subject).mkdir(parents=True, exist_ok=True)
        shutil.copy(small_set / "train" / "video" / f"{data_id}.csv", tmp_path / "set" / subject)
    labels[["data_id", "status"]].to_csv(tmp_path / "status.csv", index=False)
    labels[["data_id", "subject_id"]].to_csv(tmp_path / "subjects.csv", index=False)
    pattern = ("--video-pattern", "{subject}/{id}.csv", "--config", "tiny.toml")
    assert invoke("extract", "set", *pattern, "--out", "x.csv", cwd=tmp_path).exit_code == 0
    learn = ("x.csv", "--labels", "status.csv", "--config", "tiny.toml")
    for command, out in (("fit", "x.joblib"), ("evaluate", "x.json")):
        result = invoke(command, *learn, "--out", out, cwd=tmp_path)
        assert result.exit_code == 3
        assert "the subjects in the feature table are not read" in " ".join(result.stderr.split())
    result = invoke("fit", *learn, "--groups", "subjects.csv", "--out", "x.joblib", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "x.json").read_text())
    assert manifest["n_subjects"] == labels["subject_id"].nunique()
    assert not [name for name in manifest["features"] if name.startswith("label__")]
