"""Functions that workers of a cluster import by name."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.file_features import FileRow


def scale(factor: int, number: int) -> int:
    return factor * number


def refuse(number: int) -> int:
    if number == 3:
        raise DataError("no number three", file="numbers.csv", row=3)
    return number


def fail(number: int) -> int:
    raise KeyError(f"number {number}")


def name_process_after_both(folder: str, number: int) -> tuple[int, int]:
    """Return the process; before, wait until two processes have a task each, so that one cannot do all the work."""
    marker = Path(folder) / str(os.getpid())
    marker.touch()
    deadline = time.monotonic() + 120
    while len(list(marker.parent.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    return number, os.getpid()


def kill_once(marker: str, number: int) -> int:
    """Kill the worker with the first task that finds no marker, after others have finished."""
    if number == 5 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


class EndlessJob(Job):
    """A file that takes longer to read than any test."""

    def run(self) -> FileRow | Finding:
        threading.Event().wait(600)
        return super().run()


@dataclass(frozen=True)
class FatalJob(Job):
    """A file whose first reader writes its process id into a file, and waits until it is killed."""

    marker: Path = Path()

    def run(self) -> FileRow | Finding:
        with suppress(FileExistsError):
            with self.marker.open("x") as file:
                file.write(f"{os.getpid()}\n")
            threading.Event().wait(600)
        return super().run()


def wait_first_until_told(marker: str, number: int) -> int:
    """Return the number; of the first task, after there is a marker."""
    deadline = time.monotonic() + 120
    while number == 0 and not Path(marker).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return number


def fail_first_when_told(marker: str, number: int) -> int:
    if wait_first_until_told(marker, number) == 0:
        raise DataError("the first fails")
    return number
