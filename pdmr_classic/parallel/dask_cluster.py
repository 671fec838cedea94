"""Run tasks on the workers of a Dask cluster; killed workers and a restarted scheduler lose nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

from pdmr_classic.errors import ConfigError, PdmrError
from pdmr_classic.parallel._dask_client import TIMEOUT_S, DaskClient, silence_dask
from pdmr_classic.parallel._process_facts import describe_process
from pdmr_classic.parallel._remote_call import CALL, make_key, pack, unpack_outcome
from pdmr_classic.parallel.backend import Keep, use_backend
from pdmr_classic.plugins import list_search_folders
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.workers import working_folder

# One runs, and one waits at the worker.
_TASKS_PER_WORKER = 2
# Results that wait for an earlier one, per worker: more would fill the memory of this process.
_RESULTS_PER_WORKER = 16
_RETRIES = 2
_CHECK_S = 5.0
_MAX_RECONNECTIONS = 3
_AGAIN = "run the same command again; finished parts are kept"


@contextmanager
def use_dask(address: str, *, reporter: Reporter | None = None) -> Iterator[None]:
    """Run extraction and outer folds in this block on the workers of a Dask cluster.

    Results are the same as in processes of this machine if the CPU is of the same kind. Workers read the files
    themselves, under the same paths; this process writes cache and checkpoints.

    Parameters
    ----------
    address : str
        Of the scheduler, such as tcp://10.0.0.1:8786, or the path of its scheduler file (.json).
    reporter : Reporter, optional

    Raises
    ------
    ConfigError
        The extra `dask` is not installed; or, within 40 seconds, there is no scheduler at the address, no worker, or a
        worker with another version of Python, this package or a library.
    PdmrError
        In the block: the scheduler, or every worker, was lost for 30 seconds, or a task has killed several workers.

    Examples
    --------
    >>> from pdmr_classic import evaluate, load_dataset
    >>> with use_dask("tcp://10.0.0.1:8786"):  # doctest: +SKIP
    ...     evaluation = evaluate(load_dataset("DATA"))
    """
    _require_dask()
    with silence_dask():
        connection = DaskClient(address, reporter or LogReporter())
        try:
            connection.open()
            with use_backend(DaskBackend(connection)):
                yield
        finally:
            connection.close()


def _require_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ConfigError(
            "--backend dask needs distributed, which is not installed", hint="pip install 'pdmr-classic[dask]'"
        ) from None


class DaskBackend:
    """Runs tasks on the workers of a cluster.

    Parameters
    ----------
    connection : DaskClient
        Open.
    """

    def __init__(self, connection: DaskClient) -> None:
        self.connection = connection

    def count_parallel(self) -> int:
        """Return the number of workers; at least 1."""
        try:
            return max(len(self.connection.count_threads()), 1)
        except OSError:
            return 1

    def run(
        self,
        function: Callable[..., Any],
        arguments: Iterable[tuple[Any, ...]],
        *,
        shared: tuple[Any, ...],
        keep: Keep | None,
    ) -> Iterator[Any]:
        """Yield the results in the order of the arguments; few of them are at the cluster at the same time."""
        yield from _Run(self.connection, function, shared, keep, self.count_parallel()).iterate(arguments)


class _Run:
    """The tasks of one function, by number: those at the cluster, and results that wait for an earlier one."""

    def __init__(
        self,
        connection: DaskClient,
        function: Callable[..., Any],
        shared: tuple[Any, ...],
        keep: Keep | None,
        n_workers: int,
    ) -> None:
        self.connection = connection
        self.function = function
        self.keep = keep
        self.n_workers = n_workers
        self.shared = pack(shared)
        self.facts, self.folder, self.path = describe_process(), working_folder(), list_search_folders()
        self.tasks: dict[int, bytes] = {}
        self.futures: dict[int, Any] = {}
        self.results: dict[int, Any] = {}
        self.done: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self.n_reconnections = 0
        self.next_check = time.monotonic() + _CHECK_S
        self.last_answer = time.monotonic()
        if self.connection.is_closed():
            self._reconnect()
        else:
            self._send_shared()

    def iterate(self, arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield the results in order."""
        todo = enumerate(arguments)
        next_result = 0
        while True:
            self._fill(todo)
            if not self.tasks and not self.results:
                return
            while next_result not in self.results:
                self._wait()
                self._fill(todo)
            yield self.results.pop(next_result)
            next_result += 1

    def _fill(self, todo: Iterator[tuple[int, tuple[Any, ...]]]) -> None:
        """Submit tasks while the cluster has too few of them, and this process not too many results."""
        while (
            len(self.tasks) < _TASKS_PER_WORKER * self.n_workers
            and len(self.results) < _RESULTS_PER_WORKER * self.n_workers
        ):
            number, args = next(todo, (-1, ()))
            if number < 0:
                return
            self.tasks[number] = pack((self.function, args))
            if self.connection.is_closed():
                self._reconnect()  # which submits all tasks
            else:
                self._submit(number)

    def _send_shared(self) -> None:
        # A task, not data on a worker: the scheduler can make it again if the worker is killed.
        self.shared_future = self._submit_call("shared", bytes, self.shared)

    def _submit(self, number: int) -> None:
        # The names of the expression, with `eval` of which a worker calls the function.
        names = {
            "task": self.tasks[number],
            "shared": self.shared_future,
            "facts": self.facts,
            "folder": self.folder,
            "path": self.path,
        }
        future = self._submit_call("task", eval, CALL, names)
        self.futures[number] = future
        future.add_done_callback(lambda done: self.done.put((number, done)))

    def _submit_call(self, kind: str, function: Callable[..., Any], *args: Any) -> Any:
        import dask

        # Data in tasks are meant: Dask warns about them.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": 10**18}):
            return self.connection.client.submit(function, *args, key=make_key(kind), retries=_RETRIES)

    def _wait(self) -> None:
        """Wait for one task, or until it is time to look after the cluster."""
        try:
            number, future = self.done.get(timeout=_CHECK_S)
        except Empty:
            self._check_cluster()
            return
        if number not in self.futures or self.futures[number] is not future:
            return  # of a connection that was lost
        if future.status == "finished":
            self._store(number, future)
        elif future.status == "error":
            raise _describe_failure(future.exception(timeout=TIMEOUT_S))
        else:
            self._reconnect()
        if time.monotonic() > self.next_check:
            self._check_cluster()

    def _store(self, number: int, future: Any) -> None:
        from distributed import CancelledError

        try:
            outcome = future.result(timeout=TIMEOUT_S)
        except (CancelledError, OSError):  # the worker, or the scheduler, was lost with the result
            self._reconnect()
            return
        self.results[number] = result = unpack_outcome(outcome)
        if self.keep is not None:
            self.keep(number, result)
        del self.tasks[number], self.futures[number]
        self.n_reconnections = 0

    def _check_cluster(self) -> None:
        """Follow the number of workers; fail if there has been none for a while, or none that starts tasks."""
        now = time.monotonic()
        self.next_check = now + _CHECK_S
        n_workers, is_paused = 0, False
        with suppress(OSError):
            n_workers = self.connection.count_usable()
            is_paused = not n_workers and bool(self.connection.count_threads())
        if n_workers:
            self.n_workers, self.last_answer = n_workers, now
        elif now - self.last_answer > TIMEOUT_S:
            raise _paused_error() if is_paused else _lost_error("no worker, or no scheduler, has answered for 30 s")

    def _reconnect(self) -> None:
        """Connect to a restarted scheduler, and submit again what the lost one had."""
        self.n_reconnections += 1
        if self.n_reconnections > _MAX_RECONNECTIONS:
            raise _lost_error(f"the connection was lost {self.n_reconnections} times in a row")
        self.futures = {}
        try:
            self.connection.reopen()
        except ConfigError as error:
            raise _lost_error(error.finding.what) from None
        self.last_answer = time.monotonic()
        self._send_shared()
        for number in self.tasks:
            self._submit(number)


