"""The versions that are promised are the versions that are tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def pinned(name: str) -> dict[str, tuple[int, ...]]:
    found = re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    return {library: parts(version) for library, version in found}


def parts(version: str) -> tuple[int, ...]:
    """Return a version as numbers, without zeros at the end: 3.0 and 3.0.0 are one version."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def bounds() -> dict[str, tuple[int, ...]]:
    extras = PROJECT["optional-dependencies"]
    stated = [*PROJECT["dependencies"], *extras["test"], *extras["notebook"], *extras["riemann"]]
    found = [re.match(r"([\w-]+)>=([\d.]+)", requirement) for requirement in stated]
    return {match[1]: parts(match[2]) for match in found if match}


@pytest.mark.parametrize("library", bounds())
def test_the_oldest_version_that_is_tested_is_the_lower_bound(library: str) -> None:
    assert pinned("constraints-oldest.txt")[library] == bounds()[library]


@pytest.mark.parametrize("library", bounds())
def test_the_version_that_is_tested_first_is_pinned_and_not_older(library: str) -> None:
    assert pinned("constraints.txt")[library] >= bounds()[library]
