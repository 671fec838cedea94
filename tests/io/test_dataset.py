from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from pdmr_classic.config import DataSettings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.io.split_folders import SplitSource, find_splits, parse_split, resolve_split


def write_split(folder: Path, video: Iterable[str] = (), audio: Iterable[str] = (), labels: str | None = None) -> Path:
    """Write a split of empty files, which these tests do not read."""
    for modality, ids in (("video", video), ("audio", audio)):
        for data_id in ids:
            path = folder / modality / f"{data_id}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    if labels is not None:
        (folder / "labels.csv").write_text(labels, encoding="utf-8")
    return folder


def finding_of(dataset: Dataset, code: str) -> Finding:
    (finding,) = [finding for finding in dataset.findings if finding.code == code]
    return finding


def codes(dataset: Dataset) -> list[str]:
    return [finding.code for finding in dataset.findings]


LABELS = "data_id,status,subject_id,site\n001,Depression,S1,Bonn\n002,Normal,S2,Köln\n"


# ---------------------------------------------------------------------------------------------- recordings


def test_files_with_the_same_name_belong_to_one_recording(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["2", "10"], audio=["10", "007"]))
    assert dataset.data_ids == ["007", "10", "2"]
    audio_only, both, video_only = dataset.recordings
    assert (audio_only.video, audio_only.audio) == (None, tmp_path / "audio" / "007.csv")
    assert (both.video, both.audio) == (tmp_path / "video" / "10.csv", tmp_path / "audio" / "10.csv")
    assert (video_only.video, video_only.audio) == (tmp_path / "video" / "2.csv", None)
    assert (len(dataset), dataset.labels, dataset.groups, dataset.status) == (3, None, None, None)
    assert repr(dataset) == f"Dataset({tmp_path.name!r}, 3 recordings, 2 with video, 2 with audio)"


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_a_split_may_have_one_modality(tmp_path: Path, modality: str) -> None:
    dataset = load_dataset(str(write_split(tmp_path, **{modality: ["a"]})))
    assert [getattr(recording, modality).name for recording in dataset.recordings] == ["a.csv"]


@pytest.mark.parametrize("name", ["._001.csv", ".DS_Store", "~$001.csv", "Thumbs.db", "notes.txt", ".hidden.csv"])
def test_hidden_files_and_editor_backups_are_ignored(tmp_path: Path, name: str) -> None:
    write_split(tmp_path, video=["001"])
    (tmp_path / "video" / name).touch()
    assert load_dataset(tmp_path).data_ids == ["001"]


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    write_split(tmp_path, video=["001"])
    (tmp_path / "video" / "002.CSV").touch()
    assert load_dataset(tmp_path).data_ids == ["001", "002"]


@pytest.mark.parametrize(
    ("first", "second"), [("X.csv", "x.csv"), ("001.csv", "001.CSV"), ("Straße.csv", "STRASSE.csv")]
)
def test_ids_that_differ_only_by_case_are_refused(tmp_path: Path, first: str, second: str) -> None:
    for name in (first, second):
        write_split(tmp_path, video=[])
        (tmp_path / "video").mkdir(exist_ok=True)
        (tmp_path / "video" / name).touch()
    if len(list((tmp_path / "video").iterdir())) < 2:
        pytest.skip("this file system is not case-sensitive")
    with pytest.raises(DataError, match="differ only in case") as raised:
        load_dataset(tmp_path)
    finding = raised.value.finding
    assert {Path(str(finding.file)).name, finding.found} == {first, second}


def test_ids_with_unusual_characters_are_kept(tmp_path: Path) -> None:
    odd = ["a b", "ä,ö", 'q"q', "line\nbreak", "😀", "1.0", "re:x"]
    assert load_dataset(write_split(tmp_path, video=odd)).data_ids == sorted(odd)


# ------------------------------------------------------------------------------------------------- folders


