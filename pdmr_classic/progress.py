"""How long work says where it is and what it noticed. The library calls; how it is shown is the caller's choice."""

from __future__ import annotations

import logging
from typing import Protocol

from pdmr_classic.errors import Finding
from pdmr_classic.text import escape_unprintable

_log = logging.getLogger("pdmr_classic")


class Reporter(Protocol):
    """What long work calls on the way."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tell that `done` of `total` steps of a stage are over."""

    def note(self, finding: Finding) -> None:
        """Tell what was noticed, and done about it."""


class LogReporter:
    """Progress is silent; findings go to the logger `pdmr_classic` as warnings, in full only at the level of debugging.

    Logs are kept and passed on: the file and what was found may name a recording, what was noticed does not.
    """

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show nothing."""

    def note(self, finding: Finding) -> None:
        """Log the finding."""
        _log.warning("%s [%s]", escape_unprintable(finding.what), finding.code)
        _log.debug("%s", finding)


class CollectingReporter:
    """Keeps what it is shown and told, for whoever wants to know later.

    Attributes
    ----------
    steps : list of (stage, done, total)
    findings : list of Finding
    """

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []
        self.findings: list[Finding] = []

    def progress(self, stage: str, done: int, total: int) -> None:
        """Keep the step."""
        self.steps.append((stage, done, total))

    def note(self, finding: Finding) -> None:
        """Keep the finding."""
        self.findings.append(finding)
