"""Storage of Optuna studies in a journal next to the model, so that an interrupted fit can be resumed.

The fitting process holds a lock on the journal. Trials that were running when a process was killed are marked as
failed, which Optuna does not do by itself.
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

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError
from pdmr_classic.models.ensemble._shared_studies import SharedStudies
from pdmr_classic.models.ensemble.search import make_pruner
from pdmr_classic.models.ensemble.study_database import StudyDatabase
from pdmr_classic.models.learners.search_spaces import SPACES_VERSION
from pdmr_classic.plugins import list_plugins
from pdmr_classic.storage.resume import Journal, open_journal, resume_mismatch_error

StudySource = Path | StudyDatabase
"""Where the trials of a fit are stored: in a journal, or in a database that several processes use."""
_FINGERPRINT = "fingerprint"
# Settings that a finished trial does not depend on: changing one of them must not invalidate a study.
_IGNORED_SETTINGS: dict[str, Any] = {
    "learning": {"trials", "timeout", "metric", "threshold", "experts"},
    "severity": {"level", "shrinkage", "cutoffs", "class_names", "clinical_cutoff"},
    "evaluation": True,
    "plugins": True,
}


def trial_conditions(settings: Settings) -> dict[str, Any]:
    """Return the settings that a trial depends on, and the version of the search spaces, JSON-serialisable."""
    conditions = settings.model_dump(mode="json", exclude=_IGNORED_SETTINGS) | {"search_spaces": SPACES_VERSION}
    own = {plugin.name: plugin.code for plugin in list_plugins("learner") if plugin.name in settings.learning.learners}
    return conditions | ({"own_learners": own} if own else {})


class Studies:
    """The studies of one fit, in memory or in a journal.

    Parameters
    ----------
    journal : Journal, optional
        None keeps the studies in memory only.
    fingerprint : str
        Identifies data and settings: only studies with the same fingerprint are resumed.
    """

    def __init__(self, journal: Journal | None = None, fingerprint: str = "") -> None:
        self._journal, self._fingerprint = journal, fingerprint
        self._storage = None if journal is None else _read(journal)

    def open(self, name: str) -> optuna.Study:
        """Return the study of a member with its finished trials; interrupted trials are marked as failed.

        Raises
        ------
        ConfigError
            The journal contains the studies of another fit.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            storage=self._storage, study_name=name, direction="minimize", pruner=make_pruner(), load_if_exists=True
        )
        if self._journal is not None and study.user_attrs.get(_FINGERPRINT, self._fingerprint) != self._fingerprint:
            raise resume_mismatch_error(self._journal.path, "fit", "studies")
        study.set_user_attr(_FINGERPRINT, self._fingerprint)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
        for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.tell(study.ask(), state=TrialState.FAIL)  # Optuna can only finish a trial that is running
        return study


AnyStudies = Studies | SharedStudies
"""Studies of one process, or of several."""


@contextmanager
def open_studies(source: StudySource | None, fingerprint: str) -> Iterator[AnyStudies]:
    """Open the studies of one fit, with the finished trials of an earlier run.

    Parameters
    ----------
    source : Path, StudyDatabase or None
        None keeps the studies in memory.
    fingerprint : str
        Identifies data and settings.

    Raises
    ------
    ConfigError
        The file does not contain studies, or they have other data or settings.
    TargetError
        The file is locked by another run or cannot be written, or the database cannot be reached.
    """
    if source is None:
        yield Studies()
    elif isinstance(source, StudyDatabase):
        with open_shared_studies(source, fingerprint) as shared:
            yield shared
    else:
        with open_journal(source) as journal:
            yield Studies(journal, fingerprint)


@contextmanager
def open_shared_studies(database: StudyDatabase, fingerprint: str, *, waits: bool = True) -> Iterator[SharedStudies]:
    """Open studies that several processes use; `waits` is whether this one waits for trials of the others.

    Raises
    ------
    TargetError
        The database cannot be reached, or the connection was lost in the block.
    """
    with database.wrap_errors():
        studies = SharedStudies(database, database.open(), fingerprint, waits=waits)
        with studies.report_heartbeats():
            yield studies


def _read(journal: Journal) -> JournalStorage:
    try:
        return JournalStorage(_Backend(journal))
    except Exception as error:  # Optuna raises various errors for lines that it did not write
        raise ConfigError(
            "the file does not contain studies that can be resumed",
            file=journal.path,
            found=f"{type(error).__name__}: {error}",
            hint="delete the file, or choose another --out",
        ) from error


class _Backend(BaseJournalBackend):
    """Adapter from our journal to Optuna; needs no locks, because this process has locked the file."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """Return the log entries from this number on."""
        return self._journal.lines[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append log entries to the journal."""
        self._journal.append(*logs)
