"""Regression tests for bugs detected by fuzzing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fuzzing import time_limit, try_reader

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.audio.embeddings import read_embedding
from pdmr_classic.io.labels.labels import read_labels
from pdmr_classic.io.video.read_stream import read_stream


def write_file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def test_timestamps_that_coincide_after_the_shift_are_rejected(tmp_path: Path) -> None:
    path = write_file(tmp_path, "x.csv", "timestamp,AU12_r\n-1e38,1\n0,2\n1e-5,3\n1e38,4\n")
    with pytest.raises(DataError, match="timestamps repeat") as caught:
        read_stream(path)
    assert (caught.value.finding.row, caught.value.finding.found) == (4, "1e-05")


@pytest.mark.parametrize("step", ["1e-310", "5e-324", "1e-12"])
def test_timestamps_too_close_for_a_frame_rate_are_rejected(tmp_path: Path, step: str) -> None:
    path = write_file(tmp_path, "x.csv", f"timestamp,AU12_r\n0,1\n{step},2\n")
    with pytest.raises(DataError, match="too close together to give a frame rate") as caught:
        read_stream(path)
    assert (caught.value.finding.code, caught.value.finding.column) == ("no-time", "timestamp")


@pytest.mark.parametrize("n", [60_000, 100_000])
def test_a_vector_of_half_a_megabyte_is_read(tmp_path: Path, n: int) -> None:
    path = write_file(tmp_path, "x.csv", ",".join(["0.125"] * n) + "\n")
    np.testing.assert_array_equal(read_embedding(path).values, np.full(n, 0.125))


def test_a_file_with_too_many_columns_is_rejected(tmp_path: Path) -> None:
    path = write_file(tmp_path, "x.csv", ",".join("1" * 100_001) + "\n")
    with pytest.raises(DataError, match="too many columns") as caught:
        read_embedding(path)
    assert (caught.value.finding.code, caught.value.finding.found) == ("too-wide", "100,001")


def test_the_strict_reader_handles_many_columns(tmp_path: Path) -> None:
    row = ",".join([" 1 "] * 50_000)
    path = write_file(tmp_path, "x.csv", f"{row}\n{row}\nx{row}\n")
    with time_limit(20), pytest.raises(DataError, match="numeric column contains text"):
        read_embedding(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \t\n"])
def test_any_number_of_blank_lines_may_precede_the_header(tmp_path: Path, end: str) -> None:
    path = write_file(tmp_path, "x.csv", end * 200_000 + "pose_Rx,AU12_r\n1,2\n")
    stream = read_stream(path)
    assert (stream.channels, stream.values.tolist()) == (("pose_Rx", "AU12_r"), [[1, 2]])


@pytest.mark.parametrize("content", ["\x1c", "AU12_r\n\x1c\n", "\u2003\n", "\x1f\n\x1f\n"])
def test_a_stream_has_at_least_one_frame(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"no rows|no column contains numbers") as caught:
        read_stream(write_file(tmp_path, "x.csv", content))
    assert caught.value.finding.code in ("no-rows", "no-numbers")


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ('AU12_r\n""\n4.5\n', [[np.nan], [4.5]]),
        ("AU12_r\n 1 \n  \n4.5\n", [[1], [4.5]]),
        ("AU12_r\tpose_Rx\n 1 \t2\n3\t\n", [[1, 2], [3, np.nan]]),
        ("AU12_r\tpose_Rx\n1\t2\n3\t\n \n", [[1, 2], [3, np.nan]]),
        ("AU12_r\n-nan(snan)\nNaN(0x7ff)\n4.5\n", [[np.nan], [np.nan], [4.5]]),
    ],
)
def test_both_parsers_agree_on_empty_cells_and_blank_lines(
    tmp_path: Path, content: str, values: list[list[float]]
) -> None:
    assert try_reader("stream", content.encode(), tmp_path) == "read"
    np.testing.assert_array_equal(read_stream(tmp_path / "x.csv").values, values)


def read_label_error(path: Path, match: str) -> Finding:
    with pytest.raises(DataError, match=match) as caught:
        read_labels(path)
    assert caught.value.finding.file == path
    return caught.value.finding


@pytest.mark.parametrize("content", ["\x1c", "\u2003\n", "\u2028"])
def test_a_label_table_of_unusual_whitespace_has_no_rows(tmp_path: Path, content: str) -> None:
    assert read_label_error(write_file(tmp_path, "labels.csv", content), "no rows").code == "no-rows"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"data_id": "1", "status": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"data_id": ' * 100_000, "recursion"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_json_that_exceeds_the_limits_of_python_is_rejected(tmp_path: Path, content: str, found: str) -> None:
    for name in ("labels.json", "labels.jsonl"):
        finding = read_label_error(write_file(tmp_path, name, content), "not valid JSON")
        assert (finding.code, found in str(finding.found)) == ("bad-json", True)


@pytest.mark.parametrize("row", ['{"data_id": "\\ud800", "status": "A"}', '{"data_id": "1", "\\udfff": "A"}'])
def test_half_of_a_surrogate_pair_is_not_valid_text(tmp_path: Path, row: str) -> None:
    finding = read_label_error(
        write_file(tmp_path, "labels.jsonl", row), "data_id in the label table is not valid|not valid text"
    )
    assert finding.row == 1
    str(finding).encode("utf-8")


def test_a_message_quotes_only_the_beginning_of_long_text(tmp_path: Path) -> None:
    content = "data_id,status\n" + "x" * 100_000 + ",A\n" + "x" * 100_000 + ",B\n"
    finding = read_label_error(write_file(tmp_path, "labels.csv", content), "a data_id in the label table is not valid")
    assert len(str(finding)) < 20_000


def test_json_rows_with_different_names_are_rejected_as_too_wide(tmp_path: Path) -> None:
    lines = "".join(f'{{"data_id": "{number}", "status": "A", "x{number}": 1}}\n' for number in range(3000))
    finding = read_label_error(write_file(tmp_path, "labels.jsonl", lines), "too many columns")
    assert (finding.code, finding.found) == ("too-wide", "3,002")


def test_a_repeated_numeric_header_is_rejected(tmp_path: Path) -> None:
    path = write_file(tmp_path, "x.csv", "0,1,2\n1.5,2.5,3.5\n0,1,2\n1.5,2.5,3.5\n")
    with pytest.raises(DataError, match="header is repeated in the middle") as caught:
        read_embedding(path)
    assert (caught.value.finding.code, caught.value.finding.row) == ("repeated-header", 3)


def test_memory_use_is_proportional_to_the_values_read(tmp_path: Path) -> None:
    names, row = ",".join(f"c{number}" for number in range(90_000)), ",".join(["1"] * 90_000)
    path = write_file(tmp_path, "x.csv", f"{names}\n{row}\n{row}\n")
    code = (
        "import resource, sys\n"
        "import pyarrow.csv\n"
        "from pdmr_classic.io.tables.table import read_table\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert len(read_table(sys.argv[1]).columns) == 90_000\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 400_000, "kilobytes; pyarrow would take 1,200,000"


def test_only_the_first_thousand_errors_are_reported(tmp_path: Path) -> None:
    lines = "".join(f"../{number},Normal\n" for number in range(3000))
    with pytest.raises(DataError, match=r"(?s)/999'.*and 2,000 more such problems$") as caught:
        read_labels(write_file(tmp_path, "labels.csv", "data_id,status\n" + lines))
    assert len(caught.value.findings) == 3000
    assert "../1000" not in str(caught.value)


@pytest.mark.parametrize("name", ["head yaw; deg", "head\tyaw", '"head; yaw"'])
def test_a_column_name_may_contain_a_delimiter_of_other_files(tmp_path: Path, name: str) -> None:
    stream = read_stream(write_file(tmp_path, "x.csv", f"{name},AU12_r\n1.5,2\n-3,4.25\n"))
    assert (stream.channels, stream.values.tolist()) == ((name.strip('"'), "AU12_r"), [[1.5, 2], [-3, 4.25]])


def test_a_last_column_without_a_name_is_not_a_channel(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column that can be used"):
        read_stream(write_file(tmp_path, "x.csv", "label,index,\n1,1,\n2,2,\n"))
