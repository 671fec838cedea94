"""Commands on a feature table, or a feature store, give the results of the recordings."""

from __future__ import annotations

import json
from pathlib import Path

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
