from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.dataset import Dataset, find_splits, load_dataset, parse_split, resolve_split


def make(folder: Path, video: Iterable[str] = (), audio: Iterable[str] = (), labels: str | None = None) -> Path:
    """Make a split of empty files: nothing here reads them."""
    for modality, ids in (("video", video), ("audio", audio)):
        for data_id in ids:
            path = folder / modality / f"{data_id}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    if labels is not None:
        (folder / "labels.csv").write_text(labels, encoding="utf-8")
    return folder


def told(dataset: Dataset, code: str) -> Finding:
    (finding,) = [finding for finding in dataset.findings if finding.code == code]
    return finding


def codes(dataset: Dataset) -> list[str]:
    return [finding.code for finding in dataset.findings]


LABELS = "data_id,status,subject_id,site\n001,Depression,S1,Bonn\n002,Normal,S2,Köln\n"


# ---------------------------------------------------------------------------------------------- recordings


def test_a_recording_has_the_modalities_whose_files_bear_its_name(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["2", "10"], audio=["10", "007"]))
    assert dataset.data_ids == ["007", "10", "2"]
    first, both, last = dataset.recordings
    assert (first.video, first.audio) == (None, tmp_path / "audio" / "007.csv")
    assert (both.video, both.audio) == (tmp_path / "video" / "10.csv", tmp_path / "audio" / "10.csv")
    assert (last.video, last.audio) == (tmp_path / "video" / "2.csv", None)
    assert (len(dataset), dataset.labels, dataset.groups, dataset.status) == (3, None, None, None)
    assert repr(dataset) == f"Dataset({tmp_path.name!r}, 3 recordings, 2 with video, 2 with audio)"


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_a_split_may_have_one_modality(tmp_path: Path, modality: str) -> None:
    dataset = load_dataset(str(make(tmp_path, **{modality: ["a"]})))
    assert [getattr(recording, modality).name for recording in dataset.recordings] == ["a.csv"]


@pytest.mark.parametrize("name", ["._001.csv", ".DS_Store", "~$001.csv", "Thumbs.db", "notes.txt", ".hidden.csv"])
def test_files_of_systems_and_editors_are_ignored(tmp_path: Path, name: str) -> None:
    make(tmp_path, video=["001"])
    (tmp_path / "video" / name).touch()
    assert load_dataset(tmp_path).data_ids == ["001"]


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    make(tmp_path, video=["001"])
    (tmp_path / "video" / "002.CSV").touch()
    assert load_dataset(tmp_path).data_ids == ["001", "002"]


@pytest.mark.parametrize(("one", "other"), [("X.csv", "x.csv"), ("001.csv", "001.CSV"), ("Straße.csv", "STRASSE.csv")])
def test_ids_that_differ_only_by_case_are_refused(tmp_path: Path, one: str, other: str) -> None:
    for name in (one, other):
        make(tmp_path, video=[])
        (tmp_path / "video").mkdir(exist_ok=True)
        (tmp_path / "video" / name).touch()
    if len(list((tmp_path / "video").iterdir())) < 2:
        pytest.skip("this file system does not tell case apart")
    with pytest.raises(DataError, match="the same id but for the case") as caught:
        load_dataset(tmp_path)
    finding = caught.value.finding
    assert {Path(str(finding.file)).name, finding.found} == {one, other}


def test_ids_with_odd_characters_are_kept(tmp_path: Path) -> None:
    odd = ["a b", "ä,ö", 'q"q', "line\nbreak", "😀", "1.0", "re:x"]
    assert load_dataset(make(tmp_path, video=odd)).data_ids == sorted(odd)


# ------------------------------------------------------------------------------------------------- folders


def test_a_root_with_both_splits_needs_a_choice(tmp_path: Path) -> None:
    make(tmp_path / "train", video=["1"])
    make(tmp_path / "test", video=["2", "3"])
    with pytest.raises(DataError, match="a train/ and a test/") as caught:
        load_dataset(tmp_path)
    assert "--split" in str(caught.value.finding.hint)
    assert load_dataset(tmp_path, split="train").data_ids == ["1"]
    assert load_dataset(tmp_path, split="test").data_ids == ["2", "3"]
    assert find_splits(tmp_path) == [tmp_path / "train", tmp_path / "test"]


