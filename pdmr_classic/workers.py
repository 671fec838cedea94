"""Environment of worker processes: one BLAS and OpenMP thread, and the working folder of the parent process.

With one thread, results are identical on one machine type for any number of processes, because the order of a sum
changes its last bits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController

# Each of these packages loads its own BLAS or OpenMP library on import.
_THREADED_PACKAGES = ("scipy", "sklearn", "lightgbm", "xgboost")


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread."""
    with _thread_controller(tuple(name in sys.modules for name in _THREADED_PACKAGES)).limit(limits=1):
        yield


# Finding the loaded libraries takes milliseconds, so it is done once per set of imported packages.
@lru_cache(maxsize=16)
def _thread_controller(imported: tuple[bool, ...]) -> ThreadpoolController:
    return ThreadpoolController()


def working_folder() -> str:
    """Return the current working folder, or an empty string if it was deleted."""
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return ""


def change_working_folder(folder: str) -> None:
    """Change to the working folder of the parent process.

    Worker processes are reused between calls and keep the working folder that they started in, which would give
    relative paths a different meaning if the parent has changed its own.
    """
    if folder and folder != working_folder():
        os.chdir(folder)
