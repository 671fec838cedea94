"""One run at a time on one target."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pdmr_classic.errors import TargetError

if sys.platform != "win32":
    import fcntl


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a target: a file beside it, with the process id in it.

    The operating system releases it when the process ends, however it ends: a lock that is left over is free.

    Raises
    ------
    TargetError
        Another run holds it, or the folder cannot be written to.
    """
    path = target.with_name(f"{target.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise TargetError("the target cannot be written", file=target, found=error.strerror) from error
    try:
        _take(descriptor, target)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _take(descriptor: int, target: Path) -> None:
    if sys.platform == "win32":
        return  # two runs on one target are not told apart there
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(descriptor, 32).decode(errors="replace") or "unknown"
        raise TargetError(
            "another run works on this target",
            code="in-use",
            file=target,
            found=f"process {owner}",
            mend="wait for it, or choose another place with --out",
        ) from None
