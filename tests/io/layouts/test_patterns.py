from __future__ import annotations

import re
from pathlib import Path

import pytest
from layout_files import findings, relative, scan, whats, write_file

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.dataset import load_dataset, scan_dataset
from pdmr_classic.io.layouts._patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("{id}.csv", "a.b.csv", {"id": "a.b"}),
        ("{id}.csv", "sub/a.csv", None),
        ("{id}_P/features/{id}_x.csv", "300_P/features/300_x.csv", {"id": "300"}),
        ("{id}_P/features/{id}_x.csv", "300_P/features/301_x.csv", None),
        ("{subject}_{session}.csv", "S1_a_b.csv", {"subject": "S1", "session": "a_b"}),
        ("*/{id}-*.csv", "any/7-long.csv", {"id": "7"}),
        ("**/{id}.npy", "x/y/z.npy", {"id": "z"}),
        ("**/{id}.npy", "z.npy", {"id": "z"}),
        ("{id}(1)+.csv", "7(1)+.csv", {"id": "7"}),
        ("{id}.csv", ".csv", None),
    ],
)
def test_a_pattern_matches_the_whole_path(pattern: str, path: str, groups: dict[str, str] | None) -> None:
    match = compile_pattern(pattern, "--video-pattern").fullmatch(path)
    assert (match and match.groupdict()) == groups


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("video.csv", "has no {id}"),
        ("", "has no {id}"),
        ("{name}.csv", "has an unknown placeholder {name}"),
        ("{}.csv", "has an unknown placeholder {}"),
        ("{id.csv", "has a brace without its partner"),
        ("id}.csv", "has a brace without its partner"),
        ("/data/{id}.csv", "must be relative"),
        ("../{id}.csv", "must be relative"),
        ("C:/{id}.csv", "must be relative"),
        ("a\\{id}.csv", "must be relative"),
    ],
)
def test_a_bad_pattern_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--audio-pattern {problem}")):
        compile_pattern(pattern, "--audio-pattern")


def test_patterns_follow_links_to_folders_but_not_in_circles(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_file(tmp_path / "disk" / name / "face.csv")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "S1").symlink_to(tmp_path / "disk" / "1")
    (folder / "S2").symlink_to(tmp_path / "disk" / "2")
    (tmp_path / "disk" / "1" / "all").symlink_to(folder)
    (tmp_path / "disk" / "2" / "self").symlink_to(tmp_path / "disk" / "2")
    assert scan(folder, video_pattern="{id}/face.csv").data_ids == ["S1", "S2"]


def test_placeholders_give_ids_and_subjects(tmp_path: Path) -> None:
    pairs = [(subject, session) for subject in ("S1", "S2") for session in ("a", "b")]
    for subject, session in pairs:
        write_file(tmp_path / subject / session / "face.csv")
        write_file(tmp_path / "sound" / f"{subject}-{session}.npy")
    write_file(tmp_path / "labels.csv", "data_id,status\nS1_a,x\nS1_b,x\nS2_a,y\nS2_b,y\n")
    write_file(tmp_path / "S1" / "notes.md")
    data = scan(tmp_path, video_pattern="{subject}/{session}/face.csv", audio_pattern="sound/{subject}-{session}.npy")
    assert relative(data, "audio") == {f"{s}_{t}": f"sound/{s}-{t}.npy" for s, t in pairs}
    assert relative(data, "video")["S2_a"] == "S2/a/face.csv"
    assert data.groups is not None
    assert data.groups.tolist() == ["S1", "S1", "S2", "S2"]
    assert not data.lacks_subject_ids
    assert data.labels is not None
    assert data.labels["session"].tolist() == ["a", "b", "a", "b"]
    assert findings(data, "ignored-files")[0].found == "S1/notes.md"