def test_a_root_with_both_splits_requires_a_choice(tmp_path: Path) -> None:
    write_split(tmp_path / "train", video=["1"])
    write_split(tmp_path / "test", video=["2", "3"])
    with pytest.raises(DataError, match="contains both train/ and test/") as raised:
        load_dataset(tmp_path)
    assert "--split" in str(raised.value.finding.hint)
    assert load_dataset(tmp_path, split="train").data_ids == ["1"]
    assert load_dataset(tmp_path, split="test").data_ids == ["2", "3"]
    assert find_splits(tmp_path) == [
        SplitSource("train", tmp_path / "train"),
        SplitSource("test", tmp_path / "test"),
    ]


def test_a_root_with_one_split_requires_no_choice(tmp_path: Path) -> None:
    write_split(tmp_path / "test", audio=["1"])
    assert resolve_split(tmp_path, None) == tmp_path / "test"
    assert find_splits(tmp_path) == [SplitSource("test", tmp_path / "test")]
    with pytest.raises(DataError, match="there are no recordings in this folder") as raised:
        load_dataset(tmp_path, split="train")
    assert "train/" in str(raised.value.finding.expected)
    assert raised.value.finding.found == "test/"


def test_a_split_folder_is_used_for_either_value_of_split(tmp_path: Path) -> None:
    folder = write_split(tmp_path / "train", video=["1"])
    assert load_dataset(folder, split="test").folder == folder
    assert find_splits(folder) == [SplitSource("train", folder)]


def test_the_current_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_split(tmp_path, video=["1"])
    monkeypatch.chdir(tmp_path)
    assert load_dataset().data_ids == ["1"]


@pytest.mark.parametrize(("name", "modality"), [("clips", "video"), ("audio", "audio"), ("video", "video")])
def test_a_folder_of_csv_files_is_read_with_a_finding(tmp_path: Path, name: str, modality: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for file in ("1.csv", "2.csv"):
        (folder / file).touch()
    (folder / "labels.csv").write_text("data_id,status\n1,a\n2,b\n")
    dataset = load_dataset(folder)
    assert dataset.data_ids == ["1", "2"]
    assert all(getattr(recording, modality) is not None for recording in dataset.recordings)
    assert modality in finding_of(dataset, "bare-folder").what
    assert dataset.status is not None
    assert dataset.status.tolist() == ["a", "b"]


@pytest.mark.parametrize(("content", "found"), [([], "an empty folder"), (["notes.txt", "raw/"], "notes.txt, raw/")])
def test_a_folder_without_recordings_is_refused(tmp_path: Path, content: list[str], found: str) -> None:
    for name in content:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    with pytest.raises(DataError, match="there are no recordings in this folder") as raised:
        load_dataset(tmp_path)
    assert (raised.value.finding.file, raised.value.finding.found) == (tmp_path, found)


def test_an_empty_video_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    with pytest.raises(DataError, match="there are no recordings in this folder"):
        load_dataset(tmp_path)


def test_a_folder_without_read_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_split(tmp_path, video=["1"])

    def deny(folder: Path) -> Iterable[Path]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", deny)  # root can read everything
    with pytest.raises(DataError, match="the folder cannot be read") as raised:
        load_dataset(tmp_path)
    assert (raised.value.finding.file, raised.value.finding.found) == (tmp_path / "video", "Permission denied")


@pytest.mark.parametrize(("name", "found"), [("missing", "nothing"), ("file.csv", "a file")])
def test_a_path_that_is_not_a_folder_is_refused(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "file.csv").touch()
    with pytest.raises(DataError, match="the data folder does not exist") as raised:
        load_dataset(tmp_path / name)
    assert raised.value.finding.found == found


def test_split_names_are_checked() -> None:
    assert [parse_split(name) for name in (None, "train", "dev", "test")] == [None, "train", "dev", "test"]
    with pytest.raises(ConfigError, match="unknown split") as raised:
        parse_split("Dev")
    assert (raised.value.finding.expected, raised.value.finding.found) == ("train, dev or test", "'Dev'")


def test_a_synthetic_dataset_is_recognised_by_a_file_in_the_root(tmp_path: Path) -> None:
    split = write_split(tmp_path / "train", video=["1"])
    assert not load_dataset(split).is_synthetic
    (tmp_path / "SYNTHETIC.md").touch()
    assert load_dataset(split).is_synthetic


# -------------------------------------------------------------------------------------------------- labels


def test_labels_are_aligned_with_the_recordings(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["002", "001"], labels=LABELS))
    assert dataset.labels is not None
    assert dataset.labels.index.tolist() == dataset.data_ids == ["001", "002"]
    assert dataset.labels.to_dict("list") == {
        "status": ["Depression", "Normal"],
        "subject_id": ["S1", "S2"],
        "site": ["Bonn", "Köln"],
    }
    assert dataset.groups is not None
    assert dataset.groups.to_dict() == {"001": "S1", "002": "S2"}
    assert dataset.findings == ()


