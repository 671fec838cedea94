"""Studies on disk: one journal file beside the model, so that a fit that was ended goes on where it was.

The file belongs to the parent process of one run, under a lock. Optuna alone would leave the trial that was running
when a process was killed as running for ever, and could not read a file whose last line was cut.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from pdmr_classic.errors import ConfigError, target_errors
from pdmr_classic.storage.atomic import trim
from pdmr_classic.storage.lock import locked

_FINGERPRINT = "fingerprint"


@contextmanager
def experiments_allowed() -> Iterator[None]:
    """Use what Optuna calls experimental in silence: the pruner, and before Optuna 5 the multivariate sampler.

    Interfaces may change, which the tests with the oldest and the newest libraries guard against.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


class Studies:
    """Where the studies of one fit are kept: in memory, or in one file.

    Parameters
    ----------
    path : Path, optional
        The journal; None keeps nothing.
    fingerprint : str
        Of data and settings: studies of another fit are not gone on with.
    """

    def __init__(self, path: Path | None = None, fingerprint: str = "") -> None:
        self.path, self.fingerprint = path, fingerprint
        self._storage = None if path is None else _read(path)

    def open(self, name: str) -> optuna.Study:
        """Return the study of a member, with its finished trials; those that were running have failed.

        Raises
        ------
        ConfigError
            The file holds the studies of another fit.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with experiments_allowed():
            pruner = optuna.pruners.WilcoxonPruner(p_threshold=0.1)
        study = optuna.create_study(
            storage=self._storage, study_name=name, direction="minimize", pruner=pruner, load_if_exists=True
        )
        if study.user_attrs.get(_FINGERPRINT, self.fingerprint) != self.fingerprint:
            raise ConfigError(
                "an unfinished fit with other data or settings left its studies here",
                file=self.path,
                mend="finish it with the same command, delete the file, or choose another --out",
            )
        study.set_user_attr(_FINGERPRINT, self.fingerprint)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
        for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.tell(study.ask(), state=TrialState.FAIL)  # only what was asked for can be told
        return study


@contextmanager
def kept_studies(path: Path | None, fingerprint: str) -> Iterator[Studies]:
    """Hold the studies of one fit. The file stays: it is worth keeping until what was learned from it is safe.

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
    with locked(path):
        with target_errors(path):
            trim(path)
        yield Studies(path, fingerprint)


def _read(path: Path) -> JournalStorage:
    try:
        # Optuna puts the last line down to a writer who is not done, and fails later.
        for line in path.read_bytes().splitlines() if path.exists() else ():
            json.loads(line)
        return JournalStorage(_Journal(str(path), lock_obj=_Owned()))  # type: ignore[arg-type]
    except Exception as error:  # whatever a reader makes of lines that are none of its own
        raise ConfigError(
            "the file holds no studies that could be gone on with",
            file=path,
            found=f"{type(error).__name__}: {error}",
            mend="delete the file, or choose another --out",
        ) from error


class _Journal(JournalFileBackend):
    """Optuna's journal; a disk that is full is an error of the target."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write to the end of the file."""
        with target_errors(Path(self._file_path)):
            super().append_logs(logs)


class _Owned:
    """The journal's own lock, which a killed process would leave behind; the run holds a better one."""

    def acquire(self) -> bool:
        """Take nothing."""
        return True

    def release(self) -> None:
        """Release nothing."""
