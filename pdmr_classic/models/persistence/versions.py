"""Which versions a model was made with, and whether it may be opened with those that are here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

from pdmr_classic._version import __version__
from pdmr_classic.errors import ArtifactError, Finding

# How many leading parts of its version must agree. scikit-learn loads no pickle of another minor version; below 1.0 a
# minor version of ours may mean something else by the name of a feature.
_MUST_AGREE = {"pdmr-classic": 2, "scikit-learn": 2, "lightgbm": 1, "xgboost": 1, "numpy": 1, "scipy": 1}
# The same library under another name, where the default wheel is ten times larger.
_ALSO_CALLED = {"xgboost": "xgboost-cpu"}
_UNKNOWN = "unknown"


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
            mend=f"pip install {wanted}, or train anew" if wanted else "train anew",
        )
    if not differ:
        return []
    found = ", ".join(f"{name} {made} (here {now})" for name, (made, now) in differ.items())
    return [Finding("other-versions", "the model was made with other versions", file=path, found=found)]


def _leading(version: str, name: str) -> list[str]:
    return version.split(".")[: _MUST_AGREE[name]]


def _listed(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())
