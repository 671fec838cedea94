"""What a model or an evaluation was made with, for people to compare: nothing is refused for it, nobody is named."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from pdmr_classic.models.persistence import versions
from pdmr_classic.models.persistence.versions import describe_environment, describe_machine

OPENBLAS = {
    "user_api": "blas",
    "internal_api": "openblas",
    "architecture": "SkylakeX",
    "version": "0.3.30",
    "filepath": "/home/alice/libopenblas.so",
    "num_threads": 1,
}
MKL = {"user_api": "blas", "internal_api": "mkl", "version": "2024.1", "filepath": "/home/alice/libmkl.so"}
OPENMP = {"user_api": "openmp", "internal_api": "openmp", "version": None, "filepath": "/home/alice/libgomp.so"}


def test_an_environment_is_ready_for_json_and_has_its_versions() -> None:
    found = describe_environment()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["python"] == platform.python_version()
    assert {"scikit-learn", "lightgbm", "numpy"} <= set(found["libraries"])
    assert all(found["machine"].values()), "numpy has its BLAS loaded"


def test_each_blas_kernel_is_named_once_and_no_path_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "threadpool_info", lambda: [OPENBLAS, OPENMP, MKL, OPENBLAS])
    found = describe_machine()
    assert found["blas"] == ["mkl 2024.1", "openblas SkylakeX 0.3.30"]
    assert list(found) == ["cpu", "architecture", "blas"]


@pytest.mark.parametrize(
    ("cpuinfo", "cpu"),
    [
        (
            b"processor\t: 0\nmodel\t\t: 85\nmodel name\t: Some CPU @ 2.00GHz\nprocessor\t: 1\nmodel name\t: b\n",
            "Some CPU @ 2.00GHz",
        ),
        (b"processor\t: 0\nCPU architecture: 8\n", "by its platform"),
        (None, "by its platform"),
    ],
)
def test_a_cpu_is_named_by_linux_or_else_by_its_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: bytes | None, cpu: str
) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "by its platform")
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_bytes(cpuinfo)
    assert versions._cpu(tmp_path / "cpuinfo") == cpu


def test_a_cpu_without_a_name_is_called_by_its_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "processor", str)
    assert versions._cpu(tmp_path / "cpuinfo") == platform.machine()
