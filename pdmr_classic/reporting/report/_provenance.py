"""How the figures were made: command, settings, versions, machine, seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from pdmr_classic.config import Settings
from pdmr_classic.reporting.report._sources import EVALUATION, Source


def build_provenance(source: Source) -> dict[str, Any]:
    """Return how an evaluation or a model was made."""
    verb = "evaluate" if source.kind == EVALUATION else "fit"
    environment = source.content.get("environment") or source.content
    settings = source.content["settings"]
    return {
        "command": f"pdmr-classic {verb} DATA --config {source.path.name}",
        "settings": list(_list_changes(settings, Settings().model_dump(mode="json"))),
        "python": environment.get("python"),
        "libraries": dict(environment.get("libraries") or {}),
        "machine": dict(environment.get("machine") or {}),
        "seed": settings["learning"]["seed"],
    }


def _list_changes(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the settings that are not the default."""
    for section, values in settings.items():
        known = defaults.get(section) or {}
        for name, value in values.items():
            if value != known.get(name):
                yield {"name": f"{section}.{name}", "value": _hide_folder(value), "default": known.get(name)}


def _hide_folder(value: Any) -> Any:
    """Return the name of a file without its folder, which may name a user; other values as they are."""
    is_path = isinstance(value, str) and (PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute())
    return PureWindowsPath(value).name if is_path else value
