"""Values of flags that stand for settings."""

from __future__ import annotations


def negate_flag(flag: bool | None) -> bool | None:
    """Return False if a `--no-…` flag is set, otherwise None, which leaves the setting unchanged."""
    return False if flag else None


def none_without_flag(flag: bool | None) -> bool | None:
    """Return True if a flag is set, otherwise None, which leaves the setting unchanged."""
    return flag or None
