"""Software versions and machine: recorded in models and evaluations, because results depend on them."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from pdmr_classic._version import __version__

# Optuna and pyarrow are not stored in a model, but other versions may suggest other hyperparameters, or parse a number
# differently.
_LIBRARIES = ("scikit-learn", "lightgbm", "xgboost", "numpy", "scipy", "optuna", "pyarrow")
# The same library, packaged under another name because its default wheel is ten times larger.
_ALTERNATIVE_NAMES = {"xgboost": "xgboost-cpu"}
UNKNOWN_VERSION = "unknown"


def describe_environment() -> dict[str, Any]:
    """Return the software versions and the machine, JSON-serialisable; contains no host name, user name or path.

    For information only: on another machine, the same data, settings and seed may give slightly different numbers.

    Returns
    -------
    dict
        `python`, a version; `libraries`, the version of each library that influences the numbers; `machine`, see
        `describe_machine`.
    """
    return {"python": platform.python_version(), "libraries": read_library_versions(), "machine": describe_machine()}


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
    """Return the version of this package and of each library that influences the numbers."""
    return {"pdmr-classic": __version__} | {name: _read_version(name) for name in _LIBRARIES}


@cache  # reading a version takes milliseconds, and a library that was imported does not change
def _read_version(name: str) -> str:
    for distribution in (name, _ALTERNATIVE_NAMES.get(name, name)):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return UNKNOWN_VERSION
