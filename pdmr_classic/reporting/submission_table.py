"""Result of `export --pdmr` and `export --mpdd` as a dict and as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from pdmr_classic.io.submission_files import Submission
from pdmr_classic.io.submission_ledger import ALLOWED
from pdmr_classic.reporting.tables import new_table


def summarise_submission(submission: Submission, ledger: Path, n_submissions: int) -> dict[str, Any]:
    """Return what was written, JSON-serialisable."""
    return {
        "out": str(submission.path),
        "format": submission.form,
        "n_recordings": submission.n_recordings,
        "predicted": dict(submission.classes),
        "sha256": submission.sha256,
        "ids_checked": submission.is_checked,
        "ledger": str(ledger),
        "n_submissions": n_submissions,
        "n_allowed": ALLOWED.get(submission.form),
    }


def submission_table(summary: dict[str, Any]) -> RenderableType:
    """Show the classes of a submission, and how many submissions there are."""
    table = new_table("predicted class", "rows")
    for label, count in summary["predicted"].items():
        table.add_row(label, str(count))
    checked = "the same as in the test set" if summary["ids_checked"] else "not compared with a test set; pass --data"
    allowed = f" of {summary['n_allowed']}" if summary["n_allowed"] else ""
    lines = [
        f"Ids: {checked}",
        f"Submission {summary['n_submissions']}{allowed} in {summary['ledger']}",
        f"Written: {summary['out']}",
    ]
    return Group(table, "", *map(Text, lines))
