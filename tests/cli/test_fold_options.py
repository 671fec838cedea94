"""`evaluate --fold` in several runs and `--join`, as users type them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from program import TINY, Result, invoke

from pdmr_classic.cli._fold_options import hold_folds
from pdmr_classic.errors import TargetError


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, small_set: Path) -> Path:
    """Return a folder with an evaluation of one run (`whole.json`), and the folds of another (`evaluation.json`)."""
    folder = tmp_path_factory.mktemp("folds")
    (folder / "tiny.toml").write_text(TINY + "[evaluation]\nfolds = 2\nrepeats = 1\nstress = false\n")
    for out, options in (
        ("whole.json", ()),
        ("evaluation.json", ("--fold", "2")),
        ("evaluation.json", ("--fold", "1")),
    ):
        result = evaluate(folder, small_set, "--out", out, *options)
        assert result.exit_code == 0, result.stderr
        (folder / "stdout.txt").write_text(result.stdout)
    return folder


def evaluate(folder: Path, data: Path, *options: str) -> Result:
    return invoke("evaluate", data, "--config", "tiny.toml", "--jobs", "1", *options, cwd=folder)


@pytest.fixture
def copy(workspace: Path, tmp_path: Path) -> Path:
    return shutil.copytree(workspace, tmp_path / "copy")


def test_joined_folds_are_the_file_of_one_run_and_are_then_removed(copy: Path, small_set: Path) -> None:
    result = evaluate(copy, small_set, "--out", "evaluation.json", "--join")
    assert result.exit_code == 0, result.stderr
    assert (copy / "evaluation.json").read_bytes() == (copy / "whole.json").read_bytes()
    assert {path.name for path in copy.iterdir()} == {"tiny.toml", "whole.json", "evaluation.json", "stdout.txt"}
    assert "will be tuned and trained" not in result.stderr


def test_a_run_says_what_it_stored_and_what_is_missing(copy: Path, small_set: Path) -> None:
    text = " ".join((copy / "stdout.txt").read_text().split())
    assert text.startswith("Outer fold 1 of 2 is in evaluation.json.folds.")
    assert "--join" in text
    (copy / "evaluation.json.folds/fold-0002.jsonl").unlink()
    result = evaluate(copy, small_set, "--out", "evaluation.json", "--fold", "1", "--json")
    assert json.loads(result.stdout) == {
        "schema": "pdmr-classic/outer-folds/1",
        "folds": [1],
        "n_folds": 2,
        "missing": [2],
        "checkpoint": "evaluation.json.folds",
    }


def test_missing_folds_are_told_before_the_recordings_are_read(copy: Path) -> None:
    (copy / "evaluation.json.folds/fold-0001.jsonl").unlink()
    result = evaluate(copy, Path("nowhere"), "--out", "evaluation.json", "--join")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "1 of 2 outer folds are missing" in result.stderr
    assert "run the same command with --fold 1 instead of --join" in result.stderr
    assert not (copy / "evaluation.json").exists()


def test_folds_of_another_seed_are_refused(copy: Path, small_set: Path) -> None:
    result = evaluate(copy, small_set, "--out", "evaluation.json", "--join", "--seed", "5")
    assert result.exit_code == 2
    assert "other settings: learning.seed" in result.stderr
    assert (copy / "evaluation.json.folds").exists()
    assert not (copy / "evaluation.json").exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--fold", "1"), 2, "--fold needs --out"),
        (("--join",), 2, "--join needs --out"),
        (("--fold", "1", "--join", "--out", "x.json"), 2, "--fold and --join exclude each other"),
        (("--fold", "", "--out", "x.json"), 2, "the number of the outer fold is not valid"),
        (("--fold", "1", "--report", "page", "--out", "x.json"), 2, "--fold writes no report"),
        (("--join", "--out", "x.json"), 2, "there are no outer folds to join"),
        (("--fold", "9", "--out", "x.json"), 2, "has only 2 outer folds"),
        (("--fold", "1", "--out", "tiny.toml"), 5, "would overwrite another file"),
    ],
)
def test_a_wrong_call_gives_one_message(
    workspace: Path, small_set: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    before = sorted(workspace.iterdir())
    result = evaluate(workspace, small_set, *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert sorted(workspace.iterdir()) == before


def test_a_fold_after_the_join_is_one_message(tmp_path: Path) -> None:
    out = tmp_path / "evaluation.json"
    out.write_text("{}")
    with (
        pytest.raises(TargetError, match=r"the evaluation exists(.*\n)*.*evaluation.json\n(.*\n)*.*different --out"),
        hold_folds(out, (2,)),
    ):
        pass
    assert list(tmp_path.iterdir()) == [out]


def test_a_fold_of_an_evaluation_that_is_repeated_is_computed(tmp_path: Path) -> None:
    out, folder = tmp_path / "evaluation.json", tmp_path / "evaluation.json.folds"
    out.write_text("{}")
    folder.mkdir()
    with hold_folds(out, (2,)) as checkpoint:
        assert checkpoint == folder
