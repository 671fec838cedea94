from __future__ import annotations

import os
from pathlib import Path

import pytest
from layout_files import findings, relative, scan, whats, write_file

from pdmr_classic.errors import DataError
from pdmr_classic.io.dataset import load_dataset, scan_dataset

ROWS = "frame,timestamp,confidence,success,AU12_r\n1,0,1,1,2\n2,0.03,1,1,2\n"


def test_files_beside_each_other_are_told_apart_by_suffix(tmp_path: Path) -> None:
    for name in ("001_video.csv", "001_audio.csv", "002_video.csv", "other.csv", "clip.mp4"):
        write_file(tmp_path / name, ROWS)
    data = scan(tmp_path)
    assert relative(data, "video") == {"001": "001_video.csv", "002": "002_video.csv"}
    assert relative(data, "audio") == {"001": "001_audio.csv", "002": None}
    assert whats(data, "layout")[0].startswith("read as flat")
    assert [finding.found for finding in findings(data, "ignored-files")] == ["other.csv", "clip.mp4"]


@pytest.mark.parametrize(("prefix", "aus"), [("", "aus"), ("CLNF_", "AUs")])
def test_clnf_files_in_one_folder_are_joined(tmp_path: Path, prefix: str, aus: str) -> None:
    for pid in (1001, 1002):
        for name in (f"{aus}.txt", "gaze.txt", "pose.txt", "features.txt"):
            write_file(tmp_path / f"{pid}_{prefix}{name}")
        write_file(tmp_path / f"{pid}_covarep.csv")
    data = scan(tmp_path)
    assert relative(data, "video") == {pid: f"{pid}_{prefix}{aus}.txt" for pid in ("1001", "1002")}
    assert [len(recording.video_parts) for recording in data.recordings] == [3, 3]
    assert relative(data, "audio")["1001"] == "1001_covarep.csv"


def test_one_folder_may_have_split_tables(tmp_path: Path) -> None:
    for pid in (300, 301):
        write_file(tmp_path / f"{pid}_OpenFace2.1.0_Pose_gaze_AUs.csv")
    write_file(tmp_path / "train_split.csv", "Participant_ID,PHQ_Binary\n300,1\n")
    write_file(tmp_path / "test_split.csv", "Participant_ID,PHQ_Binary\n301,0\n")
    data = scan(tmp_path, "train")
    assert (data.data_ids, scan(tmp_path, "test").data_ids) == (["300"], ["301"])
    assert data.status is not None
    assert data.status.tolist() == ["Depression"]


def test_plain_names_in_one_folder_may_have_split_tables(tmp_path: Path) -> None:
    for pid in (300, 301):
        write_file(tmp_path / f"{pid}.csv", ROWS)
    write_file(tmp_path / "train_split.csv", "Participant_ID,PHQ_Binary\n300,1\n")
    write_file(tmp_path / "test_split.csv", "Participant_ID,PHQ_Binary\n301,0\n")
    assert (scan(tmp_path, "train").data_ids, scan(tmp_path, "test").data_ids) == (["300"], ["301"])


def test_the_id_in_nested_folders_joins_the_path(tmp_path: Path) -> None:
    for subject in ("S01", "S02"):
        for clip in ("clip3.csv", "clip4.csv.gz"):
            write_file(tmp_path / subject / "session2" / clip)
    data = scan(tmp_path)
    assert data.data_ids == [f"{s}_session2_{c}" for s in ("S01", "S02") for c in ("clip3", "clip4")]
    assert relative(data, "video")["S01_session2_clip4"] == "S01/session2/clip4.csv.gz"
    assert data.groups is None
    assert "_ between folders" in whats(data, "layout")[0]


def test_folders_of_modalities_are_no_part_of_the_id(tmp_path: Path) -> None:
    for name in ("S01/video/1.csv", "S01/audio/1.npy", "S02/video/1.csv"):
        write_file(tmp_path / name)
    data = scan(tmp_path)
    assert relative(data, "video") == {"S01_1": "S01/video/1.csv", "S02_1": "S02/video/1.csv"}
    assert relative(data, "audio") == {"S01_1": "S01/audio/1.npy", "S02_1": None}


def test_folders_of_different_depth_are_only_read_if_asked_for(tmp_path: Path) -> None:
    for name in ("S01/1.csv", "S01/more/2.csv"):
        write_file(tmp_path / name)
    with pytest.raises(DataError, match="there are no recordings in this folder") as raised:
        load_dataset(tmp_path)
    assert "--layout" in str(raised.value.finding.hint)
    assert scan(tmp_path, layout="flat").data_ids == ["S01_1", "S01_more_2"]


def test_paths_that_give_the_same_id_are_refused(tmp_path: Path) -> None:
    for name in ("a/b_c.csv", "a_b/c.csv"):
        write_file(tmp_path / name)
    _, (error,) = scan_dataset(tmp_path)
    assert error.code == "ids-collide"


# --------------------------------------------------------------------------------------- nothing in silence


