"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pdmr_classic.errors import TargetError


def write_atomic(path: str | Path, write: Callable[[BinaryIO], object]) -> Path:
    """Let `write` fill a temporary file in the target's folder, then rename it over the target.

    A reader sees the old file or the new one, never a part. The folder is made if it is missing.

    Raises
    ------
    TargetError
        The target is a folder, or its folder cannot be written to (or is full).
    """
    path = Path(path)
    check_writable(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:40]}.", delete=False) as file:
            temporary = Path(file.name)
            write(file)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise TargetError(
            "the target cannot be written",
            file=path,
            found=error.strerror,
            mend="choose another place with --out",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
    return path


def check_writable(path: str | Path) -> None:
    """Raise now what `write_atomic` would raise after long work.

    Raises
    ------
    TargetError
    """
    path = Path(path)
    try:
        is_folder = path.is_dir()
        parent = next(folder for folder in path.absolute().parents if folder.exists())
    except OSError as error:  # a name that is too long
        raise TargetError(
            "the target cannot be written", file=path, found=error.strerror, mend="choose another place with --out"
        ) from None
    if is_folder:
        raise TargetError("the target is a folder", file=path, expected="a file name", mend="name a file in it")
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        found = "no permission to write" if parent.is_dir() else f"{parent} is a file"
        raise TargetError(
            "the target cannot be written", file=path, found=found, mend="choose another place with --out"
        )


def write_text_atomic(path: str | Path, text: str) -> Path:
    """Write UTF-8 text whole or not at all; see `write_atomic`."""
    return write_atomic(path, lambda file: file.write(text.encode("utf-8")))


def _umask() -> int:
    """Return the process's umask: temporary files are private, finished ones are as any other."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
