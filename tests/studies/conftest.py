"""A real PostgreSQL server for the tests, one per test process."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from postgres import Server, find_programs


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a running server; a test that stops it must start it again."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server programs (initdb, pg_ctl, postgres) are not installed")
    # Not in pytest's folder: another account must enter it, and the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = Server(programs, folder)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(server: Server) -> Callable[[], str]:
    """Return a function that creates an empty database and returns its address."""
    numbers = itertools.count()
    return lambda: server.create_database(f"studies{next(numbers)}")
