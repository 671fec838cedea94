from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.io.lock import locked
from pdmr_classic.models import tuning

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
    one_round = tuning.one_round

    def ending(*arguments: object) -> None:
        if len(rounds) == 2:
            raise KeyboardInterrupt
        rounds.append(1)
        one_round(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "one_round", ending)
        with pytest.raises(KeyboardInterrupt):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    assert journal.is_file()
    with journal.open("ab") as file:
        file.write(b'{"a torn line')
    counted = []
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "one_round", lambda *a: counted.append(1) or one_round(*a))
        again = DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    assert len(counted) == 2, "two of four rounds were done"
    assert chosen(again) == chosen(whole)
    assert again.oof_.equals(whole.oof_)
    assert list(tmp_path.iterdir()) == []


def test_studies_of_other_data_or_settings_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels, subjects = table()
    journal = tmp_path / "model.studies"
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "one_round", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            DepressionModel(SMALL).fit(features, labels, subjects, studies=journal)
    for settings, data in ((SMALL.override({"learning.seed": 1}), features), (SMALL, features + 1)):
        with pytest.raises(ConfigError, match="other data or settings"):
            DepressionModel(settings).fit(data, labels, subjects, studies=journal)
    longer = SMALL.override({"learning.trials": 5})
    DepressionModel(longer).fit(features, labels, subjects, studies=journal)


def test_a_second_run_on_the_same_target_is_refused_with_the_owners_number(tmp_path: Path) -> None:
    target = tmp_path / "model.studies"
    with locked(target), pytest.raises(TargetError, match=f"process {os.getpid()}"), locked(target):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    target = tmp_path / "model.studies"
    holding = "import sys, time; from pathlib import Path; from pdmr_classic.io.lock import locked\n"
    holding += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    owner = subprocess.Popen([sys.executable, "-c", holding, str(target)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"held\n"
    with pytest.raises(TargetError, match=f"process {owner.pid}"), locked(target):
        pass
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    time.sleep(0.1)
    with locked(target):
        pass
