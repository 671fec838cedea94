"""Output fits the screen, and closed or full output streams are handled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from surroundings import PROGRAM, TARGET, USAGE, run_process
from typer.testing import CliRunner

from pdmr_classic.cli.app import app

VERBS = (
    *("demo", "synth", "embed", "check", "extract", "features", "fit", "predict", "score", "evaluate", "compare"),
    *("explain", "validate", "audit", "report", "export"),
)
PRINTING = (["--help"], ["fit", "--help"], ["features"], ["features", "--json"])


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("verb", [None, *VERBS])
def test_help_fits_the_screen(verb: str | None, columns: int) -> None:
    args = [verb, "--help"] if verb else ["--help"]
    result = CliRunner().invoke(app, args, env={"COLUMNS": str(columns)}, prog_name="pdmr-classic")
    assert result.exit_code == 0
    assert max(map(cell_len, result.output.splitlines())) <= columns
    assert "pdmr-classic" in result.output


def test_every_verb_is_tested() -> None:
    assert set(VERBS) == {command.callback.__name__ for command in app.registered_commands if command.callback}


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("verb", ["check", "features"])
def test_tables_fit_the_screen(verb: str, columns: int, data: Path) -> None:
    args = [verb, data] if verb == "check" else [verb]
    result = CliRunner().invoke(app, [*map(str, args)], env={"COLUMNS": str(columns)}, prog_name="pdmr-classic")
    assert result.exit_code == 0, result.output
    assert max(map(cell_len, result.output.splitlines())) <= columns


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["no terminal", "NO_COLOR", "dumb"])
def test_no_escape_sequence_is_printed(environ: dict[str, str], data: Path) -> None:
    for args in (["--help"], ["check", data], ["fit", "--help"]):
        run = run_process([PROGRAM, *args], {"LANG": "C.UTF-8", **environ})
        assert run.returncode == 0
        assert b"\x1b" not in run.stdout + run.stderr


@pytest.mark.parametrize("environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_no_colours_are_printed_on_a_terminal_without_colour(environ: dict[str, str], data: Path) -> None:
    pty_script = (
        "import os, pty, sys\n"
        "status = pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 1024))\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    command = [sys.executable, "-c", pty_script, PROGRAM, "check", data]
    run = run_process(command, {"LANG": "C.UTF-8", "COLUMNS": "80", **environ})
    assert run.returncode == 0, run.stdout.decode()
    assert b"[3" not in run.stdout, "colours are CSI 3x m"
    assert b"recordings" in run.stdout


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_a_closed_pipe_is_not_an_error(args: list[str]) -> None:
    with subprocess.Popen([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()  # before the first byte
        assert run.stderr.read() == b""
        assert run.wait(300) == 0


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_unwritable_output_is_reported(args: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run([PROGRAM, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    assert run.returncode == TARGET, run.stderr
    assert run.stderr == "error: cannot write to standard output\n  found:    No space left on device\n"


def test_json_is_valid_with_ascii_output(data: Path) -> None:
    run = run_process([PROGRAM, "check", data, "--json"], {"PYTHONIOENCODING": "ascii", "LANG": "C.UTF-8"})
    assert run.stdout.isascii()
    assert json.loads(run.stdout)["splits"]["train"]["classes"] == {"Depression": 5, "Gesünder": 5}


@pytest.mark.parametrize("verb", ["check", "features"])
def test_a_deleted_working_folder_is_reported(verb: str, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    run = run_process(["sh", "-c", script, "sh", tmp_path / "gone", PROGRAM, verb], {})
    assert run.returncode == USAGE
    assert run.stderr.startswith(b"error: the current folder no longer exists\n")
    assert b"Traceback" not in run.stderr
