"""A scheduler and two workers, which the tests share, and a tiny set of recordings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_processes import DaskProcesses
from program import TINY

from pdmr_classic import make_synthetic
from pdmr_classic.parallel import _dask_client, dask_cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    """Return a cluster of two workers, which import the functions of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        processes = DaskProcesses(tmp_path_factory.mktemp("cluster"))
        try:
            for _ in range(2):
                processes.add_worker()
            processes.wait_for_workers()
        except BaseException:
            processes.stop()
            raise
    try:
        yield processes
    finally:
        processes.stop()


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a set of 24 recordings of two seconds."""
    folder = tmp_path_factory.mktemp("tiny") / "set"
    make_synthetic(folder, subjects=12, segments=2, seconds=(2, 3))
    return folder


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than users do: the machine may be busy, and workers start while a test connects."""
    monkeypatch.setattr(_dask_client, "TIMEOUT_S", 120.0)
    monkeypatch.setattr(dask_cluster, "TIMEOUT_S", 120.0)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


@pytest.fixture
def other_cluster(tmp_path: Path) -> Iterator[DaskProcesses]:
    """Return a scheduler without workers that a test may break."""
    processes = DaskProcesses(tmp_path)
    yield processes
    processes.stop()
