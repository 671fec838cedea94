"""Tuning without training: the losses depend only on the hyperparameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pdmr_classic.config import LearningSettings
from pdmr_classic.models.ensemble import _member_study, _tuning
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.models.ensemble.study_database import StudyDatabase
from pdmr_classic.models.ensemble.study_storage import open_shared_studies
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.progress import LogReporter

LEARNERS = ("lightgbm", "svm")
MEMBERS = [f"video/{name}" for name in LEARNERS]


def make_scores(members: list[Member], *_: object) -> list[Any]:
    """Return scores per member and fold, some of which lead to pruning."""
    *_, folds = _
    seeds = [int.from_bytes(repr(sorted(member.params.items())).encode()[-8:], "little") for member in members]
    centres = [np.random.default_rng(seed).uniform(0.2, 1) for seed in seeds]
    return [
        [np.full((1, 1), centre + np.random.default_rng(fold).uniform(0, 0.1)) for fold in folds]  # type: ignore[attr-defined]
        for centre in centres
    ]


def run_toy(
    database: StudyDatabase,
    trials: int = 4,
    *,
    fingerprint: str = "fingerprint",
    waits: bool = True,
    timeout: float | None = None,
    n_folds: int = 2,
    before_scores: Callable[[], None] = lambda: None,
) -> tuple[list[Member], dict[str, int]]:
    """Tune two members; return them, and the number of trials that this process finished.

    With five folds, some trials are pruned. `before_scores` is called whenever trials of a round are running.
    """
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(20), 2)
    names = [f"video__c{k}__mean" for k in range(3)]
    folds = make_fold_data(rng.normal(size=(40, 3)), names, subjects % 2, subjects, n_folds=n_folds, repeats=2, seed=0)

    def score(*arguments: Any) -> list[Any]:
        before_scores()
        return make_scores(*arguments)

    with pytest.MonkeyPatch.context() as patch, open_shared_studies(database, fingerprint, waits=waits) as shared:
        patch.setattr(_tuning, "compute_fold_scores", score)
        patch.setattr(_member_study, "compute_fold_losses", lambda folds, scores, data: [s[0, 0] for s in scores])
        members = _tuning.tune(
            default_members(folds.views, list(LEARNERS)),
            folds.view_data,
            LearningSettings(trials=trials, timeout=timeout),
            jobs=1,
            reporter=LogReporter(),
            storage=shared,
        )
    return members, dict(shared.n_finished)