def test_labels_in_the_split_come_before_labels_next_to_it(tmp_path: Path) -> None:
    split = write_split(tmp_path / "train", video=["001"])
    (tmp_path / "labels.csv").write_text("data_id,status,subject_id\n001,outside,S\n")
    assert load_dataset(split).status.tolist() == ["outside"]  # type: ignore[union-attr]
    write_split(split, labels="data_id,status,subject_id\n001,inside,S\n")
    assert load_dataset(split).status.tolist() == ["inside"]  # type: ignore[union-attr]


def test_the_labels_argument_overrides_the_default_file(tmp_path: Path) -> None:
    write_split(tmp_path, video=["001"], labels="broken")
    labels = tmp_path / "mine.json"
    labels.write_text('{"001": "x"}')
    assert load_dataset(tmp_path, labels=labels).status.tolist() == ["x"]  # type: ignore[union-attr]


def test_a_missing_labels_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset(write_split(tmp_path, video=["001"]), labels=tmp_path / "missing.csv")


@pytest.mark.parametrize("name", ["metadata.csv", "groups.tsv"])
def test_a_table_beside_the_recordings_that_is_not_the_label_table_is_told(tmp_path: Path, name: str) -> None:
    write_split(tmp_path, video=["001", "002"])
    (tmp_path / name).write_text(LABELS.replace(",", "\t") if name.endswith("tsv") else LABELS)
    dataset = load_dataset(tmp_path)
    assert dataset.labels is None
    assert finding_of(dataset, "label-table").found == name


def test_labels_can_be_ignored(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["001"], labels="broken"), use_labels=False)
    assert (dataset.labels, dataset.groups) == (None, None)


@pytest.mark.parametrize("groups", ["subjects.csv", r"re:^(S\d+)_"])
def test_without_labels_the_subjects_of_a_training_set_are_not_needed(tmp_path: Path, groups: str) -> None:
    folder = write_split(tmp_path, video=["001"])
    settings = DataSettings(groups=groups)
    assert load_dataset(folder, use_labels=False, settings=settings).groups is None
    with pytest.raises(DataError, match=r"cannot be read|does not match 1 of 1"):
        load_dataset(folder, settings=settings)


def test_recordings_without_labels_and_labels_without_recordings_are_reported(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["001", "aaa"], labels=LABELS))
    assert dataset.status is not None
    assert dataset.status.to_dict() == {"001": "Depression", "aaa": ""}
    assert finding_of(dataset, "unlabelled").found == "aaa"
    assert finding_of(dataset, "unlabelled").what.startswith("1 ")
    assert finding_of(dataset, "unmatched").found == "002"
    assert dataset.select_labelled().data_ids == ["001"]


