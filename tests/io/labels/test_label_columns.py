from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.labels.labels import read_labels, read_weights


def read(
    folder: Path, text: str, name: str = "table.csv", **settings: Any
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the columns of a table, and what is told about it."""
    (folder / name).write_text(text, encoding="utf-8")
    frame, findings = read_labels(folder / name, DataSettings(**settings))
    return frame.to_dict(), [finding.what for finding in findings]


@pytest.mark.parametrize(
    "name",
    ["Participant_ID", "participant_ID", "participant", "id", "ID", "video_id", "subject", "Data ID", "X.data_id"],
)
def test_known_id_columns_are_recognised_and_told(tmp_path: Path, name: str) -> None:
    columns, told = read(tmp_path, f"{name},status\n300,a\n301,b\n")
    assert columns["status"] == {"300": "a", "301": "b"}
    assert told[0] == f"column {name!r} is used as data_id"


@pytest.mark.parametrize(
    "name",
    [
        "PHQ8_Binary",
        "PHQ_Binary",
        "label",
        "labels",
        "Label",
        "class",
        "y",
        "depression",
        "diagnosis",
        "label2",
        "STATUS",
    ],
)
def test_known_label_columns_are_recognised_and_told(tmp_path: Path, name: str) -> None:
    columns, told = read(tmp_path, f"data_id,{name}\n300,a\n301,b\n")
    assert columns["status"] == {"300": "a", "301": "b"}
    assert told == [f"column {name!r} is used as status"]


def test_the_published_meaning_of_the_binary_phq_is_used_and_told(tmp_path: Path) -> None:
    text = "Participant_ID,PHQ8_Binary,PHQ8_Score,Gender\n300,0,2,1\n301,1.0,14,0\n302,-1,,0\n"
    columns, told = read(tmp_path, text)
    assert columns["status"] == {"300": "Normal", "301": "Depression", "302": ""}
    assert "PHQ8_Binary as published: 1 is Depression, 0 is Normal" in told


def test_other_columns_of_0_and_1_keep_their_values(tmp_path: Path) -> None:
    assert read(tmp_path, "data_id,label\n300,0\n301,1\n")[0]["status"] == {"300": "0", "301": "1"}


def test_a_column_status_comes_before_known_names(tmp_path: Path) -> None:
    columns, told = read(tmp_path, "data_id,status,label,PHQ8_Binary\n1,a,x,0\n")
    assert columns["status"] == {"1": "a"}
    assert told == []


@pytest.mark.parametrize(
    ("header", "option"),
    [
        ("data_id,label,class", "--label-column label"),
        ("video_id,recording_id,status", "--id-column video_id"),
        ("data_id,subject,participant", "--groups subject"),
    ],
)
def test_several_candidates_are_refused_with_the_option(tmp_path: Path, header: str, option: str) -> None:
    with pytest.raises(DataError, match="several columns") as raised:
        read(tmp_path, f"{header}\n1,2,3\n4,5,6\n")
    assert option in str(raised.value.finding.hint)


def test_candidates_with_the_same_cells_are_no_choice(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "audio_feature_path": f"a/1_{k}.npy", "video_feature_path": f"v/1_{k}.npy", "bin_category": k}
        for k in (0, 1)
    ]
    columns, told = read(tmp_path, json.dumps(rows), "table.json")
    assert columns["status"] == {"1_0": "0", "1_1": "1"}
    assert "without folders and suffix" in told[0]


def test_options_name_the_columns(tmp_path: Path) -> None:
    text = "data_id,code,status,group,site\n1,300,a,0,x\n2,301,b,1,y\n"
    columns, told = read(tmp_path, text, id_column="CODE", label_column="Group")
    assert columns["status"] == {"300": "0", "301": "1"}
    assert told == []


@pytest.mark.parametrize("settings", [{"id_column": "code"}, {"label_column": "code"}, {"cutoff": "code>=1"}])
def test_an_option_that_names_no_column_is_refused_with_the_columns(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(
        ConfigError, match=r"is not in the label table[^\0]*data_id, status[^\0]*'code'|status[^\0]*code"
    ):
        read(tmp_path, "data_id,status\n1,a\n", **settings)


@pytest.mark.parametrize("settings", [{"label_column": "PHQ8_Binary"}, {"cutoff": "PHQ8_Score>=10"}])
def test_a_test_split_may_lack_the_columns_of_the_classes(tmp_path: Path, settings: dict[str, str]) -> None:
    path = tmp_path / "test_split.csv"
    path.write_text("participant_ID,Gender\n300,1\n")
    frame, _ = read_labels(path, DataSettings(**settings), may_lack_columns=True)
    assert "status" not in frame


def test_participants_of_a_table_of_recordings_are_its_subjects(tmp_path: Path) -> None:
    columns, told = read(tmp_path, "data_id,status,Participant\na,x,300\nb,y,300\n")
    assert columns["subject_id"] == {"a": "300", "b": "300"}
    assert told == ["column 'Participant' is used as subject_id"]


def test_recordings_named_after_participants_are_one_person_each(tmp_path: Path) -> None:
    columns, told = read(tmp_path, "Participant_ID,status\n300,x\n301,y\n")
    assert columns["subject_id"] == {"300": "300", "301": "301"}
    assert "each row is another person" in told[-1]


def test_given_groups_leave_known_subject_columns_alone(tmp_path: Path) -> None:
    columns, _ = read(tmp_path, "data_id,status,subject,site\na,x,1,B\n", groups="site")
    assert "subject_id" not in columns


def test_several_rows_of_one_participant_are_a_conflict(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="recording '300' has conflicting labels"):
        read(tmp_path, "Participant_ID,session,status\n300,1,x\n300,2,x\n")


def test_weights_of_zero_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("data_id,status,w\n1,a,0\n2,b,0\n")
    with pytest.raises(DataError, match="the weights of all recordings are 0"):
        read_weights(read_labels(tmp_path / "labels.csv")[0], "w")
