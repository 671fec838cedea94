"""Unfinished work on disk: its finished parts, one line of JSON each, so that the next run goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, target_errors
from pdmr_classic.storage.atomic import sync_folder
from pdmr_classic.storage.lock import locked


@contextmanager
def in_progress(target: Path, suffix: str) -> Iterator[Path]:
    """Hold a target while it is made; yields the file beside it that keeps finished parts until the target is written.

    That file is removed when the block ends well, and stays when the work was interrupted.

    Raises
    ------
    TargetError
    """
    parts = target.with_name(target.name + suffix)
    with locked(target):
        try:
            yield parts
        except KeyboardInterrupt as interrupt:
            if parts.exists():
                interrupt.add_note(f"what is finished is kept in {parts}")
            raise
        with target_errors(parts):
            parts.unlink(missing_ok=True)


class Journal:
    """A file that grows by whole lines of JSON. Its owner holds the file's lock: see `open_journal`.

    A last line that was not written to its end is cut off, and a missing file is made.

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
        with target_errors(path):
            self._data = _trim(path)

    @cached_property
    def lines(self) -> list[Any]:
        """All lines, as a later run will read them.

        Raises
        ------
        ValueError
            The file holds something else than lines of JSON.
        """
        return [json.loads(line) for line in self._data.splitlines()]

    def append(self, *lines: Any) -> None:
        """Append lines; they are on the disk when this returns.

        Raises
        ------
        TargetError
        """
        texts = [json.dumps(line, separators=(",", ":")) for line in lines]
        with target_errors(self.path), self.path.open("ab") as file:
            file.write("".join(f"{text}\n" for text in texts).encode())
            file.flush()
            os.fsync(file.fileno())
        self.lines.extend(map(json.loads, texts))


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Hold a journal for one run. The file stays: its parts are worth keeping until what was made of them is safe.

    Raises
    ------
    TargetError
        Another run holds the file, or it cannot be written.
    """
    with locked(path):
        yield Journal(path)


def other_work(path: Path, work: str, parts: str) -> ConfigError:
    """Return the error that refuses to resume `work` whose finished `parts` belong to other data or settings."""
    return ConfigError(
        f"an unfinished {work} with other data or settings left its {parts} here",
        file=path,
        hint="finish it with the same command, delete the file, or choose another --out",
    )


def _trim(path: Path) -> bytes:
    """Return the lines of a file that grows line by line, cutting off a last one that was not written to its end.

    The file is made if it is missing, so that its name is on the disk before its first line.
    """
    with path.open("a+b") as file:
        file.seek(0)
        data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            file.truncate(len(whole))
    if not data:
        sync_folder(path.parent)
    return whole
