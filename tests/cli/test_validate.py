"""`pdmr-classic validate` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from pdmr_classic.cli.app import app

RUNNER = CliRunner()


def test_validate_prints_tables_of_80_columns_and_writes_json(
    fitted_file: Path, small_set: Path, tmp_path: Path
) -> None:
    out = tmp_path / "validation.json"
    command = ["validate", str(fitted_file), str(small_set), "--jobs", "1", "--no-cache", "--out", str(out)]
    result = RUNNER.invoke(app, command, env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    for title in ("Calibration in the large", "net benefit at threshold", "compared with training", "sample size"):
        assert title in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert json.loads(out.read_text())["schema"] == "pdmr-classic/validation/1"


def test_validate_prints_one_json_object(fitted_file: Path, small_set: Path) -> None:
    command = [
        "validate",
        str(fitted_file),
        str(small_set),
        "--jobs",
        "1",
        "--no-cache",
        "--json",
        "--auc-width",
        "0.2",
    ]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sample_size"]["targets"]["auc"]["width"] == 0.2


def test_labels_of_another_corpus_are_read_by_their_own_options(
    fitted_file: Path, small_set: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(small_set / "test/labels.csv", dtype=str)
    table["diagnosis"] = table.pop("status").map({"Depression": "1", "Normal": "0"})
    table.to_csv(tmp_path / "mine.csv", index=False)
    command = ["validate", str(fitted_file), str(small_set), "--jobs", "1", "--no-cache", "--json"]
    command += ["--labels", str(tmp_path / "mine.csv"), "--label-column", "diagnosis"]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 3
    assert "not the classes of the model" in result.output
    result = RUNNER.invoke(app, [*command, "--map", "0=Normal,1=Depression"])
    assert result.exit_code == 0, result.output
