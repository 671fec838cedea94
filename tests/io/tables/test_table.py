from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables._numbers import NAN_TOKENS
from pdmr_classic.io.tables.table import Table, read_table

NAN = float("nan")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.csv"


def read(file: Path, content: str | bytes, **options: object) -> Table:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(file, **options)  # type: ignore[arg-type]


def read_error(file: Path, content: str | bytes, match: str, **options: object) -> Finding:
    with pytest.raises(DataError, match=match) as caught:
        read(file, content, **options)
    assert caught.value.finding.file == file
    return caught.value.finding


def codes(table: Table) -> list[str]:
    return [finding.code for finding in table.findings]


def rows(table: Table) -> list[list[float]]:
    return np.column_stack(list(table.columns.values())).tolist()


# -------------------------------------------------------------------------------------- formats of one table


@pytest.mark.parametrize(
    ("content", "expected_codes"),
    [
        ("a,b\n1.5,2\n-3,4.25\n", []),
        ("a, b\n1.5, 2\n-3, 4.25\n", []),
        (" a , b \n 1.5 , 2 \n-3,4.25\n", []),
        ("a,b\r\n1.5,2\r\n-3,4.25\r\n", []),
        ("a,b\r1.5,2\r-3,4.25\r", []),
        ("a,b\r\n1.5,2\n-3,4.25\r\n", []),
        ("\ufeffa,b\n1.5,2\n-3,4.25\n", []),
        ('"a","b"\n"1.5","2"\n-3,4.25\n', []),
        ('"a", "b"\n"1.5", "2"\n-3,4.25\n', []),
        ("\na,b\n1.5,2\n-3,4.25\n", []),
        ("  \n\na,b\n1.5,2\n-3,4.25\n", []),
        ("a,b\n\n1.5,2\n\n-3,4.25\n\n\n", []),
        ("a,b\n1.5,2\n-3,4.25\n   \n", []),
        ("a,b\n1.5,2\n  \n-3,4.25\n", []),
        ("a,b\n+1.5,2.\n-3e0,42.5E-1\n", []),
        ("a,b\n1.5,2\n-3,4.25", ["no-final-newline"]),
        ("a\tb\n1.5\t2\n-3\t4.25\n", ["delimiter"]),
        ("a;b\n1,5;2\n-3;4,25\n", ["delimiter"]),
        ("a;b\n1.5;2\n-3;4.25\n", ["delimiter"]),
        ("a,b,\n1.5,2,\n-3,4.25,\n", ["trailing-comma"]),
        ("a,b\n1.5,2,\n-3,4.25,\n", ["trailing-comma"]),
        ("a;b\n1,5;2;\n-3;4,25;\n", ["delimiter", "trailing-comma"]),
        ("a,b,\n1.5,2,7\n-3,4.25,8\n", ["dropped-column"]),
        ("# made by hand\na,b\n#9,9\n1.5,2\n-3,4.25\n # end\n", []),
        ("# made by hand\n# a,b\n1.5,2\n-3,4.25\n", []),
        ("#\r\n# a, b\r\n1.5,2\r\n-3,4.25\r\n", []),
        (",a,b\n0,1.5,2\n1,-3,4.25\n", ["dropped-column"]),
        ("index,a,b\n7,1.5,2\n3,-3,4.25\n", ["dropped-column"]),
        ("a,b,status\n1.5,2,Depression\n-3,4.25,Depression\n", ["dropped-column"]),
        ("a,b,label\n1.5,2,0\n-3,4.25,1\n", ["dropped-column"]),
        ("a,b,note\n1.5,2,smiles\n-3,4.25,\n", ["dropped-column"]),
        ("a,b,\n1.5,2\n-3,4.25\n", ["trailing-comma"]),
        ("a; b;\n1,5;2\n-3;4,25\n", ["delimiter", "trailing-comma"]),
        ("a|b\n1.5|2\n-3|4.25\n", ["delimiter"]),
        ("a b\n1.5 2\n-3 4.25\n", ["delimiter"]),
        ("  a    b\r\n 1.5   2\r\n  -3  4.25\r\n \r\n", ["delimiter"]),
        ('"a" "b"\n1,5 2\n-3 4,25\n', ["delimiter"]),
        ("# a b\n1.5 2.0\n-3 4.25\n", ["delimiter"]),
        ("sep=,\na,b\n1.5,2\n-3,4.25\n", []),
        ("\ufeffSEP=;\r\na;b\r\n1,5;2\r\n-3;4,25\r\n", ["delimiter"]),
        ('"sep=\t"\na\tb\n1.5\t2\n-3\t4.25\n', ["delimiter"]),
        ("sep=;;\na;b\n1.5;2\n-3;4.25\n", ["delimiter"]),
        ('"a","b"\n"1",1.5,2\n"2",-3,4.25\n', ["dropped-column"]),  # write.table of R
        ('"a" "b"\n"1" 1.5 2\n"2" -3 4.25\n', ["delimiter", "dropped-column"]),
    ],
)
def test_one_table_in_many_formats_is_read_identically(file: Path, content: str, expected_codes: list[str]) -> None:
    table = read(file, content)
    assert list(table.columns) == ["a", "b"]
    assert rows(table) == [[1.5, 2], [-3, 4.25]]
    assert codes(table) == expected_codes
    assert table.has_header
    assert table.n_rows == 2


