"""Record library versions and the machine, and check whether the versions of a saved model are compatible."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from pdmr_classic._version import __version__
from pdmr_classic.errors import ArtifactError, Finding

# Number of leading version parts that must be equal. scikit-learn does not support pickles of another minor version;
# before 1.0, a minor version of pdmr-classic may change the meaning of a feature name.
_COMPATIBLE_PARTS = {"pdmr-classic": 2, "scikit-learn": 2, "lightgbm": 1, "xgboost": 1, "numpy": 1, "scipy": 1}
# The same library, packaged under another name because its default wheel is ten times larger.
_ALTERNATIVE_NAMES = {"xgboost": "xgboost-cpu"}
# Not stored in a model, but another version may suggest other hyperparameters, or parse a number differently.
_ALSO_RECORDED = ("optuna", "pyarrow")
_UNKNOWN = "unknown"


def describe_environment() -> dict[str, Any]:
    """Return the software versions and the machine, JSON-serialisable; contains no host name, user name or path.

    For information only: on another machine, the same data, settings and seed may give slightly different numbers.

    Returns
    -------
    dict
        `python`, a version; `libraries`, the version of each library that influences the numbers; `machine`, see
        `describe_machine`.
    """
    libraries = read_library_versions() | {name: _read_version(name) for name in _ALSO_RECORDED}
    return {"python": platform.python_version(), "libraries": libraries, "machine": describe_machine()}


def describe_machine() -> dict[str, Any]:
    """Return the CPU model, its architecture, and the loaded BLAS kernels.

    Examples
    --------
    >>> sorted(describe_machine())
    ['architecture', 'blas', 'cpu']
    """
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    parts = [[library.get(name) for name in ("internal_api", "architecture", "version")] for library in loaded]
    blas = {" ".join(filter(None, names)) for names in parts}
    return {"cpu": _read_cpu_name(), "architecture": platform.machine(), "blas": sorted(blas)}


def _read_cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        text = ""
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def read_library_versions() -> dict[str, str]:
    """Return the version of each library whose objects are stored in a model file."""
    return {"pdmr-classic": __version__} | {
        name: _read_version(name) for name in _COMPATIBLE_PARTS if name != "pdmr-classic"
    }


def _read_version(name: str) -> str:
    for distribution in (name, _ALTERNATIVE_NAMES.get(name, name)):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return _UNKNOWN


def check_versions(path: Path, saved: Mapping[str, str]) -> list[Finding]:
    """Compare the versions in a manifest with those installed, and return a finding if they differ.

    Raises
    ------
    ArtifactError
        The versions are incompatible: the model might fail to load or give different results.
    """
    installed = read_library_versions()
    differing = {name: saved.get(name, _UNKNOWN) for name, version in installed.items() if saved.get(name) != version}
    incompatible = {
        name: version
        for name, version in differing.items()
        if _leading_parts(version, name) != _leading_parts(installed[name], name)
    }
    if incompatible:
        requirements = " ".join(
            f"'{name}=={'.'.join(_leading_parts(version, name))}.*'"
            for name, version in incompatible.items()
            if version != _UNKNOWN
        )
        raise ArtifactError(
            "the model was made with incompatible library versions and was not opened",
            code="version-mismatch",
            file=path,
            expected=_format_versions(incompatible),
            found=_format_versions({name: installed[name] for name in incompatible}),
            hint=f"pip install {requirements}, or train the model again" if requirements else "train the model again",
        )
    if not differing:
        return []
    found = ", ".join(f"{name} {version} (installed: {installed[name]})" for name, version in differing.items())
    return [Finding("version-mismatch", "the model was made with other library versions", file=path, found=found)]


def _leading_parts(version: str, name: str) -> list[str]:
    return version.split(".")[: _COMPATIBLE_PARTS[name]]


def _format_versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
