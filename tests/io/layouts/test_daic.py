from __future__ import annotations

from pathlib import Path

import pytest
from layout_files import findings, relative, scan, whats, write_daic_woz, write_file

from pdmr_classic.config import Settings
from pdmr_classic.errors import DataError
from pdmr_classic.io.dataset import load_dataset, scan_dataset
from pdmr_classic.io.score_selection import select_scores
from pdmr_classic.io.split_folders import find_splits
from pdmr_classic.subjects.overlap import load_sibling_train

COLUMNS = "Participant_ID,Gender,PHQ_Binary,PHQ_Score,PCL-C (PTSD),PTSD Severity"
FEATURES = (
    *("OpenFace2.1.0_Pose_gaze_AUs.csv", "OpenSMILE2.3.0_egemaps.csv", "OpenSMILE2.3.0_mfcc.csv"),
    *("BoAW_openSMILE_2.3.0_eGeMAPS.csv", "BoVW_openFace_2.1.0_Pose_Gaze_AUs.csv", "CNN_VGG.mat", "vgg16.csv"),
)


def write_e_daic(root: Path, features: str = "features", labels: str = "", session: str = "{id}_P") -> Path:
    for pid in (300, 301, 302, 303):
        folder = root / session.replace("{id}", str(pid))
        write_file(folder / f"{pid}_AUDIO.wav")
        write_file(folder / f"{pid}_Transcript.csv", "Start_Time,End_Time,Text,Confidence\n1,2,hello,0.9\n")
        for name in FEATURES:
            write_file(folder / features / f"{pid}_{name}")
    write_file(root / labels / "train_split.csv", f"{COLUMNS}\n300,male,0,4,20,0\n301,female,1,14,50,1\n")
    write_file(root / labels / "dev_split.csv", f"{COLUMNS}\n302,male,0,4,20,0\n")
    write_file(root / labels / "test_split.csv", f"{COLUMNS}\n303,male,1,14,20,0\n")
    write_file(root / labels / "detailed_lables.csv", "Participant,split,Depression_label\n300,train,0\n301,train,1\n")
    return root


# ------------------------------------------------------------------------------------------------ DAIC-WOZ


def test_daic_woz_has_one_recording_per_session_with_joined_video_files(tmp_path: Path) -> None:
    data = scan(write_daic_woz(tmp_path), "train")
    assert data.data_ids == ["300", "301", "302", "303"]
    assert relative(data, "video")["300"] == "300_P/300_CLNF_AUs.txt"
    assert relative(data, "audio")["300"] == "300_P/300_COVAREP.csv"
    parts = [path.name for path in data.recordings[0].video_parts]
    assert parts == ["300_CLNF_pose.txt", "300_CLNF_gaze.txt", "300_CLNF_features.txt"]


def test_the_layout_is_named_with_the_file_that_shows_it(tmp_path: Path) -> None:
    (finding,) = findings(scan(write_daic_woz(tmp_path), "train"), "layout")
    assert finding.what.startswith("read as daic-woz: video from *_CLNF_AUs")
    assert finding.found == "300_P/300_CLNF_AUs.txt"


def test_the_split_tables_make_train_dev_and_test(tmp_path: Path) -> None:
    write_daic_woz(tmp_path)
    assert [(source.name, source.split) for source in find_splits(tmp_path)] == [
        ("train", "train"),
        ("dev", "dev"),
        ("test", "test"),
    ]
    assert scan(tmp_path, "dev").data_ids == ["304", "305"]
    test = scan(tmp_path, "test")
    assert (test.data_ids, test.status) == (["306"], None)
    assert scan(tmp_path, "test", use_labels=False).data_ids == ["306"]
    with pytest.raises(DataError, match="the data set has several splits"):
        load_dataset(tmp_path)


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    data = scan(write_daic_woz(tmp_path), "train")
    (split,) = findings(data, "split")
    assert split.what == "only the 4 recordings of split train are used"
    assert split.found == "train: 4, dev: 2, test: 1"
    assert findings(data, "no-split")[0].found == "307"
    assert findings(data, "unmatched")[0].found == "319"
    assert whats(data, "ignored-files") == [
        f"8 files are not read: *_{name}"
        for name in ("AUDIO.wav", "CLNF_features3D.txt", "CLNF_hog.bin", "FORMANT.csv", "TRANSCRIPT.csv")
    ]


