"""Files that are written whole or not at all: temporary file in the same folder, fsync, rename, fsync of the folder."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pdmr_classic.errors import ConfigError, DataError, TargetError, target_errors
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.storage.lock import try_lock

# Never the end of a name that is read as data.
_SUFFIX = ".tmp"


def write_atomic(path: str | Path, write: Callable[[BinaryIO], object], *, under: Path | None = None) -> Path:
    """Let `write` fill a temporary file in the target's folder, then rename it over the target.

    A reader sees the old file or the new one, never a part, also after the process was killed or the power failed.
    The folder is made if it is missing. What killed runs have left of this target is removed.

    Parameters
    ----------
    path : path-like
        The target.
    write : callable
        Takes the open file.
    under : Path, optional
        A name in the same folder that the finished file takes instead of the target's, until it is renamed.

    Raises
    ------
    TargetError
        The target is a folder, or its folder cannot be written to (or is full).
    """
    path = Path(path)
    check_writable(path)
    temporary = None
    try:
        with target_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_left_over(path)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=_prefix(path), suffix=_SUFFIX, delete=False
            ) as file:
                temporary = Path(file.name)
                try_lock(file.fileno())
                write(file)  # type: ignore[arg-type]
                file.flush()
                temporary.chmod(_mode(path))
                os.fsync(file.fileno())
                if sys.platform == "win32":
                    file.close()  # open files cannot be renamed there; elsewhere the lock is held until the end
                rename(temporary, under or path)
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
    return under or path


def rename(source: Path, target: Path) -> None:
    """Give a file that is on the disk its name, and wait until that is on the disk too.

    Raises
    ------
    TargetError
    """
    with target_errors(target):
        source.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; where that cannot be asked for, they are as safe as may be."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _prefix(path: Path) -> str:
    return f".{path.name[:40]}."


def _remove_left_over(path: Path) -> None:
    """Remove temporary files of this target that no process holds any more."""
    for left_over in path.parent.glob(f"{glob.escape(_prefix(path))}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(left_over, os.O_RDWR)
            try:
                if try_lock(descriptor):
                    left_over.unlink()
            finally:
                os.close(descriptor)


def check_writable(path: str | Path, ending: str = "") -> None:
    """Raise now what `write_atomic` would raise after long work.

    Raises
    ------
    TargetError
    ConfigError
        The name does not end in `ending`: what is written would not be what the name says, and a slip such as
        `--out labels.csv` would cost the labels.
    """
    path = Path(path)
    try:
        is_folder, is_device = path.is_dir(), path.exists() and not path.is_file()
        parent = next(folder for folder in path.absolute().parents if folder.exists())
    except OSError as error:  # a name that is too long
        raise TargetError(
            "the target cannot be written", file=path, found=error.strerror, hint="choose another place with --out"
        ) from None
    if is_folder:
        raise TargetError("the target is a folder", file=path, expected="a file name", hint="name a file in it")
    if is_device:  # renaming would put a file in the place of /dev/null
        raise TargetError(
            "the target is no regular file",
            file=path,
            expected="a file, or nothing",
            found="a pipe, socket or device",
            hint="choose another place with --out",
        )
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        found = "no permission to write" if parent.is_dir() else f"{parent} is a file"
        raise TargetError(
            "the target cannot be written", file=path, found=found, hint="choose another place with --out"
        )
    if not path.name.endswith(ending):
        raise ConfigError(
            f"the target's name does not end in {ending}",
            expected=f"such as {path.stem}{ending}",
            found=path.name,
            hint="choose another name with --out",
        )


def refuse_foreign_file(path: Path, schemas: str, what: str) -> None:
    """Refuse to write over, or remove, a file beside the target that is none of ours.

    Parameters
    ----------
    path : Path
    schemas : str
        What the `schema` of our own JSON begins with.
    what : str
        What shall be written, for the message.

    Raises
    ------
    TargetError
    """
    try:
        found = json.loads(read_bytes(path)) if path.exists() else {"schema": schemas}
    except (DataError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not str(found.get("schema", "")).startswith(schemas):
        raise TargetError(
            f"{what} would overwrite another file",
            file=path,
            expected="an earlier one of ours, or nothing",
            found="a file that is something else",
            hint="choose another --out",
        )


def write_text_atomic(path: str | Path, text: str) -> Path:
    """Write UTF-8 text whole or not at all; see `write_atomic`."""
    return write_atomic(path, lambda file: file.write(text.encode("utf-8")))


def _mode(path: Path) -> int:
    """Return the rights of the older file, else those of any new one; temporary files are private."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
