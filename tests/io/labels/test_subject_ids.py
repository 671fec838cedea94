from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdmr_classic import GroupedFolds
from pdmr_classic.errors import ConfigError, DataError
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.io.labels.groups import read_subjects
from pdmr_classic.io.labels.subject_ids import find_shared_subjects, normalise_subjects
from pdmr_classic.progress import Reporter


def normalise(*subjects: str, status: str | None = None) -> list[str]:
    index = [f"r{k}" for k in range(len(subjects))]
    labels = None if status is None else pd.Series(list(status), index).replace("-", "")
    return normalise_subjects(pd.Series(subjects, index), labels)[0].tolist()


SPELLINGS = [
    *("300.0", "0300", " 300", "300 ", "P300", "p300", "P 300", "P_300", "participant 300", "300_P", "'300", '"300"'),
    *("3e2", "3.00E+02", "300,0", "\u00a0300", "\ufeff300", "\uff13\uff10\uff10", "300.csv", "300.wav", "00300.00"),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_a_number_are_one_person_and_told(spelling: str) -> None:
    subjects = pd.Series(["300", "300", spelling, "301"], list("abcd"))
    names, (finding,) = normalise_subjects(subjects)
    assert names.tolist() == ["300", "300", "300", "301"]
    assert (finding.code, finding.found) == ("merged-subjects", f"'300' = {spelling!r}")


def test_all_spellings_together_are_one_person() -> None:
    assert set(normalise("300", *SPELLINGS)) == {"300"}


@pytest.mark.parametrize(
    "spellings",
    [("S01", "s1"), ("S01 ", "S-01"), ("Anna", "ANNA"), ("\u00e9", "e\u0301"), ("S1_01", "s01_1"), ("sub-01", "S01")],
)
def test_spellings_of_a_name_are_one_person(spellings: tuple[str, str]) -> None:
    assert len(set(normalise(*spellings))) == 1


@pytest.mark.parametrize(
    "subjects",
    [
        ("1_1", "11", "1_11"),
        ("1.5", "15", "1.50"),
        ("P1", "C1"),
        ("12a", "12b", "12"),
        ("0e12", "0e34"),
        ("S+", "S-"),
        ("a1", "1a"),
        ("\U0001f600", "\U0001f601"),
        ("100", "10", "1"),
    ],
)
def test_different_people_stay_different(subjects: tuple[str, ...]) -> None:
    assert normalise(*subjects) == list(subjects)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20, unique=True), st.data())
def test_numbers_are_equal_if_and_only_if_their_values_are(numbers: list[int], data: st.DataObject) -> None:
    decorate = st.sampled_from(["{}", "{}.0", "0{}", " {}", "{}\t", "'{}", "{},0", "{}.csv"])
    subjects = [data.draw(decorate).format(number) for number in numbers for _ in range(2)]
    names = normalise(*subjects)
    assert names[::2] == names[1::2]
    assert len(set(names)) == len(numbers)


@pytest.mark.parametrize("subjects", [("300", "P300", "C300"), ("1", "A1", "B01")])
def test_subjects_that_may_be_several_people_are_refused(subjects: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="not clear which subjects are the same person") as raised:
        normalise(*subjects)
    assert all(repr(subject) in str(raised.value.finding.found) for subject in subjects)


def test_merged_subjects_with_contradictory_labels_are_refused() -> None:
    with pytest.raises(DataError, match=r"different labels[^\0]*'1' = 'P1'"):
        normalise("1", "P1", "2", "2", status="NDDD")
    assert normalise("1", "P1", "2", "2", status="NNDD") == ["1", "1", "2", "2"]
    assert normalise("1", "P1", "2", "2", status="NDND") == ["1", "1", "2", "2"], "labels differ within people"
    assert normalise("1", "P1", "2", "2", status="N-DD") == ["1", "1", "2", "2"]


@pytest.mark.parametrize("dates", [("02-Jan", "3-1"), ("2024-02-01", "3"), ("Feb-01", "x"), ("1/2/2024", "3")])
def test_ids_that_a_spreadsheet_turned_into_dates_are_refused(dates: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="some subject ids are dates"):
        normalise(*dates)


@pytest.mark.parametrize("placeholder", ["unknown", "NA", "-1", "nan", "None", "?"])
def test_placeholders_are_no_subject(placeholder: str) -> None:
    assert normalise("300", placeholder) == ["300", ""]


def test_subjects_with_one_spelling_stay_as_they_are() -> None:
    subjects = pd.Series(["S01", "0300", " x"], list("abc"), name="subject_id")
    names, findings = normalise_subjects(subjects)
    assert names.equals(subjects)
    assert findings == []


# ------------------------------------------------------------------------------------------- data sets