def test_a_root_with_one_split_needs_no_choice(tmp_path: Path) -> None:
    make(tmp_path / "test", audio=["1"])
    assert resolve_split(tmp_path, None) == tmp_path / "test"
    assert find_splits(tmp_path) == [tmp_path / "test"]
    with pytest.raises(DataError, match="there are no recordings here") as caught:
        load_dataset(tmp_path, split="train")
    assert "train/" in str(caught.value.finding.expected)
    assert caught.value.finding.found == "test/"


def test_a_split_itself_is_taken_whatever_split_is_asked_for(tmp_path: Path) -> None:
    folder = make(tmp_path / "train", video=["1"])
    assert load_dataset(folder, split="test").folder == folder
    assert find_splits(folder) == [folder]


def test_the_current_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, video=["1"])
    monkeypatch.chdir(tmp_path)
    assert load_dataset().data_ids == ["1"]


@pytest.mark.parametrize(("name", "modality"), [("clips", "video"), ("audio", "audio"), ("video", "video")])
def test_a_bare_folder_of_csvs_is_read_and_told(tmp_path: Path, name: str, modality: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for file in ("1.csv", "2.csv"):
        (folder / file).touch()
    (folder / "labels.csv").write_text("data_id,status\n1,a\n2,b\n")
    dataset = load_dataset(folder)
    assert dataset.data_ids == ["1", "2"]
    assert all(getattr(recording, modality) is not None for recording in dataset.recordings)
    assert modality in told(dataset, "bare-folder").what
    assert dataset.status is not None
    assert dataset.status.tolist() == ["a", "b"]


@pytest.mark.parametrize(("made", "found"), [([], "an empty folder"), (["notes.txt", "raw/"], "notes.txt, raw/")])
def test_a_folder_without_recordings_is_refused(tmp_path: Path, made: list[str], found: str) -> None:
    for name in made:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    with pytest.raises(DataError, match="there are no recordings here") as caught:
        load_dataset(tmp_path)
    assert (caught.value.finding.file, caught.value.finding.found) == (tmp_path, found)


def test_an_empty_video_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    with pytest.raises(DataError, match="there are no recordings here"):
        load_dataset(tmp_path)


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, video=["1"])

    def denied(folder: Path) -> Iterable[Path]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", denied)  # root may read everything
    with pytest.raises(DataError, match="the folder cannot be read") as caught:
        load_dataset(tmp_path)
    assert (caught.value.finding.file, caught.value.finding.found) == (tmp_path / "video", "Permission denied")


@pytest.mark.parametrize(("name", "found"), [("none", "nothing"), ("file.csv", "a file")])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "file.csv").touch()
    with pytest.raises(DataError, match="the data folder does not exist") as caught:
        load_dataset(tmp_path / name)
    assert caught.value.finding.found == found


def test_a_split_is_known_by_its_name() -> None:
    assert [parse_split(name) for name in (None, "train", "test")] == [None, "train", "test"]
    with pytest.raises(ConfigError, match="no such split") as caught:
        parse_split("dev")
    assert (caught.value.finding.expected, caught.value.finding.found) == ("train or test", "'dev'")


def test_a_synthetic_set_says_so_in_the_split_or_beside_it(tmp_path: Path) -> None:
    split = make(tmp_path / "train", video=["1"])
    assert not load_dataset(split).is_synthetic
    (tmp_path / "SYNTHETIC.md").touch()
    assert load_dataset(split).is_synthetic


# -------------------------------------------------------------------------------------------------- labels


def test_labels_are_aligned_with_the_recordings(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["002", "001"], labels=LABELS))
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


