"""`add_trials`: tune the base learners of a fit that another process finishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.models._tune_presence import tune_presence
from pdmr_classic.models.ensemble.study_database import StudyDatabase
from pdmr_classic.models.ensemble.study_storage import open_shared_studies
from pdmr_classic.models.learners.large_table import open_table
from pdmr_classic.models.severity.model import SeverityModel
from pdmr_classic.models.targets import Targets, fingerprint_fit
from pdmr_classic.models.training import prepare_training_set
from pdmr_classic.progress import LogReporter, Reporter, shows_progress


@shows_progress
def add_trials(
    data: Dataset,
    studies: StudyDatabase,
    *,
    settings: Settings | None = None,
    jobs: int = 1,
    cache: str | Path | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Add trials to the studies of a `fit` with the same data, settings and studies, and train no model.

    Returns when enough trials are finished or running in other processes. Start `fit` before or after; it waits for the
    trials that are running, and runs those of a killed process again.

    Parameters
    ----------
    data, settings, jobs, cache, reporter
        As for `pdmr_classic.fit`.
    studies : StudyDatabase

    Returns
    -------
    dict
        `studies`, their name; `database`, its address without password; `trials`, the number that this process has
        finished, by base learner.

    Raises
    ------
    DataError, ConfigError
        As for `pdmr_classic.fit`; or the studies have other data or settings.
    TargetError
        The database cannot be reached.
    """
    settings, reporter = settings or Settings(), reporter or LogReporter()
    selected = data.select_training_split()
    training = prepare_training_set(selected, settings, jobs=jobs, cache=cache, reporter=reporter)
    trials = tune_targets(training.features, training.targets, studies, settings, jobs=jobs, reporter=reporter)
    return {"studies": studies.name, "database": studies.address, "trials": trials}


def tune_targets(
    features: pd.DataFrame,
    targets: Targets,
    studies: StudyDatabase,
    settings: Settings,
    *,
    jobs: int = 1,
    reporter: Reporter,
) -> dict[str, int]:
    """Do the same with a feature table and targets that `check_targets` has validated; return the finished trials."""
    fingerprint = fingerprint_fit(features, targets, settings)
    with open_shared_studies(studies, fingerprint, waits=False) as storage:
        names = [str(name) for name in features.columns]
        if (severity := targets.severity) is not None:
            with open_table(features, settings.learning.max_rows) as X:
                SeverityModel(settings).tune(X, names, severity, jobs=jobs, storage=storage, reporter=reporter)
        if (presence := targets.presence) is not None:
            with open_table(presence.select_rows(features), settings.learning.max_rows) as X:
                tune_presence(X, names, presence, settings, jobs=jobs, storage=storage, reporter=reporter)
    return dict(sorted(storage.n_finished.items()))
