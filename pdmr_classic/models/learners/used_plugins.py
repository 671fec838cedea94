"""Which of a user's own feature families and learners a model uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pdmr_classic.errors import ConfigError
from pdmr_classic.features.catalog import find_families
from pdmr_classic.models.learners.member import Member
from pdmr_classic.plugins import changed_plugin_error, find_plugin, list_plugins


def describe_plugins(feature_names: list[str], members: Iterable[Member]) -> list[dict[str, Any]]:
    """Return what the manifest says about the own families of the features, and the own learners of the members."""
    plugins = list_plugins()
    if not plugins:
        return []
    used = {("family", name) for name in find_families(feature_names)}
    used |= {("learner", member.learner) for member in members}
    return [plugin.describe() for plugin in plugins if (plugin.kind, plugin.name) in used]


def require_families(plugins: Iterable[Mapping[str, Any]]) -> None:
    """Raise if this process does not know the own families of a model, as they were in training.

    Parameters
    ----------
    plugins : iterable of mapping
        As `describe_plugins` returned them.

    Raises
    ------
    ConfigError
    """
    for plugin in plugins:
        if plugin["kind"] != "family":
            continue
        name, module = plugin["name"], plugin["module"]
        known = find_plugin("family", name)
        if known is None:
            raise ConfigError(
                f"the model uses the feature family {name}, which is not registered",
                code="missing-plugin",
                expected=f"register_family({name!r}, …), as in {module}",
                found="no such family",
                hint=f"import {module} first" if module != "__main__" else "run the cell that registers it first",
            )
        if known.code != plugin["code"]:
            raise changed_plugin_error("feature family", name, module, since="the model was trained")
