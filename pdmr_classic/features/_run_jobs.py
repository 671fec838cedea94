"""Run jobs in worker processes, or on another backend, several files at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pdmr_classic.errors import Finding
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.parallel.backend import count_parallel, run_tasks
from pdmr_classic.plugins import share_plugins
from pdmr_classic.workers import change_working_folder, use_one_thread, working_folder

Outcome = FileRow | Finding
"""The features of a file, or the error."""
Keep = Callable[[slice, list[Outcome]], None]
"""Receives the outcomes of some of the jobs, and which ones these are."""

# Half a second of work: much longer than it takes to send a task, and little to lose with a killed worker.
_FILES_PER_TASK = 32
_BYTES_PER_TASK = 4_000_000
# So that all workers end at about the same time.
_TASKS_PER_WORKER = 4


def run_jobs(jobs: Sequence[Job], n_workers: int, keep: Keep) -> Iterator[int]:
    """Yield the number of files of each finished task, in their order; workers know the user's own families.

    `keep` is called with the outcomes of each task as soon as they arrive, on a cluster in any order.
    """
    tasks = split_files([job.n_bytes for job in jobs], count_parallel(n_workers))
    arguments = ((list(jobs[task]), working_folder()) for task in tasks)
    run = share_plugins(_run_chunk)
    results = run_tasks(run, arguments, n_jobs=n_workers, keep=lambda number, outcomes: keep(tasks[number], outcomes))
    return map(len, results)


def split_files(sizes: Sequence[int], n_workers: int) -> list[slice]:
    """Return the files of each task: many small ones or few large ones.

    Parameters
    ----------
    sizes : sequence of int
        Of the files, in bytes.
    n_workers : int

    Examples
    --------
    >>> split_files([3_000_000, 3_000_000, 10, 10, 10], n_workers=1)
    [slice(0, 1, None), slice(1, 3, None), slice(3, 5, None)]
    """
    n_most = min(-(-len(sizes) // (_TASKS_PER_WORKER * n_workers)), _FILES_PER_TASK)
    tasks = []
    start = n_bytes = 0
    for end, size in enumerate(sizes):
        if end > start and (end - start == n_most or n_bytes + size > _BYTES_PER_TASK):
            tasks.append(slice(start, end))
            start, n_bytes = end, 0
        n_bytes += size
    return [*tasks, slice(start, len(sizes))] if sizes else []


def _run_chunk(jobs: list[Job], folder: str) -> list[Outcome]:
    change_working_folder(folder)
    with use_one_thread():
        return [job.run() for job in jobs]
