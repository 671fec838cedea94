"""`pdmr-classic audit` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

from program import TINY, invoke


def test_audit_prints_one_json_object_and_writes_it(small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    out = tmp_path / "audit.json"
    command = ("audit", small_set, "--config", "tiny.toml", "--jobs", "1", "--no-cache", "--json", "--out", out)
    result = invoke(*command, cwd=tmp_path)
    assert result.exit_code == 0, result.output
    printed, written = json.loads(result.stdout), json.loads(out.read_text())
    assert printed.pop("out") == str(out)
    assert printed == written
    assert (written["schema"], written["model"], written["n_subjects"]) == ("pdmr-classic/audit/1", "trained", 8)
    assert written["conclusion"][0].startswith("Identity in the raw features")


def test_audit_of_a_model_uses_the_test_recordings(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    result = invoke("audit", small_set, "--model", fitted_file, "--jobs", "1", "--no-cache", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    assert "24 recordings of 12 subjects; 4 subjects attacked" in " ".join(result.stdout.split())


def test_a_file_of_another_kind_is_not_overwritten(small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    result = invoke("audit", small_set, "--out", "mine.json", cwd=tmp_path)
    assert result.exit_code == 5
    assert (tmp_path / "mine.json").read_text() == "{}"


def test_options_without_effect_are_refused(small_set: Path, fitted_file: Path, tmp_path: Path) -> None:
    result = invoke("audit", small_set, "--model", fitted_file, "--trials", "3", cwd=tmp_path)
    assert result.exit_code == 2
    assert "no effect on a model that is trained" in result.stderr
    result = invoke("audit", small_set, "--train", small_set, cwd=tmp_path)
    assert result.exit_code == 2
    assert "--train has no effect without --model" in result.stderr
