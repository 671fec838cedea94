"""Time of a stream: timestamps in s or ms, frame numbers with steps, blank stamps, several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from video_files import N, codes, find, read, read_error, recording, times

NAN = float("nan")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "001.csv"


# ------------------------------------------------------------------------------------------------ frame numbers


@pytest.mark.parametrize(("step", "fps", "rate"), [(2, None, 15), (3, None, 10), (24, 24, 1), (5, 50, 10)])
def test_the_step_of_frame_numbers_is_the_interval(file: Path, step: int, fps: float | None, rate: float) -> None:
    stream = read(file, recording(timestamp=[], frame=[step * row for row in range(N)]), fps=fps)
    assert stream.frame_rate_hz == rate
    assert stream.contiguous[1:].all()
    assert stream.time_s[-1] == pytest.approx((N - 1) / rate)
    assert find(stream, "skipped-frames").found == f"frame numbers in steps of {step}: {rate} rows per second"


def test_a_missing_frame_among_skipped_ones_is_a_gap(file: Path) -> None:
    frames = [2 * row for row in range(N)]
    stream = read(file, recording(timestamp=[], frame=frames[:30] + [frame + 8 for frame in frames[30:]]))
    assert np.flatnonzero(~stream.contiguous).tolist() == [0, 30]


def test_frame_numbers_that_contradict_the_timestamps_are_reported(file: Path) -> None:
    frames = [row if row % 4 else row + 100 * row for row in range(1, N + 1)]
    assert "time-contradicts-frames" in codes(read(file, recording(frame=frames)))
    assert "time-contradicts-frames" in codes(read(file, recording(frame=[row % 30 for row in range(N)])))


@pytest.mark.parametrize("gap", [0, 40])
def test_a_pause_contradicts_no_frame_number(file: Path, gap: int) -> None:
    frames = [row + gap * (row >= 30) for row in range(N)]
    stamps = [round(row / 30 + 1.3333 * (row >= 30), 3) for row in range(N)]
    assert codes(read(file, recording(frame=frames, timestamp=stamps))) == []


# ------------------------------------------------------------------------------------------------- --fps


@pytest.mark.parametrize("stamps", [times(rate=1000), [1000 * stamp for stamp in times()], times()])
def test_fps_overrides_the_timestamps(file: Path, stamps: list[float]) -> None:
    for columns in (recording(timestamp=stamps), recording(timestamp=stamps, frame=[])):
        stream = read(file, columns, fps=25)
        assert stream.frame_rate_hz == 25
        assert stream.time_s == pytest.approx(np.arange(N) / 25)
        assert "25 frames per second" in find(stream, "fps-override").what


def test_a_gap_in_overridden_timestamps_stays_a_gap(file: Path) -> None:
    stamps = [stamp + (row >= 30) for row, stamp in enumerate(times(rate=10))]
    stream = read(file, recording(timestamp=stamps, frame=[]), fps=25)
    assert stream.time_s[29:31] == pytest.approx([29 / 25, 40 / 25])


@pytest.mark.parametrize(("rate", "is_odd"), [(239.9, True), (1000, True), (200, False), (1, False)])
def test_an_implausible_frame_rate_is_reported(file: Path, rate: float, is_odd: bool) -> None:
    stamps = np.round(np.arange(N) / rate, 6).tolist()
    assert ("odd-rate" in codes(read(file, recording(timestamp=stamps)))) == is_odd


# ------------------------------------------------------------------------------------------- blank and ms


@pytest.mark.parametrize("blank", [[3], [0], [N - 1], [0, 1, 20, N - 2, N - 1]])
def test_blank_timestamps_are_interpolated_and_reported(file: Path, blank: list[int]) -> None:
    stamps = [NAN if row in blank else stamp for row, stamp in enumerate(times(rate=25))]
    stream = read(file, recording(timestamp=stamps))
    assert stream.time_s == pytest.approx(np.arange(N) / 25, abs=1e-6)
    assert stream.frame_rate_hz == 25
    assert str(find(stream, "blank-time").found).startswith(f"{len(blank)} timestamp")


MS = [1000 * stamp for stamp in times(rate=25)]


@pytest.mark.parametrize("name", ["timestamp_ms", "time_ms", "X.Timestamp.ms", "milliseconds"])
def test_milliseconds_are_converted_if_the_column_is_named_so(file: Path, name: str) -> None:
    stream = read(file, recording(timestamp=[]) | {name: MS})
    assert stream.frame_rate_hz == 25
    assert "converted from milliseconds" in find(stream, "time-unit").what


def test_unnamed_milliseconds_are_rejected_with_the_setting(file: Path) -> None:
    finding = read_error(file, recording(timestamp=MS))
    assert (finding.code, finding.column, finding.found) == ("time-unit", "timestamp", "steps of 40")
    assert 'time_unit = "ms"' in str(finding.hint)
    assert read(file, recording(timestamp=MS), time_unit="ms").frame_rate_hz == 25
    assert "odd-rate" in codes(read(file, recording(timestamp=MS), time_unit="s"))


def test_microseconds_are_rejected(file: Path) -> None:
    assert "convert them to seconds" in str(read_error(file, recording(timestamp=[1000 * ms for ms in MS])).hint)


# ------------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize("column", ["timestamp", "frame"])
@pytest.mark.parametrize("starts", [[25], [20, 40]])
def test_time_that_starts_again_is_a_second_run(file: Path, column: str, starts: list[int]) -> None:
    clock = np.arange(float(N)) / (30 if column == "timestamp" else 1)
    step = clock[1]
    for number, start in enumerate(starts, 1):
        clock[start:] = np.arange(N - start) * step + 0.3 * number * step
    changes: dict[str, Any] = {"timestamp": [], "frame": [], column: clock.tolist()}
    finding = read_error(file, recording(**changes))
    assert (finding.code, finding.row, finding.column) == ("two-runs", starts[0] + 2, column)


def test_shuffled_rows_are_sorted(file: Path) -> None:
    order = np.random.default_rng(0).permutation(N)
    shuffled = {name: np.asarray(values)[order].tolist() for name, values in recording().items()}
    stream = read(file, shuffled)
    np.testing.assert_array_equal(stream.values, read(file, recording()).values)
    assert codes(stream) == ["shuffled"]


def test_a_row_that_was_written_late_is_put_in_its_place(file: Path) -> None:
    order = [*range(30), 31, 30, *range(32, N)]
    stream = read(file, {name: [values[row] for row in order] for name, values in recording().items()})
    np.testing.assert_array_equal(stream.values, read(file, recording()).values)
    assert codes(stream) == ["shuffled"]


# ------------------------------------------------------------------------------------------- coarse clocks


@pytest.mark.parametrize(("fps", "step", "rate"), [(30, 1, 30), (25, 1, 25), (30, 3, 10)])
def test_frame_numbers_count_between_whole_seconds(file: Path, fps: int, step: int, rate: float) -> None:
    frames = [step * row for row in range(4 * N)]
    clock = [f"00:{frame // fps:02d}" for frame in frames]
    stream = read(file, recording(4 * N, frame=frames, timestamp=clock))
    assert stream.frame_rate_hz == rate
    assert stream.time_s == pytest.approx(np.arange(4 * N) / rate)
    assert find(stream, "coarse-time").found == f"{fps} frames per second"


def test_a_clip_of_less_than_two_whole_seconds_has_no_known_rate(file: Path) -> None:
    assert "no-frame-rate" in codes(read(file, recording(timestamp=[row // 40 for row in range(N)])))


def test_milliseconds_are_not_taken_for_whole_seconds(file: Path) -> None:
    assert read_error(file, recording(timestamp=[33 * row + row % 2 for row in range(N)])).code == "time-unit"


def test_repeated_timestamps_without_frame_numbers_are_refused_with_a_way_out(file: Path) -> None:
    stamps = [row // 3 / 10 for row in range(N)]
    assert "--fps" in str(read_error(file, recording(timestamp=stamps)).hint)
    assert "--fps" not in str(read_error(file, recording(timestamp=stamps, frame=[])).hint)


def test_timestamps_that_count_frames_are_reported(file: Path) -> None:
    assert "time-counts-frames" in codes(read(file, recording(timestamp=list(range(N)))))


def test_fractions_of_frame_numbers_are_not_used(file: Path) -> None:
    stream = read(file, recording(timestamp=[], frame=[row / 25 for row in range(N)]))
    assert stream.time_s == pytest.approx(np.arange(N) / 30)
    assert find(stream, "frame-fractions").found == "0.04"


def test_a_pause_longer_than_the_recording_is_reported(file: Path) -> None:
    stamps = [*times()[:-1], 4000.0]
    assert find(read(file, recording(timestamp=stamps, frame=[])), "long-pause").found.startswith("3998")


def test_blank_stamps_make_no_crowd(file: Path) -> None:
    stamps = [NAN, NAN, *times()[2:]]
    stream = read(file, recording(timestamp=stamps, frame=[], face_id=[0] * 40 + [1] * (N - 40)))
    assert len(stream.values) == N
    assert "several-faces" not in codes(stream)
