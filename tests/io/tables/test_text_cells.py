"""Cells that are not numbers: read, told or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables.table import Table, read_table

NAN = float("nan")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.csv"


def read(file: Path, content: str) -> Table:
    file.write_text(content, encoding="utf-8")
    return read_table(file, must_be_numeric=("timestamp", "success").__contains__)


def read_error(file: Path, content: str, match: str) -> Finding:
    with pytest.raises(DataError, match=match) as caught:
        read(file, content)
    assert caught.value.finding.file == file
    return caught.value.finding


def find(table: Table, code: str) -> Finding:
    (finding,) = (finding for finding in table.findings if finding.code == code)
    return finding


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["True", "False", "True"], [1, 0, 1]),
        ([" true ", "FALSE", ""], [1, 0, NAN]),
        (["yes", "No", "NA"], [1, 0, NAN]),
        (["True", "0", "1"], [1, 0, 1]),
        (["True", "-", "False"], [1, NAN, 0]),
    ],
)
def test_truth_values_are_read_as_1_and_0_and_told(file: Path, cells: list[str], values: list[float]) -> None:
    table = read(file, "a,success\n" + "".join(f"2,{cell}\n" for cell in cells))
    np.testing.assert_array_equal(table.columns["success"], values)
    assert find(table, "truth-values").found == "columns 'success'"


@pytest.mark.parametrize("cells", [["True", "maybe"], ["True", "2"], ["True", "0.5"], ["yes", "y"]])
def test_truth_values_beside_anything_else_are_refused(file: Path, cells: list[str]) -> None:
    finding = read_error(file, "a,success\n" + "".join(f"2,{cell}\n" for cell in cells), "numeric column contains text")
    assert (finding.code, finding.column) == ("text-in-number-column", "success")


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["00:00:01.000", "00:00:01.033"], [1, 1.033]),
        (["1:00:00", "1:00:01,5"], [3600, 3601.5]),
        (["00:59.9", "01:00.1", "75:00"], [59.9, 60.1, 4500]),
        (["0 days 00:00:00", "1 days 00:00:00.5"], [0, 86400.5]),
        (["1970-01-01 00:00:01", "1970-01-01T00:00:01.500"], [1, 1.5]),
        (["1970-01-01T01:00:00+01:00", "1970-01-01T00:00:02+00:00"], [0, 2]),
        (["00:00:01", "", "00:00:03"], [1, NAN, 3]),
        (["0:01", "undefined", "0:03"], [1, NAN, 3]),
    ],
)
@pytest.mark.parametrize("name", ["timestamp", "X.Time", "frameTime"])
def test_clock_times_in_a_time_column_are_read_as_seconds_and_told(
    file: Path, name: str, cells: list[str], values: list[float]
) -> None:
    table = read(file, f"{name};a\n" + "".join(f"{cell};2\n" for cell in cells))
    np.testing.assert_allclose(table.columns[name], values, rtol=0, atol=1e-9)
    assert f"{name!r}: {cells[0]} as " in str(find(table, "clock").found)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("timestamp", ["00:00:01:05", "00:00:01:06"]),  # frames of a video at an unknown rate
        ("timestamp", ["00:00:01", "1.5"]),
        ("timestamp", ["00:00:75", "00:01:10"]),
        ("timestamp", ["10:00:00 AM", "10:00:01 AM"]),
        ("timestamp", ["2024-01-01 10:00:00", "2024-01-01T10:00:00Z", "2024-13-01 10:00:00"]),
        ("time_ms", ["00:00:01", "00:00:02"]),
        ("duration", ["00:01", "00:02", "5"]),
    ],
)
def test_other_clock_times_are_refused(file: Path, name: str, cells: list[str]) -> None:
    content = f"{name},a\n" + "".join(f"{cell},2\n" for cell in cells)
    assert read_error(file, content, "numeric column contains text").column == name


@pytest.mark.parametrize(
    "word",
    [
        *("--undefined--", "undefined", "FIT_FAILED", "fit_failed", "-", "?", ".", "#N/A", "<NA>", "n.a.", "#DIV/0!"),
        *("-1.#IND00", "1.#QNAN0", "1.#INF00"),
    ],
)
@pytest.mark.parametrize("position", ["first", "last"])
def test_known_words_for_missing_values_are_nan_and_told_with_column_and_count(
    file: Path, word: str, position: str
) -> None:
    rows = [f"{word},1", f"{word},2", "3.5,4"]
    if position == "last":
        rows = [",".join(reversed(row.split(","))) for row in rows]
    table = read(file, "\n".join(["AU12_r,b" if position == "first" else "b,AU12_r", *rows]) + "\n")
    np.testing.assert_array_equal(table.columns["AU12_r"], [NAN, NAN, 3.5])
    assert find(table, "missing-words").found == f"{word!r} in column 'AU12_r' (2 cells)"
    assert find(table, "nan").found == "2 values"


def test_the_first_row_of_a_headerless_matrix_may_contain_words_for_missing_values(file: Path) -> None:
    table = read(file, "0.5,?,FIT_FAILED\n1,2,3\n")
    np.testing.assert_array_equal(np.column_stack(list(table.columns.values())), [[0.5, NAN, NAN], [1, 2, 3]])


def test_a_column_of_words_for_missing_values_stays_a_channel(file: Path) -> None:
    np.testing.assert_array_equal(read(file, "a,b\n1,-\n2,-\n").columns["b"], [NAN, NAN])


def test_a_text_column_with_words_for_missing_values_is_dropped_as_text(file: Path) -> None:
    table = read(file, "a,mood\n1,-\n2,happy\n")
    assert [(finding.code, finding.found) for finding in table.findings] == [("dropped-column", "'mood'")]


def test_all_columns_with_text_are_refused_in_one_message_with_counts_and_the_first_cell(file: Path) -> None:
    content = "a,b,c\n1,2,3\n1,x,3\ny,x,3\n1,2,3\n"
    finding = read_error(file, content, r"numeric columns contain text: 'a' \(1 cell\), 'b' \(2 cells\)")
    assert (finding.row, finding.column, finding.found) == (3, "b", "'x'")
    with pytest.raises(DataError) as caught:
        read_table(file)
    assert len(caught.value.findings) == 1


def test_the_number_of_text_cells_of_a_single_column_is_told(file: Path) -> None:
    finding = read_error(file, "a,b\n1,2\n1,x\n1,y\n", "a numeric column contains text in 2 cells")
    assert (finding.row, finding.column, finding.found) == (3, "b", "'x'")


@pytest.mark.parametrize(
    ("cells", "hint"),
    [
        (["12 mm", "13 mm"], "units"),
        (["1.5rad", "2rad"], "units"),
        (["95%", "94.5 %"], "percent"),
        (['"0,5"', '"0,75"'], "decimal points"),
        (['"1,234.5"', '"2,000.0"'], "thousands"),
        (["12 mm", "3"], "units"),
        (["x", "3"], "leave it empty"),
        (["[1.5 2.5]", "3"], "column of its own"),
        (["01.02.2024", "3"], "dates"),
    ],
)
def test_numbers_in_another_spelling_are_refused_with_a_hint_and_never_dropped_as_text(
    file: Path, cells: list[str], hint: str
) -> None:
    content = "a,pose_Tx\n" + "".join(f"1,{cell}\n" for cell in cells)
    assert hint in str(read_error(file, content, "numeric column contains text").hint)


@pytest.mark.parametrize(
    ("content", "row", "hint"),
    [
        ("time,x,y\ns,mm,mm\n0,1,2\n1,2,3\n", 2, "units or is a second line of the header"),
        ("face,eye\nAU01,AU02\n0,1\n1,2\n", 2, "units or is a second line of the header"),
        ("a,b\n0,1\n1,2\nTotal,3\n", 4, "a total or a comment"),
    ],
)
def test_a_row_of_units_and_a_total_are_recognised(file: Path, content: str, row: int, hint: str) -> None:
    finding = read_error(file, content, "numeric column")
    assert (finding.row, hint in str(finding.hint)) == (row, True)


@pytest.mark.parametrize("word", ["mean", "Total", '"max"'])
def test_a_summary_row_whose_name_is_in_an_ignored_column_is_refused(file: Path, word: str) -> None:
    finding = read_error(file, f",a,b\n0,1,2\n1,2,3\n{word},1.5,2.5\n", "the last row is a summary")
    assert (finding.code, finding.found) == ("summary-row", repr(word.strip('"').lower()))


def test_a_subject_named_like_a_summary_is_none(file: Path) -> None:
    assert read(file, "subject,a\nMax,1\nMax,2\n").n_rows == 2