def write_set(folder: Path, subjects: list[str], column: str = "subject_id") -> Path:
    (folder / "video").mkdir(parents=True, exist_ok=True)
    rows = [f"r{k:02d},{('Depression', 'Normal')[k // 4 % 2]},{subject}" for k, subject in enumerate(subjects)]
    for k in range(len(subjects)):
        (folder / "video" / f"r{k:02d}.csv").touch()
    (folder / "labels.csv").write_text("\n".join([f"data_id,status,{column}", *rows]) + "\n")
    return folder


def spell(n_people: int) -> list[str]:
    return [text.format(person) for person in range(300, 300 + n_people) for text in ("{}", "{}.0", "0{}", "P{}")]


@pytest.mark.parametrize("source", ["subject_id", "column", "table", "expression"])
def test_spellings_of_a_subject_are_never_on_both_sides_of_a_split(tmp_path: Path, source: str) -> None:
    spellings = spell(6)
    folder = write_set(tmp_path / "set", spellings, "speaker" if source == "column" else "subject_id")
    groups = {"subject_id": None, "column": "speaker", "table": str(tmp_path / "other.csv"), "expression": None}[source]
    if source == "table":
        (folder / "labels.csv").rename(tmp_path / "other.csv")
        (folder / "labels.csv").write_text("data_id,status\n" + "".join(f"r{k:02d},a\n" for k in range(24)))
    if source == "expression":
        for k, spelling in enumerate(spellings):
            (folder / "video" / f"r{k:02d}.csv").rename(folder / "video" / f"{spelling}_{k}.csv")
        (folder / "labels.csv").unlink()
        groups = "re:^(.+)_"
    data = load_dataset(folder, groups=groups)
    assert data.groups is not None
    assert "merged-subjects" in [finding.code for finding in data.findings]
    people = (
        np.array([int(float(data_id.strip("P").split("_")[0])) for data_id in data.data_ids])
        if (source == "expression")
        else np.repeat(np.arange(6), 4)
    )
    y = people % 2
    for train, test in GroupedFolds(3, n_repeats=3).split(y, y, data.groups):
        assert not set(people[train]) & set(people[test])


@pytest.mark.parametrize("cell", ["unknown", "NA", "-1"])
def test_a_placeholder_is_refused_like_an_empty_cell(tmp_path: Path, cell: str) -> None:
    folder = write_set(tmp_path, ["1", "2", cell])
    with pytest.raises(DataError, match="1 labelled recording has no subject") as raised:
        load_dataset(folder)
    assert raised.value.finding.found == f"{cell!r} for 'r02'"


def test_known_subject_columns_are_used_and_told(tmp_path: Path) -> None:
    data = load_dataset(write_set(tmp_path, ["1", "1", "2"], "Participant_ID"))
    assert data.groups is not None
    assert data.groups.tolist() == ["1", "1", "2"]
    assert [finding.code for finding in data.findings] == ["known-column"]


def test_a_group_column_is_found_without_regard_to_case(tmp_path: Path) -> None:
    data = load_dataset(write_set(tmp_path, ["1", "1", "2"], "Speaker"), groups="speaker")
    assert data.groups is not None
    assert data.groups.tolist() == ["1", "1", "2"]
    with pytest.raises(ConfigError, match=r"--groups names a column that is not in the label table"):
        load_dataset(tmp_path, groups="site")


class Notes(Reporter):
    def __init__(self) -> None:
        self.codes: list[str] = []

    def note(self, finding: object) -> None:
        self.codes.append(finding.code)  # type: ignore[attr-defined]


def test_pooled_subjects_have_one_spelling(tmp_path: Path) -> None:
    (tmp_path / "subjects.csv").write_text("data_id,Participant_ID,label,class\na,300,x,y\nb,P300,y,x\nc,unknown,x,x\n")
    notes = Notes()
    subjects = read_subjects(["a", "b", "c", "d"], tmp_path, tmp_path / "subjects.csv", reporter=notes)
    assert subjects.to_dict() == {"a": "300", "b": "300", "c": "", "d": ""}
    assert notes.codes == ["known-column", "merged-subjects"]


@pytest.mark.parametrize("option", ["Speaker", "speaker", None, "infer"])
def test_pooled_subjects_come_from_the_column_of_the_model(tmp_path: Path, option: str | None) -> None:
    (tmp_path / "labels.csv").write_text("data_id,Speaker,subject_id\na,x,1\nb,x,2\n")
    subjects = read_subjects(["a", "b"], tmp_path, option=option)
    assert subjects.tolist() == (["x", "x"] if option in ("Speaker", "speaker") else ["1", "2"])


def test_subjects_are_compared_between_sets_in_any_spelling() -> None:
    assert find_shared_subjects(["300", "301", "x", ""], ["P300", "0302", "x", "", "y"]) == [
        ("300", "P300"),
        ("x", "x"),
    ]
    assert find_shared_subjects(["1", "2"], ["3"]) == []
    assert find_shared_subjects(["1"], ["P1", "C1"]) != [], "perhaps the same person"
