"""What a result was made with: versions and machine; and whether a model may be opened with the versions here."""

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

# How many leading parts of its version must agree. scikit-learn loads no pickle of another minor version; below 1.0 a
# minor version of ours may mean something else by the name of a feature.
_MUST_AGREE = {"pdmr-classic": 2, "scikit-learn": 2, "lightgbm": 1, "xgboost": 1, "numpy": 1, "scipy": 1}
# The same library under another name, where the default wheel is ten times larger.
_ALSO_CALLED = {"xgboost": "xgboost-cpu"}
_UNKNOWN = "unknown"


def describe_environment() -> dict[str, Any]:
    """Return the versions and the machine that a result is made with, ready for JSON; no host, user or path is named.

    The same data, settings and seed give other last digits elsewhere. It is for people to compare: nothing is refused.

    Returns
    -------
    dict
        `python`, a version; `libraries`, see `versions`; `machine`, see `describe_machine`.
    """
    return {"python": platform.python_version(), "libraries": versions(), "machine": describe_machine()}


def describe_machine() -> dict[str, Any]:
    """Return the CPU's model, its architecture, and the BLAS kernels that are loaded for it.

    Examples
    --------
    >>> sorted(describe_machine())
    ['architecture', 'blas', 'cpu']
    """
    loaded = [library for library in threadpool_info() if library["user_api"] == "blas"]
    parts = [[library.get(name) for name in ("internal_api", "architecture", "version")] for library in loaded]
    blas = {" ".join(filter(None, names)) for names in parts}
    return {"cpu": _cpu(), "architecture": platform.machine(), "blas": sorted(blas)}


def _cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        text = ""
    model = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the version of everything whose objects a model file holds."""
    return {"pdmr-classic": __version__} | {name: _version(name) for name in _MUST_AGREE if name != "pdmr-classic"}


def _version(name: str) -> str:
    for distribution in (name, _ALSO_CALLED.get(name, name)):
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    return _UNKNOWN


def check_versions(path: Path, then: Mapping[str, str]) -> list[Finding]:
    """Return what there is to tell of versions that differ from those in a manifest.

    Raises
    ------
    ArtifactError
        The model may mean something else, or not open at all, with the versions that are here.
    """
    here = versions()
    differ = {name: (then.get(name, _UNKNOWN), now) for name, now in here.items() if then.get(name) != now}
    apart = [name for name, (made, now) in differ.items() if _leading(made, name) != _leading(now, name)]
    if apart:
        wanted = " ".join(
            f"'{name}=={'.'.join(_leading(differ[name][0], name))}.*'" for name in apart if differ[name][0] != _UNKNOWN
        )
        raise ArtifactError(
            "the model was made with versions that do not go together with those here; it was not opened",
            code="other-versions",
            file=path,
            expected=_listed({name: differ[name][0] for name in apart}),
            found=_listed({name: differ[name][1] for name in apart}),
            hint=f"pip install {wanted}, or train anew" if wanted else "train anew",
        )
    if not differ:
        return []
    found = ", ".join(f"{name} {made} (here {now})" for name, (made, now) in differ.items())
    return [Finding("other-versions", "the model was made with other versions", file=path, found=found)]


def _leading(version: str, name: str) -> list[str]:
    return version.split(".")[: _MUST_AGREE[name]]


def _listed(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())
