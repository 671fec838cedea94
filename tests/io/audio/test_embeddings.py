from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.errors import DataError
from pdmr_classic.features.names import feature_name, parse_name
from pdmr_classic.io.audio.embeddings import NETVLAD_WIDTH, Embedding, read_embedding

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


# -------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "header",
    [
        "feat_0,feat_1,feat_2",
        "V1,V2,V3",
        "dim0,dim1,dim2",
        "X0,X1,X2",
        '"V1","V2","V3"',
        "feat[0],feat[1],feat[2]",
        "netvlad_00,netvlad_01,netvlad_02",
    ],
)
def test_names_that_only_count_are_no_names(file: Path, header: str) -> None:
    vector = read(file, f"{header}\n0.5,0.25,-1\n")
    assert (vector.names, vector.values.tolist(), codes(vector)) == ((), [0.5, 0.25, -1], [])


def test_components_whose_numbers_are_shuffled_are_sorted_and_reported(file: Path) -> None:
    vector = read(
        file,
        "feat_2,feat_10,feat_1,feat_3,feat_4,feat_5,feat_6,feat_7,feat_8,feat_9\n"
        + line(np.array([2, 10, 1, *range(3, 10)]) + 0.5)
        + "\n",
    )
    assert vector.values.tolist() == [number + 0.5 for number in range(1, 11)]
    assert (vector.names, codes(vector)) == ((), ["reordered"])


@pytest.mark.parametrize(
    "names",
    [
        ("loud", "F0", "hnr"),
        ("mfcc_1", "mfcc_2", "mfcc_3"),  # says what is counted
        ("F0", "F1", "F2"),
        ("c1", "c2", "c3"),
        ("feat_0", "feat_2", "feat_5"),  # a selection
        ("feat_0", "feat_1", "feat_01"),
        ("feat_0", "dim_1", "x_2"),
        ("F0semitoneFrom27.5Hz_sma3nz_amean", "mfcc_sma[1]_amean", "pcm_fftMag_fband250-650_sma[0]"),
    ],
)
def test_components_keep_their_names(file: Path, names: tuple[str, ...]) -> None:
    vector = read(file, ",".join(names) + "\n0.5,0.25,-1\n")
    assert (vector.names, vector.values.tolist(), codes(vector)) == (names, [0.5, 0.25, -1], [])


def test_names_are_read_without_blanks_quotes_and_the_prefix_of_r(file: Path) -> None:
    assert read(file, '" loud",X.F0 , hnr\n1,2,3\n').names == ("loud", "F0", "hnr")


@pytest.mark.parametrize(("name", "cleaned"), [("mfcc__sma", "mfcc_sma"), ("__x", "x"), ("17", "column_17")])
def test_a_name_can_end_the_name_of_a_feature(file: Path, name: str, cleaned: str) -> None:
    names = read(file, f"loud,{name},hnr\n1,2,3\n").names
    assert names == ("loud", cleaned, "hnr")
    assert parse_name(feature_name("audio", "vector", names[1])) == ("audio", "vector", cleaned)


@pytest.mark.parametrize(("other", "found"), [("X.F0", "'F0'"), ("_F0", "'F0'")])
def test_names_that_become_equal_are_rejected(file: Path, other: str, found: str) -> None:
    with pytest.raises(DataError, match="several columns have the same name") as caught:
        read(file, f"F0,{other},hnr\n1,2,3\n")
    assert caught.value.finding.found == found


@pytest.mark.parametrize("first", [1, 0])
@pytest.mark.parametrize("n", [3, 12])
def test_a_numbered_header_is_not_averaged(file: Path, n: int, first: int) -> None:
    values = np.linspace(0.1, 0.9, n)
    vector = read(file, ",".join(str(number + first) for number in range(n)) + "\n" + line(values) + "\n")
    np.testing.assert_array_equal(vector.values, values)
    assert codes(vector) == ["numbered-header"] * first


def test_a_shuffled_numbered_header_gives_the_order(file: Path) -> None:
    numbers = [3, 0, 2, 1, 7, 6, 5, 4]
    vector = read(file, ",".join(map(str, numbers)) + "\n" + ",".join(f"{number}.5" for number in numbers) + "\n")
    assert vector.values.tolist() == [number + 0.5 for number in range(8)]
    assert codes(vector) == ["numbered-header", "reordered"]


