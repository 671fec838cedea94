"""Angles, AU intensities and confidences in other units are converted if certain, otherwise reported or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from video_files import N, codes, find, moving, read, read_error, recording

ANGLES = ("pose_Rx", "pose_Ry", "gaze_angle_x")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "001.csv"


def test_degrees_are_rejected_with_the_setting(file: Path) -> None:
    finding = read_error(file, recording(**moving(*ANGLES, scale=9)))
    assert finding.code == "angle-unit"
    assert 'angle_unit = "degrees"' in str(finding.hint)


def test_stated_degrees_are_converted(file: Path) -> None:
    degrees = moving(*ANGLES, scale=9)
    stream = read(file, recording(**degrees), angle_unit="degrees")
    np.testing.assert_allclose(stream.select(["gaze_angle_x"]).ravel(), np.deg2rad(degrees["gaze_angle_x"]), rtol=1e-5)
    assert "the settings say so" in find(stream, "angle-unit").what


def test_stated_radians_are_used_unchanged(file: Path) -> None:
    angles = moving(*ANGLES, scale=9)
    stream = read(file, recording(**angles), angle_unit="radians")
    assert stream.select(["pose_Rx"]).ravel().tolist() == np.float32(angles["pose_Rx"]).tolist()


@pytest.mark.parametrize("angles", [moving("pose_Rx", scale=9), moving("pose_Rx", "pose_Ry", scale=0.1, offset=3.5)])
def test_a_few_angles_beyond_pi_are_reported(file: Path, angles: dict[str, list[float]]) -> None:
    assert "angle-range" in codes(read(file, recording(**angles)))


def test_failed_frames_do_not_count(file: Path) -> None:
    angles = {name: [50.0, *values[1:]] for name, values in moving(*ANGLES).items()}
    assert codes(read(file, recording(success=[0] + [1] * (N - 1), **angles))) == []


@pytest.mark.parametrize(("maximum", "factor"), [(1, 5), (100, 0.05), (5, 1)])
def test_a_stated_maximum_rescales_intensities(file: Path, maximum: float, factor: float) -> None:
    intensities = (maximum * np.random.default_rng(0).random(N)).round(4).tolist()
    stream = read(file, recording(AU12_r=intensities), au_maximum=maximum)
    np.testing.assert_allclose(stream.select(["AU12_r"]).ravel(), factor * np.array(intensities), rtol=1e-5)
    assert ("au-scale" in codes(stream)) == (factor != 1)


def test_confidences_in_percent_are_divided(file: Path) -> None:
    stream = read(file, recording(confidence=[98, 20] * (N // 2)))
    assert stream.valid.tolist() == [True, False] * (N // 2)
    assert find(stream, "confidence-percent").found == "up to 98"
    assert "confidence-range" not in codes(stream)


@pytest.mark.parametrize("confidences", [[3.5, 4.2, 5.1], [9.8, 9.1, 0.0], [0.9, 98.0, 97.0], [-98.0, 98.0, 97.0]])
def test_confidences_on_an_unknown_scale_are_reported(file: Path, confidences: list[float]) -> None:
    stream = read(file, recording(confidence=confidences * (N // 3)))
    assert "confidence-range" in codes(stream)
    assert "confidence-percent" not in codes(stream)


def test_failed_frames_do_not_hide_percentages(file: Path) -> None:
    stream = read(file, recording(confidence=[0.0, 0.0, 40.0, 98.0] * (N // 4)))
    assert stream.valid.tolist() == [False, False, False, True] * (N // 4)


@pytest.mark.parametrize("values", [[0, 100], [1, 2], [0.2, 0.9]])
def test_presences_other_than_0_and_1_are_reported(file: Path, values: list[float]) -> None:
    assert "presence-range" in codes(read(file, recording(AU12_c=values * (N // 2))))
    assert "presence-range" not in codes(read(file, recording(AU12_c=[0, 1] * (N // 2))))
