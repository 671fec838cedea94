"""Progress bars: on a terminal with rich, in a notebook as text that is replaced."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Any, Protocol

_WIDTH = 30
# One bar at a time: a second one on the same terminal would overwrite the first.
_owner: list[object] = []


class ProgressBar(Protocol):
    """A bar that shows one stage at a time, and disappears when it is closed; it may then be used again."""

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of a stage are finished."""

    def close(self) -> None:
        """Remove the bar."""


def open_bar() -> ProgressBar | None:
    """Return a bar for this process, or None where nobody would see it: in workers, in threads, or without a screen."""
    import multiprocessing

    is_main = multiprocessing.current_process().name == "MainProcess"
    if not is_main or threading.current_thread() is not threading.main_thread():
        return None
    if is_notebook():
        return NotebookBar()
    return TerminalBar() if is_terminal() else None


def is_terminal() -> bool:
    """Return whether standard error is a terminal; a closed stream is none."""
    with suppress(AttributeError, ValueError):
        return sys.stderr.isatty()
    return False


def is_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


class TerminalBar:
    """A bar on standard error, with the time left."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._stage = ""

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of a stage are finished."""
        if stage != self._stage:
            self.close()
        if self._bar is None and not self._open(stage, total):
            return
        self._bar.update(self._task, completed=done, total=total)

    def _open(self, stage: str, total: int) -> bool:
        if _owner:
            return False
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._stage, self._task = stage, self._bar.add_task(stage, total=total)
        _owner.append(self)
        return True

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar, self._stage = None, ""
            _owner.remove(self)


class NotebookBar:
    """A line of text under the cell; it needs no widgets and runs no thread."""

    def __init__(self) -> None:
        self._display: Any = None

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of a stage are finished."""
        n_full = _WIDTH * done // total
        self._show(f"{stage} {'█' * n_full}{'░' * (_WIDTH - n_full)} {done}/{total}")

    def close(self) -> None:
        """Empty the line."""
        if self._display is not None:
            self._show("")
            self._display = None

    def _show(self, text: str) -> None:
        from IPython import display as ipython

        show: Any = ipython.display  # it has no types
        content = {"text/plain": text}
        if self._display is None:
            self._display = show(content, raw=True, display_id=True)
        else:
            self._display.update(content, raw=True)
