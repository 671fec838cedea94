"""One thread for BLAS and OpenMP: sums in another order would be other bytes, and processes share the cores anyway."""

from __future__ import annotations

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
