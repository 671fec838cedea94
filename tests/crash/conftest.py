"""Warm processes, and a world in which the old and the new state of every target are known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from runs import Warm
from targets import World


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Warm]]:
    """Return two processes to fork from: one a core."""
    found = [Warm(tmp_path_factory.mktemp("warm")) for _ in range(2)]
    yield found
    for one in found:
        one.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, warm: list[Warm]) -> World:
    """Return what the tests start from, and compare with; they must not change it."""
    return World.make(tmp_path_factory.mktemp("world"), warm[0])
