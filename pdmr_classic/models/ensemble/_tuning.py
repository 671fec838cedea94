"""Hyperparameter tuning: one sequential Optuna study per member, all on the same fixed folds.

Studies advance in rounds: each study suggests one trial, all folds of these trials are fitted in parallel, and the
losses are reported. Studies do not depend on one another, so the result is the same for any number of jobs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import joblib
import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import LearningSettings
from pdmr_classic.models.ensemble._fold_losses import Scores
from pdmr_classic.models.ensemble._member_study import MemberStudy, use_defaults
from pdmr_classic.models.ensemble._shared_studies import SharedStudies
from pdmr_classic.models.ensemble._shared_tuning import SharedMemberStudy, run_shared_rounds
from pdmr_classic.models.ensemble.fold_data import ViewData
from pdmr_classic.models.ensemble.study_storage import AnyStudies, Studies
from pdmr_classic.models.ensemble.suppression import add_suppression
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import is_tuned
from pdmr_classic.plugins import share_plugins
from pdmr_classic.progress import Reporter, announce
from pdmr_classic.text import format_count


def tune(
    members: Sequence[Member],
    data: Mapping[str, ViewData],
    settings: LearningSettings,
    *,
    jobs: int,
    reporter: Reporter,
    storage: AnyStudies | None = None,
) -> list[Member]:
    """Return the members with tuned hyperparameters; those of learners without a study are the default ones.

    With `suppress_identity`, members suppress personal habits on views that have enough repeated subjects.

    Parameters
    ----------
    members : sequence of Member
    data : dict
        By view name.
    settings : LearningSettings
        `trials` rounds, or fewer if `timeout` seconds have passed; the first trial uses default hyperparameters. A
        single trial is not run, because there is nothing to compare it with.
    storage : Studies, optional
        Storage of the trials; finished trials are not run again.
    """
    storage = storage or Studies()
    members = add_suppression(members, data, settings, reporter)
    tuned = [member for member in members if is_tuned(member.learner)]
    with joblib.Parallel(n_jobs=jobs) as parallel:
        studies = _run_trials(tuned, data, settings, storage, parallel, reporter)
    reporter.progress("tuning", settings.trials, settings.trials)
    return [
        studies[member.name].tuned_member if member.name in studies else use_defaults(member, data[member.view])
        for member in members
    ]


def _run_trials(
    members: Sequence[Member],
    data: Mapping[str, ViewData],
    settings: LearningSettings,
    storage: AnyStudies,
    parallel: joblib.Parallel,
    reporter: Reporter,
) -> Mapping[str, MemberStudy]:
    """Run the trials that are missing, and return the studies by the name of the member."""
    n_trials = settings.trials if settings.trials > 1 else 0
    if isinstance(storage, SharedStudies):
        shared = {member.name: SharedMemberStudy(member, data[member.view], settings, storage) for member in members}
        _announce_cost(shared, settings, reporter)
        run = partial(run_round, data=data, seed=settings.seed, parallel=parallel)
        run_shared_rounds(list(shared.values()), n_trials, settings, run, storage, reporter)
        return shared
    studies = {
        member.name: MemberStudy(member, data[member.view], settings, storage.open(member.name)) for member in members
    }
    _announce_cost(studies, settings, reporter)
    started = time.monotonic()
    for n_done in range(n_trials):
        if n_done and settings.timeout is not None and time.monotonic() - started > settings.timeout:
            break
        reporter.progress("tuning", n_done, n_trials)
        pending = [study for study in studies.values() if study.n_finished <= n_done]
        if pending:
            run_round(pending, data, settings.seed, parallel)
    return studies


def _announce_cost(studies: Mapping[str, MemberStudy], settings: LearningSettings, reporter: Reporter) -> None:
    """Announce the number of fits, without those of an earlier run; pruned trials need fewer."""
    n_trials = settings.trials if settings.trials > 1 else 0
    todo = [max(n_trials - study.n_finished, 0) for study in studies.values()]
    n_fits = sum(n * len(study.data.folds) for n, study in zip(todo, studies.values(), strict=True))
    if n_fits:
        learners = format_count(len(studies), "base learner")
        n_done = n_trials * len(studies) - sum(todo)
        finished = f"; {format_count(n_done, 'trial is', 'trials are')} finished" if n_done else ""
        announce(reporter, f"to tune: {learners}, {n_trials} trials each, up to {n_fits} fits{finished}")


def run_round(
    studies: Sequence[MemberStudy], data: Mapping[str, ViewData], seed: int, parallel: joblib.Parallel
) -> None:
    """Run one trial per study, repeat by repeat; trials that are clearly worse are pruned after a repeat."""
    running = list(studies)
    for study in studies:
        study.ask()
    for folds in _split_repeats(studies):
        scores = compute_fold_scores([study.candidate for study in running], data, seed, parallel, folds)
        for study, study_scores in zip(running, scores, strict=True):
            study.report(folds, study_scores)
        running = [study for study in running if not study.prune()]
    for study in running:
        study.finish()


def _split_repeats(studies: Sequence[MemberStudy]) -> Iterator[range]:
    n_folds, n_total = studies[0].folds_per_repeat, len(studies[0].data.folds)
    return (range(start, start + n_folds) for start in range(0, n_total, n_folds))


def compute_fold_scores(
    members: Sequence[Member],
    data: Mapping[str, ViewData],
    seed: int,
    parallel: joblib.Parallel,
    folds: Sequence[int],
) -> list[Scores]:
    """Return each member's scores on the held-out rows of each fold, shape [test rows, S]."""
    score_fold = joblib.delayed(share_plugins(_score_fold))
    tasks = [score_fold(member, data[member.view], fold, seed) for member in members for fold in folds]
    results = iter(parallel(tasks))
    return [[next(results) for _ in folds] for _ in members]


def _score_fold(member: Member, data: ViewData, fold: int, seed: int) -> Floats:
    train, test = data.folds[fold]
    if not len(test):
        return np.empty((0, data.n_scores))
    features, weights, groups = data.fold_features(fold, train), data.weights[train], data.groups[train]
    model = fit_member(member, features, data.y[train], data.blocks, seed, weights, groups)
    return raw_scores(model, data.fold_features(fold, test))
