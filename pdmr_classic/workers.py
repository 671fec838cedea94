"""What a worker needs: one thread of BLAS and OpenMP, as sums in another order are other bytes; its caller's folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController

# Each brings an OpenMP runtime of its own when it is first imported.
_BRINGERS = ("scipy", "sklearn", "lightgbm", "xgboost")


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread."""
    with _threads(tuple(name in sys.modules for name in _BRINGERS)).limit(limits=1):
        yield


# Looking for the loaded libraries takes milliseconds: once for each set of them is enough.
@lru_cache(maxsize=16)
def _threads(loaded: tuple[bool, ...]) -> ThreadpoolController:
    return ThreadpoolController()


def working_folder() -> str:
    """Return the folder that relative paths start from, for `change_to`; nothing where it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:
        return ""


def change_to(folder: str) -> None:
    """Change into the folder of the process that hands out the work.

    Worker processes are kept between calls: they still stand where that process stood when they were started, and
    would look there for relative paths.
    """
    if folder and folder != working_folder():
        os.chdir(folder)
