"""Recordings of several events, grouped by person."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from event_files import PATTERN, make_event_set

from pdmr_classic.config import DataSettings, Settings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.models.targets import select_targets


def write_set(folder: Path, ids: list[str], table: dict[str, list[str]] | None = None) -> Path:
    (folder / "audio").mkdir(parents=True)
    for number, name in enumerate(ids):
        (folder / "audio" / f"{name}.csv").write_text(f"0.1,0.2,{number}.5\n")
    if table is not None:
        pd.DataFrame(table).to_csv(folder / "labels.csv", index=False)
    return folder


def load(folder: Path, events: str = PATTERN, **settings: str) -> Dataset:
    return load_dataset(folder, settings=DataSettings(events=events, **settings))


IDS = ["1_E1", "1_E2", "2_E1", "2_E10", "3_E2"]
LABELS = {"data_id": IDS, "status": ["N", "N", "D", "D", "D"], "age": ["30", "30", "40", "40", "50"]}


def test_recordings_of_a_person_become_one_row(tmp_path: Path) -> None:
    data = load(write_set(tmp_path, IDS, LABELS))
    assert data.data_ids == ["1", "2", "3"]
    assert [name for name, _ in data.recordings[1].events] == ["E1", "E10"]
    assert [single.data_id for single in data.singles] == IDS
    assert data.owners.to_dict() == dict(zip(IDS, "11223", strict=True))
    assert data.status.tolist() == ["N", "D", "D"]
    assert data.labels["age"].tolist() == ["30", "40", "50"]
    assert data.groups.tolist() == ["1", "2", "3"]
    assert not data.lacks_subject_ids
    assert data.recordings[0].files[1][1].name == "1_E2.csv"
    finding = next(finding for finding in data.findings if finding.code == "events")
    assert finding.what == "5 recordings of 3 persons: one row per person; 3 persons lack an event"
    assert "E1, E2, E10" in finding.found


def test_the_label_table_can_have_a_row_per_person(tmp_path: Path) -> None:
    data = load(write_set(tmp_path, IDS, {"data_id": ["1", "2"], "status": ["N", "D"]}))
    assert data.status.to_dict() == {"1": "N", "2": "D", "3": ""}
    assert data.select_labelled().data_ids == ["1", "2"]


def test_named_groups_can_be_in_any_order(tmp_path: Path) -> None:
    data = load(write_set(tmp_path, ["Q1-7", "Q2-7"]), r"re:^(?P<event>Q\d+)-(?P<person>\d+)$")
    assert data.data_ids == ["7"]


@pytest.mark.parametrize("pattern", [r"re:^(E\d+)_(?P<person>\d+)$", r"re:^(?P<event>E\d+)_(\d+)$"])
def test_one_named_group_leaves_the_rest_to_the_other(tmp_path: Path, pattern: str) -> None:
    data = load(write_set(tmp_path, ["E1_7", "E2_7"]), pattern)
    assert [(r.data_id, [name for name, _ in r.events]) for r in data.recordings] == [("7", ["E1", "E2"])]


def test_a_pattern_is_printed_as_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        load(write_set(tmp_path, ["1_E1"]), r"re:^(\d+)_(Q\d+)$")
    assert r"matched by ^(\d+)_(Q\d+)$" in str(raised.value)


def test_a_column_names_the_event_and_the_subject_is_the_person(tmp_path: Path) -> None:
    table = {
        "data_id": ["x", "y", "z"],
        "status": ["N", "N", "D"],
        "subject_id": ["S1", "S1", "S2"],
        "Task": ["read", "talk", "read"],
        "room": ["a", "b", "a"],
    }
    folder = write_set(tmp_path, ["x", "y", "z"], table)
    data = load(folder, "task")
    assert [(r.data_id, [name for name, _ in r.events]) for r in data.recordings] == [
        ("S1", ["read", "talk"]),
        ("S2", ["read"]),
    ]
    differ = next(finding for finding in data.findings if finding.code == "events-differ")
    assert differ.found == "room"
    assert data.labels["room"].tolist() == ["", "a"]
    # Recordings to predict: events and subjects are read, the status is not.
    unlabelled = load_dataset(folder, use_labels=False, settings=DataSettings(events="Task"))
    assert unlabelled.data_ids == ["S1", "S2"]
    assert unlabelled.status is None


@pytest.mark.parametrize(
    ("ids", "pattern", "message"),
    [
        (["1_E1", "1_E2"], r"re:^(\d+)_(Q\d+)$", "does not match 2 of 2 data_ids"),
        (["1_E1", "other"], PATTERN, "does not match 1 of 2 data_ids"),
        (["1_E1a", "1_E1b"], r"re:^(\d+)_(E\d+)", "1 event has several recordings of the same person"),
        (["1_E1", "1_mean"], r"re:^(\d+)_(\w+)$", "a name that cannot be part of a feature name"),
        (["1_a", "1_b", "1_b-a"], r"re:^(\d+)_(.+)$", "a name that cannot be part of a feature name"),
    ],
)
def test_recordings_without_a_clear_event_are_refused(
    tmp_path: Path, ids: list[str], pattern: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(write_set(tmp_path, ids), pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"re:^(\d+)_E\d+$", "must have two groups"),
        (r"re:^((\d+)_(E\d+)$", "not a valid regular expression"),
        (r"re:^(?P<subject>\d+)_(E\d+)$", "a group with another name than person and event"),
        ("task", "names a column that is not in the label table"),
    ],
)
def test_options_that_name_no_event_are_refused(tmp_path: Path, pattern: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(write_set(tmp_path, IDS, LABELS), pattern)


def test_a_column_without_subjects_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs the subject of each recording"):
        load(write_set(tmp_path, IDS, LABELS), "age")


def test_without_a_table_a_column_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no table that tells the events"):
        load(write_set(tmp_path, IDS), "task")


@pytest.mark.parametrize("column", ["status", "split", "severity"])
def test_contradictory_labels_of_a_person_are_refused(tmp_path: Path, column: str) -> None:
    table = {**LABELS, "severity": ["1"] * 5, "split": ["train"] * 5}
    table[column] = [("D", "test", "2")[("status", "split", "severity").index(column)], *table[column][1:]]
    with pytest.raises(DataError, match="the recordings of 1 person contradict one another"):
        load_dataset(
            write_set(tmp_path, IDS, table), all_splits=True, settings=DataSettings(events=PATTERN, target="both")
        )


def test_a_labelled_recording_without_an_event_is_refused_and_others_are_ignored(tmp_path: Path) -> None:
    table = {"data_id": ["x", "y", "z"], "status": ["N", "N", ""], "subject_id": ["S1", "S1", "S2"]}
    with pytest.raises(DataError, match="1 labelled recording has no person or event"):
        load(write_set(tmp_path / "a", ["x", "y", "z"], {**table, "task": ["a", "", ""]}), "task")
    data = load(write_set(tmp_path / "b", ["x", "y", "z"], {**table, "task": ["a", "b", ""]}), "task")
    assert data.data_ids == ["S1"]
    assert "no-event" in {finding.code for finding in data.findings}


def test_one_event_for_everyone_is_nothing_to_learn_from(tmp_path: Path) -> None:
    ids = [f"{number}_E1" for number in range(8)]
    data = load(write_set(tmp_path, ids, {"data_id": ids, "status": ["N", "D"] * 4}))
    assert len(data) == 8  # such persons can be predicted
    with pytest.raises(DataError, match="every person has one event only"):
        select_targets(data, Settings())


def test_suppression_of_habits_is_refused_because_persons_are_one_row(tmp_path: Path) -> None:
    data = load(write_set(tmp_path, IDS, LABELS))
    with pytest.raises(ConfigError, match="with --events each person is one row"):
        select_targets(data, Settings().override({"learning.suppress_identity": True}))


def test_rows_per_person_and_per_recording_give_the_same_persons(tmp_path: Path) -> None:
    one = load_dataset(make_event_set(tmp_path / "a", 12, 2), split="train", settings=DataSettings(events=PATTERN))
    two = load_dataset(
        make_event_set(tmp_path / "b", 12, 2, per_person=True), split="train", settings=DataSettings(events=PATTERN)
    )
    pd.testing.assert_series_equal(one.status, two.status)
    assert one.data_ids == two.data_ids
