"""Finished outer folds on disk, so that an evaluation that was ended goes on: one JSON line each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pdmr_classic.errors import ConfigError, target_errors
from pdmr_classic.storage.atomic import trim
from pdmr_classic.storage.lock import locked

_FINGERPRINT = "fingerprint"


class KeptFolds:
    """What is known of finished folds, by the fold's number.

    Parameters
    ----------
    path : Path, optional
        None keeps nothing.
    found : dict
        What an earlier run has left.
    """

    def __init__(self, path: Path | None = None, found: dict[int, Any] | None = None) -> None:
        self.path = path
        self.results = dict(found or {})

    def add(self, number: int, result: Any) -> None:
        """Keep the result of a fold; it is on the disk when this returns."""
        self.results[number] = result
        if self.path is not None:
            _append(self.path, {"number": number, "result": result})


@contextmanager
def kept_folds(path: str | Path | None, fingerprint: str) -> Iterator[KeptFolds]:
    """Hold the folds of one evaluation. The file stays: it is worth keeping until the evaluation is written.

    Raises
    ------
    ConfigError
        The file holds folds of other data or settings.
    TargetError
        Another run holds the file, or it cannot be written.
    """
    if path is None:
        yield KeptFolds()
        return
    path = Path(path)
    with locked(path):
        yield KeptFolds(path, _read(path, fingerprint))


def _read(path: Path, fingerprint: str) -> dict[int, Any]:
    with target_errors(path):
        lines = trim(path).splitlines()
    if not lines:
        _append(path, {_FINGERPRINT: fingerprint})
        return {}
    try:
        first, *rest = [json.loads(line) for line in lines]
        found = {int(line["number"]): line["result"] for line in rest}
        ours = first[_FINGERPRINT] == fingerprint
    except (ValueError, KeyError, TypeError):
        found, ours = {}, False
    if not ours:
        raise ConfigError(
            "an unfinished evaluation with other data or settings left its folds here",
            file=path,
            mend="finish it with the same command, delete the file, or choose another --out",
        )
    return found


def _append(path: Path, line: dict[str, Any]) -> None:
    with target_errors(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
