"""Import the modules of a model's own feature families and learners, if their files are those of the training.

Importing a module runs it, and a manifest may come from anyone: a file is imported only if its hash is in the manifest
and, unless the user trusts the source of the model, in the record of this account.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ArtifactError, ConfigError
from pdmr_classic.models.persistence._trust import is_recorded, record_digest
from pdmr_classic.plugins import INTERACTIVE, find_plugin, import_user_module, search_current_folder


def record_plugins(plugins: Iterable[Mapping[str, Any]]) -> None:
    """Record the files of a model's plugins as used under this account."""
    for plugin in plugins:
        if plugin["file_sha256"] is not None:
            record_digest(plugin["file_sha256"])


def import_recorded_plugins(plugins: Iterable[Mapping[str, Any]], path: Path, *, trust: bool) -> None:
    """Import the modules that a manifest lists, so that the model finds its families and learners.

    Parameters
    ----------
    plugins : iterable of mapping
        As in the manifest.
    path : Path
        Of the model, for messages.
    trust : bool
        Whether the user trusts the source of the model.

    Raises
    ------
    ArtifactError
        A module is missing, its file has changed, it is not in the record, or it does not register the same code.
    """
    for plugin in plugins:
        try:
            kind, name, module = plugin["kind"], str(plugin["name"]), str(plugin["module"])
            code, digest = plugin["code"], plugin["file_sha256"]
        except (KeyError, TypeError):
            raise _plugin_error(path, "a plugin in the manifest is corrupt", "kind, name, module and hashes") from None
        what = f"the {'feature family' if kind == 'family' else 'learner'} {name}"
        if _is_known(kind, name, code):
            continue
        if module == INTERACTIVE:
            raise _plugin_error(
                path,
                f"the model uses {what}, which was defined in a notebook or script",
                "the same definition in this process, or in a module",
                hint="move it to a file that --plugin names, and train the model again",
            )
        _import_file(module, str(digest), path, what, trust=trust)
        if not _is_known(kind, name, code):
            raise _changed_error(path, what, module)


def _is_known(kind: Any, name: str, code: Any) -> bool:
    known = find_plugin("family" if kind == "family" else "learner", name)
    return known is not None and known.code == code


def _import_file(module: str, digest: str, path: Path, what: str, *, trust: bool) -> None:
    search_current_folder()
    importlib.invalidate_caches()
    spec = _find_spec(module)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise _plugin_error(
            path,
            f"the model uses {what} of the module {module}, which was not found",
            f"{module.replace('.', '/')}.py in the current folder, or an installed module",
            found="no such module",
            hint="change to the folder of the file, or add that folder to PYTHONPATH",
        )
    if hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest() != digest:
        raise _changed_error(path, what, spec.origin)
    if not trust and not is_recorded(digest):
        raise ArtifactError(
            f"the model uses {what}, whose module was not used for training under this account and was not run",
            code="not-recorded",
            file=path,
            expected="a module that was used here",
            found=spec.origin,
            hint="pass --trust (trust=True) if you trust the source of the model and of this file",
        )
    try:
        import_user_module(module)
    except ConfigError as error:
        raise ArtifactError(error.finding) from error


def _find_spec(module: str) -> ModuleSpec | None:
    """Return where a module is, without importing its packages."""
    top, *names = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    for name in names:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{name}", spec.submodule_search_locations)
    return spec


def _changed_error(path: Path, what: str, where: str) -> ArtifactError:
    return _plugin_error(
        path,
        f"{what} has changed since the model was trained",
        "the same code as in training",
        found=f"other code in {where}",
        hint="restore the file, or train the model again",
    )


def _plugin_error(path: Path, what: str, expected: str, *, found: str | None = None, hint: str = "") -> ArtifactError:
    hint = hint or "train the model again"
    return ArtifactError(what, code="bad-plugin", file=path, expected=expected, found=found, hint=hint)
