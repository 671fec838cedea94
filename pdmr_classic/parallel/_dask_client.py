"""A connection to a Dask scheduler that can be opened again, and answers or fails within half a minute."""

from __future__ import annotations

import json
import logging
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError
from pdmr_classic.parallel._handshake import check_workers
from pdmr_classic.progress import Reporter, announce
from pdmr_classic.text import format_count

TIMEOUT_S = 30.0
_CONNECT_S = 10.0
_ANSWER_S = 10.0
# To connect to the address in a scheduler file, before the file is read again.
_ATTEMPT_S = 3.0
_POLL_S = 0.2
_ADDRESS = re.compile(r"((tcp|tls|ucx|ws|wss)://)?(\[[0-9a-fA-F:.%]+\]|[^\s:/\[\]]+):\d{1,5}/?")
_LOGGERS = ("distributed", "tornado", "asyncio")


class DaskClient:
    """Connection to the scheduler at an address.

    Parameters
    ----------
    address : str
        Such as tcp://10.0.0.1:8786, or the path of a scheduler file (.json).
    reporter : Reporter
    """

    def __init__(self, address: str, reporter: Reporter) -> None:
        self.address = address
        self.reporter = reporter
        self.client: Any = None

    def open(self, patience_s: float = _CONNECT_S) -> None:
        """Connect, and check the workers.

        Raises
        ------
        ConfigError
            There is no scheduler, no worker, or a worker of another version.
        """
        self.client = _connect(self.address, patience_s)
        deadline = time.monotonic() + TIMEOUT_S
        workers = self._wait_for_workers(deadline)
        n_checked = check_workers(self.client, workers, deadline, self.reporter)
        n_workers = format_count(len(workers), "worker")
        same = "of the same version" if n_checked == len(workers) else f"{n_checked} of them of the same version"
        announce(self.reporter, f"dask: {n_workers} at {self.address}, {same}")

    def reopen(self) -> None:
        """Connect to a restarted scheduler, which may take a while to write its new address to its file.

        Raises
        ------
        ConfigError
            As for `open`.
        """
        self.close()
        deadline = time.monotonic() + TIMEOUT_S
        patience_s = min(_ATTEMPT_S, TIMEOUT_S) if _is_file(self.address) else TIMEOUT_S
        while True:
            try:
                self.open(patience_s)
                return
            except ConfigError as error:
                if error.finding.code != "no-scheduler" or time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Disconnect, whatever state the connection is in; unfinished tasks are cancelled."""
        client, self.client = self.client, None
        if client is not None:
            with suppress(Exception), warnings.catch_warnings(action="ignore"):
                client.close(timeout=_ANSWER_S)

    def is_closed(self) -> bool:
        """Return whether the client has given up the connection, and refuses new tasks."""
        return self.client.status in ("closing", "closed")

    def count_threads(self) -> Mapping[str, int]:
        """Return the number of threads of each worker, by address.

        Raises
        ------
        OSError
            The scheduler does not answer; a TimeoutError is one.
        """
        return self._ask("ncores", workers=None)

    def count_usable(self) -> int:
        """Return the number of workers that start tasks; those that are paused only count while they run one.

        Dask pauses a worker whose memory is nearly full: it finishes what it runs, and starts nothing.

        Raises
        ------
        OSError
            As for `count_threads`.
        """
        if running := self._ask("ncores_running", workers=None):
            return len(running)
        return sum(_runs_task(worker) for worker in self._ask("identity")["workers"].values())

    def _ask(self, question: str, **options: Any) -> Mapping[str, Any]:
        client = self.client
        if client.status != "running":
            raise ConnectionError(f"the connection is {client.status}")
        answer: Mapping[str, Any] = client.sync(
            getattr(client.scheduler, question), **options, callback_timeout=_ANSWER_S
        )
        return answer

    def _wait_for_workers(self, deadline: float) -> Mapping[str, int]:
        while time.monotonic() < deadline:
            try:
                if workers := self.count_threads():
                    return workers
            except OSError:
                pass  # an overloaded scheduler
            time.sleep(_POLL_S)
        raise ConfigError(
            "the cluster has no workers",
            code="no-workers",
            file=self.address,
            expected=f"a worker within {TIMEOUT_S:.0f} s",
            found="none",
            hint=f"start some: dask worker {self.address} --nthreads 1",
        )


def _runs_task(worker: Mapping[str, Any]) -> bool:
    return bool(worker.get("metrics", {}).get("task_counts", {}).get("executing"))


def _connect(address: str, patience_s: float) -> Any:
    import dask
    from distributed import Client

    url = _read_scheduler_file(address)
    if not _ADDRESS.fullmatch(url):
        raise _no_scheduler_error(address, repr(url))
    # A warning would be about versions, which the handshake compares.
    with warnings.catch_warnings(action="ignore"), dask.config.set({"distributed.comm.timeouts.connect": patience_s}):
        try:
            return Client(url, timeout=patience_s, set_as_default=False, name="pdmr-classic")
        except (OSError, ValueError, TypeError) as error:
            raise _no_scheduler_error(address, str(error) or type(error).__name__) from None


def _no_scheduler_error(address: str, found: str) -> ConfigError:
    return ConfigError(
        "there is no Dask scheduler at the address",
        code="no-scheduler",
        file=address,
        expected="the address that `dask scheduler` prints, such as tcp://10.0.0.1:8786",
        found=found,
        hint="start it, or correct --scheduler",
    )


def _is_file(address: str) -> bool:
    return address.endswith(".json")


def _read_scheduler_file(address: str) -> str:
    """Return the address of the scheduler; it may be in a file that `dask scheduler --scheduler-file` has written."""
    if not _is_file(address):
        return address
    try:
        return str(json.loads(Path(address).read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            "the scheduler file cannot be read",
            code="no-scheduler",
            file=address,
            expected="a file that `dask scheduler --scheduler-file` has written",
            found=str(error),
            hint="start the scheduler, or correct --scheduler",
        ) from None


@contextmanager
def silence_dask() -> Iterator[None]:
    """Silence the loggers of Dask, which report on standard error what this package reports in one message."""
    import distributed  # noqa: F401  its import sets the levels

    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOGGERS]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
