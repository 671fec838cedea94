from __future__ import annotations

from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import optuna
import pytest

from pdmr_classic.config import LearningSettings
from pdmr_classic.models.ensemble import _member_study, _tuning
from pdmr_classic.models.ensemble._fold_losses import average_scores, compute_fold_losses
from pdmr_classic.models.ensemble._member_study import MemberStudy
from pdmr_classic.models.ensemble._tuning import compute_fold_scores, tune
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.study_storage import Studies
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.models.learners.search_spaces import default_params
from pdmr_classic.progress import LogReporter

DEFAULTS = [
    default_params(name, view != "video", is_joint=view == "both")
    for view in ("video", "audio", "both")
    for name in ("lightgbm", "svm")
]


def make_data(n_folds: int = 4) -> FoldData:
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(16), 3)
    y = subjects % 2
    X = rng.normal(size=(48, 6))
    X[:, :2] += y[:, None]
    X[5, :3] = np.nan
    names = [f"video__c{k}__mean" for k in range(3)] + [f"audio__c{k}__mean" for k in range(3)]
    return make_fold_data(X, names, y, subjects, n_folds=n_folds, repeats=2, seed=0)


def run_tuning(jobs: int = 1, **changes: Any) -> list[Member]:
    fold_data = make_data()
    members = default_members(fold_data.views, ["lightgbm", "svm"])
    learning = LearningSettings(**{"trials": 4, **changes})
    return tune(members, fold_data.view_data, learning, jobs=jobs, reporter=LogReporter())


def params(members: list[Member]) -> list[dict[str, Any]]:
    return [dict(member.params) for member in members]


@pytest.mark.usefixtures("several_threads")
def test_the_same_seed_gives_the_same_parameters_for_any_number_of_jobs() -> None:
    first, second, parallel = run_tuning(), run_tuning(), run_tuning(jobs=2)
    assert params(first) == params(second) == params(parallel)
    assert [member.name for member in first] == [
        "video/lightgbm",
        "video/svm",
        "audio/lightgbm",
        "audio/svm",
        "both/lightgbm",
        "both/svm",
    ]


def test_another_seed_suggests_other_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = {seed: record_rounds(monkeypatch, seed=seed, trials=2) for seed in (0, 1)}
    assert rounds[0][0] == rounds[1][0]
    assert rounds[0][1] != rounds[1][1]


def record_rounds(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[list[dict[str, Any]]]:
    """Return the hyperparameters of all members in each round."""
    rounds: list[list[dict[str, Any]]] = []

    def record_and_score(members: list[Member], data: Any, seed: int, parallel: Any, folds: range) -> Any:
        if folds[0] == 0:
            rounds.append(params(members))
        return compute_fold_scores(members, data, seed, parallel, folds)

    with monkeypatch.context() as patch:
        patch.setattr(_tuning, "compute_fold_scores", record_and_score)
        run_tuning(**changes)
    return rounds


def test_the_first_trial_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = record_rounds(monkeypatch, trials=2)
    assert first == DEFAULTS


def test_one_trial_is_the_default_and_needs_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tuning, "fit_member", lambda *_: pytest.fail("a model was fitted"))
    assert params(run_tuning(trials=1)) == DEFAULTS


