"""Run tasks in processes of this machine: results are kept when they arrive, and yielded in order."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import joblib

# Results that wait for an earlier one, per process: more would fill the memory.
_RESULTS_PER_PROCESS = 32


def run_local_tasks(
    function: Callable[..., Any],
    arguments: Iterable[tuple[Any, ...]],
    *,
    n_jobs: int,
    ahead: int,
    keep: Callable[[int, Any], None],
) -> Iterator[Any]:
    """Yield the results in the order of the arguments; see `run_tasks`.

    If one task takes much longer than the tasks after it, these wait for it when the limit of results is reached.
    """
    n_parallel = int(joblib.effective_n_jobs(n_jobs))
    limit = (ahead + _RESULTS_PER_PROCESS) * n_parallel
    todo = enumerate(arguments)
    results: dict[int, Any] = {}
    n_taken, next_result, is_last = 0, 0, False
    problem: Exception | None = None

    def take() -> Iterator[Any]:
        # joblib calls this in another thread, for each task that has finished, and until it ends.
        nonlocal n_taken, is_last, problem
        while n_taken - next_result < limit:
            try:
                number, args = next(todo, (-1, ()))
            except Exception as error:
                problem = error  # joblib would raise it in its own thread
                return
            if number < 0:
                is_last = True
                return
            n_taken = number + 1
            yield joblib.delayed(_attempt)(function, number, args)

    while not is_last:
        # Not in batches, whose results would arrive together.
        parallel = joblib.Parallel(
            n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch=f"{ahead} * n_jobs", batch_size=1
        )
        outcomes = parallel(take())
        try:
            for number, outcome in outcomes:
                results[number] = result = _unwrap(outcome)
                keep(number, result)
                while next_result in results:
                    yield results.pop(next_result)
                    next_result += 1
        finally:
            with warnings.catch_warnings(action="ignore"):  # that tasks are cancelled
                outcomes.close()
        if problem is not None:
            raise problem
        if next_result < n_taken:  # joblib ends without an error if it sees that there is one before it sees which
            raise BrokenProcessPool("a worker process has ended without a result")


class _Failure:
    """The error of a task as its outcome: joblib would drop results that have arrived before an error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.error, "".join(traceback.format_exception(self.error)))


class _RemoteError(Exception):
    """Shows the traceback of another process."""


def _restore(error: Exception, text: str) -> _Failure:
    error.__cause__ = _RemoteError(f"\n{text}")
    return _Failure(error)


def _attempt(function: Callable[..., Any], number: int, args: tuple[Any, ...]) -> tuple[int, Any]:
    try:
        return number, function(*args)
    except Exception as error:
        return number, _Failure(error)


def _unwrap(outcome: Any) -> Any:
    if isinstance(outcome, _Failure):
        raise outcome.error
    return outcome