@pytest.mark.parametrize(
    ("content", "expected_codes"),
    [
        ("1.5,2\n-3,4.25\n", []),
        ("1.5,2\n-3,4.25", ["no-final-newline"]),
        ("1.5, 2\r\n-3, 4.25\r\n", []),
        ("1.5,2\r-3,4.25\r", []),
        ("\n1.5,2\n-3,4.25\n", []),
        ("\ufeff1.5,2\n-3,4.25\n", []),
        ("1.5\t2\n-3\t4.25\n", ["delimiter"]),
        ("1.5;2\n-3;4.25\n", ["delimiter"]),
        ("1,5;2,0\n-3;4,25\n", ["delimiter"]),
        ("1,5\t2,0\n-3\t4,25\n", ["delimiter"]),
        ("# a matrix\n1.5,2\n-3,4.25\n", []),
        ("1.500e+00 2.000e+00\n-3.000e+00 4.250e+00\n", ["delimiter"]),  # numpy.savetxt
        ("  1.5    2\n-3.0  4.25 \n", ["delimiter"]),
        ("1,5 2,0\n-3,0 4,25\n", ["delimiter"]),
        ("sep=;\n1,5;2,0\n-3;4,25\n", ["delimiter"]),
        ("1.5|2\n-3|4.25\n", ["delimiter"]),
        ("#1,2\n1.5,2\n#\n-3,4.25\n", []),
    ],
)
def test_columns_of_a_headerless_matrix_are_named_by_position(
    file: Path, content: str, expected_codes: list[str]
) -> None:
    table = read(file, content)
    assert list(table.columns) == ["ch000", "ch001"]
    assert rows(table) == [[1.5, 2], [-3, 4.25]]
    assert codes(table) == expected_codes
    assert not table.has_header


def test_a_trailing_comma_without_a_header_is_reported_and_adds_no_channel(file: Path) -> None:
    table = read(file, "1.5,2,\n-3,4.25,\n")
    assert rows(table) == [[1.5, 2], [-3, 4.25]]
    assert codes(table)


@pytest.mark.parametrize("content", ["1,2,nan\n", "1,2,NA\n3,4,NA\n", "1,2,\n3,4,5\n"])
def test_a_last_channel_with_only_missing_values_is_not_dropped(file: Path, content: str) -> None:
    assert list(read(file, content).columns) == ["ch000", "ch001", "ch002"]


@pytest.mark.parametrize(
    ("content", "expected_codes"),
    [
        ("0,1,2\n0.5,0.25,1\n2,3,4\n", []),
        ('"0","1","2"\n0.5,0.25,1\n2,3,4\n', []),
        (",0,1,2\n0,0.5,0.25,1\n1,2,3,4\n", ["dropped-column"]),
    ],
)
def test_the_header_that_pandas_writes_for_a_matrix_is_not_a_row(
    file: Path, content: str, expected_codes: list[str]
) -> None:
    table = read(file, content)
    assert list(table.columns) == ["ch000", "ch001", "ch002"], "as without the header"
    assert rows(table) == [[0.5, 0.25, 1], [2, 3, 4]]
    assert codes(table) == expected_codes


@pytest.mark.parametrize("first", [0, 1])
def test_a_row_counter_without_a_header_is_dropped_and_reported(file: Path, first: int) -> None:
    table = read(file, "".join(f"{first + row},{row * 0.5},7\n" for row in range(4)))
    assert list(table.columns) == ["ch000", "ch001"]
    assert rows(table) == [[0, 7], [0.5, 7], [1, 7], [1.5, 7]]
    (finding,) = table.findings
    assert (finding.code, finding.found) == ("dropped-column", "'the first'")


