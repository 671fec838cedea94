"""File locks, so that only one run at a time writes to a target."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pdmr_classic.errors import TargetError, wrap_os_errors
from pdmr_classic.storage.location import refuse_url

if sys.platform != "win32":
    import fcntl

# Raised by network file systems without locks. Concurrent runs are not detected there, nor on Windows.
_LOCKS_UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def hold_lock(target: Path) -> Iterator[None]:
    """Hold the lock of a target, a file next to it that contains the process id.

    The operating system releases the lock when the process ends for any reason, so a leftover lock file is not locked,
    whatever it contains.

    Raises
    ------
    TargetError
        Another run holds the lock, or the folder cannot be written to.
    """
    refuse_url(target)
    path = target.with_name(f"{target.name}.lock")
    with wrap_os_errors(target):
        created = [folder for folder in path.parents if not folder.exists()]
    try:
        with wrap_os_errors(target):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _acquire(path, target)
        try:
            with wrap_os_errors(target):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            # Removed while held; a process that has opened it meanwhile detects this with `_is_current`.
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)
    finally:
        # Remove new folders that are still empty because the run failed.
        for folder in created:
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
        if error.errno not in _LOCKS_UNSUPPORTED:
            raise
    return True


def _acquire(path: Path, target: Path) -> int:
    while True:
        # O_NOFOLLOW, because the file is truncated later and a link could point to a file of the user.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if not try_lock(descriptor):
            owner = os.read(descriptor, 32).decode(errors="replace") or "unknown"
            os.close(descriptor)
            raise TargetError(
                "another run is using this output file",
                code="in-use",
                file=target,
                found=f"process {owner}",
                hint="wait until it has finished, or choose a different --out",
            )
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Return whether the open file is still the lock file; its previous owner may have removed it meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
