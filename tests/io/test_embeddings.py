from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.errors import DataError
from pdmr_classic.io.embeddings import NETVLAD_WIDTH, Embedding, find_odd_widths, read_embedding

NAN = float("nan")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "001.csv"


def read(file: Path, content: str) -> Embedding:
    file.write_text(content, encoding="utf-8", newline="")
    return read_embedding(file)


def codes(vector: Embedding) -> list[str]:
    return [finding.code for finding in vector.findings]


def line(values: np.ndarray) -> str:
    return ",".join(map(repr, values.tolist()))


@pytest.mark.parametrize("width", [1, 2, 63, 64, 768, 1024])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_single_row_of_any_width_is_the_vector(file: Path, width: int, end: str) -> None:
    values = np.random.default_rng(width).normal(size=width)
    vector = read(file, line(values) + end)
    np.testing.assert_array_equal(vector.values, values)
    assert vector.values.dtype == np.float64
    assert codes(vector) == []


def test_the_default_width_is_768() -> None:
    assert NETVLAD_WIDTH == 768


@pytest.mark.parametrize("width", [3, 768])
def test_a_numbered_header_is_recognised(file: Path, width: int) -> None:
    values = np.linspace(-1, 1, width)
    header = ",".join(map(str, range(width)))
    np.testing.assert_array_equal(read(file, f"{header}\n{line(values)}\n").values, values)


def test_the_index_that_pandas_writes_is_not_a_value(file: Path) -> None:
    vector = read(file, ",0,1,2\n0,0.5,0.25,-1\n")
    assert vector.values.tolist() == [0.5, 0.25, -1]
    assert codes(vector) == ["dropped-column"]


def test_a_named_header_is_recognised_and_ids_are_left_out(file: Path) -> None:
    vector = read(file, "data_id,netvlad_0,netvlad_1\n007,0.5,0.25\n")
    assert vector.values.tolist() == [0.5, 0.25]
    assert codes(vector) == ["dropped-column"]


@pytest.mark.parametrize("length", [2, 768])
def test_a_column_vector_is_transposed_and_reported(file: Path, length: int) -> None:
    values = np.linspace(-1, 1, length)
    vector = read(file, "\n".join(map(repr, values.tolist())) + "\n")
    np.testing.assert_array_equal(vector.values, values)
    assert codes(vector) == ["transposed"]


def test_a_column_vector_of_consecutive_numbers_is_a_vector(file: Path) -> None:
    assert read(file, "0\n1\n2\n3\n").values.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("width", [2, 70])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_several_vectors_are_averaged_and_reported(file: Path, width: int, end: str) -> None:
    matrix = np.random.default_rng(0).normal(size=(5, width))
    vector = read(file, end.join(map(line, matrix)) + end)
    np.testing.assert_allclose(vector.values, matrix.mean(axis=0), rtol=1e-12)
    (finding,) = vector.findings
    assert finding.code == "mean-pooled"
    assert f"5 vectors of width {width}" in finding.what


def test_the_mean_leaves_out_missing_values(file: Path) -> None:
    vector = read(file, "1,nan,nan\n3,4,inf\n8,,\n")
    np.testing.assert_array_equal(vector.values, [4, 4, NAN])
    assert codes(vector) == ["nan", "infinite", "mean-pooled"]


@pytest.mark.parametrize("n_columns", [3, 80])
@pytest.mark.parametrize("token", ["nan", "", "-nan(ind)", "1e400"])
def test_a_missing_value_in_the_vector_is_nan_and_reported(file: Path, token: str, n_columns: int) -> None:
    vector = read(file, ",".join(["1.5", token, *["2"] * (n_columns - 2)]) + "\n")
    assert np.flatnonzero(np.isnan(vector.values)).tolist() == [1]
    assert len(vector.values) == n_columns
    assert len(codes(vector)) == 1


@pytest.mark.parametrize("n_columns", [3, 80])
def test_text_in_a_vector_is_rejected(file: Path, n_columns: int) -> None:
    row = ",".join(["1.5"] * n_columns)
    with pytest.raises(DataError, match="a numeric column contains text") as caught:
        read(file, f"{row}\n{row.replace('1.5', 'x', 1)}\n")
    assert (caught.value.finding.row, caught.value.finding.column) == (2, "ch000")


@pytest.mark.parametrize("content", ["label\nDepression\n", "id\n3\n", "data_id,status\n001,Normal\n"])
def test_a_file_without_values_is_rejected(file: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"no (column|value|number)") as caught:
        read(file, content)
    assert caught.value.finding.file == file


def test_the_same_bytes_have_the_same_content(file: Path) -> None:
    first = read(file, "1,2,3\n").content
    assert first == read(file, "1,2,3\n").content != read(file, "1,2,4\n").content


def test_vectors_of_a_different_width_are_reported() -> None:
    widths = [(Path("1.csv"), 768), (Path("2.csv"), 512), (Path("3.csv"), 768), (Path("4.csv"), 1)]
    odd = find_odd_widths(widths)
    assert list(odd) == [Path("2.csv"), Path("4.csv")]
    finding = odd[Path("2.csv")]
    assert (finding.file, finding.expected, finding.found) == (
        Path("2.csv"),
        "768 values, as in 2 files",
        "512 values",
    )


@pytest.mark.parametrize("widths", [[], [(Path("1.csv"), 5)], [(Path("1.csv"), 5), (Path("2.csv"), 5)]])
def test_vectors_of_equal_width_are_not_reported(widths: list[tuple[Path, int]]) -> None:
    assert find_odd_widths(widths) == {}


def test_real_wavlm_vectors_are_read(real_data: Path) -> None:
    root = real_data / "youtubepd-wavlm"
    assert [len(list((root / split / "audio").glob("*.csv"))) for split in ("train", "test")] == [77, 184]
    for path in sorted((root / "train" / "audio").glob("*.csv"))[::10]:
        vector = read_embedding(path)
        assert vector.values.shape == (1024,)
        assert np.isfinite(vector.values).all()
        assert set(codes(vector)) <= {"no-final-newline"}
