"""How long work says where it is and what it noticed. The library calls; how it is shown is the caller's choice."""

from __future__ import annotations

import logging
from typing import Protocol

from pdmr_classic.errors import Finding

_log = logging.getLogger("pdmr_classic")


class Reporter(Protocol):
    """What long work calls on the way."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tell that `done` of `total` steps of a stage are over."""

    def tell(self, finding: Finding) -> None:
        """Tell what was noticed, and done about it."""


class LogReporter:
    """Progress is silent; findings go to the logger `pdmr_classic` as warnings."""

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show nothing."""

    def tell(self, finding: Finding) -> None:
        """Log the finding."""
        _log.warning("%s", finding)
