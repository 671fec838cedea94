"""The files of one video are joined by frame number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from video_files import N, codes, find, moving, times, write_table

from pdmr_classic.errors import DataError
from pdmr_classic.io.video.read_stream import read_stream
from pdmr_classic.io.video.stream import Stream

META = {"frame": list(range(1, N + 1)), "timestamp": times(), "confidence": [0.98] * N, "success": [1] * N}
AUS = {**META, **moving("AU04_r", "AU12_r", offset=2)}
POSE = {**META, **moving("X", "Y", "Z", scale=5, offset=400), **moving("Rx", "Ry", "Rz")}


def join(folder: Path, *files: dict[str, Any]) -> Stream:
    paths = [write_table(folder / f"{number}.csv", columns) for number, columns in enumerate(files)]
    return read_stream(paths[0], parts=paths[1:])


def cut(columns: dict[str, Any], rows: slice) -> dict[str, Any]:
    return {name: values[rows] for name, values in columns.items()}


def test_files_of_one_video_give_one_stream(tmp_path: Path) -> None:
    stream = join(tmp_path, AUS, POSE)
    assert stream.channels == ("AU04_r", "AU12_r", *(f"pose_{axis}" for axis in ("Tx", "Ty", "Tz", "Rx", "Ry", "Rz")))
    assert (stream.n_frames, stream.frame_rate_hz, stream.tracker) == (N, 30, "clnf")
    assert codes(stream) == []


def test_files_with_different_frames_are_joined_on_the_common_ones(tmp_path: Path) -> None:
    stream = join(tmp_path, cut(AUS, slice(10, None)), cut(POSE, slice(None, 50)))
    assert stream.values[0, :2].tolist() == np.float32([AUS["AU04_r"][10], AUS["AU12_r"][10]]).tolist()
    assert stream.values[0, 5] == np.float32(POSE["Rx"][10])
    assert find(stream, "parts-differ").found == "40 common frames of 50 rows, 50 rows"


def test_rows_in_another_order_are_matched_by_frame(tmp_path: Path) -> None:
    stream = join(tmp_path, AUS, cut(POSE, slice(None, None, -1)))
    np.testing.assert_array_equal(stream.select(["pose_Rx"]).ravel(), np.float32(POSE["Rx"]))


def test_a_frame_is_as_good_as_its_worst_part(tmp_path: Path) -> None:
    stream = join(tmp_path, AUS, POSE | {"confidence": [0.98, 0.1] * (N // 2)})
    assert stream.valid.tolist() == [True, False] * (N // 2)


def test_the_content_is_that_of_all_files(tmp_path: Path) -> None:
    stream = join(tmp_path, AUS, POSE)
    assert stream.content != join(tmp_path, AUS, cut(POSE, slice(None, None, -1))).content


@pytest.mark.parametrize(
    ("second", "match"),
    [
        (POSE | {"frame": list(range(1000, 1000 + N))}, "no frame in common"),
        ({name: values for name, values in POSE.items() if name not in META}, "without frame numbers"),
        (POSE | {"frame": [1] * N}, "cannot be joined"),
        (POSE | {"timestamp": times(rate=25)}, "different times for the same frames"),
        (AUS | {"AU12_r": [1.0] * N}, "the same channel with different values"),
    ],
)
def test_files_that_do_not_belong_together_are_rejected(tmp_path: Path, second: dict[str, Any], match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        join(tmp_path, AUS, second)
    assert Path(str(caught.value.finding.file)).name == "1.csv"


def test_files_of_different_programs_are_rejected(tmp_path: Path) -> None:
    other = {**META, **moving("au_1_intensity", "au_4_intensity")}
    with pytest.raises(DataError, match="different programs"):
        join(tmp_path, AUS, other)


def test_a_channel_in_two_files_is_read_once(tmp_path: Path) -> None:
    assert join(tmp_path, AUS, AUS).channels == ("AU04_r", "AU12_r")


def test_files_with_other_confidences_may_be_of_different_videos(tmp_path: Path) -> None:
    stream = join(tmp_path, AUS, POSE | {"confidence": [0.8, 0.7, 0.98] * (N // 3)})
    assert find(stream, "parts-differ").found == "40 frames"
    assert codes(join(tmp_path, AUS, POSE | {"confidence": [0.975] * N})) == []
    assert codes(join(tmp_path, AUS, POSE | {"timestamp": [round(stamp, 2) for stamp in times()]})) == []
