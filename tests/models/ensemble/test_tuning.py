from __future__ import annotations

from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import optuna
import pytest

from pdmr_classic.config import LearningSettings
from pdmr_classic.models.ensemble import tuning
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.study_storage import Studies
from pdmr_classic.models.ensemble.tuning import MemberStudy, average_scores, compute_fold_scores, tune
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.models.learners.search_spaces import default_params
from pdmr_classic.progress import LogReporter

FIRST = [default_params(name, view != "video") for view in ("video", "audio", "both") for name in ("lightgbm", "svm")]


def problem(n_folds: int = 4) -> FoldData:
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(16), 3)
    y = subjects % 2
    X = rng.normal(size=(48, 6))
    X[:, :2] += y[:, None]
    X[5, :3] = np.nan
    names = [f"video__c{k}__mean" for k in range(3)] + [f"audio__c{k}__mean" for k in range(3)]
    return make_fold_data(X, names, y, subjects, n_folds=n_folds, repeats=2, seed=0)


def tuned(jobs: int = 1, **changes: Any) -> list[Member]:
    made = problem()
    members = default_members(made.views, ["lightgbm", "svm"])
    learning = LearningSettings(**{"trials": 4, **changes})
    return [one.member for one in tune(members, made.view_data, learning, jobs=jobs, reporter=LogReporter())]


def params(members: list[Member]) -> list[dict[str, Any]]:
    return [dict(member.params) for member in members]


def test_the_same_seed_gives_the_same_parameters_for_any_number_of_jobs() -> None:
    one, again, two = tuned(), tuned(), tuned(jobs=2)
    assert params(one) == params(again) == params(two)
    assert [member.name for member in one] == [
        "video/lightgbm",
        "video/svm",
        "audio/lightgbm",
        "audio/svm",
        "both/lightgbm",
        "both/svm",
    ]


def test_another_seed_asks_for_other_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {seed: recorded(monkeypatch, seed=seed, trials=2) for seed in (0, 1)}
    assert asked[0][0] == asked[1][0]
    assert asked[0][1] != asked[1][1]


def recorded(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[list[dict[str, Any]]]:
    """Return what each round asked for, at its first fold."""
    rounds: list[list[dict[str, Any]]] = []

    def spying(members: list[Member], data: Any, seed: int, parallel: Any, folds: range) -> Any:
        if folds[0] == 0:
            rounds.append(params(members))
        return compute_fold_scores(members, data, seed, parallel, folds)

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "compute_fold_scores", spying)
        tuned(**changes)
    return rounds


def test_the_first_trial_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = recorded(monkeypatch, trials=1)
    assert first == FIRST


def test_one_trial_leaves_the_defaults() -> None:
    assert params(tuned(trials=1)) == FIRST


def test_a_timeout_that_is_over_stops_after_the_first_round(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(recorded(monkeypatch, trials=50, timeout=1e-6)) == 1


def test_as_many_rounds_are_run_as_there_are_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(recorded(monkeypatch, trials=3)) == 3


SURELY_BETTER = [0.50, 0.52, 0.48, 0.51, 0.49]
LUCKY = [0.30, 0.80, 0.50, 0.70, 0.60]


@pytest.mark.parametrize(("losses", "chosen"), [(SURELY_BETTER, 1), (LUCKY, 0)])
def test_a_trial_wins_if_it_is_surely_better_than_the_default(
    losses: list[float], chosen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = problem(n_folds=5).view_data["video"]
    study = MemberStudy(Member("video", "svm"), data, LearningSettings(repeats=2), Studies().open("video/svm"))
    asked = []
    for of_folds in ([0.6] * 5, losses):
        monkeypatch.setattr(tuning, "compute_fold_losses", lambda folds, found, data, told=of_folds: told)
        study.ask()
        asked.append(dict(study.asked.params))
        study.report(range(5), [])
        study.report(range(5, 10), [])
        study.finish()
    assert dict(study.chosen.member.params) == asked[chosen]


def test_a_trial_that_is_worse_on_every_fold_is_given_up_after_a_repeat() -> None:
    data = problem(n_folds=5).view_data["video"]
    study = MemberStudy(Member("video", "svm"), data, LearningSettings(repeats=2), Studies().open("video/svm"))
    good = [np.where(data.y[test] == 1, 2.0, -2.0)[:, None] for _, test in data.folds]
    noise = [np.random.default_rng(0).normal(size=scores.shape) for scores in good]
    ended = []
    for scores in (good, noise):
        study.ask()
        study.report(range(5), scores[:5])
        ended.append(study.pruned())
        if not ended[-1]:
            study.report(range(5, 10), scores[5:])
            study.finish()
    assert ended == [False, True]


def test_nothing_is_given_up_with_fewer_than_ten_folds() -> None:
    data = problem().view_data["video"]
    study = MemberStudy(Member("video", "svm"), data, LearningSettings(repeats=2), Studies().open("video/svm"))
    study.ask()
    study.report(range(4), [np.zeros((len(test), 1)) for _, test in data.folds[:4]])
    assert not study.pruned()


def test_a_row_in_no_fold_has_no_out_of_fold_score() -> None:
    data = problem().view_data["video"]
    data = replace(data, folds=[(train, test[test != 7]) for train, test in data.folds])
    member = Member("video", "svm", default_params("svm", has_audio=False))
    with joblib.Parallel(n_jobs=1) as parallel:
        (found,) = compute_fold_scores([member], {"video": data}, 0, parallel)
    unknown = np.isnan(average_scores(found, data)).any(axis=1)
    assert np.flatnonzero(unknown).tolist() == [7]


def test_optuna_stays_silent(capsys: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tuned(trials=2)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
