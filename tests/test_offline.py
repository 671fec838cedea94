"""Neither the package nor its dependencies access the internet, in any process that these tests start."""

from __future__ import annotations

import ast
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from offline.sitecustomize import InternetUsed

import pdmr_classic

REMOTE = "192.0.2.1"  # reserved for documentation: no machine has it
NETWORK_MODULES = {
    "aiohttp",
    "ftplib",
    "http",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "ssl",
    "urllib",
    "urllib3",
    "xmlrpc",
}
PROGRAM = Path(sys.executable).parent / "pdmr-classic"
QUICK = """
[learning]
learners = ["lightgbm", "xgboost", "svm", "linear"]
trials = 1
repeats = 1
folds = 3
[features]
families = ["distribution", "quality", "audio_vector"]
"""


def list_imports(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules


def test_the_package_imports_no_network_module() -> None:
    files = sorted(Path(pdmr_classic.__file__).parent.rglob("*.py"))
    assert len(files) > 90
    assert {path.name: modules for path in files if (modules := list_imports(path) & NETWORK_MODULES)} == {}


def test_tests_cannot_access_the_internet() -> None:
    with socket.socket() as wire, pytest.raises(InternetUsed, match="nothing here may call the internet"):
        wire.connect((REMOTE, 80))
    refused = "nothing here may call the internet"
    with socket.socket(type=socket.SOCK_DGRAM) as wire, pytest.raises(InternetUsed, match=refused):
        wire.sendto(b"?", (REMOTE, 53))
    for look_up in (socket.gethostbyname, lambda name: socket.getaddrinfo(name, 443)):
        with pytest.raises(InternetUsed, match=refused):
            look_up("example.org")


def test_tests_can_access_the_local_machine() -> None:
    socket.getaddrinfo("localhost", 80)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_a_process_that_catches_the_error_is_stopped_too() -> None:
    code = f"import socket\ntry: socket.create_connection(({REMOTE!r}, 80), 1)\nexcept Exception: pass"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 1
    assert "InternetUsed" in result.stderr


@pytest.mark.slow
def test_fit_and_predict_work_on_a_machine_without_any_network(small_set: Path, tmp_path: Path) -> None:
    """A network namespace without any network also covers libraries that are not written in Python."""
    isolated = ["unshare", "--map-root-user", "--net"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this system does not let a user make a network namespace (unshare --net)")
    (tmp_path / "quick.toml").write_text(QUICK)
    for command in (
        ["fit", str(small_set), "--config", "quick.toml", "--out", "m.joblib", "--jobs", "2"],
        ["predict", str(small_set), "--model", "m.joblib", "--out", "r.jsonl", "--proba"],
    ):
        result = subprocess.run(
            [*isolated, str(PROGRAM), *command], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert result.returncode == 0, result.stderr
    assert (tmp_path / "r.jsonl").stat().st_size
