"""Quality by hand: how much was seen, and where the holes are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streams import NAN, features, stream_of

from pdmr_classic.io.openface import read_stream


def of(channels: dict[str, Any], rate: float = 10.0, **options: Any) -> dict[str, float]:
    found = features(stream_of(channels, rate=rate, **options), "quality")
    return {name.removeprefix("quality__stream__"): value for name, value in found.items()}


def test_a_whole_stream() -> None:
    found = of({"a": np.arange(50.0)})
    assert found == {
        "duration_s": 5.0,
        "frame_rate_hz": 10.0,
        "n_frames": 50.0,
        "coverage": 1.0,
        "longest_gap_s": 0.0,
        "n_gaps": 0.0,
        "nan_share": 0.0,
        "face_switches": 0.0,
        "frozen_s": 0.0,
    }


def test_invalid_frames_at_the_ends_and_in_the_middle_are_gaps() -> None:
    valid = np.ones(50, dtype=bool)
    valid[:3] = valid[20:27] = valid[49:] = False
    found = of({"a": np.arange(50.0)}, valid=valid)
    assert found["coverage"] == pytest.approx(39 / 50)
    assert found["longest_gap_s"] == pytest.approx(0.7)
    assert found["n_gaps"] == 3


def test_frames_that_are_not_in_the_file_are_a_gap_too() -> None:
    clock = np.concatenate([np.arange(20), np.arange(30, 50)]) / 10
    found = of({"a": np.arange(40.0)}, time_s=clock)
    assert found["duration_s"] == pytest.approx(5.0)
    assert found["n_frames"] == 40
    assert found["coverage"] == pytest.approx(0.8)
    assert (found["longest_gap_s"], found["n_gaps"]) == (pytest.approx(1.0), 1)


def test_missing_and_invalid_frames_side_by_side_are_one_gap() -> None:
    clock = np.concatenate([np.arange(20), np.arange(30, 50)]) / 10
    valid = np.ones(40, dtype=bool)
    valid[18:22] = False
    found = of({"a": np.arange(40.0)}, time_s=clock, valid=valid)
    assert (found["longest_gap_s"], found["n_gaps"]) == (pytest.approx(1.4), 1)


def test_a_stream_without_a_valid_frame_is_one_gap() -> None:
    found = of({"a": np.arange(50.0)}, valid=np.zeros(50))
    assert (found["coverage"], found["n_gaps"]) == (0.0, 1)
    assert found["longest_gap_s"] == pytest.approx(5.0)
    assert np.isnan(found["nan_share"])


def test_the_share_of_missing_values_is_of_valid_frames() -> None:
    found = of({"a": [1.0, NAN, NAN, 4.0], "b": [1.0, 2.0, NAN, 4.0]}, valid=[1, 1, 0, 1])
    assert found["nan_share"] == pytest.approx(1 / 6)


def test_switches_and_frozen_time_are_told() -> None:
    stream = replace(stream_of({"a": [1.0, 2.0]}), face_switches=3, frozen_s=1.5)
    found = features(stream, "quality")
    assert found["quality__stream__face_switches"] == 3
    assert found["quality__stream__frozen_s"] == 1.5


def test_one_frame_lasts_for_its_interval() -> None:
    found = of({"a": [1.0]})
    assert (found["duration_s"], found["coverage"], found["n_gaps"]) == (pytest.approx(0.1), 1.0, 0)


def test_a_frozen_face_of_a_file_is_time_lost(tmp_path: Path) -> None:
    rows = [f"{k / 10},{0.98},{1.0 if 20 <= k < 41 else k},{k % 3}" for k in range(60)]
    file = tmp_path / "001.csv"
    file.write_text("\n".join(["timestamp,confidence,pose_Rx,AU12_r", *rows]) + "\n")
    found = features(read_stream(file), "quality")
    # The first of the equal frames may be a measurement; the twenty that repeat it are not.
    assert found["quality__stream__frozen_s"] == pytest.approx(2.0)
    assert found["quality__stream__coverage"] == pytest.approx(40 / 60)
