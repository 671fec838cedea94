"""The study loop: one sequential Optuna study a member, all of them on the same fixed folds.

Studies advance together, round by round: each asks for one trial, all folds of all those trials are fitted side by
side, each study is told. What a study sees depends on itself alone, so the result is the same for any number of jobs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from pdmr_classic.arrays import Floats
from pdmr_classic.config import LearningSettings
from pdmr_classic.metrics import row_losses, weighted_nanmean
from pdmr_classic.models.ensemble.calibration import Calibrator, cross_fit
from pdmr_classic.models.ensemble.fold_data import FoldData, ViewData
from pdmr_classic.models.ensemble.search import make_sampler
from pdmr_classic.models.ensemble.study_storage import Studies
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.search_spaces import default_params, suggest_params
from pdmr_classic.progress import Reporter

# With fewer folds no Wilcoxon test can be sure: its smallest p is 2^-folds.
_PRUNED_FROM_FOLDS = 10
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

Scores = list[Floats]
"""Of one member, on the held-out rows of each fold, shape [test rows, S]."""


@dataclass(frozen=True, eq=False)
class TunedMember:
    """A member with the parameters that its study chose, and what it said out of fold with them.

    Attributes
    ----------
    member : Member
    scores : list of ndarray, or None
        None where the trial was run by an earlier process, which kept its loss only.
    """

    member: Member
    scores: Scores | None = None


def tune(
    members: Sequence[Member],
    data: Mapping[str, ViewData],
    settings: LearningSettings,
    *,
    jobs: int,
    reporter: Reporter,
    storage: Studies | None = None,
) -> list[TunedMember]:
    """Return the members with the best parameters that their studies found.

    Parameters
    ----------
    members : sequence of Member
    data : dict
        By name of view.
    settings : LearningSettings
        `trials` rounds, fewer if `timeout` seconds are over first; the first trial is the default.
    storage : Studies, optional
        Where trials are kept; those that are finished already are not run again.
    """
    storage = storage or Studies()
    studies = [MemberStudy(member, data[member.view], settings, storage.open(member.name)) for member in members]
    started = time.monotonic()
    with joblib.Parallel(n_jobs=jobs) as parallel:
        for done in range(settings.trials):
            if done and settings.timeout is not None and time.monotonic() - started > settings.timeout:
                break
            reporter.progress("tuning", done, settings.trials)
            behind = [study for study in studies if study.n_finished <= done]
            if behind:
                run_round(behind, data, settings.seed, parallel)
    reporter.progress("tuning", settings.trials, settings.trials)
    return [study.chosen for study in studies]


def run_round(
    studies: Sequence[MemberStudy], data: Mapping[str, ViewData], seed: int, parallel: joblib.Parallel
) -> None:
    """Ask every study for a trial, fit it repeat by repeat, and tell; hopeless trials end after a repeat."""
    alive = list(studies)
    for study in studies:
        study.ask()
    for folds in _repeats(studies):
        scores = score_out_of_fold([study.asked for study in alive], data, seed, parallel, folds)
        for study, found in zip(alive, scores, strict=True):
            study.report(folds, found)
        alive = [study for study in alive if not study.pruned()]
    for study in alive:
        study.finish()


def _repeats(studies: Sequence[MemberStudy]) -> Iterator[range]:
    n_folds, n_all = studies[0].folds_a_repeat, len(studies[0].data.folds)
    return (range(start, start + n_folds) for start in range(0, n_all, n_folds))


class MemberStudy:
    """The study of one member: what to try next, and when to give a trial up."""

    def __init__(self, member: Member, data: ViewData, settings: LearningSettings, study: optuna.Study) -> None:
        self.member, self.data, self.seed = member, data, settings.seed
        self.folds_a_repeat = len(data.folds) // settings.repeats
        self.asked = member
        self.study = study
        self._losses: list[float] = []
        self._scores: Scores = []
        self._scores_of_trials: dict[int, Scores] = {}

    @property
    def chosen(self) -> TunedMember:
        """The member with the parameters of the best trial, or of the default where that is within a standard error.

        The winner of a dozen noisy trials owes part of its loss to luck, and does worse on new people than a default
        that is as good: the rule of one standard error (Breiman et al. 1984), paired by fold.
        """
        default, best = self._default_trial, self.study.best_trial
        gain = np.array([default.intermediate_values[fold] - loss for fold, loss in best.intermediate_values.items()])
        # Folds of a repeat share nobody; another repeat has the same people again, and makes nothing surer.
        surely = len(gain) > 1 and gain.mean() > gain.std(ddof=1) / np.sqrt(self.folds_a_repeat)
        trial = best if surely else default
        member = replace(self.member, params=trial.user_attrs["params"])
        return TunedMember(member, self._scores_of_trials.get(trial.number))

    @property
    def _default_trial(self) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])[0]

    @property
    def n_finished(self) -> int:
        """Trials that ran to their end or were given up."""
        return len(self.study.get_trials(deepcopy=False, states=_FINISHED))

    def ask(self) -> None:
        """Begin a trial; the first one is the default."""
        n_finished = self.n_finished
        has_audio = len(self.data.audio) > 0
        if not n_finished:
            self.study.enqueue_trial(default_params(self.member.learner, has_audio))
        # Seeded by what is finished, not by a state that lives on: a study that is resumed asks the same again.
        self.study.sampler = make_sampler(_seed(self.seed, self.member.name, n_finished))
        self.trial = self.study.ask()
        params = suggest_params(self.member.learner, self.trial, has_audio)
        self.trial.set_user_attr("params", params)
        self.asked = replace(self.member, params=params)
        self._losses, self._scores = [], []

    def report(self, folds: Sequence[int], found: Scores) -> None:
        """Report the loss of each fold of one repeat."""
        self._scores += found
        for fold, loss in zip(folds, compute_fold_losses(folds, found, self.data), strict=True):
            if np.isfinite(loss):
                self.trial.report(loss, step=fold)
                self._losses.append(loss)

    def pruned(self) -> bool:
        """Give the trial up if it is worse than the best one, fold by fold; tell the study."""
        enough = len(self.data.folds) >= _PRUNED_FROM_FOLDS > len(self._losses)
        if enough and self.trial.should_prune():
            self.study.tell(self.trial, state=TrialState.PRUNED)
            return True
        return False

    def finish(self) -> None:
        """Tell the mean over all folds; keep the scores of the two trials between which will be chosen."""
        self.study.tell(self.trial, float(np.mean(self._losses)))
        self._scores_of_trials[self.trial.number] = self._scores
        candidates = (self._default_trial.number, self.study.best_trial.number)
        self._scores_of_trials = {n: scores for n, scores in self._scores_of_trials.items() if n in candidates}


def score_out_of_fold(
    members: Sequence[Member],
    data: Mapping[str, ViewData],
    seed: int,
    parallel: joblib.Parallel,
    folds: Sequence[int] | None = None,
) -> list[Scores]:
    """Return each member's scores on the held-out rows of each fold, shape [test rows, S]."""
    chosen = [range(len(data[member.view].folds)) if folds is None else folds for member in members]
    tasks = [
        joblib.delayed(_fold_scores)(member, data[member.view], fold, seed)
        for member, its_folds in zip(members, chosen, strict=True)
        for fold in its_folds
    ]
    flat = iter(parallel(tasks))
    return [[next(flat) for _ in its_folds] for its_folds in chosen]


