"""Several people in one file: one of them throughout, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from video_files import N, codes, find, moving, read, read_error, recording, times

POSES = ("pose_Rx", "pose_Ry", "pose_Tz")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "001.csv"


def walk(seed: int, offset: float) -> list[float]:
    return (offset + np.random.default_rng(seed).normal(size=N).cumsum() * 0.01).round(4).tolist()


def two_people(**changes: Any) -> dict[str, Any]:
    """Return rows of two people in turn, with no column that tells them apart."""
    columns = {name: [0.0] * (2 * N) for name in POSES}
    for seed, name in enumerate(POSES):
        columns[name][::2], columns[name][1::2] = walk(seed, 0), walk(seed + 9, 0.5)
    return columns | changes


def test_rows_that_alternate_between_two_people_are_rejected(file: Path) -> None:
    assert read_error(file, two_people()).code == "interleaved"
    assert read_error(file, two_people(frame=list(range(2 * N)))).code == "interleaved"


@pytest.mark.parametrize(
    "columns",
    [
        {name: walk(seed, 0) for seed, name in enumerate(POSES)},
        moving(*POSES),
        {name: [0.5] * N for name in POSES} | moving("pose_Tx"),
        {name: np.sin(np.arange(N) / (seed + 1)).tolist() for seed, name in enumerate(POSES)},
    ],
    ids=["walk", "noise", "constant", "waves"],
)
def test_one_person_does_not_alternate(file: Path, columns: dict[str, Any]) -> None:
    assert "interleaved" not in codes(read(file, columns))


@pytest.mark.parametrize("name", ["face_id", "track_id", "Face No"])
def test_faces_that_alternate_without_a_time_in_common_are_rejected_unless_one_is_chosen(file: Path, name: str) -> None:
    columns = two_people(frame=list(range(2 * N)), **{name: [0, 1] * N})
    finding = read_error(file, columns)
    assert (finding.code, finding.column, finding.found) == (
        "alternating-faces",
        name,
        "118 returns to an earlier face",
    )
    stream = read(file, columns, face=1)
    np.testing.assert_array_equal(stream.select(["pose_Ry"]).ravel(), np.float32(two_people()["pose_Ry"][1::2]))


@pytest.mark.parametrize("ids", [list(range(N)), [0] * 30 + [1] * 30, [0, 1, 0, 1] + [1] * (N - 4)])
def test_a_face_that_was_lost_may_have_another_id(file: Path, ids: list[int]) -> None:
    assert "face-switch" in codes(read(file, recording(face_id=ids, timestamp=times())))


def test_the_faces_of_common_frames_are_told_apart(file: Path) -> None:
    frames = [row // 2 for row in range(2 * N)]
    stream = read(file, two_people(frame=frames, face_id=[4, 7] * N))
    np.testing.assert_array_equal(stream.select(["pose_Ry"]).ravel(), np.float32(two_people()["pose_Ry"][::2]))
    assert find(stream, "several-faces").found == "face 4 (60 rows); also face 7 (60 rows)"
