"""Rows and columns that are no measurement: codes for missing values, what never moves, ids, clocks, copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from video_files import N, codes, find, moving, read, read_error, recording

from pdmr_classic.io.video._clock_columns import find_clock_columns

GAZE = [f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "001.csv"


def replace_rows(columns: dict[str, Any], rows: list[int], value: float) -> dict[str, Any]:
    """Return the recording with one value in every channel of some rows."""
    clocks = ("frame", "timestamp", "confidence", "success")
    return {
        name: [value if row in rows and name not in clocks else cell for row, cell in enumerate(values)]
        for name, values in columns.items()
    }


@pytest.mark.parametrize("value", [-1, 0, 100, 999, -9999])
def test_a_row_with_one_value_in_every_channel_is_no_measurement(file: Path, value: float) -> None:
    columns = recording() | moving("pose_Tx", "pose_Tz", scale=5, offset=500)
    stream = read(file, replace_rows(columns, [3, 4, 50], value))
    assert np.flatnonzero(~stream.valid).tolist() == [3, 4, 50]
    assert find(stream, "missing-rows").found == f"3 frames of {value}"


CODED = [3, 4, 20, 50]


def put_code(value: float, *names: str, rows: list[int] = CODED) -> dict[str, Any]:
    columns = recording(**moving("pose_Tx", scale=9), **moving("pose_Tz", scale=5, offset=500), AU04_r=[0.5, 1.5] * 30)
    return {
        name: [value if row in rows and name in names else cell for row, cell in enumerate(values)]
        for name, values in columns.items()
    }


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (-1, ["pose_Tz"]),
        (0, ["pose_Tz"]),
        (100, ["pose_Rx", "pose_Tx", "pose_Tz"]),
        (-1, ["pose_Tx", "pose_Tz"]),
        (-999, ["gaze_angle_x"]),
        (-1, ["AU12_r"]),
        (100, ["AU04_r", "AU12_r"]),
        (-9999, ["AU04_r"]),
    ],
)
def test_a_code_in_some_channels_is_missing_there_only(file: Path, value: float, names: list[str]) -> None:
    stream = read(file, put_code(value, *names))
    assert stream.valid.all()
    for name in stream.channels:
        missing = np.flatnonzero(np.isnan(stream.select([name]).ravel())).tolist()
        assert missing == (CODED if name in names else []), name
    assert find(stream, "missing-code").found.startswith(f"{value} in 4 frames of ")
    assert not {"angle-unit", "angle-range", "au-range"} & set(codes(stream))


@pytest.mark.parametrize(
    ("value", "name", "rows"),
    [
        (0, "pose_Rx", CODED),
        (5, "AU12_r", CODED),
        (0, "AU12_r", CODED),
        (-1, "pose_Tz", [7]),
        (480.5, "pose_Tz", CODED),
    ],
)
def test_a_plausible_value_is_no_code(file: Path, value: float, name: str, rows: list[int]) -> None:
    stream = read(file, put_code(value, name, rows=rows))
    assert not np.isnan(stream.values).any()
    assert "missing-code" not in codes(stream)


def test_codes_in_failed_frames_are_not_reported(file: Path) -> None:
    columns = put_code(0, "pose_Tz") | {"success": [0 if row in CODED else 1 for row in range(N)]}
    assert "missing-code" not in codes(read(file, columns))


def test_quiet_units_are_measurements(file: Path) -> None:
    columns = {"AU04_r": [0.0, 1.5] * 30, "AU12_r": [0.0, 2.5] * 30, "AU06_c": [0, 1] * 30}
    stream = read(file, columns)
    assert stream.valid.all()
    assert "missing-rows" not in codes(stream)


def test_two_equal_channels_prove_nothing(file: Path) -> None:
    assert read(file, {"AU04_r": [-1.0] * N, "AU12_r": [-1.0] * N}).valid.all()


@pytest.mark.parametrize("value", [0.0, -1.0, 0.25])
def test_a_gaze_that_never_moves_is_dropped_and_freezes_no_face(file: Path, value: float) -> None:
    stream = read(
        file,
        {name: values for name, values in recording().items() if name[:4] not in ("pose", "gaze")}
        | dict.fromkeys(GAZE, [value] * N),
    )
    assert stream.channels == ("AU12_r",)
    assert stream.valid.all()
    assert stream.frozen_s == 0
    assert "'gaze_0_x'" in str(find(stream, "constant-channel").found)


def test_a_face_is_frozen_only_if_what_moves_stops(file: Path) -> None:
    columns = recording(n=120) | dict.fromkeys(GAZE, [0.0] * 120)
    for name in ("pose_Rx", "gaze_angle_x"):
        columns[name] = [*columns[name][:60], *[columns[name][60]] * 60]
    stream = read(file, columns)
    assert stream.valid.tolist() == [True] * 61 + [False] * 59
    assert {"frozen", "constant-channel"} <= set(codes(stream))


def test_a_unit_that_is_never_active_stays(file: Path) -> None:
    assert "AU04_r" in read(file, recording(AU04_r=[0.0] * N)).channels


def test_equal_channels_are_reported(file: Path) -> None:
    columns = recording()
    stream = read(file, columns | {"AU14_r": columns["AU12_r"]})
    assert find(stream, "duplicate-channels").found == "AU14_r = AU12_r"
    assert "duplicate-channels" not in codes(read(file, columns | {"AU14_r": [0.0] * N, "AU15_r": [0.0] * N}))


# -------------------------------------------------------------------------------------------------- copies


@pytest.mark.parametrize("name", ["AU12_r.1", "X.AU12_r.1", "au12_R"])
def test_a_copy_of_a_column_is_dropped_if_equal_and_rejected_otherwise(file: Path, name: str) -> None:
    columns = recording()
    stream = read(file, columns | {name: columns["AU12_r"]})
    assert stream.channels == ("pose_Rx", "gaze_angle_x", "AU12_r")
    assert find(stream, "dropped-column").found == repr(name)
    finding = read_error(file, columns | {name: [1.0] * N})
    assert (finding.code, finding.column) == ("duplicate-columns", name)


# ------------------------------------------------------------------------------------ ids, labels and clocks


@pytest.mark.parametrize("name", ["PHQ8_Score", "gender", "X.label", "BDI", "Participant_ID", "video", "file_name"])
def test_ids_and_labels_are_left_out_and_reported(file: Path, name: str) -> None:
    stream = read(file, recording() | {name: [17] * N})
    assert name not in stream.channels
    assert len(stream.channels) == 3
    assert repr(name) in [finding.found for finding in stream.findings if finding.code == "dropped-column"]


@pytest.mark.parametrize("name", ["segment", "clip", "row", "index"])
def test_counters_of_parts_are_left_out(file: Path, name: str) -> None:
    assert name not in read(file, recording() | {name: [row // 20 for row in range(N)]}).channels


ROWS = np.arange(400)
CLOCKS = {
    "counter": ROWS + 1.0,
    "seconds": np.round(ROWS / 30, 3),
    "milliseconds": ROWS * 33.0,
    "countdown": 100 - ROWS / 25,
    "unix time with jitter": 1.7e9 + ROWS / 30 + 0.01 * np.random.default_rng(0).random(400),
    "whole seconds": ROWS // 10 * 1.0,
    "one value missing": np.where(ROWS == 7, np.nan, ROWS * 0.5),
    "a pause": ROWS * 0.04 + 9.0 * (ROWS > 200),
    "a pause and jitter": ROWS * 0.04 + 0.01 * np.random.default_rng(0).random(400) + 900.0 * (ROWS > 200),
    "few units of time": ROWS // 100 * 1.0,
    "whole units of time": (ROWS + 20) // 75 * 1.0,
    "frame within a second": ROWS % 25 * 1.0,
    "milliseconds within a second": np.round(ROWS * 33.333) % 1000,
    "falling and starting again": 9.0 - ROWS % 10,
    "noise that turns back": ROWS / 30 + 0.02 * np.random.default_rng(0).normal(size=400),
}
SIGNALS = {
    "constant": np.zeros(400),
    "noise": np.random.default_rng(0).normal(size=400),
    "slow wave": np.sin(ROWS / 300),
    "drift": ROWS * 0.01 + np.random.default_rng(1).normal(size=400),
    "saturating": 1 - np.exp(-ROWS / 100),
    "presence": (np.sin(ROWS / 9) > 0) * 1.0,
    "regular presence": ROWS // 40 % 2 * 1.0,
    "levels": np.floor(3 * np.sin(ROWS / 40)),
    "levels in order": np.searchsorted([30, 90, 120, 250, 380], ROWS) * 1.0,
    "square wave": ROWS // 2 % 2 * 1.0,
    "triangle": np.abs(ROWS % 20 - 10.0),
    "rounded noise": np.random.default_rng(2).normal(size=400).round(),
    "mostly missing": np.where(ROWS % 3 == 0, ROWS * 1.0, np.nan),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_is_found_by_its_values(name: str) -> None:
    assert find_clock_columns({"x": CLOCKS[name]}) == ["x"]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_is_no_clock(name: str) -> None:
    assert find_clock_columns({"x": SIGNALS[name]}) == []


@pytest.mark.parametrize("name", ["counter", "seconds"])
def test_a_short_column_proves_nothing(name: str) -> None:
    assert find_clock_columns({"x": CLOCKS[name][:9]}) == []
    assert find_clock_columns({"x": CLOCKS[name][:10]}) == ["x"]


def test_a_clock_of_any_name_is_no_channel(file: Path) -> None:
    stream = read(file, recording() | {"tick": [2 * row for row in range(N)], "Frame_Idx": list(range(N))})
    assert stream.channels == ("pose_Rx", "gaze_angle_x", "AU12_r")
    assert find(stream, "clock-column").found == "'tick'"


def test_a_rising_unit_is_a_channel(file: Path) -> None:
    stream = read(file, recording(AU12_r=np.linspace(0, 3, N).tolist()))
    assert "AU12_r" in stream.channels
    assert "clock-column" not in codes(stream)


def test_frames_that_the_tracker_marks_as_failed_are_not_reported_as_missing(file: Path) -> None:
    columns = moving("pose_Rx", "pose_Ry", "pose_Rz", "gaze_angle_x")
    zeros = {name: [0.0, *values[1:]] for name, values in columns.items()}
    assert "missing-rows" in codes(read(file, zeros))
    assert "missing-rows" not in codes(read(file, {"success": [0] + [1] * (N - 1), **zeros}))


def test_a_negative_value_in_every_unit_is_missing(file: Path) -> None:
    units = {f"AU{unit}_r": [-1.0, -1.0, *[0.5 + index] * (N - 2)] for index, unit in enumerate(("04", "12", "45"))}
    stream = read(file, moving("pose_Rx") | units)
    assert np.isnan(stream.select([*units])[:2]).all()
    assert stream.valid.all()
    assert "-1 in 2 frames" in str(find(stream, "missing-code").found)


def test_a_negative_value_in_one_unit_is_used_and_reported(file: Path) -> None:
    units = {"AU04_r": [-1.0, *[0.5] * (N - 1)], "AU12_r": [0.5] * N, "AU45_r": [1.5] * N}
    assert "missing-code" not in codes(stream := read(file, moving("pose_Rx") | units))
    assert "au-range" in codes(stream)


@pytest.mark.parametrize(
    ("columns", "is_told"),
    [({"foo": 1, "bar": 2}, True), ({"foo": 1, "AU12_r": 2}, False), ({"jawOpen": 1, "_neutral": 2}, True)],
)
def test_a_file_without_a_known_name_is_reported(file: Path, columns: dict[str, float], is_told: bool) -> None:
    stream = read(file, {name: [*[value] * (N - 1), 0.25] for name, value in columns.items()})
    assert ("unknown-channels" in codes(stream)) == is_told


@pytest.mark.parametrize("name", ["face_detected", "Tracked", "OF_success", "is_valid", "tracking_confidence"])
def test_failed_frames_are_no_behaviour_under_other_names(file: Path, name: str) -> None:
    stream = read(file, recording(confidence=[], success=[]) | {name: [1, 0] * (N // 2)})
    assert stream.valid.tolist() == [True, False] * (N // 2)
    assert len(stream.channels) == 3
