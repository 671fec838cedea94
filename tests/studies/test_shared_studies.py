"""Several processes tune the same studies on a real PostgreSQL server, and some of them are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from postgres import PASSWORD, Server
from toy import LEARNERS, MEMBERS, run_toy

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.models.ensemble import _shared_studies
from pdmr_classic.models.ensemble.study_database import StudyDatabase
from pdmr_classic.models.learners.search_spaces import default_params

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
NewDatabase = Callable[[], str]


def make_database(url: str, **options: object) -> StudyDatabase:
    return StudyDatabase(url, **{"heartbeat_s": 1, "grace_s": 2, **options})  # type: ignore[arg-type]


def read_trials(database: StudyDatabase, states: tuple[TrialState, ...] | None = None) -> dict[str, list[FrozenTrial]]:
    storage = database.open()
    names = [f"{database.name}/{member}" for member in MEMBERS]
    trials = {
        member: optuna.load_study(study_name=name, storage=storage).get_trials(states=states)
        for member, name in zip(MEMBERS, names, strict=True)
    }
    storage.engine.dispose()
    return trials


def test_a_process_finds_the_finished_trials_of_an_earlier_one(new_database: NewDatabase) -> None:
    database = make_database(new_database())
    members, finished = run_toy(database, trials=3)
    assert finished == dict.fromkeys(MEMBERS, 3)
    again, finished = run_toy(database, trials=3)
    assert again == members
    assert finished == {}
    _, finished = run_toy(database, trials=4)
    assert finished == dict.fromkeys(MEMBERS, 1)


def test_the_default_hyperparameters_are_tried_once_and_never_pruned(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: True)
    database = make_database(new_database())
    run_toy(database, trials=3, n_folds=5)
    all_trials = read_trials(database)
    for member, learner in zip(MEMBERS, LEARNERS, strict=True):
        trials = all_trials[member]
        assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.PRUNED]
        defaults = [trial for trial in trials if trial.user_attrs.get("is_default")]
        assert [trial.state for trial in defaults] == [TrialState.COMPLETE]
        assert defaults[0].user_attrs["params"] == dict(default_params(learner, has_audio=False))


@contextmanager
def start_worker(url: str, *arguments: int) -> Iterator[tuple[Callable[[], str], Callable[[], None]]]:
    """Start `worker.py`, and yield functions that read its next line and kill it."""
    command = [sys.executable, Path(__file__).with_name("worker.py"), url, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdin is not None
        try:
            assert worker.stdout.readline() == "ready\n"
            worker.stdin.write("go\n")
            worker.stdin.flush()
            yield worker.stdout.readline, worker.kill
        finally:
            worker.kill()


def test_two_workers_that_start_together_share_the_trials(new_database: NewDatabase) -> None:
    # Without tables: both create them. A slow machine must not make a trial look dead.
    database = make_database(new_database(), grace_s=300)
    with start_worker(database.url, 6, 300) as (read_line, _):
        _, first = run_toy(database, trials=6)
        second = json.loads(read_line())
    for member in MEMBERS:
        assert 6 <= first.get(member, 0) + second.get(member, 0) <= 7, "at most one too many, from the other worker"
    trials = read_trials(database)
    assert {trial.state for member in MEMBERS for trial in trials[member]} <= set(FINISHED)
    for member in MEMBERS:
        tried = [trial.params for trial in trials[member] if not trial.user_attrs.get("is_default")]
        assert len({repr(params) for params in tried}) == len(tried), "none was suggested twice"


@pytest.mark.parametrize("n_finished", [0, 1])
def test_the_trial_of_a_killed_worker_comes_back(new_database: NewDatabase, n_finished: int) -> None:
    database = make_database(new_database())
    with start_worker(database.url, 9, 2, n_finished) as (read_line, kill):
        assert read_line() == "stuck\n"
        kill()
    killed = read_trials(database, (TrialState.RUNNING,))
    assert [len(trials) for trials in killed.values()] == [1, 1]
    # One more is missing, and the killed one.
    _, finished = run_toy(database, trials=n_finished + 2)
    assert finished == dict.fromkeys(MEMBERS, 2)
    for member, trials in read_trials(database).items():
        (lost,) = killed[member]
        assert trials[lost.number].state is TrialState.FAIL
        (again,) = (trial for trial in trials if trial.system_attrs.get("failed_trial") == lost.number)
        assert again.state in FINISHED
        assert again.params == lost.params
        assert again.user_attrs.get("is_default") == lost.user_attrs.get("is_default")


def test_a_trial_whose_worker_was_killed_before_the_first_heartbeat_does_not_block(new_database: NewDatabase) -> None:
    database = make_database(new_database())
    run_toy(database, trials=2)
    storage = database.open()
    for member in MEMBERS:
        study = optuna.load_study(study_name=f"{database.name}/{member}", storage=storage)
        storage.create_new_trial(study._study_id)
    storage.engine.dispose()
    run_toy(database, trials=3)
    for trials in read_trials(database).values():
        assert [trial.state is TrialState.FAIL for trial in trials] == [False, False, True, False]


def test_a_helper_does_not_wait_for_trials_of_others(new_database: NewDatabase) -> None:
    database = make_database(new_database(), heartbeat_s=60, grace_s=600)
    run_toy(database, trials=2)
    storage = database.open()
    for member in MEMBERS:
        study = optuna.load_study(study_name=f"{database.name}/{member}", storage=storage)
        storage.create_new_trial(study._study_id)
    storage.engine.dispose()
    assert run_toy(database, trials=3, waits=False)[1] == {}


def test_a_trial_that_another_process_took_over_is_dropped(new_database: NewDatabase) -> None:
    """As after heartbeats that did not get through for too long."""
    database = make_database(new_database())
    calls: list[int] = []

    def take_over() -> None:
        calls.append(1)
        if len(calls) > 1:
            return
        storage = database.open()
        for member in MEMBERS:
            (running,) = read_trials(database, (TrialState.RUNNING,))[member]
            storage.set_trial_state_values(running._trial_id, TrialState.FAIL)
        storage.engine.dispose()

    _, finished = run_toy(database, trials=3, before_scores=take_over)
    assert finished == dict.fromkeys(MEMBERS, 3)
    assert [[trial.state for trial in trials].count(TrialState.FAIL) for trials in read_trials(database).values()] == [
        1,
        1,
    ]


def test_no_trial_is_started_after_the_time_limit(new_database: NewDatabase) -> None:
    database = make_database(new_database())
    assert run_toy(database, trials=6, timeout=1e-9)[1] == dict.fromkeys(MEMBERS, 1)


def test_studies_of_different_data_or_settings_are_refused(new_database: NewDatabase) -> None:
    database = make_database(new_database())
    run_toy(database, trials=2)
    with pytest.raises(ConfigError, match=r"different data, settings or library versions[^\0]*different --study"):
        run_toy(database, trials=2, fingerprint="other")
    other = make_database(database.url, name="other")
    assert run_toy(other, trials=2, fingerprint="other")[1] == dict.fromkeys(MEMBERS, 2)


def test_studies_of_another_program_are_refused(new_database: NewDatabase) -> None:
    database = make_database(new_database())
    storage = database.open()
    study = optuna.create_study(study_name=f"{database.name}/{MEMBERS[0]}", storage=storage)
    study.add_trial(optuna.trial.create_trial(value=1.0))
    storage.engine.dispose()
    with pytest.raises(ConfigError, match="different data, settings or library versions"):
        run_toy(database)


def test_a_study_whose_creator_was_killed_at_once_is_used(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shared_studies, "_CREATION_S", 0)
    database = make_database(new_database())
    storage = database.open()
    optuna.create_study(study_name=f"{database.name}/{MEMBERS[0]}", storage=storage)
    storage.engine.dispose()
    assert run_toy(database, trials=2)[1] == dict.fromkeys(MEMBERS, 2)


def share_sqlite(path: Path, fingerprint: str) -> _shared_studies.SharedStudies:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    return _shared_studies.SharedStudies(StudyDatabase("postgresql://me@db/studies"), storage, fingerprint)


def test_a_slow_creator_does_not_take_back_the_study_that_another_one_has_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shared_studies, "_CREATION_S", 0)
    first, second = (share_sqlite(tmp_path / "studies.db", name) for name in ("first", "second"))
    create = optuna.create_study

    def create_slowly(**options: Any) -> optuna.Study:
        study = create(**options)
        monkeypatch.setattr(optuna, "create_study", create)
        second.open("svm")
        return study

    monkeypatch.setattr(optuna, "create_study", create_slowly)
    with pytest.raises(ConfigError, match="different data, settings or library versions"):
        first.open("svm")


def test_no_trial_is_started_in_a_study_that_was_taken_at_the_same_time(tmp_path: Path) -> None:
    first = share_sqlite(tmp_path / "studies.db", "first")
    study = first.open("svm")
    study.set_user_attr("fingerprint", "second")
    with pytest.raises(ConfigError, match="different data, settings or library versions"):
        first.start_trial(study)
    assert study.get_trials() == []


def test_a_lost_database_raises_one_error_and_the_same_run_goes_on_later(
    new_database: NewDatabase, server: Server
) -> None:
    database = make_database(new_database())
    calls: list[int] = []

    def stop_server() -> None:
        calls.append(1)
        if len(calls) == 5:  # two repeats per trial: the third trial
            server.stop()

    with pytest.raises(TargetError, match="connection to the database of the studies was lost") as error:
        run_toy(database, trials=4, before_scores=stop_server)
    try:
        assert "finished trials are kept: run the same command again" in str(error.value)
        assert PASSWORD not in str(error.value)
        assert error.value.exit_code == 5
        with pytest.raises(TargetError, match=r"cannot be used[^\0]*whether the server is running"):
            run_toy(database)
    finally:
        server.start()
    before = read_trials(database, FINISHED)
    assert [len(trials) for trials in before.values()] == [2, 2]
    run_toy(database, trials=4)
    after = read_trials(database, FINISHED)
    assert {member: trials[:2] for member, trials in after.items()} == before
    assert [len(trials) for trials in after.values()] == [4, 4]


def test_an_interrupt_says_that_finished_trials_are_saved(new_database: NewDatabase) -> None:
    database = make_database(new_database())

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interruption:
        run_toy(database, before_scores=interrupt)
    (note,) = interruption.value.__notes__
    assert note == f"finished trials are saved in {database.address}"
