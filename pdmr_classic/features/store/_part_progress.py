"""Progress over all parts of a store, while the extractor reads one."""

from __future__ import annotations

from pdmr_classic.errors import Finding
from pdmr_classic.progress import Reporter, announce


class PartProgress:
    """Reporter of one part, which reports to that of the whole.

    Parameters
    ----------
    whole : Reporter
    done, total : int
        Files before this part, and in all parts.
    """

    def __init__(self, whole: Reporter, done: int, total: int) -> None:
        self.whole, self.done, self.total = whole, done, total

    def progress(self, stage: str, done: int, total: int) -> None:
        """Report the progress of a part as that of the whole."""
        self.whole.progress(stage, self.done + done, self.total)

    def note(self, finding: Finding) -> None:
        """Report a finding."""
        self.whole.note(finding)

    def announce(self, text: str, *, is_detail: bool = False) -> None:
        """Announce details; the size of the work is announced once, for all parts."""
        if is_detail:
            announce(self.whole, text, is_detail=True)
