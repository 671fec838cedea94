"""Scores on the command line: evaluate, compare and score."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from program import TINY, invoke

from pdmr_classic import make_synthetic

SCORES = ("--target", "severity", "--scale", "phq8")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small set, settings, and an evaluation of its scores with its printed output."""
    folder = tmp_path_factory.mktemp("severity")
    make_synthetic(folder / "set", subjects=30, segments=1, seconds=(3, 4))
    (folder / "quick.toml").write_text(TINY + '[severity]\nlearners = ["ridge"]\n')
    options = ("--config", "quick.toml", "--folds", "3", "--repeats", "1", "--jobs", "1", "--no-stress")
    result = invoke("evaluate", "set", *SCORES, *options, cwd=folder)
    assert result.exit_code == 0, result.output
    (folder / "stdout.txt").write_text(result.stdout)
    return folder


def test_an_evaluation_of_scores_is_printed_and_written(workspace: Path) -> None:
    text, evaluation = (workspace / "stdout.txt").read_text(), json.loads((workspace / "evaluation.json").read_text())
    assert max(map(len, text.splitlines())) <= 80
    assert "scores" not in evaluation
    ccc = evaluation["severity"]["scores"]["ccc"]["mean"]
    assert f"{ccc:.3f}" in next(line for line in text.splitlines() if line.startswith("Concordance (CCC)"))
    for words in ("training mean", "training median", "shortcut", "video only", "by true class", "synthetic"):
        assert words in text


def test_the_systems_of_one_evaluation_are_compared(workspace: Path) -> None:
    result = invoke("compare", "evaluation.json", "--json", cwd=workspace)
    comparison = json.loads(result.stdout)
    assert {"model", "mean", "view video"} <= set(comparison["severity"]["systems"])
    assert invoke("compare", "evaluation.json", cwd=workspace).stdout.count("best by CCC") == 1


def test_results_are_scored_against_a_column_of_scores(workspace: Path) -> None:
    labels = pd.read_csv(workspace / "set/test/labels.csv", dtype={"data_id": str})
    rows = [
        {"data_id": name, "severity": score + 1} for name, score in zip(labels.data_id, labels.severity, strict=True)
    ]
    (workspace / "results.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = invoke("score", "results.jsonl", "set/test/labels.csv", *SCORES, "--json", cwd=workspace)
    severity = json.loads(result.stdout)["severity"]
    assert (severity["n"], severity["mae"], severity["pearson"]) == (len(labels), 1.0, pytest.approx(1.0))
    text = invoke("score", "results.jsonl", "set/test/labels.csv", *SCORES, cwd=workspace).stdout
    assert "Mean absolute error" in text
    assert "F1" not in text.replace("Macro F1 of classes", "")


def test_results_without_classes_are_scored_only_by_their_column(workspace: Path) -> None:
    (workspace / "only.jsonl").write_text('{"data_id": "001", "severity": 4}')
    result = invoke("score", "only.jsonl", "set/test/labels.csv", cwd=workspace)
    assert result.exit_code == 3
    assert "pass --target with the column of the scores" in " ".join(result.stderr.split())
