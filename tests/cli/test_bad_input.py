"""Every row of the table of bad inputs, in every verb that reads them, as `tests/bad_inputs.py` makes them."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import bad_inputs
import pytest
import xxhash
from bad_inputs import FILE_CASES, ODD_IDS, SET_CASES, VERBS, FileCase, SetCase
from program import TINY, Result, invoke

DONE, DATA = 0, 3
TARGETS = {"extract": "f.parquet", "fit": "m.joblib", "predict": "r.jsonl"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a good set, settings, and a model that was trained on another set like it."""
    folder = tmp_path_factory.mktemp("made")
    bad_inputs.write_set(folder / "set")
    bad_inputs.write_set(folder / "others", seed="other")
    (folder / "tiny.toml").write_text(TINY)
    result = invoke("fit", "others", "--config", "tiny.toml", "--out", "model.joblib", cwd=folder)
    assert result.exit_code == DONE, result.stderr
    return folder


@pytest.fixture
def data(tmp_path: Path, made: Path) -> Path:
    """Return a copy of the good set, beside which nothing stands but a folder to work in."""
    (tmp_path / "work").mkdir()
    return shutil.copytree(made / "set", tmp_path / "set")


class Verbs:
    """Runs verbs on a set, and holds them to what each of them must never do."""

    def __init__(self, made: Path, data: Path) -> None:
        self.made, self.data, self.work = made, data, data.parent / "work"

    def __call__(self, verb: str, *more: str) -> Result:
        args: dict[str, tuple[str | Path, ...]] = {
            "check": ("--json",),
            "extract": ("--config", self.made / "tiny.toml", "--out", TARGETS["extract"]),
            "fit": ("--config", self.made / "tiny.toml", "--out", TARGETS["fit"], "--no-cache"),
            "predict": ("--model", self.made / "model.joblib", "--out", TARGETS["predict"]),
        }
        before = listing(self.data.parent)
        result = invoke(verb, self.data, *args[verb], *more, cwd=self.work)
        written = listing(self.data.parent).items() ^ before.items()
        stem = TARGETS.get(verb, "").partition(".")[0]
        allowed = {"work", *(f"work/{stem}.{end}" for end in ("parquet", "joblib", "json", "jsonl", "notes.json"))}
        names = {name for name, _ in written}
        assert names <= (allowed if result.exit_code == DONE and stem else set()), f"{verb} wrote or changed {names}"
        assert (self.work / TARGETS[verb]).exists() if result.exit_code == DONE and stem else True
        return result

    def refused(self, verb: str) -> list[dict[str, Any]]:
        """Return what a verb refuses; of all but `check`, as one message on standard error."""
        result = self(verb)
        assert result.exit_code == DATA, result.output
        if verb == "check":
            found = json.loads(result.stdout)
            return [*found["refused"], *found["refused_by_fit"]]
        assert result.stdout == ""
        assert result.stderr.count("error: ") == 1
        return parts(result.stderr.partition("error: ")[2])

    def told(self, verb: str) -> list[dict[str, Any]]:
        result = self(verb, *(("--json",) if verb != "check" else ()))
        assert result.exit_code == DONE, result.output
        assert result.stderr == ""
        found = json.loads(result.stdout)
        return list(found["findings"])


@pytest.fixture
def run(made: Path, data: Path) -> Verbs:
    return Verbs(made, data)


