"""Why a feature table is not what would be extracted now: other code, settings or families, missing columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pdmr_classic._version import __version__
from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features.code_version import hash_feature_code
from pdmr_classic.features.names import base_name, feature_view, is_derived, is_model_input, level_name, list_events
from pdmr_classic.features.registry import Family
from pdmr_classic.features.table_facts import TableFacts, describe_table
from pdmr_classic.text import format_count, format_list

_AGAIN = "run extract again"
_SECTIONS = ("reading", "features")
_FAMILIES = "features.families"


def find_mismatches(facts: TableFacts, settings: Settings, families: Sequence[Family]) -> list[Finding]:
    """Return an error for other code, for other settings, for other families and for changed plugins.

    Parameters
    ----------
    facts : TableFacts
        Of the table.
    settings : Settings
        Those of the model, or to train with.
    families : sequence of Family
        Those of the settings.
    """
    now = describe_table(settings)
    mismatches = [_compare_code(facts), _compare_settings(facts, now), _compare_families(facts, families)]
    mismatches.append(_compare_plugins(facts, now))
    return [finding for finding in mismatches if finding is not None]


def find_missing_names(available: Sequence[str], trained: Sequence[str]) -> list[Finding]:
    """Return an error for features of a model that are missing, although other features of their view are there.

    A table without any feature of a view is one of recordings that lack it.
    """
    singles = map(base_name, trained) if list_events(trained) else trained
    needed = dict.fromkeys(level_name(name) for name in singles if is_model_input(name))
    views = set(map(feature_view, available))
    columns = set(available)
    missing = [
        name
        for name in needed
        if name not in columns and (view := feature_view(name)) in views and not is_derived(view)
    ]
    if not missing:
        return []
    what = f"{format_count(len(missing), 'feature')} of the model {'is' if len(missing) == 1 else 'are'} missing"
    hint = f"{_AGAIN} with the settings of the model, or pass --allow-mismatch (allow_mismatch=True)"
    return [
        Finding("missing-features", what, expected="all features of the model", found=format_list(missing), hint=hint)
    ]


def _compare_code(facts: TableFacts) -> Finding | None:
    if facts.code_version == hash_feature_code():
        return None
    return Finding(
        "other-extractor",
        "the feature table was extracted by another version of the extractor, or with other library versions",
        expected=f"pdmr-classic {__version__}, code {hash_feature_code()[:8]}",
        found=f"pdmr-classic {facts.version}, code {facts.code_version[:8]}",
        hint=_AGAIN,
    )


def _compare_settings(facts: TableFacts, now: TableFacts) -> Finding | None:
    stored = dict(_flatten({name: facts.settings.get(name) for name in _SECTIONS}))
    wanted = dict(_flatten({name: now.settings.get(name) for name in _SECTIONS}))
    names = [name for name in wanted if name != _FAMILIES and stored.get(name) != wanted[name]]
    if not names:
        return None
    return Finding(
        "other-settings",
        "the feature table was extracted with other settings",
        expected=format_list(f"{name} = {wanted[name]}" for name in names),
        found=format_list(f"{name} = {stored.get(name)}" for name in names),
        hint=f"pass the settings of the table, or {_AGAIN}",
    )


def _flatten(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _compare_families(facts: TableFacts, families: Sequence[Family]) -> Finding | None:
    names = [family.name for family in families]
    missing = [name for name in names if name not in facts.families]
    additional = [name for name in facts.families if name not in names]
    if not missing and not additional:
        return None
    differences = [f"without {format_list(missing)}"] if missing else []
    differences += [f"with {format_list(additional)}"] if additional else []
    hint = f"set [features] families as for the table, or {_AGAIN}"
    if missing == ["face_shape"] and not additional:
        hint = "pass the recordings: --groups infer needs face shapes, which tables do not have"
    return Finding(
        "other-families",
        "the feature table was extracted with other feature families",
        expected=format_list(names, len(names)),
        found=" and ".join(differences),
        hint=hint,
    )


def _compare_plugins(facts: TableFacts, now: TableFacts) -> Finding | None:
    codes = {plugin.get("name"): plugin.get("code") for plugin in facts.plugins}
    current = {plugin["name"]: plugin["code"] for plugin in now.plugins}
    changed = [name for name, code in current.items() if name in codes and codes[name] != code]
    if not changed:
        return None
    return Finding(
        "other-plugins",
        "the code of your own feature families has changed since the feature table was extracted",
        expected="the same code",
        found=format_list(changed),
        hint=_AGAIN,
    )
