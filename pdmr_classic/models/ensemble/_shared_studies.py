"""Studies in a database that several processes work on: heartbeats, and trials of processes that were killed.

Optuna reports heartbeats only in `Study.optimize`, but our trials are asked for and told; so we report them.
"""

from __future__ import annotations

import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from pdmr_classic.errors import ConfigError
from pdmr_classic.models.ensemble.search import ignore_experimental_warnings, make_pruner
from pdmr_classic.models.ensemble.study_database import StudyDatabase

_FINGERPRINT = "fingerprint"
# The number of the trial, set after its first heartbeat: a copy that waits to be run again has that of the original.
_STARTED = "started"
# Time in which another process that has just created a study stores its fingerprint.
_CREATION_S = 1.0
_POLL_S = 0.5


class SharedStudies:
    """The studies of one fit in a database, as one of its processes sees them.

    Parameters
    ----------
    database : StudyDatabase
    storage : RDBStorage
        The open database.
    fingerprint : str
        Identifies data and settings: all processes must have the same.
    waits : bool
        Whether this process waits for trials of others: the one that trains the model does.

    Attributes
    ----------
    salt : str
        Part of the seeds, so that two processes that see the same trials suggest different ones.
    n_finished : Counter
        Trials that this process has finished, by member.
    """

    def __init__(self, database: StudyDatabase, storage: RDBStorage, fingerprint: str, *, waits: bool = True) -> None:
        self.database, self.storage, self.waits = database, storage, waits
        self.salt = uuid.uuid4().hex
        self.n_finished: Counter[str] = Counter()
        self._fingerprint = fingerprint
        self._running: set[int] = set()
        self._first_seen: dict[int, float] = {}

    def open(self, name: str) -> optuna.Study:
        """Return the study of a member, which another process may have created.

        Raises
        ------
        ConfigError
            The study has other data or settings.
        """
        study_name = f"{self.database.name}/{name}"
        try:
            created = optuna.create_study(storage=self.storage, study_name=study_name, direction="minimize")
            # If this process was slow, another one has taken the study for abandoned.
            if _FINGERPRINT not in created.user_attrs:
                created.set_user_attr(_FINGERPRINT, self._fingerprint)
        except DuplicatedStudyError:
            pass
        study = _Study(study_name, self.storage, pruner=make_pruner())
        self._complete_creation(study)
        self._check_fingerprint(study)
        return study

    def _complete_creation(self, study: optuna.Study) -> None:
        """Store the fingerprint of a study whose creator was killed before it could."""
        if _FINGERPRINT in study.user_attrs or study.get_trials(deepcopy=False):
            return
        time.sleep(_CREATION_S)
        if _FINGERPRINT not in study.user_attrs:
            study.set_user_attr(_FINGERPRINT, self._fingerprint)
            time.sleep(_CREATION_S)  # others may do so at the same time: the last one counts for all

    def _check_fingerprint(self, study: optuna.Study) -> None:
        if study.user_attrs.get(_FINGERPRINT) != self._fingerprint:
            raise ConfigError(
                "the database contains studies of this name with different data, settings or library versions",
                file=self.database.address,
                found=f"studies {self.database.name!r}",
                hint="use the same data, settings and versions in all processes, or choose a different --study",
            )

    def start_trial(self, study: optuna.Study) -> optuna.Trial:
        """Start a trial, and report its heartbeats until `end_trial`.

        Raises
        ------
        ConfigError
            A process with other data or settings has taken the study at the same time as this one.
        """
        self._check_fingerprint(study)
        with _ignore_heartbeat_warning():
            trial = study.ask()
        trial_id = self._trial_id(study, trial.number)
        self.storage.record_heartbeat(trial_id)
        self._running.add(trial_id)
        trial.set_user_attr(_STARTED, trial.number)
        return trial

    def end_trial(self, study: optuna.Study, number: int) -> None:
        """Report no more heartbeats of a trial."""
        self._running.discard(self._trial_id(study, number))

    def requeue_stale(self, study: optuna.Study) -> None:
        """Fail the trials of processes that no longer report them, and enqueue them again."""
        with ignore_experimental_warnings():
            optuna.storages.fail_stale_trials(study)
        # Optuna never fails a trial of a process that was killed before its first heartbeat.
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(_STARTED) != trial.number:
                self._fail_unreported(study, trial)

    def _fail_unreported(self, study: optuna.Study, trial: FrozenTrial) -> None:
        trial_id, now = self._trial_id(study, trial.number), time.monotonic()
        if now - self._first_seen.setdefault(trial_id, now) > self.database.grace_s:
            with suppress(UpdateFinishedTrialError):  # another process was faster
                self.storage.set_trial_state_values(trial_id, TrialState.FAIL)

    def wait(self) -> None:
        """Wait a moment for the trials of other processes."""
        time.sleep(_POLL_S)

    @contextmanager
    def report_heartbeats(self) -> Iterator[None]:
        """Report the running trials of this process from a thread, as long as the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self._report, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=self.database.heartbeat_s)
            with suppress(Exception):
                self.storage.engine.dispose()

    def _report(self, stop: threading.Event) -> None:
        while not stop.wait(self.database.heartbeat_s):
            for trial_id in tuple(self._running):
                # If the database is gone, the main thread notices and says so.
                with suppress(Exception):
                    self.storage.record_heartbeat(trial_id)

    def _trial_id(self, study: optuna.Study, number: int) -> int:
        study_id = self.storage.get_study_id_from_name(study.study_name)
        return self.storage.get_trial_id_from_study_id_trial_number(study_id, number)


class _Study(optuna.Study):
    """A study that finds its best trial among those it has read.

    Optuna 4.4 asks the database, in a way that psycopg refuses: it compares an enumeration with text.
    """

    @property
    def best_trial(self) -> FrozenTrial:
        complete = self.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return min(complete, key=lambda trial: trial.values[0])  # a ValueError if there are none, as in Optuna


@contextmanager
def _ignore_heartbeat_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used with")
        yield
