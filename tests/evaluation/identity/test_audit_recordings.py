"""`audit` of data sets: halves, models from files, and bad input."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pdmr_classic import DepressionModel, Settings, load_dataset, make_synthetic
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.evaluation.identity._halves import cut_half
from pdmr_classic.evaluation.identity.audit import audit
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.audit_tables import audit_tables

QUICK = Settings().override(
    {
        **{"learning.learners": ("svm",), "learning.trials": 1, "learning.repeats": 1, "learning.folds": 2},
        "features.families": ("distribution", "quality", "audio_vector"),
    }
)


@pytest.fixture(scope="module")
def single_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve training subjects with one recording each."""
    folder = tmp_path_factory.mktemp("single") / "set"
    make_synthetic(folder, subjects=18, segments=1, seconds=(3, 4))
    return folder


def test_halves_of_a_stream_are_its_frames() -> None:
    stream = Stream(np.arange(5.0)[:, None], ("AU12_r",), np.arange(5) / 30, 30.0, np.ones(5, dtype=bool))
    halves = [cut_half(stream, second) for second in (False, True)]
    assert [half.values.ravel().tolist() for half in halves] == [[0.0, 1.0], [2.0, 3.0, 4.0]]
    assert [len(half.valid) for half in halves] == [2, 3]


def test_halves_serve_where_nobody_has_two_recordings_and_are_named(single_set: Path) -> None:
    result = audit(load_dataset(single_set, split="train"), settings=QUICK)
    assert result["unit"] == "halves"
    assert "two halves of one recording" in result["limits"][0]
    raw = result["representations"][0]
    assert raw["verification"]["auc"]["low"] > 0.5
    # The audio vector would be equal in both halves.
    assert raw["verification"]["attackers"].keys() <= {"cosine", "wccn", "plda", "boosting"}


def test_without_labels_only_raw_features_are_attacked(single_set: Path) -> None:
    data = replace(load_dataset(single_set, split="train"), labels=None, groups=None)
    result = audit(data, settings=QUICK, reporter=CollectingReporter())
    assert [part["name"] for part in result["representations"]] == ["raw features"]
    assert (result["model"], result["stored"]) == ("none", None)
    assert result["warnings"][0]["code"] == "no-model"


def test_audio_vectors_of_people_with_one_recording_cannot_be_halved(single_set: Path) -> None:
    data = load_dataset(single_set, split="train")
    data = replace(data, recordings=tuple(replace(recording, video=None) for recording in data.recordings))
    with pytest.raises(DataError, match="nobody has two recordings of one label, and there are no streams"):
        audit(data, settings=QUICK)


def test_persons_with_several_events_are_refused(single_set: Path) -> None:
    data = load_dataset(single_set, split="train")
    events = QUICK.override({"data.events": "session"})
    with pytest.raises(ConfigError, match="audit does not support persons with several events"):
        audit(data, settings=events)
    with pytest.raises(ConfigError, match="audit does not support persons with several events"):
        audit(replace(data, settings=events.data), settings=QUICK)


def test_training_recordings_of_a_model_are_not_attacked(small_set: Path, fitted_model: DepressionModel) -> None:
    train, test = (load_dataset(small_set, split=name) for name in ("train", "test"))
    result = audit(test, model=fitted_model, train=train)
    assert (result["n_subjects"], result["n_attacked_subjects"]) == (12, 4)
    assert result["membership"]["attacks"]["loss"]["value"] is not None
    with pytest.raises(DataError, match="too few people to attack"):
        audit(train, model=fitted_model)


def test_recordings_that_the_model_was_not_trained_on_are_no_members(
    small_set: Path, fitted_model: DepressionModel
) -> None:
    test = load_dataset(small_set, split="test")
    with pytest.raises(DataError, match="too few people to attack") as error:
        audit(test.subset(test.groups == test.groups.iloc[0]), model=fitted_model)
    assert error.value.finding.found == "1"


def test_a_subject_id_that_is_also_in_training_is_told(small_set: Path, fitted_model: DepressionModel) -> None:
    train, test = (load_dataset(small_set, split=name) for name in ("train", "test"))
    assert test.groups is not None
    assert train.groups is not None
    groups = test.groups.copy()
    groups[groups == groups.iloc[0]] = train.groups.iloc[0]
    result = audit(replace(test, groups=groups), model=fitted_model, train=train)
    assert result["n_attacked_subjects"] == 3
    assert "shared-subjects" in {warning["code"] for warning in result["warnings"]}


def test_the_table_has_80_columns_and_no_names(small_set: Path, fitted_model: DepressionModel) -> None:
    train, test = (load_dataset(small_set, split=name) for name in ("train", "test"))
    result = audit(test, model=fitted_model, train=train)
    console = Console(width=80, file=io.StringIO())
    console.print(audit_tables(result))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 80
    for part in ("identity in", "membership by loss", "What this audit cannot tell"):
        assert part in text
    assert test.groups is not None
    assert not any(name in text for name in test.groups)


def test_bad_options_are_refused(small_set: Path) -> None:
    data = load_dataset(small_set, split="train")
    with pytest.raises(ConfigError, match="--attribute names a column that is not in the label table"):
        audit(data, attributes=["nosuch"], settings=QUICK)
    with pytest.raises(ConfigError, match="trains models of classes only"):
        audit(data, settings=QUICK.override({"data.target": "severity"}))
    with pytest.raises(ConfigError, match="does not infer subjects"):
        audit(replace(data, groups_source="infer"), settings=QUICK)
    one = replace(data, groups=pd.Series("S1", pd.Index(data.data_ids, name="data_id")))
    with pytest.raises(DataError, match="too few people to attack"):
        audit(one, settings=QUICK)


def test_real_gaze_streams_are_audited(real_data: Path) -> None:
    data = load_dataset(real_data / "badrobots-gaze", split="train")
    result = audit(data, settings=QUICK.override({"data.positive": "Reaction"}))
    raw = result["representations"][0]["verification"]["auc"]
    assert 0.5 < raw["value"] < 0.95
