"""The container recipe: what can be checked without network and without a program that builds images."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

RECIPE = Path(__file__).parents[2] / "docs/recipes/container"


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
def test_the_script_is_valid_bash() -> None:
    subprocess.run(["bash", "-n", RECIPE / "wheels.sh"], check=True)


def test_the_image_installs_the_extras_whose_wheels_are_collected() -> None:
    collected = re.search(r"extras=\$\{2:-(\S+)\}", (RECIPE / "wheels.sh").read_text())
    installed = re.search(r"ARG EXTRAS=(\S+)", (RECIPE / "Containerfile").read_text())
    assert collected
    assert installed
    assert collected[1] == installed[1]
    assert "[${EXTRAS}]" in (RECIPE / "Containerfile").read_text()
