"""One table in every file format."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables.table import Table, read_table
from pdmr_classic.storage import bytes as bytes_module

NAN = float("nan")
CSV = b"a,b\n1.5,2\n-3,4.25\n"
ARFF = b"""% openSMILE
@relation 'features'

@ATTRIBUTE a numeric
@attribute 'b' REAL

@data
1.5,2
% comment
-3,4.25
"""
VALUES = [[1.5, 2], [-3, 4.25]]


def npy(array: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{key: np.asarray(array) for key, array in arrays.items()})
    return buffer.getvalue()


def parquet(columns: dict[str, object] | pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


def gzipped(content: bytes) -> bytes:
    """Return gzip data without the current time, which would be part of the names of tests."""
    return gzip.compress(content, mtime=0)


PARQUET = parquet({"a": [1.5, -3], "b": [2, 4.25]})
NPZ = npz(data=VALUES, names=["a", "b"])


def read(folder: Path, name: str, content: bytes, select: Callable[..., list[str]] | None = None) -> Table:
    path = folder / name
    path.write_bytes(content)
    return read_table(path, select)


def read_error(folder: Path, name: str, content: bytes, match: str) -> Finding:
    with pytest.raises(DataError, match=match) as caught:
        read(folder, name, content)
    assert caught.value.finding.file == folder / name
    return caught.value.finding


def rows(table: Table) -> list[list[float]]:
    return np.column_stack(list(table.columns.values())).tolist()


# ------------------------------------------------------------------------------------------------ all formats

NAMED = {
    ".csv": CSV,
    ".txt": b"# a b\n 1.5   2\n -3  4.25\n",
    ".tsv": CSV.replace(b",", b"\t"),
    ".npy": npy(np.array([(1.5, 2), (-3, 4.25)], dtype=[("a", "f4"), ("b", "f8")])),
    ".npz": NPZ,
    ".parquet": PARQUET,
    ".arff": ARFF,
}


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("suffix", NAMED)
def test_one_table_is_read_from_every_format(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    content = compress(NAMED[suffix])
    name = f"x{suffix.upper()}" + ".gz" * (compress is gzip.compress)
    table = read(tmp_path, name, content)
    assert (list(table.columns), rows(table), table.has_header) == (["a", "b"], VALUES, True)
    assert [finding.code for finding in table.findings if finding.code != "delimiter"] == []
    assert table.content == bytes_module.hash_bytes(content)
    assert all(column.dtype == np.float64 for column in table.columns.values())
    assert list(read(tmp_path, name, content, select=lambda names: ["b"]).columns) == ["b"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", npy(np.array([(1.5, 300), (2, 301)], dtype=[("a", "f4"), ("Participant_ID", "f8")]))),
        ("x.npz", npz(data=[[1.5, 300], [2, 301]], names=["a", "Participant_ID"])),
        ("x.parquet", parquet({"a": [1.5, 2], "Participant_ID": ["300", "301"]})),
        ("x.arff", b"@attribute a real\n@attribute Participant_ID string\n@data\n1.5,'300'\n2,'301'\n"),
    ],
)
def test_several_recordings_in_a_file_are_refused_in_every_format(tmp_path: Path, name: str, content: bytes) -> None:
    assert read_error(tmp_path, name, content, "several recordings").column == "Participant_ID"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", npy([[0, 5, np.inf], [1, np.nan, 1e300], [2, 7, 8]])),
        ("x.npz", npz(foo=[[0, 5, np.inf], [1, np.nan, 1e300], [2, 7, 8]])),
        ("x.txt", b"0 5 inf\n1 nan 1e300\n2 7 8\n"),
    ],
)
def test_a_matrix_of_every_format_is_checked_as_one_of_csv(tmp_path: Path, name: str, content: bytes) -> None:
    table = read(tmp_path, name, content)
    np.testing.assert_array_equal(rows(table), [[5, NAN], [NAN, NAN], [7, 8]])
    codes = [finding.code for finding in table.findings if finding.code != "delimiter"]
    assert codes == ["dropped-column", "nan", "infinite"]
    assert list(table.columns) == ["ch000", "ch001"]


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.npy", "x.npz", "x.parquet", "x.arff", "x.csv.gz", "x.npy.gz"])
def test_a_file_of_zero_bytes_is_empty_in_every_format(tmp_path: Path, name: str) -> None:
    assert read_error(tmp_path, name, b"", "the file is empty").code == "empty"


@pytest.mark.parametrize(
    ("name", "content", "found", "hint"),
    [
        ("x.csv", npy(VALUES), "a NumPy array", ".npy"),
        ("x.csv", NPZ, "zip archive", ".npz"),
        ("x.csv", PARQUET, "a Parquet file", ".parquet"),
        ("x.csv", ARFF, "an ARFF file", ".arff"),
        ("x.csv", gzipped(CSV), "gzip data", ".gz"),
        ("x.csv.gz", gzipped(gzipped(CSV)), "gzip data", "unpack"),
        ("x.csv.gz", CSV, "text", "remove .gz"),
        ("x.npy", CSV, "text", ".csv"),
        ("x.npy", NPZ, "zip archive", ".npz"),
        ("x.npz", npy(VALUES), "a NumPy array", ".npy"),
        ("x.parquet", CSV, "text", ".csv"),
        ("x.parquet", gzipped(PARQUET), "gzip data", ".gz"),
        ("x.arff", CSV, "'a,b'", ".csv"),
        ("x.npy", b"\x80\x04\x95\x10\0\0\0", "pickle", "save it as CSV"),
        ("x.npy", b"version https://git-lfs.github.com/spec/v1\n", "git-lfs", "git lfs pull"),
    ],
)
def test_a_suffix_that_contradicts_the_content_is_refused_with_the_right_one(
    tmp_path: Path, name: str, content: bytes, found: str, hint: str
) -> None:
    finding = read_error(tmp_path, name, content, "not")
    assert found in str(finding.found)
    assert hint in str(finding.hint)


# ------------------------------------------------------------------------------------------------ NumPy


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (np.array(VALUES, order="F"), VALUES),
        (np.array([1, 2, 3], dtype=">i2"), [[1, 2, 3]]),
        (np.array([[1], [2]], dtype=bool), [[1], [1]]),
        (np.array([0.5, 2], dtype="f2"), [[0.5, 2]]),
    ],
)
def test_arrays_of_numbers_are_read(tmp_path: Path, array: np.ndarray, values: list[list[float]]) -> None:
    table = read(tmp_path, "x.npy", npy(array))
    assert (rows(table), table.has_header, table.findings) == (values, False, ())


@pytest.mark.parametrize(
    ("content", "match", "found"),
    [
        (npy(np.ones((2, 3, 4))), "wrong number of dimensions", r"the shape (2, 3, 4)"),
        (npy(np.ones((1, 3, 4))), "wrong number of dimensions", r"the shape (1, 3, 4)"),
        (npy(np.float64(1)), "wrong number of dimensions", "the shape ()"),
        (npy(np.ones((0, 4))), "the array is empty", "the shape (0, 4)"),
        (npy(np.ones((4, 0))), "the array is empty", "the shape (4, 0)"),
        (npy([1, None], allow_pickle=True), "Python objects", "the type object"),
        (npy(["a"]), "does not hold numbers", "the type <U1"),
        (npy([1j]), "does not hold numbers", "the type complex128"),
        (npy(np.ones(100_001)), "too many columns", "100,001"),
        (npy(np.ones((3, 4)))[:-1], "truncated", "95 bytes"),
        (npy(np.ones((3, 4))) + b"\0", "truncated", "97 bytes"),
        (npy(VALUES)[:20], "not a complete NumPy file", "damaged data"),
        (npy(VALUES).replace(b"(2, 2)", b"(2,-2)"), "truncated", "32 bytes"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, content: bytes, match: str, found: str) -> None:
    assert str(read_error(tmp_path, "x.npy", content, match).found).startswith(found)


def test_a_batch_dimension_and_an_object_array_come_with_the_command_that_mends_them(tmp_path: Path) -> None:
    assert "array[0]" in str(read_error(tmp_path, "x.npy", npy(np.ones((1, 3, 4))), "dimensions").hint)
    objects = npy(np.array([[1, 2.5]], dtype=object), allow_pickle=True)
    assert "allow_pickle=True" in str(read_error(tmp_path, "x.npy", objects, "Python objects").hint)


def test_an_array_that_claims_to_be_huge_is_refused_without_allocating_it(tmp_path: Path) -> None:
    content = npy(np.ones((2, 2))).replace(b"(2, 2), }        ", b"(9999999999, 2), }")[:-1]
    assert read_error(tmp_path, "x.npy", content, "truncated").code == "truncated-array"


@pytest.mark.parametrize("key", ["anything", "features", "arr_0"])
def test_the_only_array_of_an_archive_is_read_under_any_key(tmp_path: Path, key: str) -> None:
    table = read(tmp_path, "x.npz", npz(**{key: VALUES}))
    assert (rows(table), table.has_header, table.findings) == (VALUES, False, ())


@pytest.mark.parametrize("key", ["features", "data", "embedding", "x"])
def test_a_known_key_is_read_and_the_other_arrays_are_told(tmp_path: Path, key: str) -> None:
    table = read(tmp_path, "x.npz", npz(fps=30, **{key: VALUES}))
    (finding,) = table.findings
    assert (rows(table), finding.code, finding.found) == (VALUES, "ignored-arrays", "'fps'")
    assert repr(key) in finding.what


@pytest.mark.parametrize(
    ("content", "match", "found"),
    [
        (npz(left=VALUES, right=VALUES), "not clear which array", "the keys 'left', 'right'"),
        (npz(data=VALUES, features=VALUES), "not clear which array", "the keys 'data', 'features'"),
        (npz(data=VALUES, names=["a", "b"], columns=["a", "b"]), "not clear which", "the keys"),
        (npz(names=["a"]), "no array of numbers", "the keys 'names'"),
        (npz(), "no array of numbers", "no array"),
        (npz(data=VALUES, names=["a"]), "names do not fit", "the type <U1 and the shape (1,)"),
        (npz(data=VALUES, names=[1, 2]), "names do not fit", "the type int64"),
        (npz(data=VALUES, names=["a", " a"]), "duplicate column names", "'a'"),
        (npz(data=VALUES, names=np.array(["a", "b"], dtype=object)), "Python objects", "the type object"),
        (NPZ[:-30], "not a complete NumPy file", "damaged data"),
        (NPZ[:60] + b"\xff" * 20 + NPZ[80:], "not a complete NumPy file", "damaged data"),
        (b"PK\x03\x04", "not a complete NumPy file", "damaged data"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, content: bytes, match: str, found: str) -> None:
    assert str(read_error(tmp_path, "x.npz", content, match).found).startswith(found)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npz", npz(data=np.zeros(20_000_000, dtype="i1"))),
        ("x.csv.gz", gzipped(b"1,2\n" * 5_000_000)),
    ],
)
def test_data_that_unpack_to_far_more_than_their_size_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    assert len(content) < 50_000
    assert read_error(tmp_path, name, content, "unpacks to too much").code == "too-large"


# ------------------------------------------------------------------------------------------------ gzip


def test_members_of_a_gzip_file_are_joined_and_zeros_at_the_end_are_ignored(tmp_path: Path) -> None:
    content = gzip.compress(CSV[:10]) + gzip.compress(CSV[10:]) + b"\0" * 10
    assert rows(read(tmp_path, "x.csv.gz", content)) == VALUES


@pytest.mark.parametrize("content", [gzipped(CSV)[:-1], gzipped(CSV)[:12], gzipped(CSV) + b"x", b"\x1f\x8b\x08"])
def test_truncated_and_damaged_gzip_is_refused(tmp_path: Path, content: bytes) -> None:
    assert read_error(tmp_path, "x.csv.gz", content, "truncated or damaged").code == "damaged-gzip"


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(CSV)
    read_error(tmp_path, "x.csv.gz", content[:-8] + b"\0\0\0\0" + content[-4:], "truncated or damaged")


# ------------------------------------------------------------------------------------------------ Parquet


def test_columns_of_every_type_are_read_from_parquet(tmp_path: Path) -> None:
    columns = {
        " AU12_r": [1.5, None, np.inf],
        "success": [True, False, True],
        "timestamp": pd.to_timedelta([0, 0.5, 1], unit="s"),
        "F0": ["1", "--undefined--", " 3"],
        "level": pd.Categorical([1, 2, 1]),
        "empty": [None, None, None],
        "mood": ["good", "bad", "good"],
        "status": ["Normal"] * 3,
    }
    table = read(tmp_path, "x.parquet", parquet(columns))
    expected = {
        "AU12_r": [1.5, NAN, NAN],
        "success": [1, 0, 1],
        "timestamp": [0, 0.5, 1],
        "F0": [1, NAN, 3],
        "level": [1, 2, 1],
        "empty": [NAN, NAN, NAN],
    }
    assert list(table.columns) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(table.columns[name], values, name)
    codes = [finding.code for finding in table.findings]
    assert codes == ["dropped-column", "missing-words", "clock", "dropped-column", "nan", "infinite"]


def test_an_index_of_pandas_is_no_channel_and_a_numbered_header_no_names(tmp_path: Path) -> None:
    table = read(tmp_path, "x.parquet", parquet(pd.DataFrame(VALUES, columns=["a", "b"], index=[7, 9])))
    assert list(table.columns) == ["a", "b"]
    table = read(tmp_path, "x.parquet", parquet(pd.DataFrame([[1.0, 2, 3]], columns=["0", "1", "2"])))
    assert list(table.columns) == ["ch000", "ch001", "ch002"], "as from CSV"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (parquet({"a": [1, 2], "landmarks": [[1, 2], [3, 4]]}), "columns hold lists"),
        (parquet({"a": [1, 2], " a": [3, 4]}), "duplicate column names"),
        (parquet({"a": pd.Series([], dtype=float)}), "no rows"),
        (parquet({"a": ["x", "y"]}), "no column contains numbers"),
        (parquet({"a": ["1", "x"]}), "numeric column contains text"),
        (PARQUET[:-10], "not a complete Parquet file"),
        (PARQUET[:4] + b"\0" * 60 + PARQUET[64:], "not a complete Parquet file"),
        (b"PAR1PAR1", "not a complete Parquet file"),
    ],
)
def test_other_parquet_files_are_refused(tmp_path: Path, content: bytes, match: str) -> None:
    read_error(tmp_path, "x.parquet", content, match)


def test_a_nested_column_that_is_not_selected_does_not_matter(tmp_path: Path) -> None:
    content = parquet({"a": [1, 2], "landmarks": [[1, 2], [3, 4]]})
    assert list(read(tmp_path, "x.parquet", content, select=lambda names: ["a"]).columns) == ["a"]


def test_a_parquet_file_of_more_values_than_a_recording_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pdmr_classic.io.tables._parquet_file.MAX_UNPACKED_BYTES", 31)
    assert read_error(tmp_path, "x.parquet", PARQUET, "the table is too large").code == "too-large"


# ------------------------------------------------------------------------------------------------ ARFF

SMILE = b"""@relation openSMILE
@attribute name string
@attribute frameTime numeric
@attribute 'alpha ratio' numeric
@attribute emotion {happy, 'very sad'}
@attribute class numeric

