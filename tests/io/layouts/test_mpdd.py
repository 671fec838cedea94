from __future__ import annotations

import json
from pathlib import Path

import pytest
from layout_files import findings, relative, scan, whats, write_file

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.io.score_selection import select_scores
from pdmr_classic.io.split_folders import find_splits

EVENTS = {
    "nested": ("{0}/event_{1}/event_{1}_all.npy", "{0}/E{1}.npy"),
    "files": ("{0}/event_{1}.npy", "{0}/E{1}.npy"),
    "elder": ("{0}/V_{1}.npy", "{0}/A_{1}.npy"),
}


def write_2026(root: Path, form: str = "nested", inner: str = "") -> Path:
    video, audio = EVENTS[form]
    for person in (1, 2, 10):
        for event in (1, 2):
            for feature in ("openface", "resnet"):
                write_file(root / "Video" / inner / feature / video.format(person, event))
            for feature in ("mfcc64", "opensmile", "wav2vec"):
                write_file(root / "Audio" / inner / feature / audio.format(person, event))
        write_file(root / "IMU-Young" / f"{person}.npy")
    write_file(root / "descriptions_embeddings_with_ids.npy")
    labels = "ID,split,label2,label3,PHQ-9\n1,train,0,0,2\n2,train,1,2,15\n10,test,1,1,11\n99,train,0,0,1\n"
    write_file(root / "split_labels_train.csv", labels)
    return root


@pytest.mark.parametrize("inner", ["", "train"])
@pytest.mark.parametrize("form", EVENTS)
def test_each_person_and_event_is_a_recording(tmp_path: Path, form: str, inner: str) -> None:
    data = scan(write_2026(tmp_path, form, inner), "train", map="0=Normal,1=Depression")
    people = ["1", "2", "10"] if inner else ["1", "2"]  # the folder train/ says the split, not the table
    ids = sorted(f"{person}_E{event}" for person in people for event in (1, 2))
    assert data.data_ids == ids
    assert all("openface" in str(path) for path in relative(data, "video").values())
    assert all("wav2vec" in str(path) for path in relative(data, "audio").values())
    assert data.groups is not None
    assert data.groups["2_E1"] == data.groups["2_E2"] == "2"
    assert data.status is not None
    assert data.status["2_E2"] == "Depression"


def test_the_table_of_persons_tells_the_splits(tmp_path: Path) -> None:
    write_2026(tmp_path)
    assert [source.name for source in find_splits(tmp_path)] == ["train", "test"]
    assert scan(tmp_path, "test", use_labels=False).data_ids == ["10_E1", "10_E2"]
    data = scan(tmp_path, "train", label_column="label3", map="0=none,1=mild,2=severe")
    assert data.status is not None
    assert data.status["2_E1"] == "severe"


def test_the_tracks_below_a_folder_are_suggested(tmp_path: Path) -> None:
    for track, form in (("Elder", "elder"), ("Young", "nested")):
        write_2026(tmp_path / "trainval" / track, form)
    for folder, names in ((tmp_path, "trainval/Elder, trainval/Young"), (tmp_path / "trainval", "Elder, Young")):
        with pytest.raises(DataError, match="there are no recordings in this folder") as raised:
            load_dataset(folder)
        assert raised.value.finding.hint == f"pass one of the data sets in it: {names}"


def test_what_is_not_read_is_told_by_kind(tmp_path: Path) -> None:
    data = scan(write_2026(tmp_path), "train", map="0=Normal,1=Depression")
    assert set(whats(data, "ignored-files")) == {
        "6 files are not read: Audio/mfcc64/*.npy",
        "6 files are not read: Audio/opensmile/*.npy",
        "6 files are not read: Video/resnet/*.npy",
        "3 files are not read: IMU-Young/*.npy",
        "1 file is not read: *.npy",
    }


def test_another_feature_can_be_chosen_by_pattern(tmp_path: Path) -> None:
    write_2026(tmp_path)
    with pytest.raises(DataError, match="--audio-pattern matches no recording"):
        scan(tmp_path, "train", audio_pattern="Audio/opensmile/{subject}/F{event}.npy")
    data = scan(tmp_path, "test", audio_pattern="Audio/opensmile/{subject}/E{event}.npy", use_labels=False)
    assert relative(data, "audio") == {f"10_E{event}": f"Audio/opensmile/10/E{event}.npy" for event in (1, 2)}
    assert relative(data, "video")["10_E1"] == "Video/openface/10/event_1/event_1_all.npy"


def write_2025(root: Path) -> Path:
    for split, people, names in (
        ("Training", ("001", "002"), "Training_Validation_files.json"),
        ("Testing", ("003",), "Testing_files.json"),
    ):
        rows = []
        for person in people:
            for clip in ("001", "002"):
                for window in ("1s", "5s"):
                    write_file(root / split / window / "Audio" / "wav2vec" / f"{person}_{clip}.npy")
                    write_file(root / split / window / "Visual" / "openface" / f"{person}_{clip}.npy")
                name = f"{person}_{clip}.npy"
                label = {"bin_category": int(person == "002"), "tri_category": 0}
                rows.append({"audio_feature_path": name, "video_feature_path": name, **label})
        write_file(root / split / "labels" / names, json.dumps(rows))
        write_file(root / split / "individualEmbedding" / "descriptions_embeddings_with_ids.npy")
    return root


def test_the_form_of_2025_has_splits_in_folders_and_labels_in_json(tmp_path: Path) -> None:
    data = scan(write_2025(tmp_path), "train", map="0=Normal,1=Depression")
    assert relative(data, "video")["001_001"] == "Training/5s/Visual/openface/001_001.npy"
    assert data.status is not None
    assert data.status.tolist() == ["Normal", "Normal", "Depression", "Depression"]
    assert data.groups is not None
    assert data.groups.tolist() == ["001", "001", "002", "002"]
    assert findings(data, "windows")[0].hint == "pass --fps 0.2"
    assert load_dataset(tmp_path, split="test", use_labels=False).data_ids == ["003_001", "003_002"]


def test_the_score_of_a_person_is_that_of_each_recording(tmp_path: Path) -> None:
    settings = Settings().override({"data.target": "phq9"})
    data = scan(write_2026(tmp_path), "train", target="phq9")
    _, scores, scale, _ = select_scores(data, settings)
    assert scores.to_dict() == {"1_E1": 2, "1_E2": 2, "2_E1": 15, "2_E2": 15}
    assert (data.status, scale.name) == (None, "phq9")
    assert findings(data, "published-classes") == []