def test_labels_and_subjects_come_from_the_table_of_the_split(tmp_path: Path) -> None:
    data = scan(write_daic_woz(tmp_path), "train")
    assert data.status is not None
    assert data.status.tolist() == ["Normal", "Depression", "Normal", "Depression"]
    assert data.groups is not None
    assert data.groups.tolist() == data.data_ids
    assert not data.lacks_subject_ids


def test_the_full_test_table_has_the_labels_of_the_test_split(tmp_path: Path) -> None:
    write_daic_woz(tmp_path)
    write_file(tmp_path / "full_test_split.csv", "Participant_ID, PHQ_Binary, PHQ_Score, Gender\n306, 1, 14, 1\n")
    data = scan(tmp_path, "test")
    assert data.status is not None
    assert data.status.to_dict() == {"306": "Depression"}


def test_all_splits_can_be_loaded_together(tmp_path: Path) -> None:
    data = scan(write_daic_woz(tmp_path), "train", all_splits=True)
    assert data.labels is not None
    assert data.labels["split"].tolist() == ["train"] * 4 + ["dev"] * 2 + ["test"]
    assert data.select_labelled().data_ids == ["300", "301", "302", "303", "304", "305"]


def test_ids_in_a_split_table_may_be_spelled_as_numbers(tmp_path: Path) -> None:
    write_daic_woz(tmp_path, ids=[300, 301])
    (tmp_path / "dev_split_Depression_AVEC2017.csv").unlink()
    write_file(tmp_path / "train_split_Depression_AVEC2017.csv", "Participant_ID,PHQ8_Binary\n300.0,0\n301.0,1\n")
    data = scan(tmp_path, "train")
    assert data.status is not None
    assert data.status.to_dict() == {"300": "Normal", "301": "Depression"}


def test_a_split_table_may_list_the_session_folders(tmp_path: Path) -> None:
    write_daic_woz(tmp_path, ids=[300, 301])
    (tmp_path / "dev_split_Depression_AVEC2017.csv").unlink()
    write_file(tmp_path / "train_split_Depression_AVEC2017.csv", "Participant_ID,PHQ8_Binary\n300_P,0\n301_P,1\n")
    data = scan(tmp_path, "train")
    assert data.status is not None
    assert data.status.to_dict() == {"300": "Normal", "301": "Depression"}


def test_split_tables_that_list_no_recording_are_refused(tmp_path: Path) -> None:
    write_daic_woz(tmp_path)
    for path in tmp_path.glob("*_split_*.csv"):
        write_file(path, "Participant_ID,PHQ8_Binary\nP-a,0\n")
    (source,) = find_splits(tmp_path)
    _, (error,) = scan_dataset(tmp_path, split=source.split)
    assert error.what == "no id in the split tables matches a recording, so that the splits are unknown"
    assert error.found == "'P-a'"


def test_a_recording_in_two_split_tables_is_refused(tmp_path: Path) -> None:
    write_daic_woz(tmp_path)
    write_file(tmp_path / "dev_split_Depression_AVEC2017.csv", "Participant_ID,PHQ8_Binary\n300,0\n305,1\n")
    _, (error,) = scan_dataset(tmp_path, split="train")
    assert (error.code, error.found) == ("shared-subjects", "'300' in train and dev")


def test_sessions_without_a_file_are_told(tmp_path: Path) -> None:
    write_daic_woz(tmp_path)
    (tmp_path / "300_P" / "300_CLNF_AUs.txt").unlink()
    (tmp_path / "301_P" / "301_CLNF_gaze.txt").unlink()
    for path in (tmp_path / "302_P").iterdir():
        path.unlink()
    data = scan(tmp_path, "train")
    assert data.data_ids == ["300", "301", "303"]
    assert (data.recordings[0].video, data.recordings[0].video_parts) == (None, ())
    assert {finding.what: finding.found for finding in findings(data, "missing-files")} == {
        "1 recording has no file _clnf_gaze": "301",
        "1 recording has no file _clnf_aus: its other video files are not read": "300",
        "1 session folder has no video and no audio file": "302_P",
    }


def test_files_may_have_the_type_of_the_documentation(tmp_path: Path) -> None:
    data = scan(write_daic_woz(tmp_path, files=["CLNF_AUs.csv", "CLNF_pose.csv"]), "train")
    assert relative(data, "video")["300"] == "300_P/300_CLNF_AUs.csv"