def oof_columns(
    members: Sequence[Member],
    fold_data: FoldData,
    seed: int,
    *,
    jobs: int,
    known: Mapping[str, Scores] | None = None,
) -> list[Floats]:
    """Return each member's out-of-fold scores over all rows, shape [n, S]; NaN for rows without its view.

    Parameters
    ----------
    members : sequence of Member
    fold_data : FoldData
    seed, jobs : int
    known : dict, optional
        By name of member, scores that its study has made: these are not made again.
    """
    known = known or {}
    missing = [member for member in members if member.name not in known]
    with joblib.Parallel(n_jobs=jobs) as parallel:
        made = score_out_of_fold(missing, fold_data.view_data, seed, parallel)
    scores = {**known, **{member.name: found for member, found in zip(missing, made, strict=True)}}
    return [spread_over_rows(scores[member.name], fold_data.view_data[member.view]) for member in members]


def spread_over_rows(scores: Scores, data: ViewData) -> Floats:
    """Return out-of-fold scores of a view, averaged over repeats, over all rows of the table, shape [n, S]."""
    means = average_scores(scores, data)
    column = np.full((len(data.rows), means.shape[1]), np.nan)
    column[data.rows] = means
    return column


def average_scores(found: Scores, data: ViewData) -> Floats:
    """Return out-of-fold scores averaged over repeats, shape [rows, S]; NaN for a row in no fold."""
    return _mean_over(range(len(data.folds)), found, data)


def compute_fold_losses(folds: Sequence[int], found: Scores, data: ViewData) -> list[float]:
    """Return the log loss on each fold of one repeat, with scores calibrated on the other folds of that repeat.

    An SVM's margins have no log loss of their own, and a booster of a few trees is sure of too little.
    """
    scores = _mean_over(folds, found, data)
    known = np.asarray(np.isfinite(scores).all(axis=1))
    number = np.cumsum(known) - 1
    tests = [data.folds[fold][1] for fold in folds]
    splits = [(number[train[known[train]]], number[test]) for train, test in (data.folds[fold] for fold in folds)]
    y, weights = data.y[known], data.weights[known]
    columns = scores[known]
    probability = cross_fit(
        lambda rows: Calibrator().fit(columns[rows], y[rows], weights[rows]),
        columns,
        y,
        splits,
        data.n_classes,
        weights,
    )
    losses = np.full(len(data.y), np.nan)
    losses[known] = row_losses(probability, y)
    return [weighted_nanmean(losses[test], data.weights[test]) for test in tests]


def _mean_over(folds: Sequence[int], found: Scores, data: ViewData) -> Floats:
    total = np.zeros((len(data.y), found[0].shape[1]))
    times = np.zeros(len(data.y))
    for fold, scores in zip(folds, found, strict=True):
        test = data.folds[fold][1]
        total[test] += scores
        times[test] += 1
    times[times == 0] = np.nan
    return total / times[:, None]


def _fold_scores(member: Member, data: ViewData, fold: int, seed: int) -> Floats:
    train, test = data.folds[fold]
    if not len(test):
        return np.empty((0, 1 if data.n_classes == 2 else data.n_classes))
    model = fit_member(member, data.in_fold(fold, train), data.y[train], data.audio, seed, data.weights[train])
    return raw_scores(model, data.in_fold(fold, test))


def _seed(*parts: Any) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "little")
