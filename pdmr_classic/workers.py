"""Environment of worker processes: one BLAS and OpenMP thread, the working folder of the parent process, and memory.

With one thread, results are identical on one machine type for any number of processes, because the order of a sum
changes its last bits.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from threadpoolctl import ThreadpoolController

# Each of these packages loads its own BLAS or OpenMP library on import.
_THREADED_PACKAGES = ("scipy", "sklearn", "lightgbm", "xgboost")
# Options of `mallopt` in malloc.h, and the values that glibc comes to by itself in a process with large arrays.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_TRIM_BYTES, _MMAP_BYTES = 64 << 20, 32 << 20


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


@lru_cache(maxsize=1)
def reuse_freed_memory() -> None:
    """Let this process keep up to 64 MB of freed memory for its next arrays, as glibc does by itself.

    Dask starts workers with MALLOC_TRIM_THRESHOLD_, which makes glibc give each freed array back to the system, and ask
    for it again: reading a stream of 30 s takes a sixth longer. Other systems have no such limits.
    """
    with suppress(AttributeError, OSError, TypeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
