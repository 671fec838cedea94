"""Ctrl-C, and a polite request to end: within two seconds, whatever the process is doing, and with its workers.

Signals are blocked in every thread and process of a run, and awaited by one thread: so workers are not interrupted on
their own, each with a traceback, and a long call in C cannot hold the news up.
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
# For the work to be left in order. What is on the disk is whole at any moment, so none is needed.
_GRACE_S = 1.0
_PARENT_IS_LOOKED_FOR_EVERY_S = 0.5
_SHOW_CURSOR = "\x1b[?25h"
_TRIED_AGAIN_AFTER_S = 0.05
_told = threading.Lock()
_awaited: set[signal.Signals] = set()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a KeyboardInterrupt of the main thread; if it does not end by that, end it."""
    if sys.platform == "win32":
        yield
        return
    # One that is ignored from the start, as in the background of a shell script, stays so.
    _awaited.update(n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, _interrupt)
    sys.unraisablehook = _try_again
    _block()
    threading.Thread(target=_await, daemon=True).start()
    try:
        yield
    except SystemExit as end:
        if end.code == INTERRUPTED:
            tell_interrupted("interrupted")  # before or after a verb
            _leave()
        raise


def tell_interrupted(what: str) -> None:
    """Say how to go on, once."""
    if _told.acquire(blocking=False):
        with suppress(OSError):
            print(escape_unprintable(what), file=sys.stderr, flush=True)


@contextmanager
def mortal_workers() -> Iterator[None]:
    """Let the worker processes that are started in this block end when this one is gone, however it ended."""
    import multiprocessing.resource_tracker

    import joblib

    # These processes remove shared memory that was left; how much, nobody asked.
    silence = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), "ignore:resource_tracker:UserWarning")))
    with joblib.parallel_config(backend="loky", initializer=end_with_parent, initargs=(os.getpid(),)):
        with _environment(PYTHONWARNINGS=silence):
            multiprocessing.resource_tracker.ensure_running()
            with joblib.Parallel(n_jobs=2):  # starts the tracker of joblib; workers come with the first task
                pass
        _block()  # which starting the trackers undoes
        yield


def end_with_parent(parent: int) -> None:
    """Let this worker process end when the one that started it is gone, even if that is so by now."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_IS_LOOKED_FOR_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _block() -> None:
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, _awaited)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = os.environ.copy()
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _told.locked():  # else it is on its way out
        raise KeyboardInterrupt


def _try_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Interrupt once more where a callback from C, or a finalizer, has swallowed it."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        threading.Timer(_TRIED_AGAIN_AFTER_S, _interrupt_main).start()
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt_main() -> None:
    # Another signal, since those asked with are blocked in the main thread; it also wakes that from a wait.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)


def _await() -> None:
    signal.sigwait(_awaited)
    _interrupt_main()
    time.sleep(_GRACE_S)
    with suppress(OSError):
        if sys.stderr.isatty():
            sys.stderr.write(_SHOW_CURSOR)  # a progress bar hides it
    tell_interrupted("interrupted; run the same command again: it goes on from what is finished")
    _leave()


def _leave() -> NoReturn:
    """End this process and its workers now: threads and exit handlers may wait for work that nobody wants any more."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, TargetError):
            stream.flush()
    # Workers of joblib have no `kill` of their own.
    for pid in [worker.pid for worker in multiprocessing.active_children() if worker.pid]:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    os._exit(INTERRUPTED)
