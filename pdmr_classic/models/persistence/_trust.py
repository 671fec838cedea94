"""The record of models trained under this account, which may be opened without `--trust`.

One empty file per model, named by its SHA-256: concurrent runs cannot conflict, no file can be half written, and the
record reveals nothing about the training data.
"""

from __future__ import annotations

import os
from pathlib import Path

from pdmr_classic.storage.user_dirs import user_folder

# Models of this process need no file: a notebook or the demo can open its own models without a home directory.
_session_digests: set[str] = set()


def record_folder() -> Path | None:
    """Return the folder of the record (in XDG_STATE_HOME or ~/.local/state); None without a home directory."""
    folder = user_folder("XDG_STATE_HOME", ".local/state")
    return None if folder is None else folder / "models"


def record_digest(digest: str) -> bool:
    """Record a model's SHA-256; return False, without raising, if later runs will not find it."""
    _session_digests.add(digest)
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
    """Return whether this SHA-256 is in the record, which is ignored if other users can write to it."""
    if digest in _session_digests:
        return True
    folder = record_folder()
    return folder is not None and _is_private(folder) and (folder / digest).is_file()


def _is_private(folder: Path) -> bool:
    if os.name == "nt":  # the access list of the user profile excludes others
        return True
    try:
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022
