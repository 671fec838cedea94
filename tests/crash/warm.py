"""A process that imports everything once and forks a run of the program for each line of its input.

A run can be killed after a time or just before its k-th change of the disk (for a write, in the middle of it), or its
files can be limited in size. Faults are injected here, without any support in the program.
"""

from __future__ import annotations

import _io
import builtins
import importlib
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MODULES = ("cli.app", "models.training", "features.extractor", "evaluation.evaluate_features", "reporting.tables")
_CHANGES = ("fsync", "replace", "rename", "unlink", "ftruncate", "truncate")


class Changes:
    """Logs changes of the disk, and kills the process at the k-th change of a kind or of "any" kind."""

    def __init__(self, log: str, kind: str, index: int) -> None:
        self._log, self._kind, self._left = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), kind, index
        self._write = os.write

    def record(self, kind: str, write_half: Callable[[], object] = lambda: None) -> None:
        self._write(self._log, f"{kind}\n".encode())
        if self._kind in (kind, "any"):
            self._left -= 1
            if not self._left:
                write_half()
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        for name in _CHANGES:
            setattr(os, name, self._wrap_call(name, getattr(os, name)))
        os.write = self._wrap_write(self._write)
        io.open = builtins.open = _io.open = self._wrap_open(io.open)  # type: ignore[assignment]

    def _wrap_call(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            self.record(name)
            return function(*args, **options)

        return wrapper

    def _wrap_write(self, write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
        def wrapper(descriptor: int, data: bytes) -> int:
            self.record("write", lambda: write(descriptor, data[: len(data) // 2]))
            return write(descriptor, data)

        return wrapper

    def _wrap_open(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            opened = function(file, mode, *args, **options)
            return _LoggedFile(opened, self) if set(mode) & set("wax+") else opened

        return wrapper


class _LoggedFile:
    """A file that records each write."""

    def __init__(self, file: Any, changes: Changes) -> None:
        self._file, self._changes = file, changes
        self._kind = f"write{Path(file.name).suffix}" if isinstance(file.name, str | Path) else "write"

    def write(self, data: Any) -> int:
        def write_half() -> None:
            self._file.write(data[: len(data) // 2])
            self._file.flush()

        self._changes.record(self._kind, write_half)
        return int(self._file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _LoggedFile:
        self._file.__enter__()
        return self

    def __exit__(self, *parts: Any) -> Any:
        return self._file.__exit__(*parts)

    def __iter__(self) -> Any:
        return iter(self._file)


def run_child(job: dict[str, Any]) -> None:
    os.environ.update(job["environ"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["pdmr-classic", *job["args"]]
    main = importlib.import_module("pdmr_classic.cli.app").main
    if job["bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["bytes"], job["bytes"]))
    if job["log"]:
        Changes(job["log"], *job["change"]).watch()
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 99)


def serve() -> None:
    for name in _MODULES:
        importlib.import_module(f"pdmr_classic.{name}")
    for name in ("lightgbm", "xgboost", "optuna", "pandas", "sklearn.svm", "sklearn.pipeline"):
        importlib.import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        job, started = json.loads(line), time.monotonic()
        pid = os.fork()
        if pid == 0:
            run_child(job)
        ended_pid, status = 0, 0
        while not ended_pid:
            if job["after_s"] is not None and time.monotonic() - started > job["after_s"]:
                os.kill(pid, signal.SIGKILL)
                _, status = os.waitpid(pid, 0)
                break
            ended_pid, status = os.waitpid(pid, os.WNOHANG)
            time.sleep(0.005)
        print(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic() - started]), flush=True)


if __name__ == "__main__":
    serve()
