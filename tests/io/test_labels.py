from __future__ import annotations

import json
from pathlib import Path

import pytest

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.labels import find_labels, read_labels

ROWS = [
    {"data_id": "007", "status": "Depression", "subject_id": "S1"},
    {"data_id": "10", "status": "Normal", "subject_id": "S2"},
]


def write_labels(folder: Path, content: str | bytes, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_error(path: Path, match: str) -> Finding:
    with pytest.raises(DataError, match=match) as raised:
        read_labels(path)
    assert raised.value.finding.file == path
    return raised.value.finding


CSV = "data_id,status,subject_id\n007,Depression,S1\n10,Normal,S2\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", CSV),
        ("labels.csv", CSV.removesuffix("\n")),
        ("labels.csv", "\ufeff" + CSV),
        ("labels.csv", CSV.replace(",", ", ")),
        ("labels.csv", CSV.replace("\n", "\r\n")),
        ("labels.csv", CSV.replace("\n", "\r")),
        ("labels.csv", CSV.replace(",", ";")),
        ("labels.csv", CSV.replace(",", "\t")),
        ("labels.csv", CSV.replace("\n", "\n\n")),
        ("labels.csv", "\n" + CSV),
        ("LABELS.CSV", CSV),
        ("labels.csv", 'data_id,"status",subject_id\n"007","Depression","S1"\n10,Normal,S2\n'),
        ("labels.txt", CSV),
        ("labels.json", json.dumps(ROWS)),
        ("labels.json", json.dumps({row["data_id"]: {k: row[k] for k in ("status", "subject_id")} for row in ROWS})),
        ("labels.jsonl", "\n".join(map(json.dumps, ROWS))),
        ("labels.jsonl", "\n\n".join(map(json.dumps, ROWS)) + "\r\n"),
        ("labels.JSONL", "\ufeff" + "\n".join(map(json.dumps, ROWS))),
    ],
)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str, content: str) -> None:
    frame, findings = read_labels(write_labels(tmp_path, content, name))
    assert frame.reset_index().to_dict("records") == ROWS
    assert frame.index.name == "data_id"
    assert findings == []


def test_a_json_object_may_map_ids_to_status(tmp_path: Path) -> None:
    frame, _ = read_labels(write_labels(tmp_path, '{"007": "Depression", "10": "Normal"}', "labels.json"))
    assert frame["status"].to_dict() == {"007": "Depression", "10": "Normal"}


@pytest.mark.parametrize("cell", ["007", "1.0", "1e3", "NA", "nan", "True", "Ω-1"])
def test_ids_and_cells_stay_unchanged_text(tmp_path: Path, cell: str) -> None:
    frame, _ = read_labels(write_labels(tmp_path, f"data_id,status,severity\n{cell},x,{cell}\n"))
    assert frame.index.tolist() == [cell]
    assert frame["severity"].tolist() == [cell]


def test_json_numbers_and_null_become_text(tmp_path: Path) -> None:
    text = '[{"data_id": 7, "status": null, "severity": 3.5}, {"data_id": "8", "status": "x"}]'
    frame, _ = read_labels(write_labels(tmp_path, text, "labels.json"))
    assert frame.reset_index().to_dict("records") == [
        {"data_id": "7", "status": "", "severity": "3.5"},
        {"data_id": "8", "status": "x", "severity": ""},
    ]


def test_an_empty_cell_is_an_empty_string(tmp_path: Path) -> None:
    frame, _ = read_labels(write_labels(tmp_path, "data_id,status\n1,\n2,  \n"))
    assert frame["status"].tolist() == ["", ""]


def test_quoted_ids_may_contain_any_character(tmp_path: Path) -> None:
    frame, _ = read_labels(write_labels(tmp_path, 'data_id,status\n"a,b",x\n"c""d",y\n"e\nf",z\n'))
    assert frame.index.tolist() == ["a,b", 'c"d', "e\nf"]


def test_repeated_rows_are_ignored_with_a_finding(tmp_path: Path) -> None:
    frame, findings = read_labels(write_labels(tmp_path, "data_id,status\n1,a\n2,b\n1,a\n1,a\n"))
    assert frame.index.tolist() == ["1", "2"]
    (finding,) = findings
    assert finding.code == "duplicate-labels"
    assert finding.what.startswith("2 ")


@pytest.mark.parametrize(
    ("name", "content", "row", "first_row"),
    [
        ("labels.csv", "data_id,status\n1,a\n2,b\n1,b\n", 4, 2),
        ("labels.csv", "\ndata_id,status\n\n1,a\n\n1,b\n", 6, 4),
        ("labels.jsonl", '{"data_id": "1", "status": "a"}\n\n{"data_id": 1, "status": "b"}\n', 3, 1),
        ("labels.json", '[{"data_id": "1", "status": "a"}, {"data_id": "1", "status": "b"}]', 2, 1),
        ("labels.json", '{"1": "a", "1": "b"}', 2, 1),
    ],
)
def test_conflicting_labels_are_refused_with_both_rows(
    tmp_path: Path, name: str, content: str, row: int, first_row: int
) -> None:
    finding = read_error(write_labels(tmp_path, content, name), "recording '1' has conflicting labels")
    assert finding.row == row
    assert finding.expected == f"the same as row {first_row}: status=a"
    assert finding.found == "status=b"


