"""The supported version ranges match the versions that are tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def read_pins(name: str) -> dict[str, tuple[int, ...]]:
    pins = re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    return {library: parse_version(version) for library, version in pins}


def parse_version(version: str) -> tuple[int, ...]:
    """Return a version as numbers without trailing zeros, because 3.0 and 3.0.0 are the same version."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def read_lower_bounds() -> dict[str, tuple[int, ...]]:
    extras = PROJECT["optional-dependencies"]
    requirements = [
        *PROJECT["dependencies"],
        *(
            requirement
            for name in ("test", "audio", "dask", "excel", "notebook", "remote", "riemann")
            for requirement in extras[name]
        ),
    ]
    matches = [re.match(r"([\w-]+)>=([\d.]+)", requirement) for requirement in requirements]
    return {match[1]: parse_version(match[2]) for match in matches if match}


@pytest.mark.parametrize("library", read_lower_bounds())
def test_the_oldest_tested_version_is_the_lower_bound(library: str) -> None:
    assert read_pins("constraints-oldest.txt")[library] == read_lower_bounds()[library]


@pytest.mark.parametrize("library", read_lower_bounds())
def test_the_pinned_version_is_not_below_the_lower_bound(library: str) -> None:
    assert read_pins("constraints.txt")[library] >= read_lower_bounds()[library]
