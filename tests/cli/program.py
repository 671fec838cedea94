"""Run the program as users do: as the installed console script or, faster, in this process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

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


def run(*args: str | Path, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the console script on a screen of 80 columns."""
    environment = {**os.environ, "COLUMNS": "80", **environ}
    return subprocess.run(
        [str(PROGRAM), *map(str, args)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@dataclass(frozen=True)
class Result:
    """Exit code and output of a run."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def invoke(*args: str | Path, cwd: Path) -> Result:
    """Run the program in this process, without repeating the imports; expect a traceback only with `--debug`.

    Typer's own runner separates the two streams only with some versions of click.
    """
    raw = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(stream, encoding="utf-8", write_through=True) for stream in raw)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(cwd)
        patch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as exit_info:
            # Calling `app` directly would install Typer's exception hook in this process.
            get_command(app).main([str(arg) for arg in args], prog_name="pdmr-classic")
    code = exit_info.value.code
    assert isinstance(code, int)
    result = Result(code, *(stream.getvalue().decode() for stream in raw))
    assert ("Traceback" in result.output) == ("--debug" in args)
    assert "Warning" not in result.output
    return result
