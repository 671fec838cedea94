"""Finished outer folds on disk, so that an evaluation that was interrupted goes on where it was: one JSON line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pdmr_classic.storage.resume import Journal, open_journal, other_work

_FINGERPRINT = "fingerprint"


class FoldStorage:
    """Results of finished outer folds, by the fold's number.

    Parameters
    ----------
    journal : Journal, optional
        Where results are kept; None keeps them in memory only.
    results : dict
        Those of an earlier run.
    """

    def __init__(self, journal: Journal | None = None, results: dict[int, Any] | None = None) -> None:
        self._journal = journal
        self.results = results or {}

    @property
    def path(self) -> Path | None:
        """The journal's file."""
        return None if self._journal is None else self._journal.path

    def add(self, number: int, result: Any) -> None:
        """Keep the result of a fold; it is on the disk when this returns."""
        self.results[number] = result
        if self._journal is not None:
            self._journal.append({"number": number, "result": result})


@contextmanager
def open_fold_storage(path: str | Path | None, fingerprint: str) -> Iterator[FoldStorage]:
    """Hold the folds of one evaluation, with those that an earlier run has finished.

    Raises
    ------
    ConfigError
        The file holds folds of other data or settings.
    TargetError
        Another run holds the file, or it cannot be written.
    """
    if path is None:
        yield FoldStorage()
        return
    with open_journal(Path(path)) as journal:
        yield FoldStorage(journal, _results(journal, fingerprint))


def _results(journal: Journal, fingerprint: str) -> dict[int, Any]:
    """Return what the journal holds, which begins with the fingerprint of its data and settings."""
    try:
        if not journal.lines:
            journal.append({_FINGERPRINT: fingerprint})
        first, *rest = journal.lines
        results = {int(line["number"]): line["result"] for line in rest}
        ours = first[_FINGERPRINT] == fingerprint
    except (ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise other_work(journal.path, "evaluation", "folds")
    return results
