"""The program as its users run it: the installed console script, in a process of its own; or, sooner, in this one."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pdmr_classic.cli.app import app

PROGRAM = Path(sys.executable).parent / "pdmr-classic"
QUICK = """
[learning]
learners = ["linear"]
trials = 1
repeats = 1
folds = 3
[features]
families = ["distribution", "quality", "audio_vector"]
"""
TINY = QUICK.replace("[features]", "importance = false\n[features]")

# Before click 8.2 they are apart only if asked to be; after it, nothing else is possible.
_STREAMS_APART = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}


def run(*args: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the program; what it prints is at most 80 columns wide."""
    environment = {**os.environ, "COLUMNS": "80", **environ}
    return subprocess.run(
        [str(PROGRAM), *map(str, args)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def invoke(*args: str | Path, cwd: Path) -> Result:
    """Run the program in this process, which spares it the imports; no traceback without `--debug`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        result = CliRunner(env={"COLUMNS": "80"}, **_STREAMS_APART).invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    said = result.stdout + result.stderr
    assert ("Traceback" in said) == ("--debug" in args)
    assert "Warning" not in said
    return result
