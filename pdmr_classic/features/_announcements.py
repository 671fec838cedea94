"""What reading the files of a data set costs, and what was found in them."""

from __future__ import annotations

from collections.abc import Sequence

from pdmr_classic.errors import Finding
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.progress import Reporter, announce
from pdmr_classic.text import format_count, format_size


def announce_reading(todo: Sequence[Job], n_cached: int, reporter: Reporter) -> None:
    """Announce how many files will be read, and how many are in the cache."""
    if not todo:
        announce(reporter, f"to read: nothing; {format_count(n_cached, 'file is', 'files are')} cached", is_detail=True)
        return
    cached = f"; {n_cached} more are cached" if n_cached else ""
    size = format_size(sum(job.n_bytes for job in todo))
    announce(reporter, f"to read: {format_count(len(todo), 'file')}, {size}{cached}")


def announce_problems(jobs: Sequence[Job], outcomes: Sequence[FileRow | Finding | None], reporter: Reporter) -> None:
    """Announce, as details, the files that cannot be used, and the findings of the others."""
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Finding):
            announce(reporter, f"not usable: {job.path}: {outcome.what}", is_detail=True)
        elif outcome is not None:
            for finding in outcome.findings:
                announce(reporter, f"{job.path}: {finding.what}", is_detail=True)
