from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.config import LearningSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.models.ensemble import _member_study, _tuning, study_storage
from pdmr_classic.models.ensemble._tuning import tune
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.models.ensemble.study_storage import open_studies
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.models.learners.search_spaces import default_params
from pdmr_classic.progress import LogReporter
from pdmr_classic.storage import fingerprint

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
SMALL = Settings().override({"learning.learners": ("svm", "linear"), "learning.trials": 4, "learning.repeats": 1})


def table() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(20), 2)
    features = pd.DataFrame(rng.normal(size=(40, 5)), columns=[f"video__c{k}__mean" for k in range(5)])
    features.iloc[:, 0] += subjects % 2
    features.index = pd.Index([f"r{k:02d}" for k in range(40)], name="data_id")
    labels = pd.Series(np.where(subjects % 2, "Depression", "Normal"), index=features.index, dtype=object)
    return features, labels, pd.Series([f"S{k}" for k in subjects], index=features.index)


def read_params(model: DepressionModel) -> list[dict[str, object]]:
    return [dict(member.params) for member in model.stacker_.members_]


def test_an_interrupted_fit_is_resumed_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, subjects = table()
    uninterrupted = DepressionModel(SMALL).fit(features, labels, subjects)
    journal = tmp_path / "model.studies"
    rounds = []
    run_round = _tuning.run_round

    def interrupt(*arguments: object) -> None:
        if len(rounds) == 2:
            raise KeyboardInterrupt
        rounds.append(1)
        run_round(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(_tuning, "run_round", interrupt)
        with pytest.raises(KeyboardInterrupt):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    assert journal.is_file()
    with journal.open("ab") as file:
        file.write(b'{"a torn line')
    resumed_rounds = []
    with monkeypatch.context() as patch:
        patch.setattr(_tuning, "run_round", lambda *a: resumed_rounds.append(1) or run_round(*a))
        resumed = DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    assert len(resumed_rounds) == 2, "two of four rounds were finished before"
    assert read_params(resumed) == read_params(uninterrupted)
    assert resumed.oof_.equals(uninterrupted.oof_)
    assert list(tmp_path.iterdir()) == [journal], "stored until the model is saved, without a lock file"


def test_studies_of_another_search_space_are_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, subjects = table()
    journal = tmp_path / "model.studies"
    with monkeypatch.context() as patch:
        patch.setattr(_tuning, "run_round", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        patch.setattr(study_storage, "SPACES_VERSION", study_storage.SPACES_VERSION - 1)
        with pytest.raises(KeyboardInterrupt):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    with pytest.raises(ConfigError, match="studies of an unfinished fit with different data"):
        DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)


def test_studies_of_different_data_settings_or_libraries_are_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels, subjects = table()
    journal = tmp_path / "model.studies"
    with monkeypatch.context() as patch:
        patch.setattr(_tuning, "run_round", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    for settings, data in ((SMALL.override({"learning.seed": 1}), features), (SMALL, features + 1)):
        with pytest.raises(ConfigError, match="different data, settings or library versions"):
            DepressionModel(settings).fit(data, labels, subjects, studies=journal)
    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, "read_library_versions", lambda: {"optuna": "0.0"})
        with pytest.raises(ConfigError, match="different data, settings or library versions"):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    longer = SMALL.override({"learning.trials": 5})
    DepressionModel(longer).fit(features, labels, subjects, studies=journal)


def test_finished_trials_are_used_if_a_fit_is_resumed_with_one_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (expected, _), n_started = run_tuning(tmp_path / "complete")
    assert n_started == 16
    monkeypatch.setattr(_tuning, "run_round", lambda *_: pytest.fail("a trial was run"))
    (resumed, _), n_started = run_tuning(tmp_path / "complete", trials=1)
    assert n_started == 0
    assert resumed == expected
    assert resumed != [dict(default_params(name, has_audio=False)) for name in ("lightgbm", "svm")]


# ---------------------------------------------------------------------------- interruption at any point


def run_tuning(journal: Path | None, trials: int = 8) -> tuple[list[object], int]:
    """Tune two members; return their hyperparameters and finished trials, and the number of started trials."""
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(20), 2)
    fold_data = make_fold_data(
        rng.normal(size=(40, 3)),
        [f"video__c{k}__mean" for k in range(3)],
        subjects % 2,
        subjects,
        n_folds=5,
        repeats=2,
        seed=0,
    )
    members = default_members(fold_data.views, ["lightgbm", "svm"])
    started = []
    with pytest.MonkeyPatch.context() as patch, open_studies(journal, "fingerprint") as storage:
        ask = _tuning.MemberStudy.ask
        patch.setattr(_tuning.MemberStudy, "ask", lambda study: (started.append(study), ask(study))[1])
        patch.setattr(_tuning, "compute_fold_scores", make_scores)
        patch.setattr(
            _member_study,
            "compute_fold_losses",
            lambda folds, scores, data: [fold_scores[0, 0] for fold_scores in scores],
        )
        learning = LearningSettings(trials=trials)
        tuned = tune(members, fold_data.view_data, learning, jobs=1, reporter=LogReporter(), storage=storage)
        finished = [
            [
                (trial.params, trial.state, trial.value)
                for trial in storage.open(member.name).get_trials(states=FINISHED)
            ]
            for member in members
        ]
    return [[dict(member.params) for member in tuned], finished if journal else None], len(started)