def _lost_error(found: str) -> PdmrError:
    return PdmrError(
        "the connection to the Dask cluster was lost",
        code="lost-cluster",
        expected=f"a scheduler and workers, again within {TIMEOUT_S:.0f} s",
        found=found,
        hint=_AGAIN,
    )


def _paused_error() -> PdmrError:
    return PdmrError(
        "all workers of the Dask cluster are paused, because their memory is nearly full",
        code="paused-workers",
        expected=f"a worker that starts tasks within {TIMEOUT_S:.0f} s",
        found="none that starts or runs one",
        hint=f"start fewer workers per machine (--nworkers), or give each more memory (--memory-limit); then {_AGAIN}",
    )


def _describe_failure(error: Any) -> BaseException:
    """Return the error to raise for a task that has failed on several workers."""
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return PdmrError(
            "a task has killed several workers of the cluster, most likely because memory ran out",
            code="killed-workers",
            expected="enough memory for one task per worker",
            found=f"the last worker was {getattr(error.last_worker, 'address', error.last_worker)}",
            hint=f"give each worker more memory, then {_AGAIN}",
        )
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("pdmr_classic"):
        return ConfigError(
            "a worker that has joined the cluster lacks pdmr-classic",
            code="other-worker",
            expected="the same version as here",
            found=str(error),
            hint=f"stop that worker, then {_AGAIN}",
        )
    return error if isinstance(error, BaseException) else PdmrError(str(error))
