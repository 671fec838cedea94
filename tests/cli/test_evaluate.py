"""`evaluate` as users run it, the installed console script in a separate process, and in this process; `compare`."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from program import QUICK, invoke, run
from rich.console import Console

from pdmr_classic.reporting.evaluation_tables import evaluation_tables


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, small_set: Path) -> Path:
    """Return a folder with an evaluation of a small set and its printed output."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "quick.toml").write_text(QUICK + "[evaluation]\nfolds = 3\nrepeats = 1\n")
    options = ["--config", "quick.toml", "--repeats", "2", "--jobs", "1", "--by", "gender", "--by", "status"]
    result = run("evaluate", small_set, *options, cwd=folder)
    assert result.returncode == 0, result.stderr
    (folder / "stdout.txt").write_text(result.stdout)
    (folder / "stderr.txt").write_text(result.stderr)
    return folder


def test_tables_fit_into_80_columns_and_match_the_json(workspace: Path) -> None:
    text, evaluation = (workspace / "stdout.txt").read_text(), json.loads((workspace / "evaluation.json").read_text())
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(rf"F1 of Depression +{evaluation['scores']['f1']['mean']:.3f}", text)
    for words in ("always Depression", "shortcut", "video only", "audio only", "half the frame rate", "by gender"):
        assert words in text
    assert "Permutation p of the AUC on fixed predictions (1000 permutations of subject labels)" in " ".join(
        text.split()
    )
    assert "synthetic" in text
    assert evaluation["synthetic"] is True


def test_options_override_the_settings_file_which_overrides_the_defaults(workspace: Path) -> None:
    evaluation = json.loads((workspace / "evaluation.json").read_text())
    assert (evaluation["outer_folds"]["n_folds"], evaluation["outer_folds"]["n_repeats"]) == (3, 2)
    assert evaluation["settings"]["evaluation"] == {
        "folds": 3,
        "repeats": 2,
        "by": ["gender", "status"],
        "prevalence": None,
        "leave": None,
        "stress": True,
        "confounds": False,
        "nuisance": [],
        "estimators": [],
    }


def test_tables_can_be_rebuilt_from_the_evaluation_file(workspace: Path) -> None:
    evaluation = json.loads((workspace / "evaluation.json").read_text())
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(evaluation_tables({**evaluation, "out": "evaluation.json"}))
    assert console.file.getvalue() == (workspace / "stdout.txt").read_text()  # type: ignore[attr-defined]
    assert list(evaluation["subgroups"]) == ["gender", "status"]


def test_cost_and_progress_go_to_standard_error(workspace: Path) -> None:
    text = (workspace / "stderr.txt").read_text()
    assert text.index("6 models will be tuned and trained") < text.index("outer folds 0/6")
    assert "outer folds 6/6" in text
    assert "Traceback" not in text
    assert "Warning" not in text


def test_evaluate_leaves_no_temporary_files(workspace: Path) -> None:
    names = {path.name for path in workspace.iterdir()}
    assert names == {"quick.toml", "evaluation.json", "stdout.txt", "stderr.txt"}


def test_json_prints_the_evaluation_that_is_written(workspace: Path, small_set: Path, tmp_path: Path) -> None:
    options = ("--config", workspace / "quick.toml", "--jobs", "1", "--no-stress")
    options += ("--metric", "balanced_accuracy", "--threshold", "0.25")
    result = invoke("evaluate", small_set, *options, "--json", cwd=tmp_path)
    assert result.stderr == ""
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert json.loads(result.stdout) == {**written, "out": "evaluation.json"}
    assert written["stress_tests"] == {}
    assert written["settings"]["learning"]["metric"] == "balanced_accuracy"
    assert written["settings"]["learning"]["threshold"] == 0.25
    predicted_classes = {row["probability"] >= 0.25: row["predicted"] for row in written["predictions"]}
    assert predicted_classes.get(True) in ("Depression", None)
    assert predicted_classes.get(False) in ("Normal", None)


def test_compare_shows_the_differences_in_80_columns(workspace: Path) -> None:
    text = invoke("compare", "evaluation.json", "evaluation.json", cwd=workspace).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "+0.000" in text
    comparison = json.loads(invoke("compare", "evaluation.json", "evaluation.json", "--json", cwd=workspace).stdout)
    assert list(comparison["systems"]) == ["evaluation", "evaluation (2)"]
    # The same predictions twice: no spread, and so no interval.
    assert comparison["pairs"][0]["differences"]["auc"]["high"] is None


def test_compare_shows_the_parts_of_one_model_and_draws_them(workspace: Path) -> None:
    text = invoke("compare", "evaluation.json", "--plot", "parts.svg", cwd=workspace).stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "Corrected for choosing the best of" in text
    svg = (workspace / "parts.svg").read_text(encoding="utf-8")
    assert "rank 1 by F1" in svg
    assert "view video" in svg


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("evaluate", "nowhere"), 3, "the data folder does not exist"),
        (("evaluate", "SET", "--by", "planet"), 2, "--by names a column that is not in the label table"),
        (("evaluate", "SET", "--by", "subject_id"), 2, "has only one subject per value"),
        (("evaluate", "SET", "--metric", "f7"), 2, "the setting learning.metric is not valid"),
        (("evaluate", "SET", "--out", "."), 5, "the output path is a folder"),
        (("evaluate", "SET", "--folds", "1"), 2, "the setting evaluation.folds is not valid"),
        (("compare", "evaluation.json", "quick.toml"), 3, "the evaluation cannot be read"),
        (("compare", "evaluation.json", "none.json"), 3, "No such file"),
    ],
)
def test_an_invalid_call_gives_one_error_message(
    workspace: Path, small_set: Path, args: tuple[str, ...], code: int, message: str
) -> None:
    result = invoke(*(str(small_set) if arg == "SET" else arg for arg in args), cwd=workspace)
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_the_confound_audit_is_shown_in_80_columns(tmp_path: Path, small_set: Path) -> None:
    (tmp_path / "quick.toml").write_text(QUICK + "[evaluation]\nfolds = 3\nrepeats = 1\nstress = false\n")
    options = ["--config", "quick.toml", "--jobs", "1", "--confounds", "--nuisance", "gender"]
    result = invoke("evaluate", small_set, *options, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    text = " ".join(result.stdout.split())
    for words in ("recording conditions alone", "length and frame rate", "file format", "column gender"):
        assert words in text
    assert "None of 8 groups of recording conditions clearly predicts the label" in text
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())
    assert evaluation["settings"]["evaluation"]["nuisance"] == ["gender"]
    assert list(evaluation["confounds"]["groups"])[-1] == "column gender"
