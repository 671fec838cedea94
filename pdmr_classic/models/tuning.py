"""The study loop: one sequential Optuna study a member, all of them on the same fixed folds.

Studies advance together, round by round: each asks for one trial, all folds of all those trials are fitted side by
side, each study is told. What a study sees depends on itself alone, so the result is the same for any number of jobs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import optuna
from numpy.typing import NDArray

from pdmr_classic.config import LearningSettings
from pdmr_classic.models.calibration import Calibrator, cross_fitted
from pdmr_classic.models.learners import Params, fit_learner, raw_scores
from pdmr_classic.models.members import Member, log_loss
from pdmr_classic.models.spaces import DEFAULTS, suggest
from pdmr_classic.reporter import Reporter
from pdmr_classic.splits import Fold

_RANDOM_TRIALS = 6


class MemberData:
    """What a member is tuned on: its rows and columns, and the folds in the numbering of those rows.

    Parameters
    ----------
    X : ndarray, shape [n, F]
        All rows; `rows` and `columns` choose.
    y : ndarray of int, shape [n]
    folds : list of (train, test)
        Over all rows.
    """

    def __init__(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.intp],
        rows: NDArray[np.bool_],
        columns: NDArray[np.intp],
        folds: Sequence[Fold],
    ) -> None:
        self.X = np.ascontiguousarray(X[rows][:, columns])
        self.y = y[rows]
        self.n_classes = int(y.max()) + 1
        number = np.cumsum(rows) - 1
        self.folds = [(number[train[rows[train]]], number[test[rows[test]]]) for train, test in folds]
        self.folds = [(train, test) for train, test in self.folds if len(test) and self._has_every_class(train)]

    def _has_every_class(self, train: NDArray[np.intp]) -> bool:
        return len(np.unique(self.y[train])) == self.n_classes


def tune(
    members: Sequence[Member],
    data: dict[str, MemberData],
    settings: LearningSettings,
    *,
    jobs: int,
    reporter: Reporter,
) -> list[Member]:
    """Return the members with the best parameters that their studies found.

    Parameters
    ----------
    members : sequence of Member
    data : dict
        By name of view.
    settings : LearningSettings
        `trials` rounds, fewer if `timeout` seconds are over first; the first trial is the default.
    """
    studies = [_new_study(member) for member in members]
    started = time.monotonic()
    with joblib.Parallel(n_jobs=jobs) as parallel:
        for done in range(settings.trials):
            if done and settings.timeout is not None and time.monotonic() - started > settings.timeout:
                break
            reporter.progress("tuning", done, settings.trials)
            trials = [_ask(study, member, settings.seed) for study, member in zip(studies, members, strict=True)]
            asked = [replace(member, params=params) for member, (_, params) in zip(members, trials, strict=True)]
            scores = out_of_fold(asked, data, settings.seed, parallel)
            for study, member, (trial, _), found in zip(studies, members, trials, scores, strict=True):
                study.tell(trial, _loss(found, data[member.view]))
    reporter.progress("tuning", settings.trials, settings.trials)
    return [
        replace(member, params=study.best_trial.user_attrs["params"])
        for member, study in zip(members, studies, strict=True)
    ]


def out_of_fold(
    members: Sequence[Member], data: dict[str, MemberData], seed: int, parallel: joblib.Parallel
) -> list[list[NDArray[np.float64]]]:
    """Return each member's scores on each fold's held-out rows, shape [test rows, S]."""
    tasks = [
        joblib.delayed(_fold_scores)(
            member.learner, member.params, seed, data[member.view].X, data[member.view].y, fold
        )
        for member in members
        for fold in data[member.view].folds
    ]
    flat = iter(parallel(tasks))
    return [[next(flat) for _ in data[member.view].folds] for member in members]


def mean_scores(found: list[NDArray[np.float64]], data: MemberData) -> NDArray[np.float64]:
    """Return out-of-fold scores averaged over repeats, shape [rows, S]; NaN for a row in no fold."""
    total = np.zeros((len(data.y), found[0].shape[1]))
    times = np.zeros(len(data.y))
    for (_, test), scores in zip(data.folds, found, strict=True):
        total[test] += scores
        times[test] += 1
    times[times == 0] = np.nan
    return total / times[:, None]


def _fold_scores(
    learner: str, params: Params, seed: int, X: NDArray[np.float64], y: NDArray[np.intp], fold: Fold
) -> NDArray[np.float64]:
    train, test = fold
    return raw_scores(fit_learner(learner, params, seed, X[train], y[train]), X[test])


def _loss(found: list[NDArray[np.float64]], data: MemberData) -> float:
    """Log loss of the calibrated scores: an SVM's margins have no log loss of their own."""
    scores = mean_scores(found, data)
    known = np.asarray(np.isfinite(scores).all(axis=1))
    number = np.cumsum(known) - 1
    folds = [(number[train[known[train]]], number[test]) for train, test in data.folds]
    y = data.y[known]
    return log_loss(cross_fitted(Calibrator().fit, scores[known], y, folds, data.n_classes), y)


def _new_study(member: Member) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    study.enqueue_trial(DEFAULTS[member.learner])
    return study


def _ask(study: optuna.Study, member: Member, seed: int) -> tuple[optuna.Trial, dict[str, Any]]:
    # Seeded by what is finished, not by a state that lives on: a study that is resumed asks the same again.
    study.sampler = optuna.samplers.TPESampler(
        seed=_seed(seed, member.name, len(study.trials)), multivariate=True, n_startup_trials=_RANDOM_TRIALS
    )
    trial = study.ask()
    params = suggest(member.learner, trial)
    trial.set_user_attr("params", params)
    return trial, params


def _seed(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "little")
