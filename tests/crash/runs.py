"""Runs of the program that need no imports, can be killed, and can be limited in file size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunResult:
    """Exit code of a run (negative: the signal), its duration, its messages, and its changes to the disk."""

    code: int
    seconds: float
    err: str
    changes: list[str]


class WarmProcess:
    """A process from which runs are forked, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "80"},
        )
        assert self._read_answer() == "ready"

    def run(
        self,
        *args: str | Path,
        home: Path,
        cache: Path | None = None,
        after_s: float | None = None,
        change: tuple[str, int] | None = None,
        file_bytes: int | None = None,
    ) -> RunResult:
        """Run the program.

        Parameters
        ----------
        home : Path
            Folder of its state, and of its cache unless `cache` is given.
        after_s : float, optional
            Kill it after this many seconds.
        change : (str, int), optional
            Kill it at the k-th change of this kind to the disk; if k is 0, only log the changes.
        file_bytes : int, optional
            Maximum size of any file, in bytes.
        """
        out, err, log = (self.folder / name for name in ("out", "err", "log"))
        log.unlink(missing_ok=True)
        job = {
            "args": [*map(str, args)],
            "environ": {"XDG_CACHE_HOME": str(cache or home / "cache"), "XDG_STATE_HOME": str(home / "state")},
            "out": str(out),
            "err": str(err),
            "log": str(log) if change is not None else None,
            "change": change,
            "after_s": after_s,
            "bytes": file_bytes,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code, seconds = json.loads(self._read_answer())
        changes = log.read_text().split() if log.exists() else []
        return RunResult(code, seconds, err.read_text(errors="replace"), changes)

    def run_ok(self, *args: str | Path, **options: Any) -> RunResult:
        """Run the program and expect success."""
        result = self.run(*args, **options)
        assert result.code == 0, result.err
        return result

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(300)
        self._process.stdout.close()

    def _read_answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
