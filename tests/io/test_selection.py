"""Recordings selected by a table or a list of ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdmr_classic import Dataset, load_dataset
from pdmr_classic.config import DataSettings
from pdmr_classic.errors import DataError
from pdmr_classic.io.selection import select_recordings

IDS = ["007", "300", "301", "a,b", "clip"]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    (tmp_path / "set/audio").mkdir(parents=True)
    for data_id in IDS:
        (tmp_path / f"set/audio/{data_id}.csv").write_text("0.1,0.2\n")
    return load_dataset(tmp_path / "set")


def select(dataset: Dataset, name: str, text: str, **options: bool) -> list[str]:
    path = dataset.folder.parent / name
    path.write_text(text)
    return select_recordings(dataset, path, **options).dataset.data_ids


def test_without_a_file_every_recording_is_selected(dataset: Dataset) -> None:
    assert select_recordings(dataset, None).dataset is dataset


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mine.txt", "300\n007\n"),
        ("mine", "\ufeff007\r\n\r\n300\r\n300"),
        ("mine.csv", "data_id\n007\n300\n"),
        ("mine.csv", '"Participant_ID"\n"007"\n"300"\n'),
        ("mine.csv", "data_id,status\n300,Normal\n007,\n"),
        ("mine.jsonl", '{"data_id": "300"}\n{"data_id": "007"}\n'),
        ("mine.txt", "data_id;sex\n300;f\n007;m\n"),
    ],
)
def test_recordings_are_selected_by_a_list_or_a_table(dataset: Dataset, name: str, text: str) -> None:
    assert select(dataset, name, text) == ["007", "300"]


def test_an_id_in_the_first_line_is_not_taken_for_a_header(dataset: Dataset) -> None:
    assert select(dataset, "mine.txt", "clip\n300\n") == ["300", "clip"]


def test_an_id_of_a_list_may_contain_a_comma(dataset: Dataset) -> None:
    assert select(dataset, "mine.txt", "300\na,b\n") == ["300", "a,b"]


def test_the_id_column_of_the_settings_is_a_header(dataset: Dataset) -> None:
    path = dataset.folder.parent / "mine.csv"
    path.write_text("code\n301\n")
    assert select_recordings(dataset, path, DataSettings(id_column="code")).dataset.data_ids == ["301"]


def test_ids_without_a_recording_are_refused_with_their_number(dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"6 of 7 ids have no recording[^\0]*'1', '2', '3', '4', '5' and 1 more"):
        select(dataset, "mine.txt", "1\n2\n3\n4\n5\n6\n300\n")


def test_ids_without_a_recording_can_be_skipped_unless_all_are(dataset: Dataset) -> None:
    path = dataset.folder.parent / "mine.txt"
    path.write_text("300\n302\n")
    selection = select_recordings(dataset, path, skip_missing=True)
    assert (selection.dataset.data_ids, selection.missing) == (["300"], ("302",))
    assert [finding.code for finding in selection.dataset.findings] == ["ids-without-recording"]
    with pytest.raises(DataError, match="1 of 1 id"):
        select(dataset, "none.txt", "302\n", skip_missing=True)


def test_an_id_that_is_spelled_differently_selects_its_recording_and_is_told(dataset: Dataset) -> None:
    path = dataset.folder.parent / "mine.txt"
    path.write_text("7\n300.0\n301.csv\n")
    selected = select_recordings(dataset, path).dataset
    assert selected.data_ids == ["007", "300", "301"]
    assert [finding.code for finding in selected.findings] == ["near-match"]
    assert "3 ids are spelled differently" in selected.findings[0].what


def test_an_id_that_nearly_fits_two_recordings_is_refused(dataset: Dataset) -> None:
    (dataset.folder / "audio/7.csv").write_text("0.1,0.2\n")
    with pytest.raises(DataError, match=r"1 of 1 id has no recording[^\0]*'07'"):
        select(load_dataset(dataset.folder), "mine.txt", "07\n")


@pytest.mark.parametrize(
    ("text", "groups", "expected"),
    [
        ("data_id,subject_id\n300,S1\n", None, True),
        ("data_id,notes\n300,S1\n", "notes", True),
        ("data_id,notes\n300,S1\n", None, False),
        ("300\n", None, False),
    ],
)
def test_a_table_with_subjects_is_found(dataset: Dataset, text: str, groups: str | None, expected: bool) -> None:
    path = dataset.folder.parent / "mine.csv"
    path.write_text(text)
    assert (select_recordings(dataset, path).find_subject_table(DataSettings(groups=groups)) == path) is expected
