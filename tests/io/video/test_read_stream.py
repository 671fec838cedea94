from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.trackers.channels import GAZE, META, POSE, channel_kind
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream

NAN = float("nan")
AU_R = [f"AU{number:02d}_r" for number in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)]
AU_C = [f"{name[:4]}_c" for name in (*AU_R[:-1], "AU28", AU_R[-1])]
# Columns of FeatureExtraction, OpenFace 2.2, in original order.
COLUMNS = [
    *META,
    *GAZE,
    *(f"eye_lmk_{axis}_{point}" for axis in "xyXYZ" for point in range(56)),
    *POSE,
    *(f"{axis}_{point}" for axis in "xyXYZ" for point in range(68)),
    *("p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty", *(f"p_{number}" for number in range(34))),
    *AU_R,
    *AU_C,
]
UNUSED = {name for name in COLUMNS if channel_kind(name) in ("meta", "geometry")}
# Two frames are missing, one has low confidence, one failed.
SMALL = {
    "frame": [1, 2, 3, 6, 7],
    "face_id": [0, 0, 0, 1, 1],
    "timestamp": [0.0, 0.04, 0.08, 0.2, 0.24],
    "confidence": [0.98, 0.69, 0.7, 0.98, 0.98],
    "success": [1, 1, 1, 1, 0],
    "pose_Rx": [-0.25, 0.5, 0.125, 1.0, -2.0],
    "AU12_r": [0.0, 1.5, 5.0, 2.25, 0.5],
}


