"""Tasks run in processes of this machine unless another backend is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from task_functions import refuse, scale

from pdmr_classic.errors import DataError
from pdmr_classic.parallel.backend import Keep, count_parallel, run_tasks, use_backend


class Recorder:
    """A backend that runs tasks at once, and keeps what it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def count_parallel(self) -> int:
        return 7

    def run(
        self,
        function: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        *,
        shared: tuple[Any, ...],
        keep: Keep | None,
    ) -> Iterator[Any]:
        for args in arguments:
            self.calls.append((*shared, *args))
            yield function(*shared, *args)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_the_order_of_the_arguments(n_jobs: int) -> None:
    kept: dict[int, int] = {}
    results = run_tasks(scale, ((n,) for n in range(9)), n_jobs=n_jobs, shared=(10,), keep=kept.__setitem__)
    assert list(results) == [0, 10, 20, 30, 40, 50, 60, 70, 80] == list(kept.values())


def test_an_error_of_a_task_is_raised() -> None:
    with pytest.raises(DataError, match="no number three"):
        list(run_tasks(refuse, [(3,)], n_jobs=1))


def test_a_backend_is_used_only_inside_its_block() -> None:
    backend = Recorder()
    with use_backend(backend):
        assert list(run_tasks(scale, [(1,), (2,)], n_jobs=1, shared=(5,))) == [5, 10]
        assert (count_parallel(2), count_parallel(2, 3), count_parallel(2, 0)) == (7, 3, 1)
    assert backend.calls == [(5, 1), (5, 2)]
    assert list(run_tasks(scale, [(3,)], n_jobs=1, shared=(5,))) == [15]
    assert backend.calls == [(5, 1), (5, 2)]
    assert (count_parallel(2), count_parallel(2, 1)) == (2, 1)