def test_files_of_every_type_are_recordings_and_the_rest_is_told(tmp_path: Path) -> None:
    names = ("a.csv", "b.txt", "c.tsv", "d.npy", "e.csv.gz", "f.parquet", "g.npz")
    for name in (*names, "h.mp4", "i.xlsx", "README.txt", ".DS_Store", "Thumbs.db"):
        write_file(tmp_path / "video" / name)
    write_file(tmp_path / "video" / "sub" / "z.csv")
    write_file(tmp_path / "visual" / "a.csv")
    data = scan(tmp_path)
    assert relative(data, "video") == {name[0]: f"video/{name}" for name in names}
    assert [(finding.what, finding.found) for finding in findings(data, "ignored-files")] == [
        ("1 file is not read (.mp4)", "h.mp4"),
        ("1 file is not read (.txt)", "README.txt"),
        ("1 file is not read (.xlsx)", "i.xlsx"),
        ("1 folder is not read", "sub"),
    ]
    assert [finding.file for finding in findings(data, "view")] == [tmp_path / "visual"]


def test_the_same_name_with_two_suffixes_is_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "a.npy"):
        write_file(tmp_path / "audio" / name)
    with pytest.raises(DataError, match="differ only in their suffix"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train_split.csv", "Participant_ID,PHQ8_Binary\n1,0\n2,1\n"),
        ("labels_final.csv", "id;label\n1;0\n2;1\n"),
        ("PHQ.tsv", "Participant_ID\tPHQ8_Score\n1\t4\n2\t14\n"),
        ("model.groups.csv", "data_id,subject_id\n1,a\n2,a\n"),
        ("participants.csv", " participant_ID, Gender\n 1, 0\n 2, 1\n"),
        ("meta.csv", "\ufeffdata_id,status\n1,x\n"),
    ],
)
def test_tables_of_recordings_are_not_recordings(tmp_path: Path, name: str, text: str) -> None:
    for data_id in ("1", "2"):
        write_file(tmp_path / "video" / f"{data_id}.csv", ROWS)
    write_file(tmp_path / "video" / name, text)
    data = scan(tmp_path)
    assert data.data_ids == ["1", "2"]
    assert findings(data, "label-table")[0].found == name


def test_tables_of_folds_are_not_recordings(tmp_path: Path) -> None:
    write_file(tmp_path / "1.csv", ROWS)
    for fold in range(5):
        write_file(tmp_path / f"fold{fold}.csv", "id,label\n1,0\n2,1\n")
    assert scan(tmp_path).data_ids == ["1"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("label_in_stream.csv", "frame,timestamp,label,AU12_r\n1,0,1,2\n2,0.03,1,2\n"),
        ("labels_video.csv", "0.1,0.2\n0.3,0.4\n"),
        ("subject_7.csv", "subject,AU12_r,label\n7,1,0\n7,2,0\n"),
        ("empty.csv", ""),
        ("functionals.csv", "name;F0_mean\nclip;3\n"),
    ],
)
def test_recordings_are_not_taken_for_tables(tmp_path: Path, name: str, text: str) -> None:
    write_file(tmp_path / "video" / name, text)
    assert scan(tmp_path).data_ids == [Path(name).stem]


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    os.mkfifo(tmp_path / "video" / "a.csv")
    assert scan(tmp_path).data_ids == ["a"]


# ------------------------------------------------------------------------------------------- column split


def write_set(folder: Path, splits: list[str]) -> Path:
    rows = []
    for place, split in enumerate(splits):
        write_file(folder / "video" / f"{place}.csv")
        rows.append(f"{place},{'ab'[place % 2]},S{place},{split}")
    write_file(folder / "labels.csv", "\n".join(["data_id,status,subject_id,split", *rows]))
    return folder


def test_a_column_split_with_train_is_an_official_split(tmp_path: Path) -> None:
    write_set(tmp_path, ["Training", "train", "val", "test"])
    data = scan(tmp_path, "train")
    assert data.data_ids == ["0", "1"]
    assert findings(data, "split")[0].found == "train: 2, dev: 1, test: 1"
    assert scan(tmp_path, "test", use_labels=False).data_ids == ["3"]
    everything = scan(tmp_path, "train", all_splits=True)
    assert everything.labels is not None
    assert everything.labels["split"].tolist() == ["train", "train", "dev", "test"]


def test_a_column_split_selects_nothing_unless_a_split_is_asked_for(tmp_path: Path) -> None:
    data = load_dataset(write_set(tmp_path, ["train", "train", "dev", "test"]))
    assert len(data) == 4
    assert data.select_training_split().data_ids == ["0", "1"]


@pytest.mark.parametrize("splits", [["a", "b", "c"], ["train", "train", "train"], ["dev", "test", "test"]])
def test_other_columns_split_select_nothing(tmp_path: Path, splits: list[str]) -> None:
    write_set(tmp_path, splits)
    assert len(scan(tmp_path, "train")) == len(scan(tmp_path, "test", use_labels=False)) == 3
    assert len(load_dataset(tmp_path).select_training_split()) == 3


def test_a_split_that_no_recording_is_in_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, ["train", "train", "dev"])
    with pytest.raises(DataError, match="no recording is in the split 'test'") as raised:
        load_dataset(tmp_path, split="test", use_labels=False)
    assert raised.value.finding.found == "train: 2, dev: 1"


def test_a_root_may_have_a_dev_folder(tmp_path: Path) -> None:
    for name in ("train", "val", "test"):
        write_set(tmp_path / name, [""])
    assert load_dataset(tmp_path, split="dev").folder == tmp_path / "val"
