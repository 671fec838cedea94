"""The Dask recipe: a scheduler and two workers, each in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs/recipes/dask/namespaces.sh"


def may_make_namespaces() -> bool:
    """Return whether this account can; many containers forbid it even to root."""
    if os.name == "nt" or not shutil.which("ip") or os.geteuid() != 0:
        return False
    # In a namespace of its own, so that nothing is left over.
    attempt = "ip netns add pdmr-attempt && ip netns delete pdmr-attempt && ip link add pdmr-attempt type bridge"
    return subprocess.run(["unshare", "--net", "sh", "-c", attempt], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
def test_the_script_is_valid_bash() -> None:
    subprocess.run(["bash", "-n", SCRIPT], check=True)


@pytest.mark.slow
def test_two_namespaces_give_the_bytes_of_two_processes_and_leave_nothing_over(tmp_path: Path) -> None:
    if not may_make_namespaces():
        pytest.skip("needs root, the program ip, and the permission to make network namespaces")
    environ = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    # Internet access is blocked in tests, and with it every address but loopback. These namespaces lead nowhere else.
    folders = environ["PYTHONPATH"].split(os.pathsep)
    environ["PYTHONPATH"] = os.pathsep.join(folder for folder in folders if Path(folder).name != "offline")
    done = subprocess.run(
        ["bash", SCRIPT, tmp_path], env=environ, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the same bytes from two namespaces and from two processes\n")
    left = subprocess.run(["ip", "link", "show", "pdmr-bridge"], capture_output=True, check=False)
    assert left.returncode != 0