def as_csv(columns: dict[str, list[float]], **options: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", **options)  # type: ignore[arg-type]
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "001.csv"


def read(file: Path, content: str | dict[str, list[float]], **settings: float) -> Stream:
    file.write_text(content if isinstance(content, str) else as_csv(content), encoding="utf-8", newline="")
    return read_stream(file, ReadingSettings(**settings))


def read_error(file: Path, content: str | dict[str, list[float]], match: str) -> Finding:
    with pytest.raises(DataError, match=match) as caught:
        read(file, content)
    assert caught.value.finding.file == file
    return caught.value.finding


def codes(stream: Stream) -> list[str]:
    return [finding.code for finding in stream.findings]


def small(**changes: list[float]) -> dict[str, list[float]]:
    """Return the small recording with some columns changed; empty columns are left out."""
    return {name: values for name, values in (SMALL | changes).items() if values}


def assert_same_stream(stream: Stream, other: Stream) -> None:
    assert set(stream.channels) == set(other.channels)
    np.testing.assert_array_equal(stream.values, other.select(stream.channels))
    np.testing.assert_array_equal(stream.time_s, other.time_s)
    np.testing.assert_array_equal(stream.valid, other.valid)
    assert stream.frame_rate_hz == other.frame_rate_hz
    assert stream.face_switches == other.face_switches


# ------------------------------------------------------------------------------------- formats of one stream


def test_a_stream_has_its_channels_time_and_mask(file: Path) -> None:
    stream = read(file, SMALL)
    assert stream.channels == ("pose_Rx", "AU12_r")
    assert stream.values.dtype == np.float32
    assert stream.values.tolist() == [[-0.25, 0], [0.5, 1.5], [0.125, 5], [1, 2.25], [-2, 0.5]]
    assert stream.time_s.tolist() == SMALL["timestamp"]
    assert stream.frame_rate_hz == 25.0
    assert stream.valid.tolist() == [True, False, True, True, False]
    assert stream.contiguous.tolist() == [False, True, True, False, True]
    assert (stream.n_frames, stream.face_switches) == (5, 1)
    assert codes(stream) == ["face-switch"]


def blanks_after_commas(text: str) -> str:
    return text.replace(",", ", ")


def blanks_in_the_header(text: str) -> str:
    header, _, rest = text.partition("\n")
    return f"{header.replace(',', ', ')}\n{rest}"


def reordered(_: str) -> str:
    names = list(SMALL)
    random.Random(0).shuffle(names)
    return as_csv({name: SMALL[name] for name in names})


def as_714_columns(_: str) -> str:
    filled = {name: SMALL.get(name, [float(index)] * 5) for index, name in enumerate(COLUMNS)}
    return as_csv({name: values for name, values in filled.items() if name in SMALL or name in UNUSED})


@pytest.mark.parametrize(
    ("form", "expected_codes"),
    [
        (blanks_after_commas, []),
        (blanks_in_the_header, []),
        (reordered, []),
        (as_714_columns, []),
        (lambda text: "\ufeff" + text, []),
        (lambda text: text.replace("\n", "\r\n"), []),
        (lambda text: text.replace("\n", "\r"), []),
        (lambda text: "\n" + text, []),
        (lambda _: as_csv(SMALL, quoting=csv.QUOTE_ALL), []),  # type: ignore[arg-type]
        (lambda text: text.replace(",", "\t"), ["delimiter"]),
        (lambda text: text.replace(",", ";").replace(".", ","), ["delimiter"]),
        (lambda text: text.replace(",", ";"), ["delimiter"]),
        (lambda text: text.removesuffix("\n"), ["no-final-newline"]),
        (lambda _: as_csv({"": list(range(5)), **SMALL}), ["dropped-column"]),
        (lambda _: as_csv({**SMALL, "status": ["Depression"] * 5}), ["dropped-column"]),  # type: ignore[list-item]
        (lambda _: as_csv({**SMALL, "mood": ["good"] * 5}), ["dropped-column"]),  # type: ignore[list-item]
    ],
    ids=[
        *("blanks", "header-blanks", "reordered", "714", "bom", "crlf", "cr", "blank-line", "quoted", "tabs"),
        *("decimal-comma", "semicolons", "no-newline", "index", "label", "text-column"),
    ],
)
def test_the_same_data_in_another_format_is_the_same_stream(
    file: Path, form: object, expected_codes: list[str]
) -> None:
    plain = read(file, SMALL)
    stream = read(file, form(as_csv(SMALL)))  # type: ignore[operator]
    assert_same_stream(stream, plain)
    assert codes(stream) == [*expected_codes, *codes(plain)]


def test_all_714_columns_give_the_channels_that_families_use(file: Path) -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 714
    stream = read(file, {name: [0.5, 1.5] for name in COLUMNS} | {"timestamp": [0, 0.04]})
    kinds = [channel_kind(name).removesuffix("_vector") for name in stream.channels]
    counts = {kind: kinds.count(kind) for kind in kinds}
    assert counts == {"gaze": 8, "pose": 6, "landmark": 136, "au_intensity": 17, "au_presence": 18}


def test_columns_that_differ_only_in_case_are_not_confused(file: Path) -> None:
    stream = read(file, {"X_30": [7.0, 7.0], "x_30": [1.0, 2.0], "Y_30": [7.0, 7.0], "y_30": [3.0, 4.0]})
    assert stream.channels == ("x_30", "y_30")
    assert stream.values.tolist() == [[1, 3], [2, 4]]


def test_channels_of_a_headerless_matrix_are_named_by_position(file: Path) -> None:
    stream = read(file, "0.5,-1\n1.5,-2\n2.5,-4\n", fps=50)
    assert stream.channels == ("ch000", "ch001")
    assert stream.time_s.tolist() == [0, 0.02, 0.04]
    assert stream.valid.all()
    assert codes(stream) == []  # the frame rate was given


def test_a_row_counter_in_front_of_a_matrix_is_dropped_and_reported(file: Path) -> None:
    stream = read(file, "0,0.5\n1,1.5\n2,2.5\n")
    assert stream.channels == ("ch000",)
    assert stream.values.ravel().tolist() == [0.5, 1.5, 2.5]
    assert "dropped-column" in codes(stream)


@pytest.mark.parametrize("corner", ["", ","])
def test_a_numbered_header_is_recognised(file: Path, corner: str) -> None:
    lines = ["0,1,2", "0.5,1,-1", "1.5,1,-2", "2.5,1,-4"]
    rows = [lines[0], *(f"{number},{line}" if corner else line for number, line in enumerate(lines[1:]))]
    stream = read(file, corner + "\n".join(rows) + "\n")
    assert stream.values.tolist() == [[0.5, 1, -1], [1.5, 1, -2], [2.5, 1, -4]]


def test_channels_unknown_to_openface_are_kept(file: Path) -> None:
    stream = read(file, "head yaw,AU12_r\n1,2\n3,4\n")
    assert stream.channels == ("head yaw", "AU12_r")


def test_a_channel_is_contiguous_in_memory(file: Path) -> None:
    assert read(file, SMALL).values.flags.f_contiguous


def test_select_returns_channels_in_the_requested_order(file: Path) -> None:
    assert read(file, SMALL).select(["AU12_r", "pose_Rx"])[0].tolist() == [0, -0.25]


# --------------------------------------------------------------------------------------------------- mask


@pytest.mark.parametrize(
    ("min_confidence", "valid"),
    [(0.0, [1, 1, 1, 1, 0]), (0.7, [1, 0, 1, 1, 0]), (0.98, [1, 0, 0, 1, 0]), (1.0, [0, 0, 0, 0, 0])],
)
def test_frames_below_the_minimum_confidence_are_invalid(file: Path, min_confidence: float, valid: list[int]) -> None:
    assert read(file, SMALL, min_confidence=min_confidence).valid.tolist() == [bool(flag) for flag in valid]


@pytest.mark.parametrize(
    ("missing", "valid"),
    [
        (["success"], [1, 0, 1, 1, 1]),
        (["confidence"], [1, 1, 1, 1, 0]),
        (["success", "confidence"], [1, 1, 1, 1, 1]),
    ],
)
def test_confidence_or_success_may_be_missing(file: Path, missing: list[str], valid: list[int]) -> None:
    assert read(file, small(**{name: [] for name in missing})).valid.tolist() == [bool(flag) for flag in valid]


def test_a_frame_whose_quality_is_unknown_is_invalid(file: Path) -> None:
    stream = read(file, small(confidence=[NAN, 0.9, 0.9, 0.9, 0.9], success=[1, NAN, 1, 1, 1]))
    assert stream.valid.tolist() == [False, False, True, True, True]


def test_values_of_invalid_frames_are_not_changed(file: Path) -> None:
    assert read(file, SMALL).values[4].tolist() == [-2.0, 0.5]


def test_a_recording_without_a_valid_frame_is_read_and_reported(file: Path) -> None:
    stream = read(file, small(success=[0] * 5))
    assert not stream.valid.any()
    assert "no-valid-frame" in codes(stream)


@pytest.mark.parametrize("confidence", [1.2, -0.1, 98])
def test_a_confidence_outside_its_range_is_reported(file: Path, confidence: float) -> None:
    stream = read(file, small(confidence=[confidence, 1, 1, 1, 1]))
    assert "confidence-range" in codes(stream)


def test_an_intensity_outside_its_range_is_reported_in_valid_frames(file: Path) -> None:
    assert "au-range" in codes(read(file, small(AU12_r=[5.5, 0, 0, 0, 0])))
    assert "au-range" in codes(read(file, small(AU12_r=[-0.5, NAN, 0, 0, 0])))
    assert "au-range" not in codes(read(file, small(AU12_r=[5.0, 9.0, 0, 0, 9.0])))


@pytest.mark.parametrize("token", ["nan", "", "-nan(ind)", "1.#QNAN"])
def test_a_missing_value_is_nan_and_reported(file: Path, token: str) -> None:
    stream = read(file, f"timestamp,AU12_r,pose_Rx\n0,1,{token}\n0.04,{token},2\n")
    np.testing.assert_array_equal(stream.values, [[1, NAN], [NAN, 2]])
    assert codes(stream) == ["nan"]


@pytest.mark.parametrize("token", ["inf", "1e400", "1e300", "-1e39"])
def test_a_value_beyond_float32_is_nan_and_reported(file: Path, token: str) -> None:
    stream = read(file, f"timestamp,pose_Rx\n0,1\n0.04,{token}\n")
    np.testing.assert_array_equal(stream.values, [[1], [NAN]])
    assert codes(stream) == ["infinite"]


# --------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize("fps", [30, 25, 29.97, 50, 60, 15, 12.5])
@pytest.mark.parametrize("start", [0.0, 3600.0])
def test_the_frame_rate_is_estimated_from_timestamps_rounded_to_1_ms(file: Path, fps: float, start: float) -> None:
    stamps = np.round(start + np.arange(300) / fps, 3)
    stream = read(file, {"timestamp": stamps.tolist(), "AU12_r": [1.0] * 300})
    assert stream.frame_rate_hz == pytest.approx(fps, rel=2e-3)
    if fps == round(fps):
        assert stream.frame_rate_hz == fps
    assert stream.time_s[0] == 0
    assert stream.contiguous[1:].all()
    assert codes(stream) == []


def test_a_pause_changes_neither_the_frame_rate_nor_other_frames(file: Path) -> None:
    stamps = np.round(np.arange(100) / 30, 3)
    stamps[40:] += 7.5
    stream = read(file, {"timestamp": stamps.tolist(), "AU12_r": [1.0] * 100})
    assert stream.frame_rate_hz == 30
    assert np.flatnonzero(~stream.contiguous).tolist() == [0, 40]
    assert stream.time_s[-1] == pytest.approx(10.8)


def test_without_timestamps_the_frame_rate_is_assumed_and_reported(file: Path) -> None:
    stream = read(file, small(frame=[], timestamp=[], face_id=[]))
    assert (stream.frame_rate_hz, stream.time_s[-1]) == (30, pytest.approx(4 / 30))
    assert stream.contiguous[1:].all()
    (finding,) = stream.findings
    assert finding.code == "no-frame-rate"
    assert "30 frames per second" in finding.what
    assert "--fps" in str(finding.hint)


def test_frame_numbers_give_time_if_there_are_no_timestamps(file: Path) -> None:
    stream = read(file, small(timestamp=[]), fps=10)
    assert stream.time_s == pytest.approx([0, 0.1, 0.2, 0.5, 0.6])
    assert stream.contiguous.tolist() == [False, True, True, False, True]


@pytest.mark.parametrize("first", [0, 1, 101])
def test_the_first_frame_number_is_an_offset_not_a_gap(file: Path, first: int) -> None:
    stream = read(file, {"frame": [first, first + 1, first + 2], "AU12_r": [1.0, 2.0, 3.0]})
    assert stream.time_s == pytest.approx([0, 1 / 30, 2 / 30])
    assert stream.contiguous.tolist() == [False, True, True]


@pytest.mark.parametrize("stamps", [[0.0] * 5, [0, NAN, NAN, NAN, 0.16], [NAN] * 5])
def test_frame_numbers_replace_unusable_timestamps(file: Path, stamps: list[float]) -> None:
    stream = read(file, small(timestamp=stamps), fps=25)
    assert stream.time_s == pytest.approx([0, 0.04, 0.08, 0.2, 0.24])


def test_one_frame_is_a_stream(file: Path) -> None:
    stream = read(file, {name: values[:1] for name, values in SMALL.items()})
    assert (stream.n_frames, stream.time_s.tolist(), stream.contiguous.tolist()) == (1, [0.0], [False])


@pytest.mark.parametrize("clock", [["timestamp"], ["frame"], ["timestamp", "frame"]])
def test_shuffled_rows_are_sorted_and_reported(file: Path, clock: list[str]) -> None:
    columns = {name: values for name, values in SMALL.items() if name in clock or name not in ("timestamp", "frame")}
    order = [3, 0, 4, 2, 1]
    plain = read(file, columns)
    stream = read(file, {name: [values[index] for index in order] for name, values in columns.items()})
    assert_same_stream(stream, plain)
    assert [code for code in codes(stream) if code not in codes(plain)] == ["shuffled"]


@pytest.mark.parametrize(
    ("stamps", "row", "expected", "found"),
    [
        ([0, 0.04, 0.04, 0.12, 0.16], 4, "more than 0.04", "0.04"),
        ([0, 0, 0.08, 0.12, 0.16], 3, "more than 0", "0"),
        ([0, 0.04, 0.08, 0, 0.04], 5, "more than 0.08", "0"),
    ],
)
def test_repeated_timestamps_are_rejected_with_the_row(
    file: Path, stamps: list[float], row: int, expected: str, found: str
) -> None:
    finding = read_error(file, small(timestamp=stamps, frame=[], face_id=[]), "timestamps repeat or run backwards")
    assert (finding.row, finding.column, finding.expected, finding.found) == (row, "timestamp", expected, found)


def test_the_row_of_a_repeated_timestamp_counts_lines_of_the_file(file: Path) -> None:
    assert read_error(file, "\n\ntimestamp,AU12_r\n0,1\n0.04,1\n0.04,1\n", "timestamps repeat").row == 6


def test_repeated_frame_numbers_are_rejected_if_they_give_time(file: Path) -> None:
    finding = read_error(
        file, small(timestamp=[], face_id=[], frame=[1, 2, 3, 3, 4]), "timestamps repeat or run backwards"
    )
    assert (finding.row, finding.column, finding.found) == (5, "frame", "3")


def test_two_recordings_in_one_file_are_rejected_even_with_face_ids(file: Path) -> None:
    twice = {name: values * 2 for name, values in SMALL.items()}
    finding = read_error(file, twice, "timestamps repeat or run backwards")
    assert (finding.row, finding.column, finding.found) == (7, "timestamp", "0")


# -------------------------------------------------------------------------------------------------- faces


CROWD = {
    "frame": [1, 1, 2, 2, 3],
    "face_id": [0, 1, 0, 1, 1],
    "timestamp": [0, 0, 0.04, 0.04, 0.08],
    "confidence": [0.9, 0.8, 0.3, 0.95, 0.6],
    "success": [1, 1, 0, 1, 1],
    "AU12_r": [1.0, 2.0, 3.0, 4.0, 5.0],
}


def test_the_face_that_is_present_longest_is_used_throughout(file: Path) -> None:
    stream = read(file, CROWD)
    assert stream.values.ravel().tolist() == [2, 4, 5]
    assert stream.valid.tolist() == [True, True, False]
    assert stream.time_s == pytest.approx([0, 0.04, 0.08])
    assert stream.face_switches == 0
    (finding,) = stream.findings
    assert finding.code == "several-faces"
    assert finding.found == "face 1 (3 rows); also face 0 (2 rows)"


@pytest.mark.parametrize("missing", ["frame", "timestamp"])
def test_frame_numbers_or_timestamps_reveal_several_faces_per_frame(file: Path, missing: str) -> None:
    stream = read(file, {name: values for name, values in CROWD.items() if name != missing})
    assert stream.values.ravel().tolist() == [2, 4, 5]
    assert "several-faces" in codes(stream)


@pytest.mark.parametrize(
    ("confidence", "expected"), [([0.9, 0.8, 0.9, 0.8], [1, 3]), ([0.8, 0.9, 0.8, 0.9], [2, 4]), ([0.9] * 4, [2, 4])]
)
def test_faces_present_equally_long_are_chosen_by_confidence_then_id(
    file: Path, confidence: list[float], expected: list[float]
) -> None:
    crowd = {name: values[:4] for name, values in CROWD.items()}
    stream = read(file, crowd | {"confidence": confidence, "face_id": [5, 1, 5, 1]})
    assert stream.values.ravel().tolist() == expected


def test_a_face_can_be_chosen(file: Path) -> None:
    stream = read(file, CROWD, face=0)
    assert stream.values.ravel().tolist() == [1, 3]
    assert "several-faces" in codes(stream)
    assert "several-faces" not in codes(read(file, small(face_id=[0] * 5), face=0))


@pytest.mark.parametrize(("content", "found"), [(CROWD, "face 0, 1"), (small(face_id=[]), "no column of face ids")])
def test_a_chosen_face_that_is_not_there_is_an_error(file: Path, content: dict[str, list[float]], found: str) -> None:
    file.write_text(as_csv(content))
    with pytest.raises(DataError, match="the face chosen with --face is not in the file") as caught:
        read_stream(file, ReadingSettings(face=7))
    assert caught.value.finding.found == found


@pytest.mark.parametrize("clock", [{}, {"frame": [0, 0, 0]}])
@pytest.mark.parametrize("name", ["face_id", "Identity"])
def test_one_image_of_several_people_is_rejected(file: Path, clock: dict[str, list[float]], name: str) -> None:
    finding = read_error(file, {**clock, name: [0, 1, 2], "AU12_r": [1, 2, 3]}, "every row is another face")
    assert finding.found == "3 faces"


def test_two_people_without_ids_are_rejected(file: Path) -> None:
    crowd = {name: values for name, values in CROWD.items() if name != "face_id"}
    assert read_error(file, crowd, "timestamps repeat or run backwards").row == 3


def test_a_face_that_leaves_and_returns_counts_as_two_switches(file: Path) -> None:
    stream = read(file, small(face_id=[0, 0, 4, 0, 0]))
    assert stream.face_switches == 2
    assert any("2 times" in finding.what for finding in stream.findings)


def test_an_unknown_face_id_is_not_a_switch(file: Path) -> None:
    assert read(file, small(face_id=[0, NAN, 0, 0, 0])).face_switches == 0
    assert read(file, small(face_id=[NAN] * 5)).face_switches == 0


# ------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("name", ["AU12_r", "gaze_0_x", "x_30", "mood"])
def test_a_text_channel_is_left_out_and_reported(file: Path, name: str) -> None:
    columns: dict[str, list[object]] = {"pose_Rx": [1, 2], name: ["low", "high"]}
    stream = read(file, columns)  # type: ignore[arg-type]
    assert stream.channels == ("pose_Rx",)
    assert [finding.found for finding in stream.findings if finding.code == "dropped-column"] == [repr(name)]


@pytest.mark.parametrize("name", ["frame", "timestamp", "confidence", "success", "face_id"])
def test_text_in_a_time_or_quality_column_is_rejected(file: Path, name: str) -> None:
    columns: dict[str, list[object]] = {"pose_Rx": [1, 2], name: ["low", "high"]}
    finding = read_error(file, columns, "a numeric column contains text")  # type: ignore[arg-type]
    assert (finding.row, finding.column, finding.found) == (2, name, "'low'")


@pytest.mark.parametrize("content", ["frame,timestamp\n1,0\n2,0.04\n", "index\n1\n", "X_0,eye_lmk_x_0\n1,2\n"])
def test_a_file_without_channels_is_rejected(file: Path, content: str) -> None:
    assert read_error(file, content, "the file has no column that can be used").code == "no-channel"


@pytest.mark.parametrize(
    ("content", "match", "row"),
    [
        ("frame,AU12_r\n1,2\n2\n3,4\n", "a row is too short", 3),
        ("frame,AU12_r\n1,2\n2,2,2\n3,4\n", "a row is too long", 3),
        ("frame,AU12_r\n1,2\n2", "the last row is truncated", 3),
        ("frame,AU12_r\n1,2\nframe,AU12_r\n1,2\n", "the header is repeated", 3),
        ("frame,AU12_r,AU12_r\n1,2,3\n", "duplicate column names", 1),
        ("frame,AU12_r\n", "a header but no rows", 1),
    ],
)
def test_a_broken_table_is_rejected_with_its_row(file: Path, content: str, match: str, row: int | None) -> None:
    assert read_error(file, content, match).row == row


def test_a_short_row_is_detected_even_if_only_unused_columns_are_affected(file: Path) -> None:
    assert read_error(file, "AU12_r,X_0,X_1\n1,2,3\n1,2\n1,2,3\n", "a row is too short").row == 3


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pose_Tz", "pose"),
        ("gaze_angle_y", "gaze"),
        ("AU45_c", "au_presence"),
        ("AU1_r", "other"),
        ("x_67", "landmark"),
        ("Y_67", "geometry"),
        ("eye_lmk_Z_55", "geometry"),
        ("p_scale", "geometry"),
        ("p_33", "geometry"),
        ("success", "meta"),
        (" AU12_r", "other"),
        ("x_0 ", "other"),
    ],
)
def test_channels_are_matched_by_exact_name(name: str, kind: str) -> None:
    assert channel_kind(name) == kind


