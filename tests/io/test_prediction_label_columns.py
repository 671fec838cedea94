"""Columns of the label table for recordings to predict: read without classes, from wherever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdmr_classic.config import DataSettings, LabelColumns, Settings
from pdmr_classic.io.prediction_inputs import PredictionInputs, read_prediction_inputs
from pdmr_classic.progress import CollectingReporter

NEEDS = LabelColumns(required=("age", "gender"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test/audio").mkdir(parents=True)
    for data_id in ("001", "002"):
        (tmp_path / f"test/audio/{data_id}.csv").write_text("0.1,0.2\n")
    return tmp_path


def read(
    folder: Path, needs: LabelColumns = NEEDS, settings: DataSettings | None = None, ids: Path | None = None
) -> tuple[PredictionInputs, list[str]]:
    reporter = CollectingReporter()
    inputs = read_prediction_inputs(folder, settings or DataSettings(), ids=ids, label_columns=needs, reporter=reporter)
    return inputs, [finding.code for finding in reporter.findings]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("place", ["test/labels.csv", "labels.csv"])
def test_only_the_needed_columns_are_read(folder: Path, place: str) -> None:
    # The status is not valid, and does not matter.
    write(folder / place, "data_id,status,Age,gender,PHQ8_Score\n001,maybe?,31,f,x\n002,,,m,\n")
    inputs, codes = read(folder)
    labels = inputs.selection.dataset.labels
    assert labels is not None
    assert labels.to_dict("list") == {"age": ["31", ""], "gender": ["f", "m"]}
    assert inputs.selection.dataset.status is None
    assert inputs.selection.dataset.groups is None
    assert codes == []


def test_a_model_without_needs_reads_no_table(folder: Path) -> None:
    write(folder / "test/labels.csv", "data_id\n001,too,many\n")
    inputs, codes = read(folder, LabelColumns())
    assert inputs.selection.dataset.labels is None
    assert codes == []


def test_without_a_table_there_are_no_columns(folder: Path) -> None:
    inputs, codes = read(folder)
    assert inputs.selection.dataset.labels is None
    assert codes == []


def test_a_table_that_cannot_be_read_is_told(folder: Path) -> None:
    write(folder / "test/labels.csv", "data_id,age\n001,1,2,3\n")
    inputs, codes = read(folder)
    assert inputs.selection.dataset.labels is None
    assert codes == ["labels-unread"]


def test_the_table_that_selects_recordings_also_has_their_columns(folder: Path) -> None:
    write(folder / "test/labels.csv", "data_id,age,gender\n001,1,f\n002,2,m\n")
    ids = write(folder / "mine.csv", "data_id,age\n002,55\n")
    labels = read(folder, ids=ids)[0].selection.dataset.labels
    assert labels is not None
    assert labels.to_dict("list") == {"age": ["55"]}
    ids = write(folder / "list.csv", "data_id,comment\n002,x\n")
    labels = read(folder, ids=ids)[0].selection.dataset.labels
    assert labels is not None
    assert labels.to_dict("list") == {"age": ["2"], "gender": ["m"]}


def test_subjects_are_read_only_if_they_are_needed(folder: Path) -> None:
    write(folder / "test/labels.csv", "data_id,person,session\n001,A,1\n002,A,2\n")
    needs = LabelColumns(optional=("baseline", "session"), needs_subjects=True)
    dataset = read(folder, needs, DataSettings(groups="person"))[0].selection.dataset
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["A", "A"]
    assert dataset.labels is not None
    assert dataset.labels.to_dict("list") == {"session": ["1", "2"]}
    # Subjects of training are named by a column that is not here.
    other = read(folder, NEEDS, DataSettings(groups="patient"))[0].selection.dataset
    assert other.groups is None


EVENTS = "data_id,subject_id,task,status\n001,A,read,maybe?\n002,A,talk,\n"


@pytest.fixture
def with_events(folder: Path) -> Path:
    """Return the folder with three recordings, and a table of the events of two of them, elsewhere."""
    write(folder / "test/audio/003.csv", "0.1,0.2\n")
    return write(folder / "mine.csv", EVENTS)


def read_events(folder: Path, ids: Path) -> tuple[PredictionInputs, list[str]]:
    settings = Settings().override({"data.events": "Task"})
    return read(folder, settings.label_columns, settings.data, ids)


def test_the_table_of_ids_tells_the_events(folder: Path, with_events: Path) -> None:
    inputs, codes = read_events(folder, with_events)
    (person,) = inputs.selection.dataset.recordings
    assert (person.data_id, [name for name, _ in person.events]) == ("A", ["read", "talk"])
    assert inputs.selection.missing == ()
    assert inputs.selection.dataset.status is None
    assert codes == []


def test_a_table_of_some_recordings_tells_events_and_covariates(folder: Path, with_events: Path) -> None:
    write(with_events, "data_id,subject_id,task,age\n001,A,read,31\n002,A,talk,31\n")
    settings = Settings().override({"data.events": "task", "data.covariates": ["age"]})
    inputs, codes = read(folder, settings.label_columns, settings.data, with_events)
    assert inputs.selection.dataset.labels is not None
    assert inputs.selection.dataset.labels["age"].to_dict() == {"A": "31"}
    assert codes == []


def test_subjects_in_the_names_need_no_column_of_that_table(folder: Path, with_events: Path) -> None:
    write(with_events, EVENTS.replace("subject_id", "sex"))
    settings = DataSettings(events="task", groups=r"re:^(\d\d)")
    inputs, _ = read(folder, LabelColumns(("task",), needs_subjects=True), settings, with_events)
    assert inputs.selection.dataset.data_ids == ["00"]


@pytest.mark.parametrize("text", ["data_id\n002\n", "A\n", "data_id,comment\n2,x\n"])
def test_ids_of_recordings_select_persons(folder: Path, with_events: Path, text: str) -> None:
    write(folder / "test/labels.csv", EVENTS + "003,B,read,\n")
    inputs, _ = read_events(folder, write(folder / "list.csv", text))
    assert inputs.selection.dataset.data_ids == ["A"]
    assert len(inputs.selection.dataset.singles) == 2
    assert len(inputs.dataset) == 2


def test_settings_say_which_columns_features_need() -> None:
    settings = Settings().override({"data.covariates": ["age"], "data.events": "re:^(a)_(b)$"})
    assert settings.label_columns == LabelColumns(required=("age",))
    settings = settings.override({"data.events": "question", "learning.suppress_identity": True})
    assert settings.label_columns == LabelColumns(("age", "question"), ("baseline", "session"), needs_subjects=True)
    assert settings.override({"data.baseline": "rest"}).label_columns.required == ("age", "question", "rest")
    assert not Settings().label_columns
