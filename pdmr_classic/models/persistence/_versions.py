"""Check whether the library versions that a model was saved with are compatible with those installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pdmr_classic.environment import UNKNOWN_VERSION, read_library_versions
from pdmr_classic.errors import ArtifactError, Finding

# The libraries whose objects are stored in a model, each with the number of leading version parts that must be equal.
# scikit-learn does not support pickles of another minor version; before 1.0, a minor version of pdmr-classic may change
# the meaning of a feature name.
_COMPATIBLE_PARTS = {"pdmr-classic": 2, "scikit-learn": 2, "lightgbm": 1, "xgboost": 1, "numpy": 1, "scipy": 1}


def check_versions(path: Path, saved: Mapping[str, str]) -> list[Finding]:
    """Compare the versions in a manifest with those installed, and return a finding if they differ.

    Raises
    ------
    ArtifactError
        The versions are incompatible: the model might fail to load or give different results.
    """
    versions = read_library_versions()
    installed = {name: versions[name] for name in _COMPATIBLE_PARTS}
    differing = {
        name: saved.get(name, UNKNOWN_VERSION) for name, version in installed.items() if saved.get(name) != version
    }
    incompatible = {
        name: version
        for name, version in differing.items()
        if _leading_parts(version, name) != _leading_parts(installed[name], name)
    }
    if incompatible:
        requirements = " ".join(
            f"'{name}=={'.'.join(_leading_parts(version, name))}.*'"
            for name, version in incompatible.items()
            if version != UNKNOWN_VERSION
        )
        raise ArtifactError(
            "the model was trained with incompatible library versions and was not opened",
            code="version-mismatch",
            file=path,
            expected=_format_versions(incompatible),
            found=_format_versions({name: installed[name] for name in incompatible}),
            hint=f"pip install {requirements}, or train the model again" if requirements else "train the model again",
        )
    if not differing:
        return []
    found = ", ".join(f"{name} {version} (installed: {installed[name]})" for name, version in differing.items())
    return [Finding("version-mismatch", "the model was trained with other library versions", file=path, found=found)]


def _leading_parts(version: str, name: str) -> list[str]:
    return version.split(".")[: _COMPATIBLE_PARTS[name]]


def _format_versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