def test_labels_beside_the_split_are_used_and_those_in_it_come_first(tmp_path: Path) -> None:
    split = make(tmp_path / "train", video=["001"])
    (tmp_path / "labels.csv").write_text("data_id,status,subject_id\n001,beside,S\n")
    assert load_dataset(split).status.tolist() == ["beside"]  # type: ignore[union-attr]
    make(split, labels="data_id,status,subject_id\n001,inside,S\n")
    assert load_dataset(split).status.tolist() == ["inside"]  # type: ignore[union-attr]


def test_named_labels_override_those_that_lie_there(tmp_path: Path) -> None:
    make(tmp_path, video=["001"], labels="broken")
    other = tmp_path / "mine.json"
    other.write_text('{"001": "x"}')
    assert load_dataset(tmp_path, labels=other).status.tolist() == ["x"]  # type: ignore[union-attr]


def test_named_labels_that_are_missing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset(make(tmp_path, video=["001"]), labels=tmp_path / "none.csv")


def test_labels_can_be_left_alone(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["001"], labels="broken"), with_labels=False)
    assert (dataset.labels, dataset.groups) == (None, None)


def test_recordings_and_labels_without_each_other_are_told(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["001", "aaa"], labels=LABELS))
    assert dataset.status is not None
    assert dataset.status.to_dict() == {"001": "Depression", "aaa": ""}
    assert told(dataset, "unlabelled").found == "aaa"
    assert told(dataset, "unlabelled").what.startswith("1 ")
    assert told(dataset, "unmatched").found == "002"
    assert dataset.labelled().data_ids == ["001"]


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
def test_ids_that_nearly_match_are_told_and_not_matched(tmp_path: Path, recording: str, label: str) -> None:
    labels = f"data_id,status,subject_id\nsure,x,S1\n{label},y,S2\n"
    dataset = load_dataset(make(tmp_path, video=["sure", recording], labels=labels))
    assert dataset.status is not None
    assert dataset.status[recording] == ""
    assert told(dataset, "near-match").found == f"{label!r} for {recording!r}"
    assert {"unlabelled", "unmatched"} <= set(codes(dataset))


def test_ids_that_a_spreadsheet_made_numbers_are_refused_with_the_hint(tmp_path: Path) -> None:
    make(tmp_path, video=["001", "002"], labels="data_id,status\n1.0,a\n2.0,b\n")
    with pytest.raises(DataError, match="no label matches a recording") as caught:
        load_dataset(tmp_path)
    finding = caught.value.finding
    assert finding.file == tmp_path / "labels.csv"
    assert finding.expected == "ids such as '001', '002'"
    assert finding.found == "'1.0', '2.0'"
    assert "spreadsheet" in str(finding.hint)


def test_labels_of_another_set_are_refused_without_the_hint(tmp_path: Path) -> None:
    make(tmp_path, video=["001"], labels="data_id,status\nX,a\n")
    with pytest.raises(DataError, match="no label matches a recording") as caught:
        load_dataset(tmp_path)
    assert "spreadsheet" not in str(caught.value.finding.hint)


@pytest.mark.parametrize("labels", [None, "data_id,subject_id\n001,S1\n"])
def test_labelled_recordings_are_refused_where_there_is_no_status(tmp_path: Path, labels: str | None) -> None:
    with pytest.raises(DataError, match="there are no labels") as caught:
        load_dataset(make(tmp_path, video=["001"], labels=labels)).labelled()
    assert "--labels" in str(caught.value.finding.hint)


def test_labelled_recordings_are_refused_where_every_status_is_empty(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["001", "002"], labels="data_id,status\n001,\n002,\n"))
    with pytest.raises(DataError, match="label"):
        dataset.labelled()


def test_a_subset_keeps_labels_and_groups_in_step(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["001", "002"], labels=LABELS))
    part = dataset.subset(pd.Series({"002": True, "001": False}))
    assert part.data_ids == ["002"]
    assert part.labels is not None
    assert part.groups is not None
    assert part.labels.index.tolist() == part.groups.index.tolist() == ["002"]
    assert len(dataset) == 2


# -------------------------------------------------------------------------------------------------- groups


def test_groups_come_from_a_column_that_is_named(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["001", "002"], labels=LABELS), groups="site")
    assert dataset.groups is not None
    assert dataset.groups.to_dict() == {"001": "Bonn", "002": "Köln"}
    assert dataset.groups.name == "subject_id"