def test_predicting_test_finds_the_training_recordings_of_the_same_root(tmp_path: Path) -> None:
    train = load_sibling_train(scan(write_daic_woz(tmp_path), "test", use_labels=False))
    assert train is not None
    assert train.data_ids == ["300", "301", "302", "303"]
    assert load_sibling_train(scan(tmp_path, "train")) is None


def test_without_split_tables_all_sessions_are_one_set(tmp_path: Path) -> None:
    for path in write_daic_woz(tmp_path).glob("*_split*"):
        path.unlink()
    data = scan(tmp_path, "train")
    assert (len(data), data.split) == (8, None)
    assert [source.split for source in find_splits(tmp_path)] == [None]


# -------------------------------------------------------------------------------------------------- E-DAIC


@pytest.mark.parametrize(
    ("features", "labels", "session"),
    [
        ("features", "", "{id}_P"),
        ("", "labels", "{id}_P"),
        ("features", "labels", "{id}_P/{id}_P"),
        ("features", "labels", "data/{id}_P"),
    ],
)
def test_e_daic_is_read_as_it_is_unpacked(tmp_path: Path, features: str, labels: str, session: str) -> None:
    data = scan(write_e_daic(tmp_path, features, labels, session), "train")
    assert data.data_ids == ["300", "301"]
    folder = "/".join(filter(None, [session.replace("{id}", "300"), features]))
    assert relative(data, "video")["300"] == f"{folder}/300_OpenFace2.1.0_Pose_gaze_AUs.csv"
    assert relative(data, "audio")["300"] == f"{folder}/300_OpenSMILE2.3.0_egemaps.csv"
    assert data.status is not None
    assert data.status.tolist() == ["Normal", "Depression"]
    assert whats(data, "layout")[0].startswith("read as e-daic")


def test_other_features_and_tables_of_e_daic_are_told(tmp_path: Path) -> None:
    data = scan(write_e_daic(tmp_path), "train")
    names = ("AUDIO.wav", "Transcript.csv", *FEATURES[2:])
    assert set(whats(data, "ignored-files")) == {f"4 files are not read: *_{name}" for name in names}
    assert findings(data, "label-table")[0].found == "detailed_lables.csv"


def test_another_audio_feature_can_be_chosen_and_the_splits_stay(tmp_path: Path) -> None:
    write_e_daic(tmp_path)
    data = scan(tmp_path, "test", audio_pattern="{id}_P/features/{id}_vgg16.csv")
    assert relative(data, "audio") == {"303": "303_P/features/303_vgg16.csv"}
    assert relative(data, "video") == {"303": "303_P/features/303_OpenFace2.1.0_Pose_gaze_AUs.csv"}
    assert whats(data, "layout") == ["audio from {id}_P/features/{id}_vgg16.csv: 4 files"]


def test_a_session_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    write_e_daic(tmp_path)
    write_file(tmp_path / "300_P" / "300_P" / "features" / "300_OpenFace2.1.0_Pose_gaze_AUs.csv")
    with pytest.raises(DataError, match="two files are the same modality of the same recording"):
        load_dataset(tmp_path, split="train")


def test_a_layout_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no recordings of layout daic-woz") as raised:
        scan(write_e_daic(tmp_path), "train", layout="daic-woz")
    assert "_clnf_aus" in str(raised.value.finding.expected)


# --------------------------------------------------------------------------------------------------- scores


def test_scores_of_daic_woz_are_learned_by_their_short_name_and_no_class_is_read(tmp_path: Path) -> None:
    data = scan(write_daic_woz(tmp_path), "train", target="phq8")
    assert data.status is None
    assert not any("status" in finding.what for finding in data.findings)
    _, scores, scale, _ = select_scores(data, Settings().override({"data.target": "phq8"}))
    assert scores.to_dict() == {"300": 4, "301": 12, "302": 9, "303": 10}
    assert (scale.name, scores.name) == ("phq8", "PHQ8_Score")


def test_both_labels_of_e_daic_are_read_from_the_table_of_the_split(tmp_path: Path) -> None:
    settings = Settings().override({"data.target": "both"})
    data = scan(write_e_daic(tmp_path), "train", target="both")
    labelled, scores, scale, told = select_scores(data, settings)
    assert labelled.status is not None
    assert labelled.status.to_dict() == {"300": "Normal", "301": "Depression"}
    assert (scores.to_dict(), scale.name) == ({"300": 4, "301": 14}, "phq8")
    assert [finding.code for finding in told] == ["known-scale"]
