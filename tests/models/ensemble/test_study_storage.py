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
from pdmr_classic.models.ensemble import tuning
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.models.ensemble.study_storage import open_studies
from pdmr_classic.models.ensemble.tuning import tune
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.progress import LogReporter

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


def chosen(model: DepressionModel) -> list[dict[str, object]]:
    return [dict(member.params) for member in model.stacker_.members_]


def test_a_fit_that_was_ended_goes_on_and_chooses_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, subjects = table()
    whole = DepressionModel(SMALL).fit(features, labels, subjects)
    journal = tmp_path / "model.studies"
    rounds = []
    one_round = tuning.run_round

    def ending(*arguments: object) -> None:
        if len(rounds) == 2:
            raise KeyboardInterrupt
        rounds.append(1)
        one_round(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "run_round", ending)
        with pytest.raises(KeyboardInterrupt):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    assert journal.is_file()
    with journal.open("ab") as file:
        file.write(b'{"a torn line')
    counted = []
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "run_round", lambda *a: counted.append(1) or one_round(*a))
        again = DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    assert len(counted) == 2, "two of four rounds were done"
    assert chosen(again) == chosen(whole)
    assert again.oof_.equals(whole.oof_)
    assert list(tmp_path.iterdir()) == [journal], "kept until the model is saved, without a lock"


def test_studies_of_other_data_or_settings_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels, subjects = table()
    journal = tmp_path / "model.studies"
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "run_round", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    for settings, data in ((SMALL.override({"learning.seed": 1}), features), (SMALL, features + 1)):
        with pytest.raises(ConfigError, match="different data or settings"):
            DepressionModel(settings).fit(data, labels, subjects, studies=journal)
    longer = SMALL.override({"learning.trials": 5})
    DepressionModel(longer).fit(features, labels, subjects, studies=journal)


# ----------------------------------------------------------------------------------------- wherever it is cut


def tuned(journal: Path | None) -> tuple[list[object], int]:
    """Tune two members; return what they chose after which finished trials, and how many trials were begun."""
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(20), 2)
    problem = make_fold_data(
        rng.normal(size=(40, 3)),
        [f"video__c{k}__mean" for k in range(3)],
        subjects % 2,
        subjects,
        n_folds=5,
        repeats=2,
        seed=0,
    )
    members = default_members(problem.views, ["lightgbm", "svm"])
    begun = []
    with pytest.MonkeyPatch.context() as patch, open_studies(journal, "fingerprint") as storage:
        ask = tuning.MemberStudy.ask
        patch.setattr(tuning.MemberStudy, "ask", lambda study: (begun.append(study), ask(study))[1])
        patch.setattr(tuning, "compute_fold_scores", free_scores)
        patch.setattr(tuning, "compute_fold_losses", lambda folds, found, data: [scores[0, 0] for scores in found])
        learning = LearningSettings(trials=8)
        found = tune(members, problem.view_data, learning, jobs=1, reporter=LogReporter(), storage=storage)
        finished = [
            [
                (trial.params, trial.state, trial.value)
                for trial in storage.open(member.name).get_trials(states=FINISHED)
            ]
            for member in members
        ]
    return [[dict(one.member.params) for one in found], finished if journal else None], len(begun)


def free_scores(members: list[Member], data: object, seed: int, parallel: object, folds: range) -> list[object]:
    """Return scores that depend on the parameters and cost nothing: some trials are pruned, some are not."""
    seeds = [int.from_bytes(repr(sorted(member.params.items())).encode()[-8:], "little") for member in members]
    centres = [np.random.default_rng(seed).uniform(0.2, 1) for seed in seeds]
    return [
        [np.full((1, 1), centre + np.random.default_rng(fold).uniform(0, 0.1)) for fold in folds] for centre in centres
    ]


def states(journal: Path) -> Counter[str]:
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return Counter(
        trial.state.name
        for study in storage.get_all_studies()
        for trial in storage.get_all_trials(study._study_id, deepcopy=False)
    )


def test_studies_that_are_cut_anywhere_go_on_lose_only_what_was_running_and_choose_the_same(tmp_path: Path) -> None:
    whole, journal = tmp_path / "whole", tmp_path / "model.studies"
    chosen, begun = tuned(whole)
    assert begun == 16
    assert states(whole)["PRUNED"] > 0
    assert tuned(None)[0][0] == chosen[0]
    lines = whole.read_bytes().splitlines(keepends=True)
    rng = np.random.default_rng(0)
    seen: Counter[str] = Counter()
    for n_lines in np.unique(np.concatenate([np.arange(8), rng.integers(8, len(lines), 12)])):
        kept = b"".join(lines[:n_lines])
        journal.write_bytes(kept)
        found = states(journal)
        seen += found
        torn = lines[n_lines][: rng.integers(len(lines[n_lines]))]
        journal.write_bytes(kept + torn)
        assert tuned(journal) == (chosen, begun - found["COMPLETE"] - found["PRUNED"]), f"cut in line {n_lines}"
    assert {"RUNNING", "WAITING", "COMPLETE", "PRUNED"} <= set(seen), "the cuts fell on all of them"


@pytest.mark.parametrize("text", ["my notes\n", "[]\n", '{"op_code": 99}\n', "\0\0\0\n", '{"op_code": 4}\n{}\n'])
def test_a_file_that_holds_no_studies_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "model.studies"
    journal.write_text(text)
    with pytest.raises(ConfigError, match=r"holds no studies[^\0]*delete the file"):
        tuned(journal)
    assert journal.read_text() == text
