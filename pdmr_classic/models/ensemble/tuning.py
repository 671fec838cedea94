"""Hyperparameter tuning: one sequential Optuna study per member, all on the same fixed folds.

Studies advance in rounds: each study suggests one trial, all folds of these trials are fitted in parallel, and the
losses are reported. Studies do not depend on one another, so the result is the same for any number of jobs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from pdmr_classic.arrays import Floats
from pdmr_classic.config import LearningSettings
from pdmr_classic.metrics import row_losses, weighted_nanmean
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit
from pdmr_classic.models.ensemble.fold_data import ViewData
from pdmr_classic.models.ensemble.search import make_sampler
from pdmr_classic.models.ensemble.study_storage import Studies
from pdmr_classic.models.ensemble.suppression import add_suppression
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import default_params, is_tuned, suggest_params
from pdmr_classic.plugins import share_plugins
from pdmr_classic.progress import Reporter, announce
from pdmr_classic.sample_weights import weigh_evidence
from pdmr_classic.text import format_count

# With fewer folds, the Wilcoxon test has too little power: its smallest p-value is 2^-folds.
_MIN_FOLDS_TO_PRUNE = 10
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

Scores = list[Floats]
"""Scores of one member on the held-out rows of each fold, shape [test rows, S]."""


def tune(
    members: Sequence[Member],
    data: Mapping[str, ViewData],
    settings: LearningSettings,
    *,
    jobs: int,
    reporter: Reporter,
    storage: Studies | None = None,
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
    studies = {
        member.name: MemberStudy(member, data[member.view], settings, storage.open(member.name))
        for member in members
        if is_tuned(member.learner)
    }
    _announce_cost(studies, settings, reporter)
    started = time.monotonic()
    with joblib.Parallel(n_jobs=jobs) as parallel:
        for n_done in range(settings.trials if settings.trials > 1 else 0):
            if n_done and settings.timeout is not None and time.monotonic() - started > settings.timeout:
                break
            reporter.progress("tuning", n_done, settings.trials)
            pending = [study for study in studies.values() if study.n_finished <= n_done]
            if pending:
                run_round(pending, data, settings.seed, parallel)
    reporter.progress("tuning", settings.trials, settings.trials)
    return [
        studies[member.name].tuned_member if member.name in studies else _use_defaults(member, data[member.view])
        for member in members
    ]


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


def _use_defaults(member: Member, data: ViewData) -> Member:
    params = default_params(member.learner, data.has_audio, data.is_joint, member.suppresses)
    return replace(member, params=params)


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


class MemberStudy:
    """The study of one member: suggests, reports and prunes trials."""

    def __init__(self, member: Member, data: ViewData, settings: LearningSettings, study: optuna.Study) -> None:
        self.member, self.data, self.seed = member, data, settings.seed
        self.folds_per_repeat = len(data.folds) // settings.repeats
        self.candidate = member
        self.study = study
        self._losses: list[float] = []

    @property
    def tuned_member(self) -> Member:
        """The member with the hyperparameters of the best trial, or the default ones if within one standard error.

        Without trials, these are the default ones.

        The best of many noisy trials is partly lucky, and generalises worse than a default with a similar loss. This is
        the one-standard-error rule (Breiman et al. 1984), paired by fold.
        """
        if not self.n_finished:
            return _use_defaults(self.member, self.data)
        default, best = self._default_trial, self.study.best_trial
        gain = np.array([default.intermediate_values[fold] - loss for fold, loss in best.intermediate_values.items()])
        # Folds of one repeat are disjoint; further repeats contain the same people and do not reduce the error.
        is_better = len(gain) > 1 and gain.mean() > gain.std(ddof=1) / np.sqrt(self.folds_per_repeat)
        trial = best if is_better else default
        return replace(self.member, params=trial.user_attrs["params"])

    @property
    def _default_trial(self) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])[0]

    @property
    def n_finished(self) -> int:
        """Number of completed or pruned trials."""
        return len(self.study.get_trials(deepcopy=False, states=_FINISHED))

    def ask(self) -> None:
        """Start a trial; the first one uses default hyperparameters."""
        n_finished = self.n_finished
        if not n_finished:
            self.study.enqueue_trial(dict(_use_defaults(self.member, self.data).params))
        # The seed depends only on the number of finished trials, so that a resumed study suggests the same again.
        self.study.sampler = make_sampler(_derive_seed(self.seed, self.member.name, n_finished))
        self.trial = self.study.ask()
        view = (self.data.has_audio, self.data.is_joint, self.member.suppresses)
        params = suggest_params(self.member.learner, self.trial, *view)
        self.trial.set_user_attr("params", params)
        self.candidate = replace(self.member, params=params)
        self._losses = []

    def report(self, folds: Sequence[int], scores: Scores) -> None:
        """Report the loss on each fold of one repeat."""
        for fold, loss in zip(folds, compute_fold_losses(folds, scores, self.data), strict=True):
            if np.isfinite(loss):
                self.trial.report(loss, step=fold)
                self._losses.append(loss)

    def prune(self) -> bool:
        """Stop the trial if it is worse than the best one, compared by fold; return whether it was stopped."""
        can_prune = len(self.data.folds) >= _MIN_FOLDS_TO_PRUNE > len(self._losses)
        if can_prune and self.trial.should_prune():
            self.study.tell(self.trial, state=TrialState.PRUNED)
            return True
        return False

    def finish(self) -> None:
        """Complete the trial with its mean loss."""
        self.study.tell(self.trial, float(np.mean(self._losses)))


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


def average_scores(scores: Scores, data: ViewData) -> Floats:
    """Return out-of-fold scores averaged over repeats, shape [rows, S]; NaN for rows that are not in any fold."""
    return _average_folds(range(len(data.folds)), scores, data)


def compute_fold_losses(folds: Sequence[int], scores: Scores, data: ViewData) -> list[float]:
    """Return the loss on each fold of one repeat: the log loss, or for scores the mean squared error.

    Scores of classes are calibrated on the other folds of the repeat, because SVM margins are not probabilities, and
    boosting with few trees is underconfident. Only ratios of the row weights matter, see `weigh_evidence`.
    """
    tests = [data.folds[fold][1] for fold in folds]
    means = _average_folds(folds, scores, data)
    losses = _squared_errors(means, data) if data.is_numeric else _log_losses(folds, means, data)
    return [weighted_nanmean(losses[test], data.weights[test]) for test in tests]


def _squared_errors(predicted: Floats, data: ViewData) -> Floats:
    return np.asarray((predicted[:, 0] - data.y) ** 2)


def _log_losses(folds: Sequence[int], means: Floats, data: ViewData) -> Floats:
    has_scores = np.asarray(np.isfinite(means).all(axis=1))
    index = np.cumsum(has_scores) - 1
    splits = [(index[train[has_scores[train]]], index[test]) for train, test in (data.folds[fold] for fold in folds)]
    y, groups, weights = data.y[has_scores], data.groups[has_scores], data.weights[has_scores]
    columns = means[has_scores]
    probability = cross_fit(
        lambda rows: Calibrator().fit(columns[rows], y[rows], weigh_evidence(weights[rows], y[rows], groups[rows])),
        columns,
        y,
        splits,
        data.n_classes,
        weights,
    )
    losses = np.full(len(data.y), np.nan)
    losses[has_scores] = row_losses(probability, y)
    return losses


def _average_folds(folds: Sequence[int], scores: Scores, data: ViewData) -> Floats:
    total = np.zeros((len(data.y), scores[0].shape[1]))
    count = np.zeros(len(data.y))
    for fold, fold_scores in zip(folds, scores, strict=True):
        test = data.folds[fold][1]
        total[test] += fold_scores
        count[test] += 1
    count[count == 0] = np.nan
    return total / count[:, None]


def _score_fold(member: Member, data: ViewData, fold: int, seed: int) -> Floats:
    train, test = data.folds[fold]
    if not len(test):
        return np.empty((0, data.n_scores))
    features, weights, groups = data.fold_features(fold, train), data.weights[train], data.groups[train]
    model = fit_member(member, features, data.y[train], data.blocks, seed, weights, groups)
    return raw_scores(model, data.fold_features(fold, test))


def _derive_seed(*parts: Any) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "little")
