"""Resume interrupted work from its finished parts, stored on disk as one line of JSON per part."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, wrap_os_errors
from pdmr_classic.storage.atomic import sync_folder
from pdmr_classic.storage.lock import hold_lock


@contextmanager
def hold_target(target: Path, suffix: str, remove: Callable[[Path], object] | None = None) -> Iterator[Path]:
    """Lock a target while it is computed, and yield the path next to it for its finished parts.

    The parts are removed if the block succeeds, and are left in place if it fails or is interrupted. `remove` removes
    them if they are not a file.

    Raises
    ------
    TargetError
    """
    parts = target.with_name(target.name + suffix)
    with hold_lock(target):
        try:
            yield parts
        except KeyboardInterrupt as interrupt:
            if parts.exists():
                interrupt.add_note(f"finished work is saved in {parts}")
            raise
        with wrap_os_errors(parts):
            (remove or _remove_file)(parts)


def _remove_file(path: Path) -> None:
    path.unlink(missing_ok=True)


class Journal:
    """Append-only file of JSON lines. The caller must hold the lock of the file: see `open_journal`.

    An incomplete last line is removed, and a missing file is created.

    Parameters
    ----------
    path : Path

    Raises
    ------
    TargetError
        The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with wrap_os_errors(path):
            self._data = _remove_partial_line(path)

    @cached_property
    def lines(self) -> list[Any]:
        """All lines, exactly as a later run will read them.

        Raises
        ------
        ValueError
            The file does not contain lines of JSON.
        """
        return [json.loads(line) for line in self._data.splitlines()]

    def append(self, *lines: Any) -> None:
        """Append lines and wait until they are on disk.

        Raises
        ------
        TargetError
        """
        texts = [json.dumps(line, separators=(",", ":")) for line in lines]
        with wrap_os_errors(self.path), self.path.open("ab") as file:
            file.write("".join(f"{text}\n" for text in texts).encode())
            file.flush()
            os.fsync(file.fileno())
        self.lines.extend(map(json.loads, texts))


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open and lock a journal. The file is not removed at the end; see `hold_target`.

    Raises
    ------
    TargetError
        Another run holds the file, or it cannot be written.
    """
    with hold_lock(path):
        yield Journal(path)


def resume_mismatch_error(path: Path, work: str, parts: str) -> ConfigError:
    """Return the error for `parts` of an unfinished `work` with different data, settings or library versions."""
    return ConfigError(
        f"the file contains the {parts} of an unfinished {work} with different data, settings or library versions",
        file=path,
        hint="finish it with the original command, delete the file, or choose a different --out",
    )


def _remove_partial_line(path: Path) -> bytes:
    """Remove an incomplete last line, and return the complete lines.

    A missing file is created, so that its name is on disk before its first line.
    """
    with path.open("a+b") as file:
        file.seek(0)
        data = file.read()
        complete = data[: data.rfind(b"\n") + 1]
        if len(complete) < len(data):
            file.truncate(len(complete))
    if not data:
        sync_folder(path.parent)
    return complete