def listing(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return what stands in a folder: the kind, size, time of change and content of everything."""
    return {path.relative_to(folder).as_posix(): _facts(path) for path in folder.rglob("*")}


def _facts(path: Path) -> tuple[int, ...]:
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        return status.st_mode, 0, 0, 0  # a lock in it comes and goes
    small = stat.S_ISREG(status.st_mode) and status.st_size < 1 << 20
    content = xxhash.xxh64_intdigest(path.read_bytes()) if small else 0
    return status.st_mode, status.st_size, status.st_mtime_ns, content


def parts(message: str) -> list[dict[str, Any]]:
    """Return the findings of a message: what, where, expected, found and mend of each."""
    found: list[dict[str, Any]] = []
    for line in message.splitlines():
        if line.startswith("  "):
            label, _, value = line.strip().partition(": ")
            found[-1][label] = value.strip()
        else:
            found.append({"what": line})
    return found


def check_parts(findings: list[dict[str, Any]], case: FileCase | SetCase, where: str) -> None:
    """Find the refusal of a case among findings, and see that it has all of its parts."""
    (found,) = [finding for finding in findings if where in str(finding.get("file") or finding.get("where", ""))]
    assert found.get("code", case.code) == case.code
    place = found.get("where") or ", ".join(
        f"{name} {found[name]!r}" for name in ("row", "column") if found.get(name) is not None
    )
    assert case.row is None or f"row {case.row}" in place
    assert case.column is None or f"column {case.column!r}" in place
    for name in ("expected", "found", "hint"):
        assert found[name]
    assert case.found in found["found"]
    assert case.hint in found["hint"]


# ------------------------------------------------------------------------------------------------ one bad file


@pytest.mark.parametrize("case", [case for case in FILE_CASES if case.outcome == "error"], ids=str)
def test_a_file_that_cannot_be_used_is_refused_with_all_that_is_known(case: FileCase, run: Verbs) -> None:
    path = case.put(run.data)
    for name in TARGETS.values():
        (run.work / name).write_text("an older one, which stays as it is")
    for verb in ("check", "extract", "fit"):
        check_parts(run.refused(verb), case, str(path))
    result = run("predict")  # on the other modality
    assert result.exit_code == DONE, result.stderr
    assert f"  where:    {path}" in result.stderr
    assert '"data_id": "bad"' in (run.work / "r.jsonl").read_text()


@pytest.mark.parametrize("case", [case for case in FILE_CASES if case.outcome == "error"], ids=str)
def test_a_recording_with_nothing_left_is_refused_in_predict(case: FileCase, run: Verbs) -> None:
    path = case.put(run.data)
    (run.data / ("audio" if case.modality == "video" else "video") / path.name).unlink()
    (run.work / "r.jsonl").write_text("precious\n")
    first, *others = run.refused("predict")
    assert first["what"] == "1 recording has no data that the model can use"
    assert first["found"] == "'bad'"
    check_parts(others, case, str(path))
    assert (run.work / "r.jsonl").read_text() == "precious\n"


@pytest.mark.parametrize("case", [case for case in FILE_CASES if case.outcome != "error"], ids=str)
def test_an_odd_file_is_read_and_told_once_or_not_at_all(case: FileCase, run: Verbs) -> None:
    path = case.put(run.data)
    in_check = [finding for finding in run.told("check") if finding.get("file") == str(path)]
    codes = [finding["code"] for finding in in_check]
    assert codes.count(case.code) == (case.outcome == "warning")
    assert case.outcome == "warning" or not codes
    for finding in in_check:
        if finding["code"] == case.code:
            assert finding.get("column") == case.column
            assert case.found in finding.get("found", "")
            assert case.hint in finding.get("hint", "")
    for verb in ("extract", "predict"):
        assert {finding["code"] for finding in run.told(verb)} == set(codes)


def test_a_model_is_trained_on_every_odd_file_at_once_and_each_oddity_is_counted(run: Verbs) -> None:
    cases = [case for case in FILE_CASES if case.outcome == "warning"]
    assert len(cases) > 10
    for number, case in enumerate(cases):
        case.put(run.data, f"odd{number}")
    told = {finding["code"]: finding for finding in run.told("fit")}
    for case in cases:
        assert told[case.code]["what"].endswith(("(1 file)", " files)"))
        assert "file" not in told[case.code]


def test_check_finds_every_bad_file_of_a_folder_in_one_pass_and_lists_it_by_code(run: Verbs) -> None:
    paths = {case.put(run.data, f"bad{number}"): case for number, case in enumerate(FILE_CASES)}
    names = [case for case in SET_CASES if case.error_verbs == VERBS]
    for named in names:
        named.make(run.data)
    result = run("check")
    assert result.exit_code == DATA
    found = json.loads(result.stdout)
    refused = {(finding["file"], finding["code"]) for finding in found["refused"]}
    noticed = {(finding.get("file"), finding["code"]) for finding in found["findings"]}
    for path, case in paths.items():
        assert ((str(path), case.code) in refused) == (case.outcome == "error"), case
        assert ((str(path), case.code) in noticed) == (case.outcome == "warning"), case
    for named in names:
        assert any(named.where in file and code == named.code for file, code in refused), named
    told = invoke("check", run.data, cwd=run.work)
    assert told.exit_code == DATA
    assert max(map(len, told.stdout.splitlines())) <= 80


# ------------------------------------------------------------------------------------------------ one bad set


@pytest.mark.parametrize("case", SET_CASES, ids=str)
def test_a_set_gets_what_the_table_says_in_every_verb(case: SetCase, run: Verbs) -> None:
    case.make(run.data)
    for verb in VERBS:
        if verb in case.error_verbs:
            check_parts(run.refused(verb), case, case.where)
            continue
        told = [finding for finding in run.told(verb) if finding["code"] == case.code]
        assert bool(told) == (verb in case.warning_verbs), f"{verb}: {told}"
        for finding in told:
            assert case.where in finding.get("file", "")
            assert case.found in finding.get("found", "") or verb != "check"


def test_ids_of_any_characters_stand_in_the_results_as_they_are(run: Verbs) -> None:
    (case,) = [case for case in SET_CASES if case.table_row == "65" and not case.error_verbs]
    case.make(run.data)
    run("predict")
    lines = (run.work / "r.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["data_id"] for line in lines[:-1]] == sorted([*bad_inputs.IDS, *ODD_IDS])


# ---------------------------------------------------------------------------------------------- no set at all


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "does not exist"),
        ("labels.csv", "does not exist"),
        ("x" * 300, "does not exist"),
        ("empty", "no recordings"),
        ("none", "no recordings"),
    ],
)
def test_a_folder_without_recordings_is_refused(run: Verbs, verb: str, name: str, said: str) -> None:
    (run.data / "empty").mkdir()
    (run.data / "none" / "video").mkdir(parents=True)
    run.data = run.data / name
    result = invoke(verb, run.data, cwd=run.work)
    assert result.exit_code == DATA
    assert result.stdout == ""
    (found,) = parts(result.stderr.removeprefix("error: "))
    assert said in found["what"]
    assert found["where"] == str(run.data)
    assert found["expected"]
    assert found["found"]
    assert found["hint"]