@pytest.mark.parametrize(
    "content",
    [
        "0\n1\n2\n3\n",  # no column would remain
        "0,5\n1,6\n",  # too short to be a counter
        "5,1\n6,1\n7,1\n",  # does not start at 0 or 1
        "0,1\n1,1\n3,1\n",  # skips a number
        "1,0\n1,1\n1,2\n",  # not the first column
    ],
)
def test_a_column_that_only_resembles_a_row_counter_is_not_dropped(file: Path, content: str) -> None:
    table = read(file, content)
    assert rows(table) == [[float(cell) for cell in line.split(",")] for line in content.split()]
    assert codes(table) == []


def test_a_named_column_of_consecutive_numbers_is_not_dropped(file: Path) -> None:
    assert list(read(file, "frame,a\n0,1\n1,1\n2,1\n").columns) == ["frame", "a"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_wide_matrix_is_read_identically_with_any_line_end(file: Path, n_rows: int, end: str) -> None:
    values = [[float(row * 100 + column) for column in range(70)] for row in range(n_rows)]
    lines = [",".join(map(str, row)) for row in values]
    table = read(file, (end or "\n").join(lines) + end)
    assert rows(table) == values
    assert codes(table) == ([] if end else ["no-final-newline"])


def test_a_wide_row_of_unusual_values_is_read_like_a_narrow_one(file: Path) -> None:
    odd = ["nan", "", "NA", "-nan(ind)", "1e400", "-inf", " 2.5 ", "1e-320"]
    wide = rows(read(file, ",".join(odd + ["1"] * 60) + "\n"))[0]
    narrow = rows(read(file, ",".join([*odd, "1"]) + "\n"))[0]
    np.testing.assert_array_equal(wide[:9], narrow)


def test_only_the_selected_columns_are_read_and_checked(file: Path) -> None:
    table = read(file, "a,b,c\n1,x,3\n4,5,6\n", select=lambda names: [name for name in names if name != "b"])
    assert list(table.columns) == ["a", "c"]
    assert rows(table) == [[1, 3], [4, 6]]


def test_the_content_hash_identifies_the_bytes(file: Path) -> None:
    first = read(file, "a,b\n1,2\n").content
    assert read(file, "a,b\n1,2\n").content == first
    assert read(file, "a,b\r\n1,2\r\n").content != first
    assert len(first) == 32


def test_names_that_differ_only_in_case_are_two_columns(file: Path) -> None:
    assert read(file, "x_0,X_0\n1,2\n").columns.keys() == {"x_0", "X_0"}


# -------------------------------------------------------------------------------------- missing values and text


@pytest.mark.parametrize("token", [*NAN_TOKENS, "NULL", "null", "none", "n/a", "1.#qnan", " NA", " ", " 1.#QNAN "])
def test_spellings_of_missing_values_are_nan_and_reported(file: Path, token: str) -> None:
    table = read(file, f"a,b\n{token},1\n2,{token}\n3,4\n")
    np.testing.assert_array_equal(rows(table), [[NAN, 1], [2, NAN], [3, 4]])
    (finding,) = table.findings
    assert (finding.code, finding.found) == ("nan", "2 values")


@pytest.mark.parametrize("token", ["inf", "-inf", "Infinity", "1e400", "-1e400", "1e300"])
def test_values_beyond_float32_are_nan_and_reported(file: Path, token: str) -> None:
    table = read(file, f"a,b\n{token},1\n2,3\n")
    np.testing.assert_array_equal(rows(table), [[NAN, 1], [2, 3]])
    (finding,) = table.findings
    assert (finding.code, finding.found) == ("infinite", "1 value")


def test_missing_and_infinite_values_are_counted_separately(file: Path) -> None:
    table = read(file, "a,b\nnan,inf\n,3\n")
    assert [(finding.code, finding.found) for finding in table.findings] == [
        ("nan", "2 values"),
        ("infinite", "1 value"),
    ]


def test_an_empty_column_is_nan(file: Path) -> None:
    table = read(file, "a,b\n1,\n2,\n")
    np.testing.assert_array_equal(table.columns["b"], [NAN, NAN])


def test_text_columns_are_dropped_and_reported_by_name(file: Path) -> None:
    table = read(file, "a,mood,site\n1,good,\n2,bad,Bonn\n")
    assert list(table.columns) == ["a"]
    (finding,) = table.findings
    assert (finding.code, finding.found) == ("dropped-column", "'mood', 'site'")


def test_text_in_a_column_that_must_be_numeric_is_rejected(file: Path) -> None:
    finding = read_error(
        file, "a,b\n1,x\n2,y\n", "a numeric column contains text", must_be_numeric=lambda name: name == "b"
    )
    assert (finding.row, finding.column, finding.found) == (2, "b", "'x'")


@pytest.mark.parametrize(
    ("content", "row", "column", "found"),
    [
        ("a,b\n1,2\n3,x\n", 3, "b", "'x'"),
        ("a,b\n1,x\n3,4\n", 2, "b", "'x'"),
        ("\n\na,b\n1,2\n\n3,x\n", 6, "b", "'x'"),
        ("a,b\r\n1,2\r\n3, x \r\n", 3, "b", "'x'"),
        ("a,b\r1,2\r3,x\r", 3, "b", "'x'"),
        ("1,2\n3,x\n", 2, "ch001", "'x'"),
        ("a;b\n1,5;2\n3;x\n", 3, "b", "'x'"),
        ('a,b\n1,2\n"1,234.5",4\n', 3, "a", "'1,234.5'"),
        ("a,b\n1,2\n1_0,4\n", 3, "a", "'1_0'"),
        ("a,b\n1,2\n0.5.1,4\n", 3, "a", "'0.5.1'"),
        ("a,b\n1,2\n3,#REF!\n4,y\n", 3, "b", "'#REF!'"),
    ],
)
def test_text_among_numbers_is_rejected_with_its_position(
    file: Path, content: str, row: int, column: str, found: str
) -> None:
    finding = read_error(file, content, "a numeric column contains text")
    assert (finding.code, finding.expected) == ("text-in-number-column", "a number")
    assert (finding.row, finding.column, finding.found) == (row, column, found)


# ------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("content", "match", "row", "found"),
    [
        ("a,b\n1\n3,4\n", "a row is too short", 2, "1 field"),
        ("a,b,c\n1,2,3\n\n3,4\n5,6,7\n", "a row is too short", 4, "2 fields"),
        ("a,b\n1,2,3\n4,5\n", "a row is too long", 2, "3 fields"),
        ("a,b\n1,2\n4,5,\n", "a row is too long", 3, "3 fields"),
        ("a,b\n1,2\n3\n", "the last row is truncated", 3, "1 field"),
        ("a,b\n1,2\n3", "the last row is truncated", 3, "1 field"),
        ("a,b\n1,2\n3\n\n\n", "the last row is truncated", 3, "1 field"),
        ("a,b\r\n1,2\r\n3\r\n", "the last row is truncated", 3, "1 field"),
        ("a,b\r1,2\r3\r", "the last row is truncated", 3, "1 field"),
        ("a,b\r1,2\r3\r4,5\r", "a row is too short", 3, "1 field"),
        ("1,2\n3\n", "the last row is truncated", 2, "1 field"),
        ("1\n2,3\n", "a row is too long", 2, "2 fields"),
    ],
)
def test_a_ragged_row_is_rejected_with_its_row_number(
    file: Path, content: str, match: str, row: int, found: str
) -> None:
    finding = read_error(file, content, match)
    assert (finding.row, finding.found) == (row, found)
    assert str(finding.expected).endswith(("1 field", "2 fields", "3 fields"))


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("0,037,0,196\n0,058,0,211\n", 1),
        ("12,100\n12,5\n-0,015\n", 3),
        ("1,5,2,25\r\n1,75,-3,04\r\n", 2),
        ("1,2,0,0001\n", 1),
    ],
)
def test_decimal_commas_in_a_headerless_matrix_are_betrayed_by_leading_zeros(
    file: Path, content: str, row: int
) -> None:
    finding = read_error(file, content, "seem to be decimal commas")
    assert (finding.code, finding.row) == ("decimal-comma", row)
    assert "decimal points" in str(finding.hint)


