"""The user's own record of the models that were made on this account: what may be opened without being asked.

One empty file a model, named by its SHA-256: two runs at once cannot disturb each other, nothing can be torn, and it
says nothing of what the model was trained on.
"""

from __future__ import annotations

import os
from pathlib import Path

from pdmr_classic.storage.user_dirs import user_folder

# What this very process made needs no file: without a home, a notebook and the demo open their own models too.
_made_here: set[str] = set()


def record_folder() -> Path | None:
    """Return where the record is (XDG_STATE_HOME, else ~/.local/state), or None where there is no home."""
    folder = user_folder("XDG_STATE_HOME", ".local/state")
    return None if folder is None else folder / "models"


def record(digest: str) -> bool:
    """Record a model's SHA-256; return whether later runs will know it. That they will not is no reason to fail."""
    _made_here.add(digest)
    folder = record_folder()
    if folder is None:
        return False
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(folder / digest, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError:
        return False
    return _is_private(folder)


def is_recorded(digest: str) -> bool:
    """Return whether a model of this SHA-256 was made here; a record that others can write to counts for nothing."""
    if digest in _made_here:
        return True
    folder = record_folder()
    return folder is not None and _is_private(folder) and (folder / digest).is_file()


def _is_private(folder: Path) -> bool:
    if os.name == "nt":  # the profile's own access list keeps others out
        return True
    try:
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022
