"""`--quiet` and `--verbose`, and what a verb says before it starts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from program import TINY, invoke
from typer.main import get_command

from pdmr_classic.cli._verbosity import NORMAL, QUIET, VERBOSE, get_verbosity, with_verbosity
from pdmr_classic.cli.app import app


@pytest.fixture(scope="module")
def workspace(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verbosity")
    (folder / "data").symlink_to(small_set)
    (folder / "quick.toml").write_text(TINY.replace("trials = 1", "trials = 2"))
    return folder


EXTRACT = ("extract", "data", "--split", "train", "--out", "f.parquet", "--jobs", "1", "--no-cache")


def test_every_verb_has_both_options() -> None:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--quiet", "-q", "--verbose", "-v"} <= options, name


def test_quiet_shows_only_the_result(workspace: Path) -> None:
    plain, quiet = invoke(*EXTRACT, cwd=workspace), invoke(*EXTRACT, "-q", cwd=workspace)
    assert plain.stderr != ""
    assert (quiet.exit_code, quiet.stderr, quiet.stdout) == (0, "", plain.stdout)


def test_quiet_shows_errors(workspace: Path) -> None:
    result = invoke("extract", "nosuch", "--quiet", cwd=workspace)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: the data folder does not exist")


def test_quiet_and_json_still_list_the_findings(workspace: Path) -> None:
    plain, quiet = (invoke(*EXTRACT, "--json", *more, cwd=workspace) for more in ((), ("-q",)))
    assert plain.stdout == quiet.stdout
    assert quiet.stderr == ""


def test_verbose_shows_the_time_of_each_stage(workspace: Path) -> None:
    lines = invoke(*EXTRACT, "-v", cwd=workspace).stderr.splitlines()
    assert re.fullmatch(r"to read: \d+ files, [\d.]+ [kM]B", lines[0])
    assert any(re.fullmatch(r"reading: (\d+) of \1 in [\d.]+ s", line) for line in lines)
    assert re.fullmatch(r"all: [\d.]+ s", lines[-1])


def test_verbose_with_json_keeps_standard_output_clean(workspace: Path) -> None:
    result = invoke(*EXTRACT, "-v", "--json", cwd=workspace)
    assert "reading: " in result.stderr
    assert json.loads(result.stdout)["out"] == "f.parquet"


def test_both_options_are_refused(workspace: Path) -> None:
    result = invoke(*EXTRACT, "-q", "-v", cwd=workspace)
    assert (result.exit_code, result.stderr.count("error:")) == (2, 1)
    assert "--quiet and --verbose exclude each other" in result.stderr


def test_verbose_names_the_files_that_cannot_be_used(workspace: Path, tmp_path: Path) -> None:
    audio = tmp_path / "set" / "audio"
    audio.mkdir(parents=True)
    (audio / "good.csv").write_text("0.1,0.2\n")
    (audio / "bad.csv").write_text("0.1,x\n")
    verbose, plain = (invoke("extract", "set", "--out", "f.csv", *more, cwd=tmp_path) for more in (("-v",), ()))
    assert "not usable: set/audio/bad.csv: " in verbose.stderr
    assert "not usable" not in plain.stderr


def test_cached_files_are_not_counted_as_work(workspace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cached = [argument for argument in EXTRACT if argument != "--no-cache"]
    first, second = (invoke(*cached, "-v", cwd=workspace).stderr for _ in range(2))
    (n_files,) = re.findall(r"^to read: (\d+) files, ", first, re.MULTILINE)
    assert f"to read: nothing; {n_files} files are cached" in second
    assert "to read" not in invoke(*cached, cwd=workspace).stderr


def test_fit_says_what_it_tunes_before_it_starts(workspace: Path) -> None:
    options = ("--config", "quick.toml", "--out", "m.joblib", "--jobs", "1", "--no-cache")
    result = invoke("fit", "data", *options, cwd=workspace)
    assert result.exit_code == 0, result.output
    cost = "to tune: 3 base learners, 2 trials each, up to 18 fits\n"
    assert result.stderr.index("to read: ") < result.stderr.index(cost) < result.stderr.index("tuning 0/2")


def test_check_says_how_much_it_reads(workspace: Path) -> None:
    assert re.search(r"^to read: \d+ files, [\d.]+ [kM]B$", invoke("check", "data", cwd=workspace).stderr, re.MULTILINE)


def test_a_command_inside_of_a_command_shows_as_much() -> None:
    seen = []

    @with_verbosity
    def inner() -> None:
        seen.append(get_verbosity())

    @with_verbosity
    def outer() -> None:
        inner()
        inner(verbose=True)  # type: ignore[call-arg]
        inner()

    outer(quiet=True)  # type: ignore[call-arg]
    inner()
    assert seen == [QUIET, VERBOSE, QUIET, NORMAL]
