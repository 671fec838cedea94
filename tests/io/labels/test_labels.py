from __future__ import annotations

import json
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.io.labels.labels import find_labels, read_labels

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
        ("labels.csv", "sep=;\r\n" + CSV.replace(",", ";")),
        ("labels.tsv", CSV.replace(",", "\t")),
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


def write_workbook(folder: Path, rows: list[list[Any]], *, more_sheets: int = 0, name: str = "labels.xlsx") -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for _ in range(more_sheets):
        book.create_sheet().append(["data_id", "status"])
    book.save(folder / name)
    return folder / name


def test_a_workbook_is_read_like_a_csv(tmp_path: Path) -> None:
    rows = [["data_id", "status", "subject_id"], ["007", "Depression", "S1"], [], [10, "Normal", "S2"]]
    frame, findings = read_labels(write_workbook(tmp_path, rows))
    assert frame.reset_index().to_dict("records") == ROWS
    assert findings == []


def test_numbers_of_a_workbook_are_written_as_in_the_cell(tmp_path: Path) -> None:
    rows = [["data_id", "status", "age", "seen", "day"], [300.0, 1, 30.5, True, datetime(2024, 3, 1)], [301, 0]]
    frame, _ = read_labels(write_workbook(tmp_path, rows))
    assert frame.loc["300"].tolist() == ["1", "30.5", "True", "2024-03-01"]
    assert frame.loc["301"].tolist() == ["0", "", "", ""]


def test_only_the_first_sheet_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    path = write_workbook(tmp_path, [["data_id", "status"], ["1", "a"]], more_sheets=2)
    frame, (finding,) = read_labels(path)
    assert frame.index.tolist() == ["1"]
    assert (finding.code, finding.found) == ("several-sheets", "'Sheet', 'Sheet1', 'Sheet2'")


def test_a_formula_counts_with_its_stored_value_and_is_refused_without_one(tmp_path: Path) -> None:
    path = write_workbook(tmp_path, [["data_id", "status"], ["1", "=IF(1>0,1,0)"]])
    finding = read_error(path, "a formula has no stored value")
    assert (finding.row, finding.found) == (2, "'=IF(1>0,1,0)'")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<v />", b"<v>1</v>").replace(b"<v></v>", b"<v>1</v>")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert read_labels(path)[0]["status"].tolist() == ["1"]


def test_a_workbook_row_that_is_longer_than_the_header_is_refused(tmp_path: Path) -> None:
    path = write_workbook(tmp_path, [["data_id", "status"], ["1", "a", "b"]])
    assert read_error(path, "wrong number of fields").row == 2


def test_a_workbook_without_rows_is_refused(tmp_path: Path) -> None:
    read_error(write_workbook(tmp_path, [["data_id", "status"]]), "the label table has no rows")


@pytest.mark.parametrize(("name", "what"), [("labels.xlsx", "an Excel workbook"), ("labels.parquet", "a parquet file")])
@pytest.mark.parametrize("content", [b"data_id,status\n1,a\n", b"PK\x03\x04", b""])
def test_a_file_of_another_format_is_refused(tmp_path: Path, name: str, what: str, content: bytes) -> None:
    assert read_error(write_labels(tmp_path, content, name), f"the file is not {what}").code == "bad-table"


def test_without_openpyxl_a_workbook_is_refused_with_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_workbook(tmp_path, [["data_id", "status"], ["1", "a"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ConfigError, match=r"openpyxl[^\0]*pip install 'pdmr-classic\[excel\]'"):
        read_labels(path)


def test_a_parquet_file_is_read_with_text_cells(tmp_path: Path) -> None:
    table = pd.DataFrame({"status": [1.0, 0.0, None], "age": [30.5, 31.0, 32.0], "subject_id": ["a", "b", None]})
    table.index = pd.Index([300, 301, 302], name="data_id")
    table.to_parquet(tmp_path / "labels.parquet")
    frame, findings = read_labels(tmp_path / "labels.parquet")
    assert frame.index.tolist() == ["300", "301", "302"]
    assert frame.loc[["300", "302"]].to_numpy().tolist() == [["1", "30.5", "a"], ["", "32", ""]]
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
    text = '[{"data_id": 7.0, "status": null, "severity": 3.5}, {"data_id": "8", "status": "x"}]'
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
        ("labels.csv", "data_id,status\n1,x\n,y\n", 3, "data_id, status"),
        ("labels.jsonl", '{"data_id": "1"}\n{"status": "x"}\n', 2, "status"),
    ],
)
def test_a_label_without_an_id_is_refused(tmp_path: Path, name: str, content: str, row: int, found: str) -> None:
    finding = read_error(write_labels(tmp_path, content, name), "a row has no data_id")
    assert (finding.row, finding.found) == (row, found)
    assert "data_id" in str(finding.expected)


@pytest.mark.parametrize(
    ("name", "content", "found", "hint"),
    [
        ("labels.csv", "status,severity\nx,1\n", "severity, status", "--id-column status"),
        ("labels.csv", "Proband,PHQ\n300,1\n301,2\n", "PHQ, Proband", "--id-column Proband"),
        ("labels.json", "[{}]", "an empty row", "--id-column COLUMN"),
    ],
)
def test_a_table_without_a_column_of_ids_is_refused(
    tmp_path: Path, name: str, content: str, found: str, hint: str
) -> None:
    finding = read_error(write_labels(tmp_path, content, name), "no known column of ids")
    assert (finding.row, finding.found) == (None, found)
    assert hint in str(finding.hint)


def test_a_folder_instead_of_a_label_table_is_refused(tmp_path: Path) -> None:
    assert read_error(tmp_path, "the label table is a folder").hint == "pass the file"


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


def test_csv_comes_before_the_other_formats(tmp_path: Path) -> None:
    for name in ("parquet", "xlsx", "json", "jsonl", "tsv", "csv"):
        path = write_labels(tmp_path, CSV, f"labels.{name}")
        assert find_labels(tmp_path) == path


def test_labels_next_to_the_current_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train").mkdir()
    path = write_labels(tmp_path, CSV)
    monkeypatch.chdir(tmp_path / "train")
    labels_path = find_labels(Path())
    assert labels_path is not None
    assert labels_path.resolve() == path.resolve()
