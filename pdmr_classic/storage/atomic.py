"""Atomic file writes: temporary file in the same folder, fsync, rename, fsync of the folder."""

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

from pdmr_classic.errors import ConfigError, DataError, TargetError, wrap_os_errors
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.storage.location import refuse_url
from pdmr_classic.storage.lock import try_lock

# A suffix that is never read as data.
_SUFFIX = ".tmp"


def write_atomic(path: str | Path, write: Callable[[BinaryIO], object], *, staging_path: Path | None = None) -> Path:
    """Write a temporary file in the folder of the target, then rename it to the target.

    A reader sees either the old or the new file, never a partial one, even after a crash or power failure.
    A missing folder is created, and temporary files of killed runs for this target are removed.

    Parameters
    ----------
    path : path-like
        The target.
    write : callable
        Takes the open temporary file and writes its content.
    staging_path : Path, optional
        Rename the finished file to this path in the same folder instead; the caller renames it to the target later.

    Raises
    ------
    TargetError
        The target is a folder or a URL, or its folder is read-only or full.
    """
    check_writable(path)
    path = Path(path)
    temporary = None
    try:
        with wrap_os_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_stale_files(path)
            with tempfile.NamedTemporaryFile(
                dir=path.parent, prefix=_prefix(path), suffix=_SUFFIX, delete=False
            ) as file:
                temporary = Path(file.name)
                try_lock(file.fileno())
                write(file)  # type: ignore[arg-type]
                file.flush()
                temporary.chmod(_file_mode(path))
                os.fsync(file.fileno())
                if sys.platform == "win32":
                    file.close()  # Windows cannot rename open files; elsewhere the lock is held until after the rename
                rename(temporary, staging_path or path)
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
    return staging_path or path


def rename(source: Path, target: Path) -> None:
    """Rename a file and wait until the new name is on disk.

    Raises
    ------
    TargetError
    """
    with wrap_os_errors(target):
        source.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the entries of a folder are on disk, if the file system supports it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _prefix(path: Path) -> str:
    return f".{path.name[:40]}."


def _remove_stale_files(path: Path) -> None:
    """Remove temporary files of this target that no running process holds."""
    for temporary in path.parent.glob(f"{glob.escape(_prefix(path))}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(temporary, os.O_RDWR)
            try:
                if try_lock(descriptor):
                    temporary.unlink()
            finally:
                os.close(descriptor)


def check_writable(path: str | Path, suffixes: tuple[str, ...] = ("",)) -> None:
    """Check before long work that `write_atomic` can write the target.

    Raises
    ------
    TargetError
    ConfigError
        The name ends in none of the suffixes. This also prevents a typo such as `--out labels.csv` from overwriting the
        labels.
    """
    refuse_url(path)
    path = Path(path)
    try:
        is_folder, is_special = path.is_dir(), path.exists() and not path.is_file()
        parent = next(folder for folder in path.absolute().parents if folder.exists())
    except OSError as error:  # for example, the name is too long
        raise TargetError(
            "the output file cannot be written", file=path, found=error.strerror, hint="choose a different --out"
        ) from None
    if is_folder:
        raise TargetError(
            "the output path is a folder", file=path, expected="a file name", hint="add a file name to --out"
        )
    if is_special:  # the rename would replace /dev/null with a file
        raise TargetError(
            "the output path is not a regular file",
            file=path,
            expected="a new or an existing file",
            found="a pipe, socket or device",
            hint="choose a different --out",
        )
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        found = "no permission to write" if parent.is_dir() else f"{parent} is a file"
        raise TargetError("the output file cannot be written", file=path, found=found, hint="choose a different --out")
    if not path.name.endswith(suffixes):
        raise ConfigError(
            f"the name of the output file does not end in {' or '.join(suffixes)}",
            expected=f"for example {path.stem}{suffixes[0]}",
            found=path.name,
            hint="choose a different --out",
        )


def refuse_foreign_file(path: Path, schema_prefix: str, content: str) -> None:
    """Refuse to overwrite or remove a file that pdmr-classic did not write.

    Parameters
    ----------
    path : Path
        A file next to the target.
    schema_prefix : str
        Prefix of the `schema` in JSON files written by pdmr-classic.
    content : str
        What is about to be written, for the message.

    Raises
    ------
    TargetError
    """
    try:
        existing = json.loads(read_bytes(path)) if path.exists() else {"schema": schema_prefix}
    except (DataError, ValueError, RecursionError):
        existing = None
    if not isinstance(existing, dict) or not str(existing.get("schema", "")).startswith(schema_prefix):
        raise TargetError(
            f"{content} would overwrite another file",
            file=path,
            expected="no file, or one written by pdmr-classic",
            found="a different file",
            hint="choose a different --out",
        )


def write_text_atomic(path: str | Path, text: str) -> Path:
    """Write UTF-8 text atomically; see `write_atomic`."""
    return write_bytes_atomic(path, text.encode("utf-8"))


def write_bytes_atomic(path: str | Path, content: bytes) -> Path:
    """Write bytes atomically; see `write_atomic`."""
    return write_atomic(path, lambda file: file.write(content))


def _file_mode(path: Path) -> int:
    """Return the permissions of the existing file, or those of a new file by the umask; temporary files are private."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
