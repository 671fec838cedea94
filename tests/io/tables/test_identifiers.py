"""A table of several recordings is refused; counters and parts of a recording are not recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdmr_classic.errors import DataError
from pdmr_classic.io.tables.table import Table, read_table


def read(folder: Path, names: str, *rows: str) -> Table:
    path = folder / "x.csv"
    path.write_text("\n".join([f"{names},AU12_r", *(f"{row},0.5" for row in rows)]) + "\n", encoding="utf-8")
    return read_table(path)


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("Participant_ID", ["300", "301", "302"], "3 values: '300', '301', '302'"),  # one row each, like a counter
        ("Participant_ID", ["300", "300", "301"], "2 values: '300', '301'"),
        ("subject", ["S1", "S2", "S3", "S4"], "4 values: 'S1', 'S2', 'S3' and 1 more"),
        ("X.data_id", ["a", "b"], "2 values: 'a', 'b'"),
        ("file", ["a.wav", "b.wav"], "2 values: 'a.wav', 'b.wav'"),
        ("name", ["'a.wav'", "'b.wav'"], "2 values: 'a.wav', 'b.wav'"),
        ("input", ["a.mp4", "b.mp4"], "2 values: 'a.mp4', 'b.mp4'"),
        ("video_path", ["a/1", "a/2"], "2 values: 'a/1', 'a/2'"),
        ("id", ["1", "1", "2"], "2 values: '1', '2'"),
        ("id", ["300", "305", "311"], "3 values: '300', '305', '311'"),
        ("id", ["S1", "S2"], "2 values: 'S1', 'S2'"),
        ("id", ["3", "2", "1"], "3 values: '3', '2', '1'"),
    ],
)
def test_a_column_that_names_several_recordings_is_refused(
    tmp_path: Path, name: str, values: list[str], found: str
) -> None:
    with pytest.raises(DataError, match="the file holds several recordings") as caught:
        read(tmp_path, name, *values)
    finding = caught.value.finding
    assert (finding.code, finding.column, finding.found) == ("several-recordings", name, found)
    assert finding.row == 2 + next(row for row, value in enumerate(values) if value != values[0])


@pytest.mark.parametrize(
    ("name", "values", "faces"),
    [("face", ["0", "1", "0"], ["0", "1", "0"]), ("Identity", ["Ann", "", "Bo"], ["Ann", "", "Bo"])],
)
def test_several_faces_are_returned_by_name(tmp_path: Path, name: str, values: list[str], faces: list[str]) -> None:
    table = read(tmp_path, name, *values)
    assert (table.faces, list(table.columns)) == (faces, ["AU12_r"])


def test_a_single_face_is_not_returned(tmp_path: Path) -> None:
    assert read(tmp_path, "face", "0", "0").faces is None


@pytest.mark.parametrize(
    ("name", "values", "identifiers"),
    [
        ("Participant_ID", ["300", "300.0", " 300"], ("300",)),  # one number in several spellings
        ("subject", ["S1", "s1", ""], ("S1",)),
        ("name", ["'unknown'", "'unknown'"], ("unknown",)),
        ("id", ["1", "2", "3", "4"], ("1", "2", "3")),  # counts the rows
        ("input", ["f/1.png", "f/2.png"], ("f/1.png", "f/2.png")),  # images of the frames
    ],
)
def test_a_single_recording_is_read_and_its_identifiers_are_returned(
    tmp_path: Path, name: str, values: list[str], identifiers: tuple[str, ...]
) -> None:
    table = read(tmp_path, name, *values)
    assert list(table.columns) == ["AU12_r"]
    assert table.identifiers == {name: identifiers}
    assert [finding.code for finding in table.findings] == ["dropped-column"]


@pytest.mark.parametrize("name", ["index", "", "row", "session", "event", "segment", "clip", "path_to_frame", "start"])
def test_counters_and_parts_of_a_recording_may_change(tmp_path: Path, name: str) -> None:
    table = read(tmp_path, name, "1", "2", "7")
    assert table.identifiers == {}
    assert list(table.columns) == ["AU12_r"]


@pytest.mark.parametrize("name", ["PHQ8_Score", "gender", "X.label", "Unnamed: 0", "subject_id"])
def test_columns_for_bookkeeping_are_dropped_and_told(tmp_path: Path, name: str) -> None:
    table = read(tmp_path, name, "1", "1")
    (finding,) = table.findings
    assert (finding.code, finding.found) == ("dropped-column", repr(name))


@pytest.mark.parametrize("name", ["frame", "X.timestamp", "timestamp_ms", "Confidence", "success", "face_id"])
def test_clocks_and_tracking_quality_stay_in_the_table(tmp_path: Path, name: str) -> None:
    assert list(read(tmp_path, name, "1", "2").columns) == [name, "AU12_r"]


@pytest.mark.parametrize("end", ["", " \n"])  # pyarrow rejects a line of blanks
def test_the_row_of_the_second_recording_is_given(tmp_path: Path, end: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text("subject, a\n 'S1' ,1\nS1,1\n" + "S2,1\n" * 3 + end, encoding="utf-8")
    with pytest.raises(DataError, match="several recordings") as caught:
        read_table(path)
    assert (caught.value.finding.row, caught.value.finding.found) == (4, "2 values: 'S1', 'S2'")
