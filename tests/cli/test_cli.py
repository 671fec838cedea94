"""The program as users run it: the installed console script in a separate process.

Where the process is not what is tested, the program runs in this one, which need not import the libraries again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from program import PROGRAM, Result, invoke, run

from pdmr_classic._version import __version__
from pdmr_classic.cli.app import app

VERBS = sorted(command.callback.__name__ for command in app.registered_commands if command.callback)
QUICK = """
[learning]
learners = ["lightgbm", "svm"]
trials = 1
repeats = 1
folds = 3
"""


def run_ok(*args: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program and expect success without warnings."""
    result = run(*args, cwd=cwd, **environ)
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert "Traceback" not in result.stderr
    return result


def invoke_ok(*args: str | Path, cwd: Path) -> Result:
    """Run the program in this process and expect success without warnings."""
    result = invoke(*args, cwd=cwd)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a synthetic set, a model trained on it, what `fit --json` printed, and predictions."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "quick.toml").write_text(QUICK)
    invoke_ok("synth", "data", "--subjects", "12", "--segments", "1", "--missing", "0.1", cwd=folder)
    # In a process of its own, because what libraries print from C++ is not captured otherwise, and without workers.
    fit = run_ok("fit", "data", "--config", "quick.toml", "--jobs", "1", "--out", "mine.joblib", "--json", cwd=folder)
    (folder / "fit.out").write_text(fit.stdout)
    (folder / "fit.err").write_text(fit.stderr)
    run_ok("predict", "data", "--model", "mine.joblib", "--out", "results.jsonl", "--proba", "--jobs", "1", cwd=folder)
    return folder


# ------------------------------------------------------------------------------------------------ help


def test_help_lists_every_verb_in_80_columns() -> None:
    text = run_ok("--help").stdout
    for verb in VERBS:
        assert re.search(rf"│ {verb} ", text), verb
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_shows_an_example_in_80_columns(verb: str, tmp_path: Path) -> None:
    text = invoke_ok(verb, "--help", cwd=tmp_path).stdout
    assert f"Example: pdmr-classic {verb}" in text
    assert max(map(len, text.splitlines())) <= 80


def test_all_required_verbs_exist() -> None:
    assert {"demo", "synth", "check", "extract", "features", "fit", "predict", "score"} <= set(VERBS)


def test_version_prints_the_package_version() -> None:
    assert run_ok("--version").stdout == f"pdmr-classic {__version__}\n"


# -------------------------------------------------------------------------------------------- from data to scores


def test_check_summarizes_the_dataset(workspace: Path) -> None:
    text = run_ok("check", "data", cwd=workspace).stdout
    assert "labelled Depression" in text
    assert "Every file can be read." in text
    assert "synthetic" in text
    assert max(map(len, text.splitlines())) <= 80


def test_extract_writes_one_row_per_recording_with_data_id_first(workspace: Path, tmp_path: Path) -> None:
    result = invoke_ok("extract", "data/train", "--out", tmp_path / "f.parquet", "--json", cwd=workspace)
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert table.columns[0] == "data_id"
    assert len(table) == json.loads(result.stdout)["recordings"] == 8
    assert json.loads(result.stdout)["features"]["all"] == table.shape[1] - 1


def test_fit_shows_f1_with_its_baseline_and_warns_that_scores_are_optimistic(workspace: Path, tmp_path: Path) -> None:
    options = ("--config", "quick.toml", "--jobs", "1", "--out", tmp_path / "m.joblib")
    result = invoke_ok("fit", "data", *options, cwd=workspace)
    assert "F1 of Depression" in result.stdout
    assert "baseline: always Depression" in result.stdout
    assert "optimistic" in result.stdout
    assert "synthetic" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout + result.stderr, "colours need a terminal"


def test_results_have_one_line_per_recording_sorted_by_id(workspace: Path) -> None:
    lines = [json.loads(line) for line in (workspace / "results.jsonl").read_text().splitlines()]
    ids = [line["data_id"] for line in lines]
    expected = {path.stem for kind in ("video", "audio") for path in (workspace / "data/test" / kind).iterdir()}
    assert ids == sorted(expected)
    for line in lines:
        assert list(line) == ["data_id", "status", "probability"]
        assert line["status"] in {"Depression", "Normal"}
        assert 0 <= line["probability"] <= 1
        assert round(line["probability"], 6) == line["probability"]


def test_results_without_proba_have_only_two_keys(workspace: Path, tmp_path: Path) -> None:
    invoke_ok("predict", "data", "--model", "mine.joblib", "--out", tmp_path / "plain.jsonl", cwd=workspace)
    plain = [json.loads(line) for line in (tmp_path / "plain.jsonl").read_text().splitlines()]
    full = [json.loads(line) for line in (workspace / "results.jsonl").read_text().splitlines()]
    assert plain == [{key: line[key] for key in ("data_id", "status")} for line in full]


def test_score_shows_f1_with_its_baseline(workspace: Path) -> None:
    text = run_ok("score", "results.jsonl", "data/test/labels.csv", cwd=workspace).stdout
    assert "F1 of Depression" in text
    assert "baseline: always Depression" in text