def test_an_index_column_beside_a_header_from_1_is_not_a_value(file: Path) -> None:
    vector = read(file, ",1,2,3\n0,0.5,0.25,-1.5\n")
    assert vector.values.tolist() == [0.5, 0.25, -1.5]
    assert codes(vector) == ["nan", "dropped-column", "numbered-header"]


def test_rows_of_whole_numbers_are_rows(file: Path) -> None:
    assert read(file, "1,2,3\n3,2,1\n").values.tolist() == [2, 2, 2]


def test_the_header_of_a_pandas_series_is_not_a_value(file: Path) -> None:
    vector = read(file, "0\n0.5\n0.25\n-1.5\n")
    assert vector.values.tolist() == [0.5, 0.25, -1.5]
    assert codes(vector) == ["numbered-header", "transposed"]


def test_a_row_that_became_the_header_is_reported_and_the_file_read_by_position(file: Path) -> None:
    vector = read(file, "0.0,0.0.1,1.5,0.0.2\n1,2,3,4.5\n")
    assert (vector.names, vector.values.tolist(), codes(vector)) == ((), [1, 2, 3, 4.5], ["numbers-as-names"])


def test_one_named_descriptor_over_time_is_averaged_and_not_a_vector(file: Path) -> None:
    vector = read(file, "F0\n100\n200\n150\n")
    assert (vector.names, vector.values.tolist(), codes(vector)) == (("F0",), [150], ["mean-pooled"])


@pytest.mark.parametrize("name", ["V1", "value", "embedding", "x"])
def test_one_column_without_a_real_name_is_a_vector(file: Path, name: str) -> None:
    vector = read(file, f"{name}\n1.5\n2.5\n0.5\n")
    assert (vector.names, vector.values.tolist(), codes(vector)) == ((), [1.5, 2.5, 0.5], ["transposed"])


# ------------------------------------------------------------------------------- low-level descriptors

TIMES = [f"{0.01 * row:.6f}" for row in range(40)]
NOISE = np.random.default_rng(5).normal(size=(40, 3)).round(4)


def table(columns: dict[str, list[str]], delimiter: str = ",") -> str:
    """Return CSV text of these columns, followed by three descriptors."""
    names = [*columns, "Loudness_sma3", "alphaRatio_sma3", "mfcc1_sma3"]
    rows = zip(*columns.values(), *(map(repr, column) for column in NOISE.T.tolist()), strict=True)
    return "".join(f"{delimiter.join(row)}\n" for row in (names, *rows))


@pytest.mark.parametrize(
    ("columns", "delimiter"),
    [
        ({"name": ["'unknown'"] * 40, "frameTime": TIMES}, ";"),
        (
            {"name": ["unknown"] * 40, "frameIndex": [*map(str, range(40))], "frameTime": TIMES, "class": ["?"] * 40},
            ";",
        ),
        ({"file": ["a.wav"] * 40, "start": [f"0 days 00:00:00.{row:02d}" for row in range(40)], "end": TIMES}, ","),
        ({"Frame": [*map(str, range(40))], "Time (ms)": [str(10 * row) for row in range(40)]}, ","),
        ({"X.timestamp": TIMES, "PHQ8_Score": ["17"] * 40, "Participant_ID": ["300"] * 40}, ","),
    ],
)
def test_clocks_identifiers_and_labels_are_not_averaged(
    file: Path, columns: dict[str, list[str]], delimiter: str
) -> None:
    vector = read(file, table(columns, delimiter))
    np.testing.assert_allclose(vector.values, NOISE.mean(axis=0))
    assert vector.names == ("Loudness_sma3", "alphaRatio_sma3", "mfcc1_sma3")
    found = "".join(finding.found or "" for finding in vector.findings if finding.code == "dropped-column")
    assert [name for name in columns if repr(name) not in found] == []
    assert (vector.tracker, "Loudness_sma3" in vector.evidence) == ("opensmile", True)


def test_functionals_of_one_recording_are_its_components(file: Path) -> None:
    vector = read(file, "name;frameTime;F0_sma3nz_amean;jitter_sma3nz_amean\n'a';0.000000;27.5;0.03\n")
    assert (vector.names, vector.values.tolist()) == (("F0_sma3nz_amean", "jitter_sma3nz_amean"), [27.5, 0.03])
    assert set(codes(vector)) == {"delimiter", "dropped-column"}


ROWS = np.arange(40.0)


