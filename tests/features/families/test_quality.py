"""Quality by hand: coverage, gaps and missing values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streams import NAN, features, make_stream

from pdmr_classic.io.video.read_stream import read_stream


def compute(channels: dict[str, Any], rate: float = 10.0, **options: Any) -> dict[str, float]:
    result = features(make_stream(channels, rate=rate, **options), "quality")
    return {name.removeprefix("quality__stream__"): value for name, value in result.items()}


def test_a_complete_stream() -> None:
    result = compute({"a": np.arange(50.0)})
    assert result == {
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
    result = compute({"a": np.arange(50.0)}, valid=valid)
    assert result["coverage"] == pytest.approx(39 / 50)
    assert result["longest_gap_s"] == pytest.approx(0.7)
    assert result["n_gaps"] == 3


def test_frames_missing_from_the_file_are_a_gap() -> None:
    clock = np.concatenate([np.arange(20), np.arange(30, 50)]) / 10
    result = compute({"a": np.arange(40.0)}, time_s=clock)
    assert result["duration_s"] == pytest.approx(5.0)
    assert result["n_frames"] == 40
    assert result["coverage"] == pytest.approx(0.8)
    assert (result["longest_gap_s"], result["n_gaps"]) == (pytest.approx(1.0), 1)


def test_adjacent_missing_and_invalid_frames_are_one_gap() -> None:
    clock = np.concatenate([np.arange(20), np.arange(30, 50)]) / 10
    valid = np.ones(40, dtype=bool)
    valid[18:22] = False
    result = compute({"a": np.arange(40.0)}, time_s=clock, valid=valid)
    assert (result["longest_gap_s"], result["n_gaps"]) == (pytest.approx(1.4), 1)


def test_a_stream_without_a_valid_frame_is_one_gap() -> None:
    result = compute({"a": np.arange(50.0)}, valid=np.zeros(50))
    assert (result["coverage"], result["n_gaps"]) == (0.0, 1)
    assert result["longest_gap_s"] == pytest.approx(5.0)
    assert np.isnan(result["nan_share"])


def test_nan_share_is_computed_over_valid_frames() -> None:
    result = compute({"a": [1.0, NAN, NAN, 4.0], "b": [1.0, 2.0, NAN, 4.0]}, valid=[1, 1, 0, 1])
    assert result["nan_share"] == pytest.approx(1 / 6)


def test_face_switches_and_frozen_time_are_reported() -> None:
    stream = replace(make_stream({"a": [1.0, 2.0]}), face_switches=3, frozen_s=1.5)
    result = features(stream, "quality")
    assert result["quality__stream__face_switches"] == 3
    assert result["quality__stream__frozen_s"] == 1.5


def test_one_frame_lasts_for_its_interval() -> None:
    result = compute({"a": [1.0]})
    assert (result["duration_s"], result["coverage"], result["n_gaps"]) == (pytest.approx(0.1), 1.0, 0)


def test_frozen_frames_of_a_file_are_invalid(tmp_path: Path) -> None:
    rows = [f"{k / 10},{0.98},{1.0 if 20 <= k < 41 else k},{k % 3}" for k in range(60)]
    file = tmp_path / "001.csv"
    file.write_text("\n".join(["timestamp,confidence,pose_Rx,AU12_r", *rows]) + "\n")
    result = features(read_stream(file), "quality")
    # The first of the equal frames may be a measurement; the twenty repetitions are not.
    assert result["quality__stream__frozen_s"] == pytest.approx(2.0)
    assert result["quality__stream__coverage"] == pytest.approx(40 / 60)
