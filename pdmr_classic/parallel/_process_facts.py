"""What two processes must have in common for their results to be the same."""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from pathlib import Path

from pdmr_classic.environment import describe_machine, read_library_versions

PACKAGE = "pdmr-classic"
CODE = "code of pdmr-classic"
CPU = "CPU"


def describe_process() -> dict[str, str]:
    """Return the versions of Python, of the package and of the libraries, a hash of the package, and the CPU."""
    return dict(_list_facts())


# Kept from the first call on: a process goes on with the modules that it has imported, whatever the files say later.
@lru_cache(maxsize=1)
def _list_facts() -> tuple[tuple[str, str], ...]:
    facts = {
        "Python": ".".join(map(str, sys.version_info[:2])),
        **read_library_versions(),
        CODE: _hash_package(),
        CPU: str(describe_machine()["cpu"]),
    }
    return tuple(facts.items())


def list_differences(own: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return what another process has in another version than this one, the CPU excepted.

    Examples
    --------
    >>> list_differences({"numpy": "2.3", "CPU": "a"}, {"numpy": "2.0", "CPU": "b"})
    ['numpy 2.0']
    """
    names = [name for name in {**own, **other} if name != CPU and own.get(name) != other.get(name)]
    return [f"{name} {other.get(name, 'missing')}" for name in names]


def _hash_package() -> str:
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"\0{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
