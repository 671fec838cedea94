"""Progress, costs and warnings of long work: the library reports them, the caller decides how they are shown."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from pdmr_classic._progress_bar import ProgressBar, open_bar
from pdmr_classic.errors import Finding
from pdmr_classic.text import escape_unprintable

P = ParamSpec("P")
R = TypeVar("R")
_log = logging.getLogger("pdmr_classic")
# An estimate from a shorter time, or of one, helps nobody.
_MIN_SECONDS = 5.0


class Reporter(Protocol):
    """Receiver of progress and findings from long-running work."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps of a stage are finished."""

    def note(self, finding: Finding) -> None:
        """Report a finding that does not stop the work."""


def announce(reporter: Reporter, text: str, *, is_detail: bool = False) -> None:
    """Tell a reporter what the work will cost before it starts, or a detail; one without `announce` does not want it.

    Parameters
    ----------
    reporter : Reporter
    text : str
        Such as "to read: 51 files, 34 MB". What is counted, not a duration: that of other machines differs.
    is_detail : bool
        Whether only a verbose reporter should show it.
    """
    method = getattr(reporter, "announce", None)
    if method is not None:
        method(text, is_detail=is_detail)


class Stage:
    """A stage of the work, timed from its first report.

    Parameters
    ----------
    name : str
    done, total : int
        Steps that are finished at the beginning, such as those of an earlier run.
    """

    def __init__(self, name: str, done: int, total: int) -> None:
        self.name = name
        self.total = total
        self.first = done
        self.started = time.monotonic()

    def line(self, done: int) -> str:
        """Return the progress, with the time left if it can be estimated from the steps that this run has finished."""
        seconds, n_steps = time.monotonic() - self.started, done - self.first
        line = f"{self.name} {done}/{self.total}"
        if n_steps <= 0 or seconds < _MIN_SECONDS:
            return line
        left = seconds / n_steps * (self.total - done)
        return f"{line}, about {format_seconds(left)} left" if left >= _MIN_SECONDS else line

    def is_new_tenth(self, before: int, done: int) -> bool:
        """Return whether another tenth of the steps is finished."""
        return 10 * before // self.total != 10 * done // self.total


def format_seconds(seconds: float) -> str:
    """Return a duration in its largest unit.

    Examples
    --------
    >>> format_seconds(3.21), format_seconds(80), format_seconds(600), format_seconds(9000)
    ('3.2 s', '80 s', '10 min', '2.5 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


class LogReporter:
    """Log findings as warnings of the logger `pdmr_classic`, and progress and costs at the level INFO.

    Logs may be shared, so warnings contain only the message and the code. The full finding, which may name a recording,
    is logged at debug level, as are details.
    """

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._done = -1

    def progress(self, stage: str, done: int, total: int) -> None:
        """Log the progress, ten times in a stage."""
        if not total or not _log.isEnabledFor(logging.INFO):
            return
        if self._stage is None or self._stage.name != stage:
            self._stage, self._done = Stage(stage, done, total), -1
        if self._done < 0 or self._stage.is_new_tenth(self._done, done):
            self._done = done
            _log.info("%s", self._stage.line(done))

    def announce(self, text: str, *, is_detail: bool = False) -> None:
        """Log a cost or a detail."""
        _log.log(logging.DEBUG if is_detail else logging.INFO, "%s", escape_unprintable(text))

    def note(self, finding: Finding) -> None:
        """Log the finding."""
        _log.warning("%s [%s]", escape_unprintable(finding.what), finding.code)
        _log.debug("%s", finding)


class BarReporter(LogReporter):
    """Show progress as a bar on a terminal or in a notebook; log findings and costs."""

    def __init__(self, bar: ProgressBar) -> None:
        super().__init__()
        self.bar = bar

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show the progress."""
        if total:
            self.bar.update(stage, done, total)

    def note(self, finding: Finding) -> None:
        """Log the finding, in place of the bar."""
        self.bar.close()
        super().note(finding)


def shows_progress(function: Callable[P, R]) -> Callable[P, R]:
    """Give a function whose keyword `reporter` is None a bar, if somebody can see it, and close it afterwards.

    A function that is called with a reporter uses that one, so that work inside of work has one bar.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        bar = open_bar() if kwargs.get("reporter") is None else None
        if bar is None:
            return function(*args, **kwargs)
        changed: Any = {**kwargs, "reporter": BarReporter(bar)}
        try:
            return function(*args, **changed)
        finally:
            bar.close()

    if inspect.signature(function).parameters["reporter"].kind is not inspect.Parameter.KEYWORD_ONLY:
        raise TypeError(f"reporter must be a keyword-only parameter of {function.__qualname__}")
    return run


class CollectingReporter:
    """Store progress steps and findings for later use.

    Attributes
    ----------
    steps : list of (stage, done, total)
    findings : list of Finding
    """

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.findings: list[Finding] = []

    def progress(self, stage: str, done: int, total: int) -> None:
        """Store the step."""
        self.steps.append((stage, done, total))

    def note(self, finding: Finding) -> None:
        """Store the finding."""
        self.findings.append(finding)
