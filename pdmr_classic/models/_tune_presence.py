"""Tune what predicts the class, on folds other than those it is stacked on."""

from __future__ import annotations

from collections.abc import Sequence

from pdmr_classic.arrays import Floats
from pdmr_classic.config import Settings
from pdmr_classic.models.ensemble.study_storage import AnyStudies
from pdmr_classic.models.ensemble.training_folds import TrainingFolds, make_training_folds, tune_members
from pdmr_classic.models.learners.large_table import LargeTable
from pdmr_classic.models.learners.learners import make_members
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.target_checks import Target
from pdmr_classic.progress import Reporter


def tune_presence(
    X: Floats | LargeTable,
    names: Sequence[str],
    target: Target,
    settings: Settings,
    *,
    jobs: int,
    storage: AnyStudies,
    reporter: Reporter,
) -> tuple[list[Member], TrainingFolds]:
    """Tune the base learners; return them and the folds. Parameters as for `fit_presence`, with an open table."""
    folds = make_training_folds(
        X,
        names,
        target.codes,
        target.groups.to_numpy(dtype=object),
        settings.learning,
        n_folds=target.n_folds,
        weights=target.weights,
    )
    for finding in (*target.findings, *folds.findings):
        reporter.note(finding)
    members = make_members(folds.final.views, settings.learning)
    return tune_members(members, folds, settings.learning, jobs=jobs, reporter=reporter, storage=storage), folds
