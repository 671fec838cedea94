from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pdmr_classic.config import ReadingSettings
from pdmr_classic.io.set_checks import ExtractedFile, check_set
from pdmr_classic.io.stream_facts import Range, StreamFacts

READING = ReadingSettings()


def make_files(kind: str, sizes: list[float], low: float = 0.0, n_frames: int = 900) -> list[ExtractedFile]:
    return [
        ExtractedFile(
            Path(f"{number}.csv"), "video", StreamFacts(n_frames=n_frames, ranges={kind: Range(low, size, size * 0.8)})
        )
        for number, size in enumerate(sizes)
    ]


def codes(kind: str, sizes: list[float], reading: ReadingSettings = READING) -> tuple[list[str], list[str]]:
    warnings, errors = check_set(make_files(kind, sizes), reading)
    return [finding.code for finding in warnings], [finding.code for finding in errors]


def test_files_on_two_scales_are_refused_and_named() -> None:
    warnings, errors = check_set(make_files("AU intensity", [3.1, 0.7, 2.6, 0.9, 4.2, 0.5, 3.6]), READING)
    assert not warnings
    assert {error.code for error in errors} == {"mixed-scales"}
    assert [str(error.file) for error in errors] == ["1.csv", "3.csv", "5.csv"]


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("AU intensity", [3.1, 2.6, 4.2, 62, 84, 55]),
        ("head rotation", [0.2, 0.1, 0.3, 0.4, 23]),
        ("gaze angle", [0.2, 0.1, 0.3, 0.4, 12, 14]),
        ("head position", [500, 600, 700, 50, 60, 70]),
    ],
)
def test_other_units_in_some_files_are_refused(kind: str, sizes: list[float]) -> None:
    assert set(codes(kind, sizes)[1]) == {"mixed-scales"}


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("AU intensity", [3.1, 2.6, 4.2, 0.7, 3.3]),
        ("landmark", [640, 610, 630, 0.9, 0.8, 0.7]),
    ],
)
def test_a_single_calm_face_or_an_unused_unit_is_only_told(kind: str, sizes: list[float]) -> None:
    warnings, errors = codes(kind, sizes)
    assert set(warnings) == {"mixed-scales"}
    assert not errors


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("AU intensity", [3.1, 2.6, 4.2, 1.4, 0.9, 1.1, 2.0, 0.8, 1.6, 5.0]),
        ("AU intensity", [0.0, 3.2, 0.0, 2.7]),
        ("AU intensity", [3.1, 2.6, 4.2, 7.5]),
        ("head rotation", [0.02, 0.05, 0.4, 0.9]),
        ("head position", [300, 500, 1200, 700]),
        ("landmark", [240, 1900, 1100]),
    ],
)
def test_people_and_cameras_differ_without_a_word(kind: str, sizes: list[float]) -> None:
    assert codes(kind, sizes) == ([], [])


def test_intensities_that_never_exceed_1_are_told_unless_the_scale_is_stated() -> None:
    assert codes("AU intensity", [0.7, 0.9, 0.4]) == (["au-scale"], [])
    assert codes("AU intensity", [0.7, 0.9, 0.4], ReadingSettings(au_maximum=1)) == ([], [])
    assert codes("AU intensity", [0.7, 1.1, 0.4]) == ([], [])
    assert codes("AU intensity", [0.0, 0.0, 0.0]) == ([], [])


def test_a_short_recording_may_stay_below_1() -> None:
    assert check_set(make_files("AU intensity", [0.7], n_frames=100), READING) == ([], [])
    assert check_set(make_files("AU intensity", [0.7], n_frames=900), READING)[0][0].code == "au-scale"


@pytest.mark.parametrize(
    ("trackers", "n_errors"), [(("OpenFace 2", "py-feat"), 1), (("OpenFace 2", ""), 0), (("", ""), 0)]
)
def test_two_trackers_in_one_set_are_refused(trackers: tuple[str, str], n_errors: int) -> None:
    files = [ExtractedFile(Path(f"{name}.csv"), "video", StreamFacts(tracker=name)) for name in trackers]
    errors = check_set(files, READING)[1]
    assert [error.code for error in errors] == ["mixed-trackers"] * n_errors


def test_audio_and_video_may_come_from_different_programs() -> None:
    files = [
        ExtractedFile(Path("a.csv"), "video", StreamFacts(tracker="OpenFace 2")),
        ExtractedFile(Path("b.csv"), "audio", StreamFacts(tracker="openSMILE")),
    ]
    assert check_set(files, READING) == ([], [])


def test_angles_of_a_turned_head_are_no_degrees() -> None:
    files = make_files("head rotation", [0.05, 0.06, 2.9], low=-float(np.pi))
    assert check_set(files, READING) == ([], [])


@pytest.mark.parametrize(("typical", "is_reported"), [(0.6, True), (6.0, True), (600.0, False)])
def test_positions_in_m_are_reported(typical: float, is_reported: bool) -> None:
    ranges = {"head position": Range(0.0, typical, typical)}
    files = [ExtractedFile(Path("1.csv"), "video", StreamFacts(("pose_Tz",), n_frames=900, ranges=ranges))]
    warnings, errors = check_set(files, READING)
    assert [finding.code for finding in warnings] == ["position-unit"] * is_reported
    assert not errors
