"""How many files a task has."""

from __future__ import annotations

from itertools import chain

import pytest

from pdmr_classic.features._run_jobs import _FILES_PER_TASK, split_files


@pytest.mark.parametrize(
    ("sizes", "n_workers", "lengths"),
    [
        ([], 2, []),
        ([0], 2, [1]),
        ([10] * 8, 2, [1] * 8),
        ([10] * 9, 2, [2, 2, 2, 2, 1]),
        ([10] * 1000, 2, [_FILES_PER_TASK] * 31 + [8]),
        ([1_500_000] * 20, 1, [2] * 10),
        ([9_000_000, 9_000_000, 10, 10, 10, 9_000_000], 1, [1, 1, 2, 1, 1]),
    ],
    ids=["no-file", "one-file", "few-files", "balanced", "many-files", "medium-files", "large-files"],
)
def test_a_task_has_many_small_files_or_few_large_ones(sizes: list[int], n_workers: int, lengths: list[int]) -> None:
    tasks = split_files(sizes, n_workers)
    assert [task.stop - task.start for task in tasks] == lengths
    assert list(chain(*(range(task.start, task.stop) for task in tasks))) == list(range(len(sizes)))
