"""Studies on disk: one journal beside the model, so that a fit that was interrupted goes on where it was.

The journal belongs to the process that fits, under a lock. Optuna alone would leave the trial that was running when a
process was killed as running for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState

from pdmr_classic.errors import ConfigError
from pdmr_classic.models.ensemble.search import make_pruner
from pdmr_classic.storage.resume import Journal, open_journal, other_work

_FINGERPRINT = "fingerprint"


class Studies:
    """The studies of one fit: in memory, or in a journal.

    Parameters
    ----------
    journal : Journal, optional
        None keeps studies in memory only.
    fingerprint : str
        Of data and settings: studies of another fit are not resumed.
    """

    def __init__(self, journal: Journal | None = None, fingerprint: str = "") -> None:
        self._journal, self._fingerprint = journal, fingerprint
        self._storage = None if journal is None else _read(journal)

    def open(self, name: str) -> optuna.Study:
        """Return the study of a member, with its finished trials; those that were running have failed.

        Raises
        ------
        ConfigError
            The journal holds the studies of another fit.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            storage=self._storage, study_name=name, direction="minimize", pruner=make_pruner(), load_if_exists=True
        )
        if self._journal is not None and study.user_attrs.get(_FINGERPRINT, self._fingerprint) != self._fingerprint:
            raise other_work(self._journal.path, "fit", "studies")
        study.set_user_attr(_FINGERPRINT, self._fingerprint)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
        for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.tell(study.ask(), state=TrialState.FAIL)  # only what was asked for can be told
        return study


@contextmanager
def open_studies(path: Path | None, fingerprint: str) -> Iterator[Studies]:
    """Hold the studies of one fit, with the trials that an earlier run has finished.

    Raises
    ------
    ConfigError
        The file holds something else.
    TargetError
        Another run holds the file, or it cannot be written.
    """
    if path is None:
        yield Studies()
        return
    with open_journal(path) as journal:
        yield Studies(journal, fingerprint)


def _read(journal: Journal) -> JournalStorage:
    try:
        return JournalStorage(_Backend(journal))
    except Exception as error:  # whatever Optuna makes of lines that it has not written
        raise ConfigError(
            "the file holds no studies that can be resumed",
            file=journal.path,
            found=f"{type(error).__name__}: {error}",
            hint="delete the file, or choose another --out",
        ) from error


class _Backend(BaseJournalBackend):
    """Our journal as Optuna asks for it; without locks of its own, since this run alone holds the file."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """Return the lines from this number on."""
        return self._journal.lines[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write to the end of the journal."""
        self._journal.append(*logs)
