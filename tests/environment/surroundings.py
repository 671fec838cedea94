"""Run a command in an environment without user-specific variables."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PROGRAM = Path(sys.executable).parent / "pdmr-classic"
USAGE, TARGET = 2, 5
Run = subprocess.CompletedProcess[bytes]
RunWorkflow = Callable[..., Run]
USER_VARIABLES = (
    "HOME",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "JOBLIB_TEMP_FOLDER",
)


def run_process(
    command: Sequence[str | Path], environ: Mapping[str, str | None], cwd: Path | None = None, **options: object
) -> Run:
    """Run a command in the environment of the tests, without user-specific variables but with `environ`."""
    environment: dict[str, str | None] = {
        name: value for name, value in os.environ.items() if name not in USER_VARIABLES
    }
    environment |= environ
    variables = {name: value for name, value in environment.items() if value is not None}
    options = {"stdin": subprocess.DEVNULL, "capture_output": True} | options
    return subprocess.run([*map(str, command)], env=variables, cwd=cwd, timeout=900, check=False, **options)  # type: ignore[call-overload,no-any-return]
