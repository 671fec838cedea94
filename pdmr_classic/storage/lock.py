"""One run at a time on one target."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pdmr_classic.errors import TargetError, target_errors

if sys.platform != "win32":
    import fcntl

# Of network file systems that know no locks: two runs are not told apart there, as on Windows.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a target: a file beside it, with the process id in it.

    The operating system releases it when the process ends, however it ends: a lock that is left over is free, whatever
    stands in it.

    Raises
    ------
    TargetError
        Another run holds it, or the folder cannot be written to.
    """
    path = target.with_name(f"{target.name}.lock")
    with target_errors(target):
        made = [folder for folder in path.parents if not folder.exists()]
    try:
        with target_errors(target):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _take(path, target)
        try:
            with target_errors(target):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            # Removed while it is held: who opened it meanwhile finds out, see `_is_current`.
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)
    finally:
        # Folders that hold nothing after all: what was asked for has been refused.
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return False if another process holds it."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _take(path: Path, target: Path) -> int:
    while True:
        # Not through a link: what stands in the file is cut off.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if not try_lock(descriptor):
            owner = os.read(descriptor, 32).decode(errors="replace") or "unknown"
            os.close(descriptor)
            raise TargetError(
                "another run works on this target",
                code="in-use",
                file=target,
                found=f"process {owner}",
                hint="wait for it, or choose another place with --out",
            )
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Return whether this is still the lock: its last owner may have removed it since it was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
