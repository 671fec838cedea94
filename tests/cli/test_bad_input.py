"""Every bad input from `tests/bad_inputs.py`, with every verb that reads it."""

from __future__ import annotations

import json
import re
import shutil
import stat
from pathlib import Path
from typing import Any

import bad_inputs
import pandas as pd
import pytest
import xxhash
from bad_inputs import FILE_CASES, ODD_IDS, SET_CASES, VERBS, FileCase, SetCase
from program import TINY, Result, invoke

from pdmr_classic.features.feature_table import write_features

DONE, DATA = 0, 3
TARGETS = {"extract": "f.parquet", "fit": "m.joblib", "predict": "r.jsonl"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a valid set, settings, and a model trained on a similar set."""
    folder = tmp_path_factory.mktemp("workspace")
    bad_inputs.write_set(folder / "set")
    bad_inputs.write_set(folder / "others", seed="other")
    (folder / "tiny.toml").write_text(TINY)
    result = invoke("fit", "others", "--config", "tiny.toml", "--out", "model.joblib", cwd=folder)
    assert result.exit_code == DONE, result.stderr
    return folder


@pytest.fixture
def data(tmp_path: Path, workspace: Path) -> Path:
    """Return a copy of the valid set; the only other entry of its parent is an empty folder `work`."""
    (tmp_path / "work").mkdir()
    return shutil.copytree(workspace / "set", tmp_path / "set")


class Verbs:
    """Runs verbs on a set and checks that they write nothing except their output."""

    def __init__(self, workspace: Path, data: Path) -> None:
        self.workspace, self.data, self.work = workspace, data, data.parent / "work"

    def run(self, verb: str, *options: str) -> Result:
        args: dict[str, tuple[str | Path, ...]] = {
            "check": ("--json",),
            "extract": ("--config", self.workspace / "tiny.toml", "--out", TARGETS["extract"]),
            "fit": ("--config", self.workspace / "tiny.toml", "--out", TARGETS["fit"], "--no-cache"),
            "predict": ("--model", self.workspace / "model.joblib", "--out", TARGETS["predict"]),
        }
        before = snapshot_folder(self.data.parent)
        result = invoke(verb, self.data, *args[verb], *options, cwd=self.work)
        changed = snapshot_folder(self.data.parent).items() ^ before.items()
        stem = TARGETS.get(verb, "").partition(".")[0]
        allowed = {"work", *(f"work/{stem}.{end}" for end in ("parquet", "joblib", "json", "jsonl", "notes.json"))}
        names = {name for name, _ in changed}
        assert names <= (allowed if result.exit_code == DONE and stem else set()), f"{verb} wrote or changed {names}"
        assert (self.work / TARGETS[verb]).exists() if result.exit_code == DONE and stem else True
        return result

    def read_errors(self, verb: str) -> list[dict[str, Any]]:
        """Run a verb that must fail and return its errors; except for `check`, they must be one message on stderr."""
        result = self.run(verb)
        assert result.exit_code == DATA, result.output
        if verb == "check":
            report = json.loads(result.stdout)
            return [*report["errors"], *report["fit_errors"]]
        assert result.stdout == ""
        assert result.stderr.count("error: ") == 1
        return parse_findings(result.stderr.partition("error: ")[2])

    def read_findings(self, verb: str) -> list[dict[str, Any]]:
        result = self.run(verb, *(("--json",) if verb != "check" else ()))
        assert result.exit_code == DONE, result.output
        assert result.stderr == ""
        report = json.loads(result.stdout)
        return list(report["findings"])


@pytest.fixture
def verbs(workspace: Path, data: Path) -> Verbs:
    return Verbs(workspace, data)


def snapshot_folder(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the mode, size, modification time and content hash of everything in a folder."""
    return {path.relative_to(folder).as_posix(): _describe_entry(path) for path in folder.rglob("*")}


def _describe_entry(path: Path) -> tuple[int, ...]:
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        return status.st_mode, 0, 0, 0  # locks in it are created and removed
    small = stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20
    content = xxhash.xxh64_intdigest(path.read_bytes()) if small else 0
    return status.st_mode, status.st_size, status.st_mtime_ns, content


def parse_findings(message: str) -> list[dict[str, Any]]:
    """Parse the findings of a message: what, where, expected, found and hint of each."""
    findings: list[dict[str, Any]] = []
    for line in message.splitlines():
        if line.startswith("  "):
            label, _, value = line.strip().partition(": ")
            findings[-1][label] = value.strip()
        else:
            findings.append({"what": line})
    return findings


def check_refusal(findings: list[dict[str, Any]], case: FileCase | SetCase, where: str) -> None:
    """Check that the findings contain the error of a case with all of its parts."""
    (finding,) = [finding for finding in findings if where in str(finding.get("file") or finding.get("where", ""))]
    assert finding.get("code", case.code) == case.code
    place = finding.get("where") or ", ".join(
        f"{name} {finding[name]!r}" for name in ("row", "column") if finding.get(name) is not None
    )
    assert case.row is None or f"row {case.row}" in place
    assert case.column is None or f"column {case.column!r}" in place
    for name in ("expected", "found", "hint"):
        assert finding[name]
    assert case.found in finding["found"]
    assert case.hint in finding["hint"]


# ------------------------------------------------------------------------------------------------ one bad file


@pytest.mark.parametrize("case", [case for case in FILE_CASES if case.outcome == "error"], ids=str)
def test_an_unusable_file_is_refused_with_its_location_and_a_hint(case: FileCase, verbs: Verbs) -> None:
    path = case.put(verbs.data)
    for verb in ("fit", "predict"):
        (verbs.work / TARGETS[verb]).write_text("an older file, which must not change")
    older = pd.DataFrame({"video__a__mean": [1.0]}, pd.Index(["1"], name="data_id"))
    write_features(older, verbs.work / TARGETS["extract"])
    for verb in ("check", "extract", "fit"):
        check_refusal(verbs.read_errors(verb), case, str(path))
    result = verbs.run("predict")  # uses the other modality
    assert result.exit_code == DONE, result.stderr
    assert f"  where:    {path}" in result.stderr
    assert '"data_id": "bad"' in (verbs.work / "r.jsonl").read_text()


@pytest.mark.parametrize("case", [case for case in FILE_CASES if case.outcome == "error"], ids=str)
def test_predict_refuses_a_recording_without_any_usable_file(case: FileCase, verbs: Verbs) -> None:
    path = case.put(verbs.data)
    (verbs.data / ("audio" if case.modality == "video" else "video") / path.name).unlink()
    (verbs.work / "r.jsonl").write_text("precious\n")
    first, *others = verbs.read_errors("predict")
    assert first["what"] == "1 recording has no data that the model can use"
    assert first["found"] == "'bad'"
    check_refusal(others, case, str(path))
    assert (verbs.work / "r.jsonl").read_text() == "precious\n"


@pytest.mark.parametrize("case", [case for case in FILE_CASES if case.outcome != "error"], ids=str)
def test_an_odd_file_is_read_with_one_warning_or_none(case: FileCase, verbs: Verbs) -> None:
    path = case.put(verbs.data)
    in_check = [finding for finding in verbs.read_findings("check") if finding.get("file") == str(path)]
    codes = [finding["code"] for finding in in_check]
    assert codes.count(case.code) == (case.outcome == "warning")
    assert case.outcome == "warning" or not codes
    for finding in in_check:
        if finding["code"] == case.code:
            assert finding.get("column") == case.column
            assert case.found in finding.get("found", "")
            assert case.hint in finding.get("hint", "")
    for verb in ("extract", "predict"):
        assert {finding["code"] for finding in verbs.read_findings(verb)} == set(codes)


def test_fit_accepts_all_odd_files_together_and_counts_each_warning(verbs: Verbs) -> None:
    cases = [case for case in FILE_CASES if case.outcome == "warning"]
    assert len(cases) > 10
    for number, case in enumerate(cases):
        case.put(verbs.data, f"odd{number}")
    findings = {finding["code"]: finding for finding in verbs.read_findings("fit")}
    for case in cases:
        assert findings[case.code]["what"].endswith(("(1 file)", " files)"))
        assert "file" not in findings[case.code]


def test_check_reports_every_bad_file_of_a_folder_in_one_run(verbs: Verbs) -> None:
    paths = {case.put(verbs.data, f"bad{number}"): case for number, case in enumerate(FILE_CASES)}
    bad_names = [case for case in SET_CASES if case.error_verbs == VERBS]
    for bad_name in bad_names:
        bad_name.make(verbs.data)
    result = verbs.run("check")
    assert result.exit_code == DATA
    report = json.loads(result.stdout)
    errors = {(finding["file"], finding["code"]) for finding in report["errors"]}
    warnings = {(finding.get("file"), finding["code"]) for finding in report["findings"]}
    for path, case in paths.items():
        assert ((str(path), case.code) in errors) == (case.outcome == "error"), case
        assert ((str(path), case.code) in warnings) == (case.outcome == "warning"), case
    for bad_name in bad_names:
        assert any(bad_name.where in file and code == bad_name.code for file, code in errors), bad_name
    printed = invoke("check", verbs.data, cwd=verbs.work)
    assert printed.exit_code == DATA
    assert max(map(len, printed.stdout.splitlines())) <= 80


# ------------------------------------------------------------------------------------------------ one bad set


@pytest.mark.parametrize("case", SET_CASES, ids=str)
def test_every_verb_handles_a_bad_set_as_specified(case: SetCase, verbs: Verbs) -> None:
    case.make(verbs.data)
    for verb in VERBS:
        if verb in case.error_verbs:
            check_refusal(verbs.read_errors(verb), case, case.where)
            continue
        findings = [finding for finding in verbs.read_findings(verb) if finding["code"] == case.code]
        assert bool(findings) == (verb in case.warning_verbs), f"{verb}: {findings}"
        for finding in findings:
            assert case.where in finding.get("file", "")
            assert case.found in finding.get("found", "") or verb != "check"


def test_ids_with_any_characters_are_written_unchanged_to_the_results(verbs: Verbs) -> None:
    (case,) = [case for case in SET_CASES if case.table_row == "65" and not case.error_verbs]
    case.make(verbs.data)
    verbs.run("predict")
    lines = (verbs.work / "r.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["data_id"] for line in lines[:-1]] == sorted([*bad_inputs.IDS, *ODD_IDS])


# ---------------------------------------------------------------------------------------------- no recordings


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "does not exist"),
        ("labels.csv", "does not exist|is not a feature table"),
        ("x" * 300, "does not exist"),
        ("empty", "no recordings"),
        ("none", "no recordings"),
    ],
)
def test_a_folder_without_recordings_is_refused(verbs: Verbs, verb: str, name: str, message: str) -> None:
    (verbs.data / "empty").mkdir()
    (verbs.data / "none" / "video").mkdir(parents=True)
    verbs.data = verbs.data / name
    model = ("--model", verbs.workspace / "model.joblib") if verb == "predict" else ()
    result = invoke(verb, verbs.data, *model, cwd=verbs.work)
    assert result.exit_code == DATA
    assert result.stdout == ""
    (finding,) = parse_findings(result.stderr.removeprefix("error: "))
    assert re.search(message, finding["what"])
    assert finding["where"] == str(verbs.data)
    assert finding["expected"]
    assert finding["found"]
    assert finding["hint"]
