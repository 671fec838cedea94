"""Warm processes to fork runs from, and reference files of every target."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from runs import WarmProcess
from targets import World


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WarmProcess]]:
    """Return two processes to fork runs from, one per core."""
    processes = [WarmProcess(tmp_path_factory.mktemp("warm")) for _ in range(2)]
    yield processes
    for process in processes:
        process.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, warm: list[WarmProcess]) -> World:
    """Return the starting point and the reference files of the tests, which must not change them."""
    return World.create(tmp_path_factory.mktemp("world"), warm[0])