# -------------------------------------------------------------------------------------------------- real data


@pytest.mark.parametrize(
    ("name", "n_frames"),
    [
        ("subj01_timepoint01", 158),
        ("subj01_timepoint02", 161),
        ("subj02_timepoint01", 148),
        ("subj02_timepoint02", 195),
    ],
)
def test_real_openface_output_is_read(real_data: Path, name: str, n_frames: int) -> None:
    path = real_data / "openface-714" / f"{name}.csv"
    with path.open(encoding="utf-8") as lines:
        assert [column.strip() for column in next(lines).split(",")] == COLUMNS
    stream = read_stream(path)
    assert stream.values.shape == (n_frames, 714 - len(UNUSED))
    assert 20 < stream.frame_rate_hz < 61
    assert stream.valid.mean() > 0.5
    assert np.isfinite(stream.values).all()


def test_real_gaze_without_timestamps_is_read(real_data: Path) -> None:
    files = sorted((real_data / "badrobots-gaze" / "train" / "video").glob("*.csv"))
    assert len(files) == 90
    for path in files[::10]:
        stream = read_stream(path)
        assert stream.n_frames == 120
        assert set(stream.channels) <= set(GAZE)
        # In some frames, both gaze vectors are 0: the tracker failed.
        assert set(codes(stream)) <= {"no-frame-rate", "missing-rows"}
        gaze = stream.select([name for name in stream.channels if "angle" not in name])
        assert (np.abs(gaze[stream.valid]).sum(axis=1) > 0).all()


def test_real_headerless_matrices_are_read(real_data: Path) -> None:
    files = sorted((real_data / "watch-exercise" / "train" / "video").glob("*.csv"))
    assert len(files) == 140
    for path in files[::20]:
        stream = read_stream(path, ReadingSettings(fps=50))
        assert stream.channels == tuple(f"ch{index:03d}" for index in range(6))
        assert 947 <= stream.n_frames <= 2618
        assert stream.frame_rate_hz == 50
