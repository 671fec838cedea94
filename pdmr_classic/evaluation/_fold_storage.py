"""Store finished outer folds, one JSON line each, so that an interrupted evaluation can resume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pdmr_classic.storage.resume import Journal, open_journal, resume_mismatch_error

_FINGERPRINT = "fingerprint"


class FoldStorage:
    """Results of finished outer folds, by fold number.

    Parameters
    ----------
    journal : Journal, optional
        Stores the results on disk; without it they are only in memory.
    results : dict
        Results of an earlier run.
    """

    def __init__(self, journal: Journal | None = None, results: dict[int, Any] | None = None) -> None:
        self._journal = journal
        self.results = results or {}

    @property
    def path(self) -> Path | None:
        """The journal's file."""
        return None if self._journal is None else self._journal.path

    def add(self, number: int, result: Any) -> None:
        """Store the result of a fold; it is on disk when this returns."""
        self.results[number] = result
        if self._journal is not None:
            self._journal.append({"number": number, "result": result})


@contextmanager
def open_fold_storage(path: str | Path | None, fingerprint: str) -> Iterator[FoldStorage]:
    """Open the fold storage of one evaluation, with the folds that an earlier run finished.

    Raises
    ------
    ConfigError
        The file belongs to other data, settings or library versions.
    TargetError
        Another run has locked the file, or it cannot be written.
    """
    if path is None:
        yield FoldStorage()
        return
    with open_journal(Path(path)) as journal:
        yield FoldStorage(journal, _read_results(journal, fingerprint))


def _read_results(journal: Journal, fingerprint: str) -> dict[int, Any]:
    """Return the stored results, after checking the fingerprint of data and settings in the first line."""
    try:
        if not journal.lines:
            journal.append({_FINGERPRINT: fingerprint})
        first, *rest = journal.lines
        results = {int(line["number"]): line["result"] for line in rest}
        is_same_work = first[_FINGERPRINT] == fingerprint
    except (ValueError, KeyError, TypeError):
        is_same_work = False
    if not is_same_work:
        raise resume_mismatch_error(journal.path, "evaluation", "folds")
    return results
