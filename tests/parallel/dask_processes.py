"""Real schedulers and workers of Dask on loopback, as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from distributed import Client

_START_S = 120.0
# Even without a dashboard, there is a web server.
_ANY_PORT = ("--dashboard-address", "127.0.0.1:0")


class DaskProcesses:
    """A scheduler and its workers, whose files are in a folder.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.file.unlink(missing_ok=True)
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler = self._start("scheduler", "--port", "0", "--scheduler-file", self.file)
        try:
            self.address = self._read_address()
        except BaseException:
            self.stop()
            raise

    def add_worker(self, *, pythonpath: Path | None = None, memory_limit: str = "0") -> subprocess.Popen[bytes]:
        """Start a worker with one thread, and return its process."""
        environ = {} if pythonpath is None else {"PYTHONPATH": f"{pythonpath}{os.pathsep}{os.environ['PYTHONPATH']}"}
        options = [
            "--nthreads",
            "1",
            "--no-nanny",
            "--memory-limit",
            memory_limit,
            "--local-directory",
            self.folder / "scratch",
        ]
        process = self._start("worker", self.address, *options, **environ)
        self.workers.append(process)
        return process

    def list_running(self) -> set[int]:
        """Return the process ids of the workers that run."""
        return {process.pid for process in self.workers if process.poll() is None}

    def wait_for_workers(self) -> None:
        """Wait until all workers that run have joined."""
        with Client(self.address, timeout=_START_S, set_as_default=False) as client:
            client.wait_for_workers(len(self.list_running()), timeout=_START_S)

    def wait_until_paused(self) -> None:
        """Wait until no worker starts tasks, because all have less memory than they need."""
        deadline = time.monotonic() + _START_S
        with Client(self.address, timeout=_START_S, set_as_default=False) as client:
            while client.sync(client.scheduler.ncores_running, workers=None):
                assert time.monotonic() < deadline, "the workers are not paused"
                time.sleep(0.05)

    def stop(self) -> None:
        """Kill all processes."""
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(60)

    def _start(self, *args: str | Path, **environ: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "dask", *map(str, args), "--host", "127.0.0.1", "--no-dashboard", *_ANY_PORT]
        with (self.folder / "log.txt").open("ab") as log:
            # In the folder: Python looks for modules in the current one first.
            return subprocess.Popen(command, env={**os.environ, **environ}, cwd=self.folder, stdout=log, stderr=log)

    def _read_address(self) -> str:
        # A file is all that tells when the scheduler listens.
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                return str(json.loads(self.file.read_text())["address"])
            except (OSError, ValueError):
                assert self.scheduler.poll() is None, (self.folder / "log.txt").read_text()
                time.sleep(0.05)
        raise TimeoutError("the scheduler has not started")
