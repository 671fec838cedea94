"""Per-user folders for the cache and state of the program."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder(variable: str, default: str) -> Path | None:
    """Return the `pdmr-classic` folder in the base folder of an XDG variable, by default `default` in the home folder.

    A relative path in the variable is ignored, as the XDG Base Directory Specification requires: it would depend on
    the working folder. None if there is no home folder either.
    """
    configured = Path(os.environ.get(variable, ""))
    try:
        base = configured if configured.is_absolute() else Path.home() / default
    except RuntimeError:
        return None
    return base / "pdmr-classic" if base.is_absolute() else None
