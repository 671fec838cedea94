"""`export --hub`: a folder that loads on another account, as users do it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import TINY, invoke, run


@pytest.fixture(scope="module")
def folder(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a model, its evaluation and its folder for the hub."""
    folder = tmp_path_factory.mktemp("hub")
    learners = '["lightgbm", "xgboost", "svm", "extra_trees"]'
    (folder / "tiny.toml").write_text(TINY.replace('["linear"]', learners))
    for command in (
        ("fit", small_set, "--config", "tiny.toml", "--out", "mine.joblib", "--jobs", "1"),
        ("export", "--hub", "shared", "--model", "mine.joblib", "--license", "mit"),
    ):
        result = invoke(*command, cwd=folder)
        assert result.exit_code == 0, result.output
    (folder / "export.txt").write_text(result.output)
    return folder


def test_it_says_what_was_written_and_how_to_upload_it(folder: Path) -> None:
    text = (folder / "export.txt").read_text()
    assert "Nothing was uploaded" in text
    assert "hf upload ORG/shared shared . --private" in text
    assert "rows of training features" in text
    assert "the model card has no scores" in text


@pytest.mark.slow
def test_on_another_account_it_gives_the_same_bytes(folder: Path, small_set: Path, tmp_path: Path) -> None:
    own = invoke("predict", small_set, "--model", "mine.joblib", "--out", tmp_path / "own.jsonl", "--proba", cwd=folder)
    assert own.exit_code == 0, own.output
    (tmp_path / "home").mkdir()
    account = {"HOME": str(tmp_path / "home"), "XDG_STATE_HOME": "", "XDG_CACHE_HOME": ""}
    other = run("predict", small_set, "--model", folder / "shared", "--proba", **account, cwd=tmp_path)
    assert other.returncode == 0, other.stderr
    assert (tmp_path / "results.jsonl").read_bytes() == (tmp_path / "own.jsonl").read_bytes()
    refused = run(
        "predict", small_set, "--model", folder / "shared/model.joblib", "--out", tmp_path / "r.jsonl", **account
    )
    assert refused.returncode == 4
    assert "not trained under this account" in refused.stderr


def test_json_lists_the_files(folder: Path, tmp_path: Path) -> None:
    result = invoke("export", folder / "mine.joblib", "--hub", tmp_path / "hub", "--json", cwd=tmp_path)
    summary = json.loads(result.stdout)
    assert summary["files"].keys() >= {"README.md", "model.skops", "config.json"}
    assert summary["n_check_rows"] == 50
    assert {finding["code"] for finding in summary["findings"]} >= {"training-rows", "content-hashes"}


def test_a_folder_in_use_is_refused(folder: Path) -> None:
    result = invoke("export", "mine.joblib", "--hub", "shared", cwd=folder)
    assert result.exit_code == 5
    assert "already in use" in result.stderr


def test_the_model_is_given_once(folder: Path) -> None:
    result = invoke("export", "mine.joblib", "--model", "mine.joblib", "--hub", "x", cwd=folder)
    assert result.exit_code == 2
    assert "the model is given twice" in result.stderr


@pytest.mark.parametrize("option", ["--license", "--evaluation"])
def test_options_of_the_hub_belong_to_it(option: str, folder: Path) -> None:
    result = invoke("export", "mine.joblib", "--onnx", "m.onnx", option, "mit", cwd=folder)
    assert result.exit_code == 2
    assert f"{option} has no effect with --onnx" in result.stderr