def test_labels_of_recordings_in_another_split_are_not_reported_as_labels_without_recordings(tmp_path: Path) -> None:
    labels = "data_id,status,split\n001,x,train\n002,y,train\n003,x,test\n004,y,test\n"
    write_split(tmp_path, video=["001", "002", "003"], labels=labels)
    assert finding_of(load_dataset(tmp_path, split="train"), "unmatched").found == "004"


@pytest.mark.parametrize(
    ("recording", "label"),
    [
        ("7", "007"),
        ("007", "7"),
        ("007", "7.0"),
        ("a1", "A1"),
        ("a1", "a1.csv"),
        (unicodedata.normalize("NFD", "é"), "é"),
        ("0", "000"),
    ],
)
def test_ids_that_almost_match_are_reported_and_not_matched(tmp_path: Path, recording: str, label: str) -> None:
    labels = f"data_id,status,subject_id\nsure,x,S1\n{label},y,S2\n"
    dataset = load_dataset(write_split(tmp_path, video=["sure", recording], labels=labels))
    assert dataset.status is not None
    assert dataset.status[recording] == ""
    assert finding_of(dataset, "near-match").found == f"{label!r} for {recording!r}"
    assert {"unlabelled", "unmatched"} <= set(codes(dataset))


def test_ids_converted_to_numbers_by_a_spreadsheet_are_refused_with_a_hint(tmp_path: Path) -> None:
    write_split(tmp_path, video=["001", "002"], labels="data_id,status\n1.0,a\n2.0,b\n")
    with pytest.raises(DataError, match="no data_id in the label table matches a recording") as raised:
        load_dataset(tmp_path)
    finding = raised.value.finding
    assert finding.file == tmp_path / "labels.csv"
    assert finding.expected == "ids such as '001', '002'"
    assert finding.found == "'1.0', '2.0'"
    assert "spreadsheet" in str(finding.hint)


def test_labels_of_another_dataset_are_refused_without_the_hint(tmp_path: Path) -> None:
    write_split(tmp_path, video=["001"], labels="data_id,status\nX,a\n")
    with pytest.raises(DataError, match="no data_id in the label table matches a recording") as raised:
        load_dataset(tmp_path)
    assert "spreadsheet" not in str(raised.value.finding.hint)


@pytest.mark.parametrize("labels", [None, "data_id,subject_id\n001,S1\n"])
def test_select_labelled_refuses_a_dataset_without_a_status_column(tmp_path: Path, labels: str | None) -> None:
    with pytest.raises(DataError, match="there are no labels") as raised:
        load_dataset(write_split(tmp_path, video=["001"], labels=labels)).select_labelled()
    assert "--labels" in str(raised.value.finding.hint)


def test_select_labelled_refuses_a_dataset_with_empty_status_cells(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["001", "002"], labels="data_id,status\n001,\n002,\n"))
    with pytest.raises(DataError, match="label"):
        dataset.select_labelled()


def test_a_subset_has_the_matching_labels_and_groups(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["001", "002"], labels=LABELS))
    subset = dataset.subset(pd.Series({"002": True, "001": False}))
    assert subset.data_ids == ["002"]
    assert subset.labels is not None
    assert subset.groups is not None
    assert subset.labels.index.tolist() == subset.groups.index.tolist() == ["002"]
    assert len(dataset) == 2


# -------------------------------------------------------------------------------------------------- groups


def test_groups_come_from_the_given_column(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["001", "002"], labels=LABELS), groups="site")
    assert dataset.groups is not None
    assert dataset.groups.to_dict() == {"001": "Bonn", "002": "Köln"}
    assert dataset.groups.name == "subject_id"


@pytest.mark.parametrize("labels", [None, "data_id,status,subject_id\nS1_a,x,other\nS1_b,x,other\nS22_a,y,other\n"])
def test_groups_come_from_an_expression_on_the_id(tmp_path: Path, labels: str | None) -> None:
    write_split(tmp_path, video=["S1_a", "S1_b", "S22_a"], labels=labels)
    dataset = load_dataset(tmp_path, groups=r"re:^(S\d+)_")
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["S1", "S1", "S22"]