@data

'unknown, really',0,?,'very sad',0
'unknown, really',1e-2,-3.5,happy,?
"""


def test_opensmile_arff_is_read_without_text_and_class(tmp_path: Path) -> None:
    table = read(tmp_path, "x.arff", SMILE)
    np.testing.assert_array_equal(rows(table), [[0, NAN], [0.01, -3.5]])
    assert list(table.columns) == ["frameTime", "alpha ratio"]
    assert table.identifiers == {"name": ("unknown, really",)}
    assert [(finding.code, finding.found) for finding in table.findings] == [
        ("dropped-column", "'name', 'class'"),
        ("dropped-column", "'emotion'"),
        ("missing-words", "'?' in column 'alpha ratio' (1 cell)"),
        ("nan", "1 value"),
    ]


@pytest.mark.parametrize(
    ("content", "match", "row"),
    [
        (SMILE.replace(b"?,'very sad'", b"?"), "a row is too short", 10),
        (SMILE.replace(b"-3.5", b"x"), "numeric column contains text", 11),
        (SMILE[: SMILE.index(b"@data")], "not an ARFF table", 8),
        (SMILE[: SMILE.index(b"'unknown")], "no rows", 8),
        (b"@relation x\n@data\n1,2\n", "not an ARFF table", 2),
        (b"@attribute a real\n@data\n{0 1.5}\n", "not an ARFF table", 3),
        (b"@attribute a real\n@attribute 'a' real\n@data\n1,2\n", "duplicate column names", 1),
        (b"@attribute a\n@data\n1,2\n", "not an ARFF table", 1),
    ],
)
def test_other_arff_files_are_refused(tmp_path: Path, content: bytes, match: str, row: int) -> None:
    assert read_error(tmp_path, "x.arff", content, match).row == row
