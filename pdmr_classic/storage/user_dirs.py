"""Folders of the user's own, for what the program keeps between runs."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder(variable: str, default: str) -> Path | None:
    """Return our folder under the one that an XDG variable names, else under `default` of the home; None without both.

    A relative path is ignored, as the XDG base directory specification asks: it would lie wherever the program is
    started, among files of other people.
    """
    named = Path(os.environ.get(variable, ""))
    try:
        base = named if named.is_absolute() else Path.home() / default
    except RuntimeError:
        return None
    return base / "pdmr-classic" if base.is_absolute() else None
