"""The description of the software and machine in models and evaluations contains no personal information."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from pdmr_classic import environment
from pdmr_classic.environment import describe_environment, describe_machine

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


def test_the_environment_is_json_serialisable_and_contains_versions() -> None:
    description = describe_environment()
    assert json.loads(json.dumps(description, allow_nan=False)) == description
    assert description["python"] == platform.python_version()
    assert {"scikit-learn", "lightgbm", "numpy", "optuna"} <= set(description["libraries"])
    assert all(description["machine"].values()), "numpy has its BLAS loaded"


def test_each_blas_kernel_is_listed_once_without_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "threadpool_info", lambda: [OPENBLAS, OPENMP, MKL, OPENBLAS])
    description = describe_machine()
    assert description["blas"] == ["mkl 2024.1", "openblas SkylakeX 0.3.30"]
    assert list(description) == ["cpu", "architecture", "blas"]


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
def test_the_cpu_name_comes_from_linux_or_otherwise_from_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpuinfo: bytes | None, cpu: str
) -> None:
    monkeypatch.setattr(platform, "processor", lambda: "by its platform")
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_bytes(cpuinfo)
    assert environment._read_cpu_name(tmp_path / "cpuinfo") == cpu


def test_a_cpu_without_a_name_is_described_by_its_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "processor", str)
    assert environment._read_cpu_name(tmp_path / "cpuinfo") == platform.machine()
