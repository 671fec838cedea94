"""The one way to run independent tasks: in processes of this machine, or on the backend that is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import joblib

from pdmr_classic.parallel._local_tasks import run_local_tasks

Keep = Callable[[int, Any], None]
"""Receives the number of a task and its result."""


class Backend(Protocol):
    """Runs tasks elsewhere than in processes of this machine."""

    def count_parallel(self) -> int:
        """Return how many tasks run at the same time."""

    def run(
        self,
        function: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        *,
        shared: tuple[Any, ...],
        keep: Keep | None,
    ) -> Iterator[Any]:
        """Yield the results in the order of the arguments; see `run_tasks`."""


_backend: ContextVar[Backend | None] = ContextVar("backend", default=None)


@contextmanager
def use_backend(backend: Backend) -> Iterator[None]:
    """Run the tasks of this block, and of this thread, on a backend instead of in processes of this machine."""
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)


def count_parallel(n_jobs: int, n_tasks: int | None = None) -> int:
    """Return how many tasks run at the same time: processes of this machine, or those of the backend in use.

    Parameters
    ----------
    n_jobs : int
        Number of processes of this machine, counted as in joblib; the backend has its own number.
    n_tasks : int, optional
        Upper limit.

    Examples
    --------
    >>> count_parallel(2), count_parallel(4, n_tasks=3)
    (2, 3)
    """
    backend = _backend.get()
    n_parallel = int(joblib.effective_n_jobs(n_jobs)) if backend is None else backend.count_parallel()
    return n_parallel if n_tasks is None else max(min(n_parallel, n_tasks), 1)


def run_tasks(
    function: Callable[..., Any],
    arguments: Iterable[tuple[Any, ...]],
    *,
    n_jobs: int,
    shared: tuple[Any, ...] = (),
    ahead: int = 2,
    keep: Keep | None = None,
) -> Iterator[Any]:
    """Yield `function(*shared, *args)` for each tuple of arguments, in their order, as soon as it is known.

    The results do not depend on where the tasks run, and must not depend on what the same process has run before.

    Parameters
    ----------
    function : callable
        What it needs can be pickled, and so can its results.
    arguments : iterable of tuple
        Taken when needed, so that few of them are in memory at the same time.
    n_jobs : int
        Number of processes of this machine; ignored by another backend.
    shared : tuple
        First arguments of every task, such as a large table; sent to a cluster once.
    ahead : int
        Tasks in preparation for each process of this machine; 1 if each takes much memory.
    keep : callable, optional
        Called in this thread with the number of each task, from 0, and its result, as soon as it arrives, which may be
        before that of an earlier task: a failure in between does not lose it.

    Examples
    --------
    >>> list(run_tasks(divmod, [(7,), (9,)], n_jobs=1, shared=(20,)))
    [(2, 6), (2, 2)]
    """
    backend = _backend.get()
    if backend is not None:
        yield from backend.run(function, arguments, shared=shared, keep=keep)
        return
    calls = ((*shared, *args) for args in arguments)
    yield from run_local_tasks(function, calls, n_jobs=n_jobs, ahead=ahead, keep=keep or _drop)


def _drop(number: int, result: Any) -> None:
    """Keep nothing."""
