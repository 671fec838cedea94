"""`export`: one target, with the options that fit it; the ledger knows the model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from program import invoke


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.jsonl"
    path.write_text('{"data_id": "1", "status": "Normal"}\n')
    return path


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "export needs exactly one target"),
        (("--pdmr", "results.jsonl", "--onnx", "m.onnx"), "export needs exactly one target"),
        (("--onnx", "m.onnx"), "export --onnx needs MODEL"),
        (("--pdmr", "results.jsonl"), "export --pdmr needs --out"),
        (("--mpdd", "results.jsonl"), "export --mpdd needs --out"),
        (("m.joblib", "--onnx", "m.onnx", "--out", "x.txt"), "--out has no effect with --onnx"),
        (("--pdmr", "results.jsonl", "--out", "x.txt", "--cutoffs", "5,10"), "--cutoffs has no effect with --pdmr"),
        (
            ("--pdmr", "results.jsonl", "--out", "x.txt", "--ternary", "t.jsonl", "--trust"),
            "--ternary, --trust have no effect with --pdmr",
        ),
        (("--mpdd", "results.jsonl", "--out", "x.zip", "--cutoffs", "low"), "--cutoffs must be two numbers"),
        (("--pdmr", "results.jsonl", "--out", "x.csv"), "does not end in .txt or .json"),
    ],
)
def test_options_that_do_not_fit_get_one_message(args: tuple[str, ...], message: str, results: Path) -> None:
    result = invoke("export", *args, cwd=results.parent)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert [path.name for path in results.parent.iterdir()] == ["results.jsonl"]


def test_a_submission_is_written_and_noted_with_its_model(results: Path, fitted_file: Path) -> None:
    args = ("export", fitted_file, "--pdmr", "results.jsonl", "--out", "pdmr.txt")
    result = invoke(*args, "--json", cwd=results.parent)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["n_submissions"], summary["n_allowed"], summary["ids_checked"]) == (1, 5, False)
    (line,) = map(json.loads, (results.parent / "submissions.jsonl").read_text().splitlines())
    manifest = json.loads(fitted_file.with_suffix(".json").read_text())
    assert (line["model_sha256"], line["seed"]) == (manifest["sha256"], manifest["settings"]["learning"]["seed"])
    assert (line["sha256"], line["date"][:2]) == (summary["sha256"], "20")


def test_scores_of_another_scale_than_phq9_are_noted(results: Path, fitted_file: Path, tmp_path: Path) -> None:
    model = shutil.copy(fitted_file, tmp_path / "other.joblib")
    manifest = json.loads(fitted_file.with_suffix(".json").read_text())
    manifest["settings"]["severity"]["scale"] = "phq8"
    model.with_suffix(".json").write_text(json.dumps(manifest))
    results.write_text('{"data_id": "001", "status": "Normal", "severity": 3.0}\n')
    args = ("--mpdd", "results.jsonl", "--cutoffs", "5,10", "--out", "x.zip")
    result = invoke("export", model, *args, cwd=tmp_path)
    assert result.exit_code == 0, result.output
    assert "phq9_pred has scores of another scale" in result.stderr
    assert "phq8" in result.stderr


def test_without_a_model_the_ledger_says_that_it_is_unknown(results: Path) -> None:
    result = invoke("export", "--pdmr", "results.jsonl", "--out", "pdmr.txt", cwd=results.parent)
    assert result.exit_code == 0, result.output
    assert "the ledger does not say which model predicted" in result.stderr
    assert "Submission 1 of 5 in submissions.jsonl" in result.stdout


def test_the_notes_tell_the_model(results: Path, fitted_file: Path) -> None:
    notes = {"schema": "pdmr-classic/notes/3", "model_sha256": "a" * 64, "seed": 7}
    results.with_name("results.notes.json").write_text(json.dumps(notes))
    args = ("--pdmr", "results.jsonl", "--out", "pdmr.txt")
    result = invoke("export", *args, cwd=results.parent)
    assert (result.exit_code, result.stderr) == (0, "")
    (line,) = map(json.loads, (results.parent / "submissions.jsonl").read_text().splitlines())
    assert (line["model_sha256"], line["seed"]) == ("a" * 64, 7)
    other = invoke("export", fitted_file, *args, cwd=results.parent)
    assert other.exit_code == 2
    assert "MODEL is not the model that made the results" in other.stderr


def test_another_file_of_the_name_of_the_ledger_stops_before_writing(results: Path) -> None:
    results.with_name("submissions.jsonl").write_text("mine")
    result = invoke("export", "--pdmr", "results.jsonl", "--out", "pdmr.txt", cwd=results.parent)
    assert (result.exit_code, (results.parent / "pdmr.txt").exists()) == (5, False)