def test_without_subject_ids_each_recording_is_its_own_group_with_a_warning(tmp_path: Path) -> None:
    dataset = load_dataset(write_split(tmp_path, video=["1", "2"], labels="data_id,status\n1,a\n2,b\n"))
    assert dataset.groups is not None
    assert dataset.groups.to_dict() == {"1": "1", "2": "2"}
    assert "--groups" in str(finding_of(dataset, "own-groups").hint)


def test_a_missing_group_column_is_a_config_error(tmp_path: Path) -> None:
    write_split(tmp_path, video=["001", "002"], labels=LABELS)
    with pytest.raises(ConfigError, match="--groups names a column that is not in the label table") as raised:
        load_dataset(tmp_path, groups="speaker")
    finding = raised.value.finding
    assert (finding.expected, finding.found) == ("status, subject_id, site", "'speaker'")


def test_the_status_cannot_be_the_group_column(tmp_path: Path) -> None:
    write_split(tmp_path, video=["001", "002"], labels=LABELS)
    with pytest.raises(
        ConfigError,
        match=r"--groups names the class column; it must name the column with the subject ids[^\0]*found: +'status'",
    ):
        load_dataset(tmp_path, groups="status")


@pytest.mark.parametrize(
    ("expression", "match"),
    [
        ("re:^(S", "not a valid regular expression"),
        ("re:S1", "exactly one group, in parentheses"),
        ("re:(S)(1)", "exactly one group, in parentheses"),
    ],
)
def test_an_expression_without_exactly_one_group_is_a_config_error(tmp_path: Path, expression: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        load_dataset(write_split(tmp_path, video=["S1_a"]), groups=expression)


@pytest.mark.parametrize("expression", [r"re:^(S\d+)_", r"re:^(S\d*|)"])
def test_an_expression_that_does_not_match_all_ids_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(DataError, match="the --groups pattern does not match 1 of 2 data_ids") as raised:
        load_dataset(write_split(tmp_path, video=["S1_a", "x"]), groups=expression)
    assert raised.value.finding.found == "'x'"


def test_a_labelled_recording_without_a_subject_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path, video=["1", "2"], labels="data_id,status,subject_id\n1,a,S1\n2,b,\n")
    with pytest.raises(DataError, match="1 labelled recording has no subject") as raised:
        load_dataset(tmp_path)
    assert (raised.value.finding.column, raised.value.finding.found) == ("subject_id", "'2'")


def test_an_unlabelled_recording_needs_no_subject(tmp_path: Path) -> None:
    write_split(tmp_path, video=["1", "2", "3"], labels="data_id,status,subject_id\n1,a,S1\n2,,\n")
    assert load_dataset(tmp_path).select_labelled().groups.tolist() == ["S1"]  # type: ignore[union-attr]


# ---------------------------------------------------------------------------------------------------- real data


@pytest.mark.parametrize(
    ("name", "split", "n", "n_subjects", "classes"),
    [
        ("badrobots-gaze", "train", 90, 18, {"Reaction", "Neutral"}),
        ("badrobots-gaze", "test", 30, 6, {"Reaction", "Neutral"}),
        ("youtubepd-wavlm", "train", 77, 77, {"PD", "Control"}),
        ("youtubepd-wavlm", "test", 184, 184, {"PD", "Control"}),
        ("watch-exercise", "train", 140, 10, None),
    ],
)
def test_real_datasets_are_loaded(
    real_data: Path, name: str, split: str, n: int, n_subjects: int, classes: set[str] | None
) -> None:
    dataset = load_dataset(real_data / name, split=split)  # type: ignore[arg-type]
    assert len(dataset) == n
    assert dataset.findings == ()
    assert dataset.groups is not None
    assert dataset.groups.nunique() == n_subjects
    assert dataset.status is not None
    assert set(dataset.status) == classes if classes else dataset.status.nunique() == 7
