"""Run jobs in worker processes, or on another backend, several files at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pdmr_classic.errors import Finding
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.parallel.backend import run_tasks
from pdmr_classic.plugins import share_plugins
from pdmr_classic.workers import change_working_folder, use_one_thread, working_folder


def run_jobs(chunks: Iterable[list[Job]], n_workers: int) -> Iterator[list[FileRow | Finding]]:
    """Yield the features, or the error, of each file, chunk by chunk; workers know the user's own families."""
    arguments = ((chunk, working_folder()) for chunk in chunks)
    return run_tasks(share_plugins(_run_chunk), arguments, n_jobs=n_workers)


def _run_chunk(jobs: list[Job], folder: str) -> list[FileRow | Finding]:
    change_working_folder(folder)
    with use_one_thread():
        return [job.run() for job in jobs]