@pytest.mark.parametrize("content", ["1.5,007\n", "0,1,-0,10\n", "007\n008\n", "1.0,2\n3,04\n"])
def test_leading_zeros_alone_are_no_decimal_commas(file: Path, content: str) -> None:
    assert read(file, content).n_rows == content.count("\n")


def test_a_header_over_decimal_commas_names_them_in_the_hint(file: Path) -> None:
    finding = read_error(file, "a,b\n0,037,0,196\n1,5,2,25\n", "a row is too long")
    assert "decimal commas" in str(finding.hint)


@pytest.mark.parametrize(
    "content", ["1,0.98,Neutral\n2,0.97,Happy\n", "x;3;1\ny;4;2\n", "0.5,happy,3\n0.6,sad,4\n", "a b 0,5\n"]
)
def test_a_first_row_of_data_with_text_is_not_lost_as_a_header(file: Path, content: str) -> None:
    assert read_error(file, content, "looks like data, but contains text|no rows").code in ("no-header", "no-rows")


@pytest.mark.parametrize("content", ['"a,b"\n"1,2"\n"3,4"\n', '"1,2"\n"3,4"\n', '"a,b"\n1,2\n'])
def test_lines_in_quotes_are_refused(file: Path, content: str) -> None:
    assert read_error(file, content, "each line is in quotes").code == "quoted-lines"


