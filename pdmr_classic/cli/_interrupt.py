"""Ctrl-C and SIGTERM: end the program and its workers within two seconds, whatever they are doing.

Signals are blocked in every thread and process of a run, and one thread waits for them. So workers are not interrupted
separately, each with a traceback, and a long call in C does not delay the reaction.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from pdmr_classic.errors import TargetError
from pdmr_classic.text import escape_unprintable

INTERRUPTED = 130
# Time for the work to stop by itself. Not essential: files on disk are complete at any moment.
_GRACE_S = 1.0
_PARENT_POLL_S = 0.5
_SHOW_CURSOR = "\x1b[?25h"
_RETRY_AFTER_S = 0.05
_reported = threading.Lock()
_signals: set[signal.Signals] = set()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a KeyboardInterrupt of the main thread; end the process if that does not stop it."""
    if sys.platform == "win32":
        yield
        return
    # A signal that is ignored from the start, as in the background of a shell script, stays ignored.
    _signals.update(n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, _raise_interrupt)
    sys.unraisablehook = _retry_interrupt
    _block_signals()
    threading.Thread(target=_wait_for_signal, daemon=True).start()
    try:
        yield
    except SystemExit as end:
        if end.code == INTERRUPTED:
            report_interrupt("interrupted")  # before or after a command
            _exit_now()
        raise


def report_interrupt(message: str) -> None:
    """Print the message about an interrupt, once per process."""
    if _reported.acquire(blocking=False):
        with suppress(OSError):
            print(escape_unprintable(message), file=sys.stderr, flush=True)


@contextmanager
def stop_workers_on_exit() -> Iterator[None]:
    """Make worker processes that are started in this block exit when this process ends, however it ends."""
    import multiprocessing.resource_tracker

    import joblib

    # Resource trackers remove leftover shared memory, and warn about it: users cannot act on that.
    filters = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker:UserWarning")))
    with joblib.parallel_config(backend="loky", initializer=exit_with_parent, initargs=(os.getpid(),)):
        with _temporary_environment(PYTHONWARNINGS=filters):
            multiprocessing.resource_tracker.ensure_running()
            with joblib.Parallel(n_jobs=2):  # starts joblib's tracker; workers start with the first task
                pass
        _block_signals()  # again, because starting the trackers unblocks them
        yield


def exit_with_parent(parent: int) -> None:
    """Make this worker process exit when its parent has ended, even if it already has."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_POLL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _block_signals() -> None:
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, _signals)


@contextmanager
def _temporary_environment(**variables: str) -> Iterator[None]:
    before = os.environ.copy()
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    if not _reported.locked():  # otherwise the process is ending already
        raise KeyboardInterrupt


def _retry_interrupt(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupt again if a callback from C or a finalizer swallowed the KeyboardInterrupt."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        threading.Timer(_RETRY_AFTER_S, _interrupt_main_thread).start()
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt_main_thread() -> None:
    # SIGUSR2, because the main thread blocks the others; it also wakes the thread from a wait.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)


def _wait_for_signal() -> None:
    signal.sigwait(_signals)
    _interrupt_main_thread()
    time.sleep(_GRACE_S)
    with suppress(OSError):
        if sys.stderr.isatty():
            sys.stderr.write(_SHOW_CURSOR)  # a progress bar hides it
    report_interrupt("interrupted; run the same command again to resume")
    _exit_now()


def _exit_now() -> NoReturn:
    """End this process and its workers at once, without waiting for threads or exit handlers."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, TargetError):
            stream.flush()
    # joblib's workers have no `kill` method.
    for pid in [worker.pid for worker in multiprocessing.active_children() if worker.pid]:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    os._exit(INTERRUPTED)
