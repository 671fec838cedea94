"""Large tables: the same values as in memory, in a file that is read some rows or columns at a time."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import TargetError
from pdmr_classic.storage import mapped_table
from pdmr_classic.storage.mapped_table import (
    allocate_table,
    copy_rows,
    iterate_columns,
    iterate_rows,
    release_pages,
)

VALUES = np.random.default_rng(0).normal(size=(1000, 300))


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setattr(mapped_table, "MIN_MAPPED_BYTES", 1)
    monkeypatch.setattr(mapped_table, "_BATCH_VALUES", 10_000)
    values = allocate_table(*VALUES.shape)
    values[:] = VALUES
    release_pages(values)
    return pd.DataFrame(values, columns=[f"c{k}" for k in range(300)], copy=False)


def resident_bytes(table: pd.DataFrame) -> int:
    """Return how much of a mapped table is in memory."""
    start = f"{table.to_numpy().ctypes.data:x}-"
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    assert any(line.startswith(start) for line in lines)
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))


def test_small_tables_are_in_memory() -> None:
    assert not isinstance(allocate_table(2, 3).base, memoryview | mmap.mmap)


def test_rows_and_columns_are_those_of_the_table(mapped: pd.DataFrame) -> None:
    np.testing.assert_array_equal(np.concatenate([rows.to_numpy() for rows in iterate_rows(mapped)]), VALUES)
    names, columns = zip(*iterate_columns(mapped, np.array([2, 299])), strict=True)
    assert names == ("c2", "c299")
    np.testing.assert_array_equal(np.array(columns), VALUES[:, [2, 299]].T)
    part = copy_rows(mapped, np.array([999, 0]), np.array([5, 1]))
    np.testing.assert_array_equal(part, VALUES[np.ix_([999, 0], [5, 1])])
    assert (list(part.index), list(part.columns)) == ([999, 0], ["c5", "c1"])


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED") or sys.platform != "linux", reason="Linux shows what is mapped")
def test_only_one_batch_is_in_memory_and_nothing_is_lost(mapped: pd.DataFrame) -> None:
    assert resident_bytes(mapped) == 0
    for rows in iterate_rows(mapped):
        assert rows.to_numpy().sum() != 0
        assert 0 < resident_bytes(mapped) < VALUES.nbytes / 2
    assert resident_bytes(mapped) == 0
    np.testing.assert_array_equal(mapped, VALUES)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="space can be reserved")
def test_a_full_disk_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    monkeypatch.setattr(mapped_table, "MIN_MAPPED_BYTES", 1)
    with pytest.raises(TargetError, match=r"temporary file of a large feature table(.|\n)*TMPDIR"):
        allocate_table(10, 10)
