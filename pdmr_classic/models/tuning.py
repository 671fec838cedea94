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
from pdmr_classic.models.learners import fit_member, raw_scores
from pdmr_classic.models.members import Member, log_loss
from pdmr_classic.models.problem import ViewData
from pdmr_classic.models.spaces import defaults, suggest
from pdmr_classic.reporter import Reporter

_RANDOM_TRIALS = 6


def tune(
    members: Sequence[Member],
    data: dict[str, ViewData],
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
    has_audio = [len(data[member.view].audio) > 0 for member in members]
    studies = [_new_study(member, audio) for member, audio in zip(members, has_audio, strict=True)]
    started = time.monotonic()
    with joblib.Parallel(n_jobs=jobs) as parallel:
        for done in range(settings.trials):
            if done and settings.timeout is not None and time.monotonic() - started > settings.timeout:
                break
            reporter.progress("tuning", done, settings.trials)
            trials = [_ask(*each, settings.seed) for each in zip(studies, members, has_audio, strict=True)]
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
    members: Sequence[Member], data: dict[str, ViewData], seed: int, parallel: joblib.Parallel
) -> list[list[NDArray[np.float64]]]:
    """Return each member's scores on each fold's held-out rows, shape [test rows, S]."""
    tasks = [
        joblib.delayed(_fold_scores)(member, data[member.view], fold, seed)
        for member in members
        for fold in range(len(data[member.view].folds))
    ]
    flat = iter(parallel(tasks))
    return [[next(flat) for _ in data[member.view].folds] for member in members]


def mean_scores(found: list[NDArray[np.float64]], data: ViewData) -> NDArray[np.float64]:
    """Return out-of-fold scores averaged over repeats, shape [rows, S]; NaN for a row in no fold."""
    total = np.zeros((len(data.y), found[0].shape[1]))
    times = np.zeros(len(data.y))
    for (_, test), scores in zip(data.folds, found, strict=True):
        total[test] += scores
        times[test] += 1
    times[times == 0] = np.nan
    return total / times[:, None]


def _fold_scores(member: Member, data: ViewData, fold: int, seed: int) -> NDArray[np.float64]:
    train, test = data.folds[fold]
    if not len(test):
        return np.empty((0, 1 if data.n_classes == 2 else data.n_classes))
    model = fit_member(member, data.of_fold(fold, train), data.y[train], data.audio, seed)
    return raw_scores(model, data.of_fold(fold, test))


def _loss(found: list[NDArray[np.float64]], data: ViewData) -> float:
    """Log loss of the calibrated scores: an SVM's margins have no log loss of their own."""
    scores = mean_scores(found, data)
    known = np.asarray(np.isfinite(scores).all(axis=1))
    number = np.cumsum(known) - 1
    folds = [(number[train[known[train]]], number[test]) for train, test in data.folds]
    y = data.y[known]
    return log_loss(cross_fitted(Calibrator().fit, scores[known], y, folds, data.n_classes), y)


def _new_study(member: Member, has_audio: bool) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    study.enqueue_trial(defaults(member.learner, has_audio))
    return study


def _ask(study: optuna.Study, member: Member, has_audio: bool, seed: int) -> tuple[optuna.Trial, dict[str, Any]]:
    # Seeded by what is finished, not by a state that lives on: a study that is resumed asks the same again.
    study.sampler = optuna.samplers.TPESampler(
        seed=_seed(seed, member.name, len(study.trials)), multivariate=True, n_startup_trials=_RANDOM_TRIALS
    )
    trial = study.ask()
    params = suggest(member.learner, trial, has_audio)
    trial.set_user_attr("params", params)
    return trial, params


def _seed(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest(), "little")
