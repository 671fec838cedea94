"""The program as its users run it: the installed console script, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