def make_scores(members: list[Member], data: object, seed: int, parallel: object, folds: range) -> list[object]:
    """Return scores that depend only on the hyperparameters, without training; some trials are pruned."""
    seeds = [int.from_bytes(repr(sorted(member.params.items())).encode()[-8:], "little") for member in members]
    centres = [np.random.default_rng(seed).uniform(0.2, 1) for seed in seeds]
    return [
        [np.full((1, 1), centre + np.random.default_rng(fold).uniform(0, 0.1)) for fold in folds] for centre in centres
    ]


def count_states(journal: Path) -> Counter[str]:
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return Counter(
        trial.state.name
        for study in storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id, deepcopy=False)
    )


def test_studies_interrupted_at_any_point_lose_only_running_trials_and_have_the_same_result(tmp_path: Path) -> None:
    complete, journal = tmp_path / "complete", tmp_path / "model.studies"
    expected, n_started = run_tuning(complete)
    assert n_started == 16
    assert count_states(complete)["PRUNED"] > 0
    assert run_tuning(None)[0][0] == expected[0]
    lines = complete.read_bytes().splitlines(keepends=True)
    rng = np.random.default_rng(0)
    all_states: Counter[str] = Counter()
    for n_lines in np.unique(np.concatenate([np.arange(8), rng.integers(8, len(lines), 12)])):
        content = b"".join(lines[:n_lines])
        journal.write_bytes(content)
        counts = count_states(journal)
        all_states += counts
        torn_line = lines[n_lines][: rng.integers(len(lines[n_lines]))]
        journal.write_bytes(content + torn_line)
        n_finished = counts["COMPLETE"] + counts["PRUNED"]
        assert run_tuning(journal) == (expected, n_started - n_finished), f"interrupted in line {n_lines}"
    assert {"RUNNING", "WAITING", "COMPLETE", "PRUNED"} <= set(all_states), "all states were interrupted"


@pytest.mark.parametrize("text", ["my notes\n", "[]\n", '{"op_code": 99}\n', "\0\0\0\n", '{"op_code": 4}\n{}\n'])
def test_a_file_without_studies_raises_an_error_and_is_not_changed(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "model.studies"
    journal.write_text(text)
    with pytest.raises(ConfigError, match=r"does not contain studies[^\0]*delete the file"):
        run_tuning(journal)
    assert journal.read_text() == text