def test_the_same_status_with_two_subjects_is_a_conflict(tmp_path: Path) -> None:
    path = write_labels(tmp_path, "data_id,status,subject_id\n1,a,S1\n1,a,S2\n")
    assert "S2" in str(read_error(path, "conflicting labels").found)


@pytest.mark.parametrize(
    ("name", "content", "row", "found"),
    [
        ("labels.csv", "status,subject\nx,S1\n", 2, "status, subject"),
        ("labels.csv", "Participant_ID,PHQ\n300,1\n", 2, "PHQ, Participant_ID"),
        ("labels.csv", "data_id,status\n1,x\n,y\n", 3, "data_id, status"),
        ("labels.jsonl", '{"data_id": "1"}\n{"status": "x"}\n', 2, "status"),
        ("labels.json", "[{}]", 1, "an empty row"),
    ],
)
def test_a_label_without_an_id_is_refused(tmp_path: Path, name: str, content: str, row: int, found: str) -> None:
    finding = read_error(write_labels(tmp_path, content, name), "a row has no data_id")
    assert (finding.row, finding.found) == (row, found)
    assert "data_id" in str(finding.expected)


@pytest.mark.parametrize(
    ("content", "row", "found"),
    [
        ("data_id,status\n1,a\n2\n3,b\n", 3, "1"),
        ("data_id,status\n1,a,x\n", 2, "3"),
        ('data_id,status\n"1\n",a\n2\n', 4, "1"),
    ],
)
def test_a_ragged_row_is_refused_with_its_number(tmp_path: Path, content: str, row: int, found: str) -> None:
    finding = read_error(write_labels(tmp_path, content), "wrong number of fields")
    assert (finding.row, finding.expected, finding.found) == (row, "2 (data_id, status)", found)


def test_repeated_column_names_are_refused(tmp_path: Path) -> None:
    finding = read_error(write_labels(tmp_path, "data_id,status,status\n1,a,b\n"), "duplicate column names")
    assert "status" in str(finding.found)


@pytest.mark.parametrize(
    ("name", "content", "match", "row"),
    [
        ("labels.csv", "", "the file is empty", None),
        ("labels.csv", "data_id,status\n", "the label table has no rows", None),
        ("labels.json", "[]", "the label table has no rows", None),
        ("labels.json", "{}", "the label table has no rows", None),
        ("labels.json", "3", "the label table is not a list", None),
        ("labels.json", '[["1", "a"]]', "an entry of the label table is not a JSON object", 1),
        ("labels.json", '[{"data_id": "1"},\n oops]', "not valid JSON", 2),
        ("labels.jsonl", '{"data_id": "1"}\n"x"\n', "an entry of the label table is not a JSON object", 2),
        ("labels.jsonl", '{"data_id": "1"}\n{"data_id": \n', "not valid JSON", 2),
        ("labels.csv", b"data_id,status\n1,D\xe9pression\n", "not CSV text", 2),
        ("labels.csv", b"PK\x03\x04labels.xlsx", "not CSV text", None),
    ],
)
def test_a_file_that_is_not_a_label_table_is_refused(
    tmp_path: Path, name: str, content: str | bytes, match: str, row: int | None
) -> None:
    assert read_error(write_labels(tmp_path, content, name), match).row == row


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_of_a_byte_order_mark_is_refused(tmp_path: Path, content: bytes) -> None:
    read_error(write_labels(tmp_path, content), "the file is empty")


def test_a_cell_longer_than_the_csv_limit_is_refused_with_its_row(tmp_path: Path) -> None:
    path = write_labels(tmp_path, "data_id,status,note\n1,a,\n2,b," + "x" * 200_000 + "\n")
    assert read_error(path, "field").row == 3


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\u2029"])
def test_unicode_line_separators_do_not_end_a_jsonl_line(tmp_path: Path, separator: str) -> None:
    line = json.dumps({"data_id": f"a{separator}b", "status": "x"}, ensure_ascii=False)
    frame, _ = read_labels(write_labels(tmp_path, line + "\n", "labels.jsonl"))
    assert frame.index.tolist() == [f"a{separator}b"]


def test_utf16_labels_are_read_with_a_finding(tmp_path: Path) -> None:
    frame, findings = read_labels(write_labels(tmp_path, CSV.encode("utf-16")))
    assert frame.index.tolist() == ["007", "10"]
    assert [finding.code for finding in findings] == ["utf-16"]


# ------------------------------------------------------------------------------------------- location


def test_labels_in_the_split_come_before_labels_next_to_it(tmp_path: Path) -> None:
    split = tmp_path / "train"
    split.mkdir()
    assert find_labels(split) is None
    next_to_split = write_labels(tmp_path, CSV)
    assert find_labels(split) == next_to_split
    in_split = write_labels(split, "{}", "labels.json")
    assert find_labels(split) == in_split


def test_csv_comes_before_jsonl_before_json(tmp_path: Path) -> None:
    for name in ("labels.json", "labels.jsonl", "labels.csv"):
        path = write_labels(tmp_path, CSV, name)
        assert find_labels(tmp_path) == path


def test_labels_next_to_the_current_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train").mkdir()
    path = write_labels(tmp_path, CSV)
    monkeypatch.chdir(tmp_path / "train")
    labels_path = find_labels(Path())
    assert labels_path is not None
    assert labels_path.resolve() == path.resolve()