def test_a_table_of_subjects_has_the_labels_of_their_recordings(tmp_path: Path) -> None:
    for name in ("S1/1.csv", "S1/2.csv", "S2/1.csv", "S3/1.csv"):
        write_file(tmp_path / name)
    write_file(tmp_path / "labels.csv", "Participant,status\nS1,x\nS2,y\n")
    data = scan(tmp_path, video_pattern="{subject}/{event}.csv")
    assert data.status is not None
    assert data.status.to_dict() == {"S1_1": "x", "S1_2": "x", "S2_1": "y", "S3_1": ""}
    assert data.groups is not None
    assert data.groups.loc[["S1_1", "S1_2", "S2_1"]].tolist() == ["S1", "S1", "S2"]
    assert whats(data, "labels-of-subjects") == ["the labels of a subject are used for all recordings"]


def test_a_pattern_is_suggested_if_the_labels_have_the_beginning_of_the_file_names(tmp_path: Path) -> None:
    for name in ("S1_openface.csv", "S1_egemaps.csv", "S2_openface.csv", "S2_egemaps.csv"):
        write_file(tmp_path / name)
    write_file(tmp_path / "labels.csv", "data_id,status\nS1,x\nS2,y\n")
    with pytest.raises(DataError, match="no data_id in the label table matches") as raised:
        load_dataset(tmp_path)
    assert raised.value.finding.hint == (
        "pass --video-pattern and --audio-pattern, such as '{id}_egemaps.csv' and '{id}_openface.csv'"
    )


def test_subjects_in_the_labels_come_first(tmp_path: Path) -> None:
    for name in ("S1/1.csv", "S2/2.csv"):
        write_file(tmp_path / name)
    write_file(tmp_path / "labels.csv", "data_id,status,subject_id\n1,x,P1\n2,y,P2\n")
    data = scan(tmp_path, video_pattern="{subject}/{id}.csv")
    assert data.groups is not None
    assert data.groups.tolist() == ["P1", "P2"]


def test_a_pattern_replaces_one_modality_of_a_pdmr_folder(tmp_path: Path) -> None:
    for name in ("video/1_a.csv", "video/1_b.csv", "audio/1.csv"):
        write_file(tmp_path / name)
    data = scan(tmp_path, video_pattern="video/{id}_b.csv")
    assert (relative(data, "video"), relative(data, "audio")) == ({"1": "video/1_b.csv"}, {"1": "audio/1.csv"})
    assert whats(data, "ignored-files") == ["1 file is not read (.csv)"]


def test_a_pattern_that_matches_two_files_of_a_recording_is_refused(tmp_path: Path) -> None:
    for name in ("a/1.csv", "b/1.csv"):
        write_file(tmp_path / name)
    _, errors = scan_dataset(tmp_path, settings=DataSettings(video_pattern="*/{id}.csv"))
    assert [error.code for error in errors] == ["ids-collide"]
    assert "write {event} instead" in str(errors[0].hint)


def test_a_pattern_that_matches_nothing_is_refused_with_the_files(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "1.csv")
    with pytest.raises(DataError, match="--video-pattern matches no recording") as raised:
        load_dataset(tmp_path, settings=DataSettings(video_pattern="{id}.csv"))
    assert raised.value.finding.found == "a/1.csv"


def test_patterns_that_give_different_ids_are_refused(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "1.csv")
    settings = DataSettings(video_pattern="{subject}/{session}.csv", audio_pattern="{subject}.npy")
    with pytest.raises(ConfigError, match="do not give the same ids"):
        load_dataset(tmp_path, settings=settings)


def test_a_table_of_labels_that_a_pattern_matches_is_no_recording(tmp_path: Path) -> None:
    write_file(tmp_path / "a" / "1.csv", "1,2\n")
    write_file(tmp_path / "a" / "train_split.csv", "Participant_ID,PHQ8_Binary\n1,0\n")
    data = scan(tmp_path, video_pattern="a/{id}.csv")
    assert data.data_ids == ["1"]
    assert findings(data, "label-table")[0].found == "a/train_split.csv"


def test_patterns_without_a_common_id_are_told(tmp_path: Path) -> None:
    for name in ("a/S1.csv", "b/x_S1.csv"):
        write_file(tmp_path / name)
    data = scan(tmp_path, video_pattern="a/{id}.csv", audio_pattern="b/{id}.csv")
    assert findings(data, "unpaired")[0].found == "video ids such as 'S1'; audio ids such as 'x_S1'"