def test_an_expired_timeout_stops_after_the_first_round(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(record_rounds(monkeypatch, trials=50, timeout=1e-6)) == 1


def test_the_number_of_rounds_equals_the_number_of_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(record_rounds(monkeypatch, trials=3)) == 3


CLEARLY_BETTER = [0.50, 0.52, 0.48, 0.51, 0.49]
NOISY = [0.30, 0.80, 0.50, 0.70, 0.60]


@pytest.mark.parametrize(("losses", "expected"), [(CLEARLY_BETTER, 1), (NOISY, 0)])
def test_a_trial_is_selected_only_if_it_is_clearly_better_than_the_default(
    losses: list[float], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(n_folds=5).view_data["video"]
    study = MemberStudy(Member("video", "svm"), data, LearningSettings(repeats=2), Studies().open("video/svm"))
    suggested = []
    for fold_losses in ([0.6] * 5, losses):
        monkeypatch.setattr(
            _member_study, "compute_fold_losses", lambda folds, scores, data, losses=fold_losses: losses
        )
        study.ask()
        suggested.append(dict(study.candidate.params))
        study.report(range(5), [])
        study.report(range(5, 10), [])
        study.finish()
    assert dict(study.tuned_member.params) == suggested[expected]


def test_a_trial_that_is_worse_on_every_fold_is_pruned_after_one_repeat() -> None:
    data = make_data(n_folds=5).view_data["video"]
    study = MemberStudy(Member("video", "svm"), data, LearningSettings(repeats=2), Studies().open("video/svm"))
    informative = [np.where(data.y[test] == 1, 2.0, -2.0)[:, None] for _, test in data.folds]
    noise = [np.random.default_rng(0).normal(size=scores.shape) for scores in informative]
    pruned = []
    for scores in (informative, noise):
        study.ask()
        study.report(range(5), scores[:5])
        pruned.append(study.prune())
        if not pruned[-1]:
            study.report(range(5, 10), scores[5:])
            study.finish()
    assert pruned == [False, True]


def test_no_trial_is_pruned_with_fewer_than_ten_folds() -> None:
    data = make_data().view_data["video"]
    study = MemberStudy(Member("video", "svm"), data, LearningSettings(repeats=2), Studies().open("video/svm"))
    study.ask()
    study.report(range(4), [np.zeros((len(test), 1)) for _, test in data.folds[:4]])
    assert not study.prune()


def test_a_row_that_is_not_in_any_fold_has_no_out_of_fold_score() -> None:
    data = make_data().view_data["video"]
    data = replace(data, folds=[(train, test[test != 7]) for train, test in data.folds])
    member = Member("video", "svm", default_params("svm", has_audio=False))
    with joblib.Parallel(n_jobs=1) as parallel:
        (scores,) = compute_fold_scores([member], {"video": data}, 0, parallel, range(len(data.folds)))
    missing = np.isnan(average_scores(scores, data)).any(axis=1)
    assert np.flatnonzero(missing).tolist() == [7]


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_losses_do_not_depend_on_the_scale_of_the_weights(scale: float) -> None:
    data = make_data().view_data["video"]
    weights = np.where(data.y == 1, 3.0, 1.0)
    rng = np.random.default_rng(0)
    scores = [(2.0 * data.y[test] - 1 + rng.normal(size=len(test)))[:, None] for _, test in data.folds[:4]]
    expected, scaled = (
        compute_fold_losses(range(4), scores, replace(data, weights=factor * weights)) for factor in (1.0, scale)
    )
    np.testing.assert_allclose(scaled, expected, rtol=1e-9)


def test_repeated_recordings_of_the_subjects_do_not_change_the_losses() -> None:
    data = make_data().view_data["video"]
    rng = np.random.default_rng(0)
    scores = [(2.0 * data.y[test] - 1 + rng.normal(size=len(test)))[:, None] for _, test in data.folds[:4]]
    n = len(data.y)
    twice = replace(
        data,
        y=np.tile(data.y, 2),
        groups=np.tile(data.groups, 2),
        weights=np.tile(data.weights, 2),
        folds=[(np.append(train, train + n), np.append(test, test + n)) for train, test in data.folds],
    )
    repeated = compute_fold_losses(range(4), [np.tile(part, (2, 1)) for part in scores], twice)
    np.testing.assert_allclose(repeated, compute_fold_losses(range(4), scores, data), rtol=1e-9)


def test_extra_trees_keep_their_defaults_and_run_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    fold_data = make_data()
    members = default_members(fold_data.views, ["extra_trees"])
    monkeypatch.setattr(_tuning, "run_round", lambda *_: pytest.fail("a trial was run"))
    tuned = tune(members, fold_data.view_data, LearningSettings(trials=4), jobs=1, reporter=LogReporter())
    assert params(tuned) == [default_params("extra_trees", view != "video") for view in ("video", "audio", "both")]


def test_optuna_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    run_tuning(trials=2)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