def test_json_prints_a_single_object(workspace: Path, tmp_path: Path) -> None:
    commands: list[tuple[str | Path, ...]] = [
        ("synth", tmp_path / "made", "--subjects", "8", "--segments", "1", "--condition", "--depressed", "0.3"),
        ("check", "data"),
        ("extract", "data", "--split", "test", "--out", tmp_path / "f.parquet"),
        ("features",),
        ("predict", "data", "--model", "mine.joblib", "--out", tmp_path / "r.jsonl"),
        ("score", tmp_path / "r.jsonl", "data/test/labels.csv"),
    ]
    results = [invoke_ok(*command, "--json", cwd=workspace) for command in commands]
    printed = [(result.stdout, result.stderr) for result in results]
    printed.append(((workspace / "fit.out").read_text(), (workspace / "fit.err").read_text()))
    for stdout, stderr in printed:
        report: Any = json.loads(stdout)
        assert isinstance(report, dict), stdout
        assert stderr == "", stdout


def test_score_json_matches_the_library(workspace: Path) -> None:
    from pdmr_classic.evaluation.score_files import score_files

    printed = json.loads(invoke_ok("score", "results.jsonl", "data/test/labels.csv", "--json", cwd=workspace).stdout)
    assert printed == score_files(workspace / "results.jsonl", workspace / "data/test/labels.csv")


# --------------------------------------------------------------------------------- reproducibility


@pytest.mark.slow
def test_results_are_byte_identical_for_any_number_of_jobs_with_and_without_cache(
    workspace: Path, tmp_path: Path
) -> None:
    expected = (workspace / "results.jsonl").read_bytes()  # of one job, with the cache
    model, results, options = tmp_path / "m.joblib", tmp_path / "r.jsonl", ("--jobs", "2", "--no-cache")
    run_ok("fit", "data", "--config", "quick.toml", *options, "--out", model, cwd=workspace)
    run_ok("predict", "data", "--model", model, *options, "--proba", "--out", results, cwd=workspace)
    assert results.read_bytes() == expected


@pytest.mark.slow
def test_fit_with_the_manifest_as_config_reproduces_the_model(workspace: Path, tmp_path: Path) -> None:
    model, results = tmp_path / "again.joblib", tmp_path / "again.jsonl"
    invoke_ok("fit", "data", "--config", "mine.json", "--jobs", "1", "--out", model, cwd=workspace)
    invoke_ok("predict", "data", "--model", model, "--out", results, "--proba", "--jobs", "1", cwd=workspace)
    assert results.read_bytes() == (workspace / "results.jsonl").read_bytes()
    original, repeated = (json.loads(path.read_text()) for path in (workspace / "mine.json", tmp_path / "again.json"))
    # The hash of the model file may differ, because pickles differ between processes. The salt must differ.
    ignored = {"sha256": None, "content_hashes": None}
    assert original | ignored == repeated | ignored


@pytest.mark.slow
def test_another_seed_gives_another_model(workspace: Path, tmp_path: Path) -> None:
    options = ("--seed", "1", "--jobs", "1", "--out", tmp_path / "other.joblib")
    invoke_ok("fit", "data", "--config", "mine.json", *options, cwd=workspace)
    original, reseeded = (json.loads(path.read_text()) for path in (workspace / "mine.json", tmp_path / "other.json"))
    assert reseeded["settings"]["learning"]["seed"] == 1
    assert reseeded["data_fingerprint"] == original["data_fingerprint"]
    assert reseeded["combiners"] != original["combiners"], "other folds must give other losses"


@pytest.mark.slow
def test_fit_and_predict_work_inside_a_dataset_folder(workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace / "data", tmp_path / "data")
    invoke_ok("fit", "--config", workspace / "quick.toml", "--jobs", "1", cwd=tmp_path / "data")
    invoke_ok("predict", "--out", "results.jsonl", "--jobs", "1", cwd=tmp_path / "data")
    assert (tmp_path / "data/models/pdmr-classic.joblib").is_file()
    lines = (tmp_path / "data/results.jsonl").read_text().splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"data_id", "status"}] * 4


# ----------------------------------------------------------------------------------- pipes, groups and the cache


@pytest.mark.parametrize("command", [("features",), ("features", "--json")])
def test_a_closed_pipe_is_not_an_error(command: tuple[str, ...]) -> None:
    """For example `pdmr-classic features | head -0`, where the pipe is closed before anything is written."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = subprocess.Popen([str(PROGRAM), *command], stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    _, stderr = process.communicate(timeout=300)
    assert stderr == ""
    assert process.returncode in {0, 141}


def test_groups_can_be_taken_from_the_id(workspace: Path, tmp_path: Path) -> None:
    train = tmp_path / "train"
    shutil.copytree(workspace / "data/train/audio", train / "audio")
    labels = pd.read_csv(workspace / "data/train/labels.csv", dtype=str)
    for path in (train / "audio").iterdir():
        path.rename(path.with_name(f"P{path.stem}_a.csv"))
    labels.assign(data_id=[f"P{data_id}_a" for data_id in labels.data_id]).drop(columns="subject_id").to_csv(
        train / "labels.csv", index=False
    )
    # All recordings belong to one subject, so fit must refuse the set.
    result = invoke("check", train, "--groups", r"re:^(P0)", "--json", cwd=tmp_path)
    report = json.loads(result.stdout)
    assert report["splits"]["train"]["subjects"] == 1
    assert [finding["code"] for finding in report["fit_errors"]] == ["too-few-groups"]
    assert result.exit_code == 3


def test_the_cache_is_written_to_its_folder_unless_disabled(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = ("extract", "data/test", "--jobs", "1", "--out")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    invoke_ok(*extract, tmp_path / "a.parquet", cwd=workspace)
    assert list((tmp_path / "cache/pdmr-classic").iterdir())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    invoke_ok(*extract, tmp_path / "b.parquet", "--no-cache", cwd=workspace)
    assert not (tmp_path / "none").exists()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), pd.read_parquet(tmp_path / "b.parquet"))