@pytest.mark.parametrize(
    "clock",
    [
        ROWS,
        10 * ROWS + 7,
        -ROWS,
        np.round(ROWS / 30, 3),  # rounded
        np.delete(np.arange(43.0), [5, 20, 21]),  # gaps
        np.concatenate([ROWS[:20], ROWS[:20]]),  # starts again
        ROWS * 0.01 + 1.7e9,
        np.where(ROWS == 7, np.nan, ROWS),
    ],
    ids=["counter", "ms", "countdown", "rounded", "gaps", "restart", "wall-clock", "missing"],
)
@pytest.mark.parametrize("name", ["pos", None])
def test_a_column_that_rises_like_a_clock_is_left_out_and_reported(
    file: Path, clock: np.ndarray, name: str | None
) -> None:
    matrix = np.column_stack([NOISE[:, :2], clock, NOISE[:, 2]])
    header = f"loud,F0,{name},hnr\n" if name else ""
    vector = read(file, header + "\n".join(map(line, matrix)) + "\n")
    np.testing.assert_allclose(vector.values, NOISE.mean(axis=0))
    assert vector.names == (("loud", "F0", "hnr") if name else ())
    finding = next(finding for finding in vector.findings if finding.code == "clock-column")
    assert finding.found == ("'pos'" if name else "column 3")


