"""Progress and warnings of long-running work: the library reports them, the caller decides how they are shown."""

from __future__ import annotations

import logging
from typing import Protocol

from pdmr_classic.errors import Finding
from pdmr_classic.text import escape_unprintable

_log = logging.getLogger("pdmr_classic")


class Reporter(Protocol):
    """Receiver of progress and findings from long-running work."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Report that `done` of `total` steps of a stage are finished."""

    def note(self, finding: Finding) -> None:
        """Report a finding that does not stop the work."""


class LogReporter:
    """Log findings as warnings of the logger `pdmr_classic`, and ignore progress.

    Logs may be shared, so warnings contain only the message and the code. The full finding, which may name a recording,
    is logged at debug level.
    """

    def progress(self, stage: str, done: int, total: int) -> None:
        """Ignore progress."""

    def note(self, finding: Finding) -> None:
        """Log the finding."""
        _log.warning("%s [%s]", escape_unprintable(finding.what), finding.code)
        _log.debug("%s", finding)


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
