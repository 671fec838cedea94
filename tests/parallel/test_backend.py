"""Tasks run in processes of this machine unless another backend is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from task_functions import die, fail_first_when_told, refuse, scale, wait_first_until_told

from pdmr_classic.errors import DataError
from pdmr_classic.parallel import _local_tasks
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
    assert list(results) == [0, 10, 20, 30, 40, 50, 60, 70, 80]
    assert kept == {n: 10 * n for n in range(9)}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_of_a_task_is_raised(n_jobs: int) -> None:
    with pytest.raises(DataError, match="no number three"):
        list(run_tasks(refuse, [(1,), (3,)], n_jobs=n_jobs))


def test_an_error_of_another_process_has_its_traceback() -> None:
    with pytest.raises(DataError, match="no number three") as raised:
        list(run_tasks(refuse, [(1,), (3,)], n_jobs=2))
    assert 'raise DataError("no number three"' in str(raised.value.__cause__)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_while_arguments_are_made_is_raised(n_jobs: int) -> None:
    arguments = ((6 // (3 - n),) for n in range(9))
    with pytest.raises(ZeroDivisionError, match="division"):
        list(run_tasks(scale, arguments, n_jobs=n_jobs, shared=(1,)))


def test_results_that_arrive_before_an_earlier_one_are_kept_if_that_fails(tmp_path: Path) -> None:
    kept: dict[int, int] = {}

    def keep(number: int, result: int) -> None:
        kept[number] = result
        (tmp_path / "go").touch()

    with pytest.raises(DataError, match="the first fails"):
        list(run_tasks(fail_first_when_told, ((str(tmp_path / "go"), n) for n in range(6)), n_jobs=2, keep=keep))
    assert kept
    assert 0 not in kept


def test_few_results_wait_for_a_slow_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_local_tasks, "_RESULTS_PER_PROCESS", 3)
    taken: list[int] = []
    kept: dict[int, int] = {}

    def arguments() -> Iterator[tuple[str, int]]:
        for number in range(40):
            taken.append(number)
            yield str(tmp_path / "go"), number

    def keep(number: int, result: int) -> None:
        kept[number] = result
        if len(kept) == 9:  # all that may be taken, but the slow one
            assert len(taken) == 10
            (tmp_path / "go").touch()

    assert list(run_tasks(wait_first_until_told, arguments(), n_jobs=2, keep=keep)) == [*range(40)]
    assert list(kept)[9] == 0


def test_a_killed_process_is_an_error_and_no_hang() -> None:
    with pytest.raises(BrokenProcessPool):
        list(run_tasks(die, ((n,) for n in range(9)), n_jobs=2))


def test_a_backend_is_used_only_inside_its_block() -> None:
    backend = Recorder()
    with use_backend(backend):
        assert list(run_tasks(scale, [(1,), (2,)], n_jobs=1, shared=(5,))) == [5, 10]
        assert (count_parallel(2), count_parallel(2, 3), count_parallel(2, 0)) == (7, 3, 1)
    assert backend.calls == [(5, 1), (5, 2)]
    assert list(run_tasks(scale, [(3,)], n_jobs=1, shared=(5,))) == [15]
    assert backend.calls == [(5, 1), (5, 2)]
    assert (count_parallel(2), count_parallel(2, 1)) == (2, 1)