def test_a_long_clock_with_repeated_and_uneven_times_is_left_out(file: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.normal(size=300), np.cumsum(rng.exponential(size=300)).round()])
    assert read(file, "\n".join(map(line, matrix)) + "\n").values == pytest.approx(matrix[:, 0].mean())


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(200),
        np.repeat([0.0, 1.0], 100),
        np.random.default_rng(0).normal(size=200).cumsum(),
        np.sin(np.arange(200) / 20),
        np.random.default_rng(0).integers(0, 3, 200).astype(float),
        np.array([1.2345, 2.2312, 3.2377, 4.2301, 5.2399, 6.2345, 7.2352, 8.2307, 9.2371, 10.2361, 11.2386]),
    ],
    ids=["constant", "step", "walk", "sine", "counts", "smooth"],
)
def test_a_measurement_is_not_taken_for_a_clock(file: Path, values: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(size=(len(values), 2))
    vector = read(file, "\n".join(map(line, np.column_stack([noise, values]))) + "\n")
    np.testing.assert_allclose(vector.values, [*noise.mean(axis=0), values.mean()], atol=1e-12)
    assert codes(vector) == ["mean-pooled"]


@pytest.mark.parametrize("header", ["time,value\n", ""])
def test_one_descriptor_beside_a_clock_is_averaged_and_not_a_vector(file: Path, header: str) -> None:
    rows = "".join(f"{0.01 * row:.2f},{value!r}\n" for row, value in enumerate(NOISE[:, 0].tolist()))
    assert read(file, header + rows).values == pytest.approx([NOISE[:, 0].mean()])


def test_fewer_than_ten_rows_do_not_prove_a_clock(file: Path) -> None:
    assert len(read(file, "\n".join(map(line, np.column_stack([NOISE[:9], np.arange(9)]))) + "\n").values) == 4


def test_a_file_of_clocks_has_no_values(file: Path) -> None:
    with pytest.raises(DataError, match="no column contains numbers"):
        read(file, "\n".join(f"{row}.5,{3 * row}.25" for row in range(20)) + "\n")


@pytest.mark.parametrize(
    ("times", "code", "found"),
    [
        (["0.0"] * 40, "several-recordings", "0 after 0"),
        ([*TIMES[:20], *TIMES[:20]], "two-runs", "0 after 0.19"),
        ([*TIMES[:30], *TIMES[25:35]], "two-runs", "0.25 after 0.29"),
        ([*TIMES[20:], *TIMES[:20]], "two-runs", "0 after 0.39"),
    ],
    ids=["functionals appended", "repeated run", "overlap", "earlier run"],
)
def test_rows_of_several_recordings_are_rejected(file: Path, times: list[str], code: str, found: str) -> None:
    with pytest.raises(DataError, match="the rows belong to several recordings") as caught:
        read(file, table({"frameTime": times}))
    finding = caught.value.finding
    assert (finding.code, finding.column, finding.found) == (code, "frameTime", found)


@pytest.mark.parametrize(
    "times", [TIMES[::-1], [TIMES[row // 2] for row in range(40)]], ids=["reversed", "two channels"]
)
def test_rows_in_another_order_or_with_repeated_times_are_averaged(file: Path, times: list[str]) -> None:
    np.testing.assert_allclose(read(file, table({"frameTime": times})).values, NOISE.mean(axis=0))


# ----------------------------------------------------------------------------------------- rows without values


@pytest.mark.parametrize("value", [-1.0, 0.0, 100.0])
@pytest.mark.parametrize("header", ["", "loud,F0,hnr\n"])
def test_rows_of_a_placeholder_are_left_out_and_reported(file: Path, value: float, header: str) -> None:
    matrix = NOISE.copy()
    matrix[[3, 17]] = value
    vector = read(file, header + "\n".join(map(line, matrix)) + "\n")
    np.testing.assert_allclose(vector.values, np.delete(NOISE, [3, 17], axis=0).mean(axis=0))
    finding = vector.findings[0]
    assert (finding.code, finding.found) == ("missing-rows", "2 of 40")


@pytest.mark.parametrize("content", ["0,0,0,0\n", "loud,F0,hnr\n-1,-1,-1\n-1,-1,-1\n"])
def test_a_vector_of_placeholders_is_missing(file: Path, content: str) -> None:
    vector = read(file, content)
    assert np.isnan(vector.values).all()
    assert codes(vector) == ["missing-rows"]


@pytest.mark.parametrize("content", ["0,0,0.5\n", "0,0\n", "7,7,7\n", "0,0,nan\n"])
def test_other_equal_values_are_values(file: Path, content: str) -> None:
    assert "missing-rows" not in codes(read(file, content))


def test_components_that_never_change_are_known(file: Path) -> None:
    vector = read(file, "loud,F0,id_of,hnr\n1,nan,17,2\n2,nan,17,3\n,5,17,2\n")
    assert (vector.n_rows, vector.constant) == (3, (2,))
    assert read(file, "1,2,3\n").constant == ()


def make_covarep(n: int = 60) -> np.ndarray:
    matrix = np.random.default_rng(0).normal(size=(n, 74))
    matrix[:, 1] = np.arange(n) % 3 > 0
    matrix[:, 0] = np.where(matrix[:, 1], 180 + 20 * matrix[:, 0], 0)
    return matrix


def test_unvoiced_rows_of_covarep_are_left_out_and_reported(file: Path) -> None:
    matrix = make_covarep()
    vector = read(file, "\n".join(map(line, matrix)) + "\n")
    voiced = matrix[matrix[:, 1] == 1]
    np.testing.assert_allclose(np.delete(vector.values, 1), np.delete(voiced.mean(axis=0), 1))
    assert vector.values[1] == pytest.approx(40 / 60)
    assert vector.names[:2] + vector.names[10:12] + vector.names[-1:] == ("F0", "VUV", "creak", "MCEP_0", "HMPDD_12")
    assert (vector.tracker, codes(vector)) == ("covarep", ["unvoiced-rows", "mean-pooled"])
    assert vector.constant == ()


def test_covarep_with_a_header_and_missing_rows_is_recognised(file: Path) -> None:
    matrix = make_covarep()
    expected = matrix[matrix[:, 1] == 1][1:, :4].mean(axis=0)
    matrix[1] = np.nan
    vector = read(file, "f0,vuv,naq,qoq\n" + "\n".join(map(line, matrix[:, :4])) + "\n")
    np.testing.assert_allclose(np.delete(vector.values, 1), np.delete(expected, 1))
    assert vector.tracker == "covarep"


@pytest.mark.parametrize(
    ("column", "values"),
    [(1, 0.5), (0, 5.0), (0, 900.0), (0, -1.0)],
    ids=["no voicing", "too low", "too high", "negative"],
)
def test_other_vectors_of_74_values_are_not_covarep(file: Path, column: int, values: float) -> None:
    matrix = make_covarep()
    matrix[1, column] = values
    vector = read(file, "\n".join(map(line, matrix)) + "\n")
    np.testing.assert_allclose(vector.values, matrix.mean(axis=0))
    assert (vector.names, vector.tracker) == ((), "")


def test_real_wavlm_vectors_are_read(real_data: Path) -> None:
    root = real_data / "youtubepd-wavlm"
    assert [len(list((root / split / "audio").glob("*.csv"))) for split in ("train", "test")] == [77, 184]
    for path in sorted((root / "train" / "audio").glob("*.csv"))[::10]:
        vector = read_embedding(path)
        assert vector.values.shape == (1024,)
        assert np.isfinite(vector.values).all()
        assert set(codes(vector)) <= {"no-final-newline"}