def test_rising_numbers_may_be_names(file: Path) -> None:
    table = read(file, "name,125.0,250.0,500.0\nx,1,2,3\nx,4,5,6\n")
    assert list(table.columns) == ["125.0", "250.0", "500.0"]


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("a,b\n1,0.5,2\n2,0.7,3\n", "row names"),  # without quotes it may be a column without a name
        ('a,b\n"3",0.5,2\n"1",0.7,3\n', "row names"),
    ],
)
def test_row_names_that_are_not_certain_are_refused_with_a_hint(file: Path, content: str, hint: str) -> None:
    assert hint in str(read_error(file, content, "a row is too long").hint)


@pytest.mark.parametrize("content", ["a,b,\n1,2\n3\n", "a,b,\n1,2\n3,4,5\n", "a,b,\n1\n3\n"])
def test_a_trailing_comma_in_the_header_excuses_no_ragged_row(file: Path, content: str) -> None:
    read_error(file, content, "a row is too|the last row is truncated")


def test_a_cell_with_an_error_of_excel_is_no_comment(file: Path) -> None:
    assert read(file, "a,b\n#N/A,1\n# a comment\n2,3\n").n_rows == 2


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("a,b\n1,2\na,b\n3,4\n", 3),
        ("\na, b\n1,2\n\na, b\n3,4\n", 5),
        ("index,b\n1,2\nindex,b\n1,2\n", 3),
        (",b\n0,2\n,b\n0,2\n", 3),
    ],
)
def test_a_repeated_header_is_rejected_with_its_row(file: Path, content: str, row: int) -> None:
    finding = read_error(file, content, "the header is repeated")
    assert (finding.code, finding.row) == ("repeated-header", row)
    assert "split" in str(finding.hint)


@pytest.mark.parametrize(
    ("content", "row", "found"),
    [("a,b,a\n1,2,3\n", 1, "'a'"), ("\na, b,b ,a\n1,2,3,4\n", 2, "'a', 'b'"), ('"a",a\n1,2\n', 1, "'a'")],
)
def test_repeated_column_names_are_rejected(file: Path, content: str, row: int, found: str) -> None:
    finding = read_error(file, content, "duplicate column names")
    assert (finding.row, finding.found) == (row, found)


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "\n\na,b\n\n", "0,1,2\n", "prose on one line"])
def test_a_file_with_only_a_header_is_rejected(file: Path, content: str) -> None:
    assert read_error(file, content, "a header but no rows").expected == "at least one row of numbers"


@pytest.mark.parametrize(
    "content",
    [
        "hello world\nfoo bar\nbaz\n",
        "Dear all, here is the data.\nIt is long, I know, and sorry for that.\nBest\n",
        '{"001": "Depression",\n "002": "Normal"}\n',
        "x" * 200_000 + "\n1\n",  # longer than the field limit of csv
        "a\n" + "x" * 200_000 + "\n1\n",
    ],
    ids=["words", "prose", "json", "long-name", "long-cell"],
)
def test_a_text_file_is_rejected(file: Path, content: str) -> None:
    read_error(file, content, "the file|a row|numeric column contains text|no column contains numbers")


@pytest.mark.parametrize(
    ("content", "match", "found"),
    [
        (b"", "the file is empty", "0 bytes"),
        (b"\n \n", "the file is empty", "3 bytes"),
        (b"\x1f\x8b\x08\x00", "not CSV text", "gzip data"),
        (b"a,b\n1,\x002\n", "not CSV text", "binary data"),
        (b"a,b\n1,\xe9\n", "not CSV text", "byte 0xe9"),
    ],
)
def test_binary_and_empty_files_are_rejected(file: Path, content: bytes, match: str, found: str) -> None:
    assert read_error(file, content, match).found == found


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xef\xbb\xbf\n\n"])
def test_a_file_with_only_a_byte_order_mark_is_rejected(file: Path, content: bytes) -> None:
    assert read_error(file, content, "the file is empty").code == "empty"


def test_an_error_late_in_a_file_of_several_blocks_is_located(file: Path) -> None:
    n = 400_000
    content = "a,b\n" + "1.25,-2.5\n" * n
    assert len(content) > 1 << 21
    assert read(file, content).n_rows == n
    assert read_error(file, content + "3\n", "the last row is truncated").row == n + 2
    assert read_error(file, content + "x,1\n1,1\n", "numeric column contains text").row == n + 2
