"""The program as its users run it: the installed console script, in a process of its own."""

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
from program import PROGRAM, run

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


def done(*args: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program and expect it to work, without warnings."""
    result = run(*args, cwd=cwd, **environ)
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr
    assert "Traceback" not in result.stderr
    return result


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the whole path was walked: a set, a model of it, its results."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "quick.toml").write_text(QUICK)
    done("synth", "data", "--subjects", "12", "--segments", "1", "--missing", "0.1", cwd=folder)
    done("fit", "data", "--config", "quick.toml", "--out", "mine.joblib", cwd=folder)
    done("predict", "data", "--model", "mine.joblib", "--out", "results.jsonl", "--proba", "--jobs", "1", cwd=folder)
    return folder


# ------------------------------------------------------------------------------------------------ help


def test_the_program_says_what_it_does_and_lists_every_verb() -> None:
    text = done("--help").stdout
    for verb in VERBS:
        assert re.search(rf"│ {verb} ", text), verb
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example_in_80_columns(verb: str) -> None:
    text = done(verb, "--help").stdout
    assert f"Example: pdmr-classic {verb}" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_contract_s_verbs_are_there() -> None:
    assert {"demo", "synth", "check", "extract", "features", "fit", "predict", "score"} <= set(VERBS)


def test_the_version_is_that_of_the_package() -> None:
    assert done("--version").stdout == f"pdmr-classic {__version__}\n"


# -------------------------------------------------------------------------------------------- the path


def test_check_shows_what_is_there(walk: Path) -> None:
    text = done("check", "data", cwd=walk).stdout
    assert "labelled Depression" in text
    assert "Every file can be read." in text
    assert "synthetic" in text
    assert max(map(len, text.splitlines())) <= 80


def test_extract_writes_one_row_a_recording_with_data_id_first(walk: Path, tmp_path: Path) -> None:
    result = done("extract", "data/train", "--out", tmp_path / "f.parquet", "--json", cwd=walk)
    table = pd.read_parquet(tmp_path / "f.parquet")
    assert table.columns[0] == "data_id"
    assert len(table) == json.loads(result.stdout)["recordings"] == 8
    assert json.loads(result.stdout)["features"]["all"] == table.shape[1] - 1


def test_fit_shows_f1_with_its_baseline_and_a_warning_of_optimism(walk: Path, tmp_path: Path) -> None:
    result = done("fit", "data", "--config", "quick.toml", "--out", tmp_path / "m.joblib", cwd=walk)
    assert "F1 of Depression" in result.stdout
    assert "baseline: always Depression" in result.stdout
    assert "optimistic" in result.stdout
    assert "synthetic" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout + result.stderr, "no colours where there is no terminal"


def test_results_have_one_sorted_line_a_recording(walk: Path) -> None:
    lines = [json.loads(line) for line in (walk / "results.jsonl").read_text().splitlines()]
    ids = [line["data_id"] for line in lines]
    found = {path.stem for kind in ("video", "audio") for path in (walk / "data/test" / kind).iterdir()}
    assert ids == sorted(found)
    for line in lines:
        assert list(line) == ["data_id", "status", "probability"]
        assert line["status"] in {"Depression", "Normal"}
        assert 0 <= line["probability"] <= 1
        assert round(line["probability"], 6) == line["probability"]


def test_results_without_proba_have_two_keys_and_nothing_else(walk: Path, tmp_path: Path) -> None:
    done("predict", "data", "--model", "mine.joblib", "--out", tmp_path / "plain.jsonl", cwd=walk)
    plain = [json.loads(line) for line in (tmp_path / "plain.jsonl").read_text().splitlines()]
    full = [json.loads(line) for line in (walk / "results.jsonl").read_text().splitlines()]
    assert plain == [{key: line[key] for key in ("data_id", "status")} for line in full]


def test_score_shows_f1_with_its_baseline(walk: Path) -> None:
    text = done("score", "results.jsonl", "data/test/labels.csv", cwd=walk).stdout
    assert "F1 of Depression" in text
    assert "baseline: always Depression" in text


@pytest.mark.slow
def test_json_prints_one_object_and_nothing_else(walk: Path, tmp_path: Path) -> None:
    commands: list[tuple[str | Path, ...]] = [
        ("synth", tmp_path / "made", "--subjects", "8", "--segments", "1"),
        ("check", "data"),
        ("extract", "data", "--split", "test", "--out", tmp_path / "f.parquet"),
        ("features",),
        ("fit", "data", "--config", "quick.toml", "--out", tmp_path / "m.joblib"),
        ("predict", "data", "--model", tmp_path / "m.joblib", "--out", tmp_path / "r.jsonl"),
        ("score", tmp_path / "r.jsonl", "data/test/labels.csv"),
    ]
    for command in commands:
        result = done(*command, "--json", cwd=walk)
        found: Any = json.loads(result.stdout)
        assert isinstance(found, dict), command
        assert result.stderr == "", command


def test_what_json_says_of_scores_is_what_the_library_says(walk: Path) -> None:
    from pdmr_classic.evaluation.score_files import score_files

    said = json.loads(done("score", "results.jsonl", "data/test/labels.csv", "--json", cwd=walk).stdout)
    assert said == score_files(walk / "results.jsonl", walk / "data/test/labels.csv")


# --------------------------------------------------------------------------------- the same once more


@pytest.mark.slow
def test_results_are_the_same_bytes_for_any_number_of_jobs_with_and_without_the_cache(
    walk: Path, tmp_path: Path
) -> None:
    expected = (walk / "results.jsonl").read_bytes()
    for jobs, cache in (("1", ("--no-cache",)), ("2", ())):
        model, results = tmp_path / f"{jobs}.joblib", tmp_path / f"{jobs}.jsonl"
        done("fit", "data", "--config", "quick.toml", "--jobs", jobs, *cache, "--out", model, cwd=walk)
        done("predict", "data", "--model", model, "--jobs", jobs, *cache, "--proba", "--out", results, cwd=walk)
        assert results.read_bytes() == expected


@pytest.mark.slow
def test_a_fit_with_the_manifest_as_config_repeats_the_model(walk: Path, tmp_path: Path) -> None:
    done("fit", "data", "--config", "mine.json", "--out", tmp_path / "again.joblib", cwd=walk)
    done(
        "predict", "data", "--model", tmp_path / "again.joblib", "--out", tmp_path / "again.jsonl", "--proba", cwd=walk
    )
    assert (tmp_path / "again.jsonl").read_bytes() == (walk / "results.jsonl").read_bytes()
    ours, again = (json.loads(path.read_text()) for path in (walk / "mine.json", tmp_path / "again.json"))
    # The hash of the model file may differ: the same object is not the same pickle in every process. The salt must.
    differ = {"sha256": None, "content_hashes": None}
    assert ours | differ == again | differ


@pytest.mark.slow
def test_another_seed_is_another_model(walk: Path, tmp_path: Path) -> None:
    done("fit", "data", "--config", "mine.json", "--seed", "1", "--out", tmp_path / "other.joblib", cwd=walk)
    ours, other = (json.loads(path.read_text()) for path in (walk / "mine.json", tmp_path / "other.json"))
    assert other["settings"]["learning"]["seed"] == 1
    assert other["data_fingerprint"] == ours["data_fingerprint"]
    assert other["combiners"] != ours["combiners"], "other folds, other losses"


@pytest.mark.slow
def test_the_issue_s_two_commands_work_inside_a_dataset_folder(walk: Path, tmp_path: Path) -> None:
    shutil.copytree(walk / "data", tmp_path / "data")
    done("fit", "--trials", "1", cwd=tmp_path / "data")
    done("predict", "--out", "results.jsonl", cwd=tmp_path / "data")
    assert (tmp_path / "data/models/pdmr-classic.joblib").is_file()
    lines = (tmp_path / "data/results.jsonl").read_text().splitlines()
    assert [set(json.loads(line)) for line in lines] == [{"data_id", "status"}] * 4


# ----------------------------------------------------------------------------------- pipes and places


@pytest.mark.parametrize("command", [("features",), ("features", "--json")])
def test_a_reader_that_leaves_early_is_no_error(command: tuple[str, ...]) -> None:
    """As in `pdmr-classic features | head -0`: the pipe is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen([str(PROGRAM), *command], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    _, stderr = process.communicate(timeout=60)
    assert stderr == ""
    assert process.returncode in {0, 141}


def test_groups_may_come_from_the_id(walk: Path, tmp_path: Path) -> None:
    train = tmp_path / "train"
    shutil.copytree(walk / "data/train/audio", train / "audio")
    labels = pd.read_csv(walk / "data/train/labels.csv", dtype=str)
    for path in (train / "audio").iterdir():
        path.rename(path.with_name(f"P{path.stem}_a.csv"))
    labels.assign(data_id=[f"P{data_id}_a" for data_id in labels.data_id]).drop(columns="subject_id").to_csv(
        train / "labels.csv", index=False
    )
    # All of them of one subject: counted as such, and no set to learn from.
    checked = run("check", train, "--groups", r"re:^(P0)", "--json")
    found = json.loads(checked.stdout)
    assert found["splits"]["train"]["subjects"] == 1
    assert [finding["code"] for finding in found["refused_by_fit"]] == ["too-few-groups"]
    assert checked.returncode == 3


def test_the_cache_is_kept_where_it_is_asked_for_and_nowhere_else(walk: Path, tmp_path: Path) -> None:
    done("extract", "data/test", "--out", tmp_path / "a.parquet", cwd=walk, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert list((tmp_path / "cache/pdmr-classic").iterdir())
    done(
        "extract",
        "data/test",
        "--no-cache",
        "--out",
        tmp_path / "b.parquet",
        cwd=walk,
        XDG_CACHE_HOME=str(tmp_path / "none"),
    )
    assert not (tmp_path / "none").exists()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), pd.read_parquet(tmp_path / "b.parquet"))