@pytest.mark.parametrize("labels", [None, "data_id,status,subject_id\nS1_a,x,other\nS1_b,x,other\nS22_a,y,other\n"])
def test_groups_come_from_an_expression_on_the_id(tmp_path: Path, labels: str | None) -> None:
    make(tmp_path, video=["S1_a", "S1_b", "S22_a"], labels=labels)
    dataset = load_dataset(tmp_path, groups=r"re:^(S\d+)_")
    assert dataset.groups is not None
    assert dataset.groups.tolist() == ["S1", "S1", "S22"]


def test_without_subjects_each_recording_is_its_own_group_and_that_is_told(tmp_path: Path) -> None:
    dataset = load_dataset(make(tmp_path, video=["1", "2"], labels="data_id,status\n1,a\n2,b\n"))
    assert dataset.groups is not None
    assert dataset.groups.to_dict() == {"1": "1", "2": "2"}
    assert "--groups" in str(told(dataset, "own-groups").hint)


def test_a_column_of_groups_that_is_missing_is_a_wrong_option(tmp_path: Path) -> None:
    make(tmp_path, video=["001", "002"], labels=LABELS)
    with pytest.raises(ConfigError, match="--groups names no column") as caught:
        load_dataset(tmp_path, groups="speaker")
    finding = caught.value.finding
    assert (finding.expected, finding.found) == ("status, subject_id, site", "'speaker'")


def test_the_labels_are_no_subjects(tmp_path: Path) -> None:
    make(tmp_path, video=["001", "002"], labels=LABELS)
    with pytest.raises(ConfigError, match=r"--groups names the labels themselves[^\0]*found: +'status'"):
        load_dataset(tmp_path, groups="status")


@pytest.mark.parametrize(
    ("expression", "match"),
    [("re:^(S", "no regular expression"), ("re:S1", "one pair of brackets"), ("re:(S)(1)", "one pair of brackets")],
)
def test_an_expression_that_cannot_name_a_subject_is_a_wrong_option(
    tmp_path: Path, expression: str, match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        load_dataset(make(tmp_path, video=["S1_a"]), groups=expression)


@pytest.mark.parametrize("expression", [r"re:^(S\d+)_", r"re:^(S\d*|)"])
def test_an_expression_that_misses_some_ids_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(DataError, match="finds no subject in 1 of 2 ids") as caught:
        load_dataset(make(tmp_path, video=["S1_a", "x"]), groups=expression)
    assert caught.value.finding.found == "'x'"


def test_a_labelled_recording_without_a_subject_is_refused(tmp_path: Path) -> None:
    make(tmp_path, video=["1", "2"], labels="data_id,status,subject_id\n1,a,S1\n2,b,\n")
    with pytest.raises(DataError, match="1 labelled recording has no subject") as caught:
        load_dataset(tmp_path)
    assert (caught.value.finding.column, caught.value.finding.found) == ("subject_id", "'2'")


def test_a_recording_without_a_label_needs_no_subject(tmp_path: Path) -> None:
    make(tmp_path, video=["1", "2", "3"], labels="data_id,status,subject_id\n1,a,S1\n2,,\n")
    assert load_dataset(tmp_path).labelled().groups.tolist() == ["S1"]  # type: ignore[union-attr]


# ---------------------------------------------------------------------------------------------------- real


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
def test_real_sets_are_found(name: str, split: str, n: int, n_subjects: int, classes: set[str] | None) -> None:
    folder = os.environ.get("PDMR_REAL_DATA")
    if not folder:
        pytest.skip("PDMR_REAL_DATA is not set")
    dataset = load_dataset(Path(folder) / name, split=split)  # type: ignore[arg-type]
    assert len(dataset) == n
    assert dataset.findings == ()
    assert dataset.groups is not None
    assert dataset.groups.nunique() == n_subjects
    assert dataset.status is not None
    assert set(dataset.status) == classes if classes else dataset.status.nunique() == 7
