"""Every tracker is recognised by its columns, and each column becomes the channel, in the unit, that it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from video_files import N, codes, find, moving, read, read_error, recording, times, write_table

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.trackers.mediapipe import BLENDSHAPES
from pdmr_classic.io.trackers.openface2 import AU_INTENSITIES, AU_PRESENCES, LAYOUTS
from pdmr_classic.io.trackers.registry import TRACKERS, recognise_tracker
from pdmr_classic.io.video.read_stream import read_stream

FRAMES = list(range(N))
# How py-feat writes the time of every tenth frame at 25 frames per second.
MINUTES = [f"{frame // 150:02d}:{frame * 10 // 25 % 60:02d}" for frame in FRAMES]
FEX_UNITS = [f"AU{unit:02d}" for unit in (1, 2, 4, 6, 12, 43)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "001.csv"


def fex(**changes: Any) -> dict[str, Any]:
    """Return a Fex table of py-feat with head rotation in degrees."""
    columns: dict[str, Any] = {
        "input": ["clip.mp4"] * N,
        "frame": FRAMES,
        "approx_time": times(),
        "FaceScore": [0.99] * N,
        **moving("FaceRectX", scale=5, offset=100),
        **moving("Pitch", "Roll", "Yaw", scale=9),
        **moving("X", "Y", "Z", *FEX_UNITS, "happiness"),
        "Identity": ["Person_0"] * N,
    }
    return {name: values for name, values in (columns | changes).items() if len(values)}


def libreface(**changes: Any) -> dict[str, Any]:
    return {
        "frame_idx": FRAMES,
        "frame_time_in_ms": (1000 * np.array(times(rate=25))).tolist(),
        "path_to_frame": [f"./{frame:03d}.png" for frame in FRAMES],
        **moving("pitch", "yaw", "roll", scale=9),
        "au_1": [0, 1] * (N // 2),
        **moving("au_12_intensity", offset=2.5),
        **moving("lm_mp_0_x", "lm_mp_0_y"),
        "facial_expression": ["Neutral"] * N,
        **changes,
    }


HEADERS = {
    "openface2": list(recording()),
    "clnf": ["frame", "X", "Y", "Z", "Rx", "Ry", "Rz"],
    "openface3": ["frame_index", *(f"AU{unit:02d}_r" for unit in range(1, 9))],
    "pyfeat": list(fex()),
    "libreface": list(libreface()),
    "mediapipe": BLENDSHAPES,
    "plain": ["frame", "mood", "x_30", "y_30"],
}


@pytest.mark.parametrize("name", HEADERS)
def test_each_tracker_is_recognised_by_its_own_columns(name: str) -> None:
    recognition = recognise_tracker(tuple(HEADERS[name]))
    assert recognition.tracker.name == name
    assert recognition.evidence.startswith("" if name == "plain" else recognition.tracker.title)


def test_every_tracker_is_tested() -> None:
    assert set(HEADERS) == set(TRACKERS)


@pytest.mark.parametrize(
    "names",
    [
        ["AU01_r", "AU12_r", "AU25_c"],
        ["POSE_RX", "au04_R"],
        [*AU_INTENSITIES, *AU_PRESENCES],
        ["gaze_angle_x"],
        ["eye_lmk_x_0"],
    ],
)
def test_any_part_of_openface_2_is_recognised(names: list[str]) -> None:
    assert recognise_tracker(tuple(names)).tracker.name == "openface2"


@pytest.mark.parametrize("names", [["x_0", "y_0", "z_0"], ["x0", "y0"], ["AU01", "AU02"], ["Pitch"], ["X", "Y", "Z"]])
def test_a_few_ambiguous_names_are_no_evidence(names: list[str]) -> None:
    assert recognise_tracker(tuple(names)).tracker.name == "plain"


def test_an_unknown_tracker_is_a_configuration_error_that_lists_the_known_ones(file: Path) -> None:
    with pytest.raises(ConfigError, match="unknown tracker") as caught:
        read(file, recording(), tracker="openface")
    assert all(name in str(caught.value.finding.expected) for name in TRACKERS)


def test_a_chosen_tracker_overrides_the_columns(file: Path) -> None:
    stream = read(file, {"frame": FRAMES, **moving("AU01_r", "AU02_r")}, tracker="openface3")
    assert stream.channels == ("openface3_AU01_r", "openface3_AU02_r")
    assert stream.tracker == "openface3"
    assert "--tracker" in stream.evidence


# ------------------------------------------------------------------------------------------------- OpenFace 2


def as_in_r(name: str) -> str:
    return name if name == "frame" else f"X.{name}"


@pytest.mark.parametrize("spell", [as_in_r, str.upper, str.lower, lambda name: f" {name} "])
def test_other_spellings_give_the_same_stream(file: Path, spell: Any) -> None:
    plain = read(file, recording(confidence=[0.98, 0.1] * (N // 2)))
    stream = read(file, {spell(name): values for name, values in recording(confidence=[0.98, 0.1] * (N // 2)).items()})
    assert stream.channels == plain.channels
    np.testing.assert_array_equal(stream.values, plain.values)
    np.testing.assert_array_equal(stream.valid, plain.valid)
    assert stream.frame_rate_hz == plain.frame_rate_hz
    assert stream.tracker == "openface2"


def test_columns_that_differ_only_in_case_stay_apart(file: Path) -> None:
    stream = read(file, {**moving("x_30", "y_30", "AU12_r"), "X_30": [7.0] * N})
    assert stream.channels == ("x_30", "y_30", "AU12_r")


def matrix(width: int) -> str:
    names = LAYOUTS[width]
    units = [channel_kind(name) == "au_presence" or name == "success" for name in names]
    rows = np.random.default_rng(0).random((12, width)).round(3)
    rows[:, units] = rows[:, units] > 0.5
    for name, values in (("frame", np.arange(12)), ("timestamp", np.arange(12) / 25)):
        if name in names:
            rows[:, names.index(name)] = values
    return "".join(",".join(map(repr, row)) + "\n" for row in rows.tolist())


@pytest.mark.parametrize("width", sorted(LAYOUTS))
def test_a_matrix_is_named_only_if_the_tracker_is_given(file: Path, width: int) -> None:
    file.write_text(matrix(width))
    unnamed = read_stream(file)
    assert set(unnamed.channels) <= {f"ch{index:03d}" for index in range(width)}
    assert unnamed.tracker == ""
    assert "--tracker openface2" in str(find(unnamed, "unnamed-columns").hint)
    assert ("success" in find(unnamed, "unnamed-columns").what) == ("success" in LAYOUTS[width])
    stream = read_stream(file, ReadingSettings(tracker="openface2"))
    assert {"pose_Tx", "gaze_angle_x", "AU45_r", "AU28_c"} <= set(stream.channels)
    assert stream.tracker == "openface2"
    assert "documented order" in find(stream, "columns-by-position").what
    assert ("no-frame-rate" in codes(stream)) == ("timestamp" not in LAYOUTS[width])


@pytest.mark.parametrize("text", ["0.5,0.25\n1.5,2.5\n", "\n".join([",".join(["0.5"] * 49)] * 3) + "\n"])
def test_a_matrix_that_does_not_fit_the_tracker_is_rejected(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(Exception, match="the matrix does not fit the columns of OpenFace 2"):
        read_stream(file, ReadingSettings(tracker="openface2"))


def test_units_that_openface_2_does_not_have_are_reported(file: Path) -> None:
    stream = read(file, recording(AU16_r=[0.5, 1.5] * (N // 2)))
    assert find(stream, "unknown-units").found == "AU16_r"
    assert stream.tracker == ""


# ------------------------------------------------------------------------------------- OpenFace 0.x and OpenFace 3


@pytest.mark.parametrize("position", [("X", "Y", "Z"), ("Tx", "Ty", "Tz")])
def test_the_pose_of_openface_0_is_mapped(file: Path, position: tuple[str, ...]) -> None:
    columns = moving(*position, scale=5, offset=500) | moving("Rx", "Ry", "Rz")
    stream = read(file, {"frame": FRAMES, "timestamp": times(), **columns})
    assert stream.channels == ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
    assert stream.values[:, 3].tolist() == np.float32(columns["Rx"]).tolist()
    assert stream.tracker == "clnf"


def test_the_gaze_of_openface_0_is_mapped_and_the_head_frame_kept_under_its_own_name(file: Path) -> None:
    names = ["x_0", "y_0", "z_0", "x_1", "y_1", "z_1", "x_h0"]
    stream = read(file, {"frame": FRAMES, **moving(*names)})
    assert stream.channels == (*(f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz"), "x_h0")


def test_the_landmarks_of_openface_0_are_mapped_and_those_in_3d_unused(file: Path) -> None:
    names = [f"{axis}{point}" for axis in "xyXYZ" for point in range(68)]
    stream = read(file, {"frame": FRAMES, **moving(*names, scale=5, offset=200)})
    assert set(stream.channels) >= {"x_0", "y_67"}
    assert channel_kind("X_0") == "geometry"


def test_the_units_of_openface_3_are_never_those_of_openface_2(file: Path) -> None:
    stream = read(file, {"frame": FRAMES, **moving(*(f"AU{unit:02d}_r" for unit in range(1, 9)), offset=0.5)})
    assert all(channel_kind(name) == "other" for name in stream.channels)
    assert find(stream, "other-units")
    assert stream.tracker == "openface3"


def test_lists_in_text_are_left_out_and_a_wall_clock_is_reported(file: Path) -> None:
    columns = {
        "timestamp": (1.7e9 + np.array(times(rate=10))).tolist(),
        "video_path": ["a.mp4"] * N,
        "frame_index": FRAMES,
        "face_id": [0] * N,
        "face_detection": ["[1.0, 2.0]"] * N,
        "landmarks": ["[[1, 2], [3, 4]]"] * N,
        **moving("gaze_yaw", "gaze_pitch"),
        "action_units": ["[0.1, 0.2]"] * N,
    }
    stream = read(file, columns)
    assert stream.channels == ("gaze_yaw", "gaze_pitch")
    assert stream.frame_rate_hz == pytest.approx(10)
    left_out = " ".join(str(finding.found) for finding in stream.findings if finding.code == "dropped-column")
    assert "action_units" in left_out
    assert "--fps" in str(find(stream, "wall-clock").hint)


# ----------------------------------------------------------------------- py-feat, LibreFace, MediaPipe


def test_a_table_of_py_feat_is_mapped_and_converted(file: Path) -> None:
    stream = read(file, fex(mesh_x_0=FRAMES, Identity_1=FRAMES, FrameHeight=[480] * N))
    assert stream.tracker == "pyfeat"
    assert stream.frame_rate_hz == 30
    expected = {"FaceRectX", "pose_Rx", "pose_Ry", "pose_Rz", "X", "Y", "Z", *FEX_UNITS, "happiness"}
    assert set(stream.channels) == expected
    yaw = stream.select(["pose_Ry"]).ravel()
    np.testing.assert_allclose(yaw, np.deg2rad(fex()["Yaw"]), rtol=1e-5)
    assert "converted from degrees" in find(stream, "angle-unit").what


def test_radians_of_newer_versions_of_py_feat_stay(file: Path) -> None:
    angles = moving("Pitch", "Roll", "Yaw", scale=0.2)
    stream = read(file, fex(**angles))
    np.testing.assert_allclose(stream.select(["pose_Rx"]).ravel(), angles["Pitch"], rtol=1e-6)
    assert 'angle_unit = "degrees"' in str(find(stream, "angle-unit").hint)
    stated = read(file, fex(**angles), angle_unit="degrees")
    np.testing.assert_allclose(stated.select(["pose_Rx"]).ravel(), np.deg2rad(angles["Pitch"]), rtol=1e-5)


def test_a_low_face_score_is_an_invalid_frame(file: Path) -> None:
    assert read(file, fex(FaceScore=[0.99, 0.2] * (N // 2))).valid.tolist() == [True, False] * (N // 2)


def two_faces(**changes: Any) -> dict[str, Any]:
    """Return a table with two faces in each frame but the last ten, where only the second is left."""
    first, second = fex(), fex(Identity=["Person_1"] * N, **moving("Pitch", "Roll", "Yaw", scale=20))
    rows = {name: [value for pair in zip(first[name], second[name], strict=True) for value in pair] for name in first}
    keep = [row for row in range(2 * N) if row % 2 or row < 2 * (N - 10)]
    columns = {name: [values[row] for row in keep] for name, values in rows.items()}
    return {name: values for name, values in (columns | changes).items() if len(values)}


def test_faces_of_py_feat_are_told_apart_by_their_identity(file: Path) -> None:
    stream = read(file, two_faces())
    assert stream.n_frames == N
    expected = moving("Yaw", scale=20)["Yaw"]
    np.testing.assert_allclose(stream.select(["pose_Ry"]).ravel(), np.deg2rad(expected), rtol=1e-4)
    assert find(stream, "several-faces").found == "face 1 (60 rows); also face 0 (50 rows)"
    assert read(file, two_faces(), face=0).n_frames == 50


def test_several_faces_without_identity_are_rejected(file: Path) -> None:
    assert read_error(file, two_faces(Identity=[])).code == "time-repeats"


@pytest.mark.parametrize("identity", [[], ["Person_0"] * N])
def test_whole_seconds_of_py_feat_leave_the_time_to_the_frame_numbers(file: Path, identity: list[str]) -> None:
    stream = read(file, fex(Identity=identity, frame=[10 * row for row in FRAMES], approx_time=MINUTES))
    assert stream.time_s == pytest.approx(np.arange(N) * 10 / 25)
    assert stream.frame_rate_hz == 2.5


def test_units_that_libreface_does_not_have_are_no_file_of_it(file: Path) -> None:
    stream = read(file, {"frame": FRAMES, **moving(*(f"au_{unit}" for unit in range(1, 9)), offset=0.5)})
    assert stream.tracker == ""
    assert {channel_kind(name) for name in stream.channels} == {"other"}


def test_a_file_of_libreface_is_mapped_and_converted(file: Path) -> None:
    stream = read(file, libreface())
    assert stream.tracker == "libreface"
    assert stream.channels == ("pose_Rx", "pose_Ry", "pose_Rz", "AU01_c", "AU12_r")
    assert stream.frame_rate_hz == 25
    np.testing.assert_allclose(stream.select(["pose_Rx"]).ravel(), np.deg2rad(libreface()["pitch"]), rtol=1e-5)
    assert {"time-unit", "angle-unit"} <= set(codes(stream))


def test_seconds_of_libreface_under_the_name_of_milliseconds_are_noticed(file: Path) -> None:
    stream = read(file, libreface(frame_time_in_ms=times(rate=25)))
    assert stream.frame_rate_hz == 25
    assert "were taken for seconds" in find(stream, "time-unit").what


@pytest.mark.parametrize("spell", [str, lambda name: name[:1].upper() + name[1:]])
def test_blendshapes_keep_their_names(file: Path, spell: Any) -> None:
    stream = read(file, {"timestamp_ms": [40 * frame for frame in FRAMES], **moving(*map(spell, BLENDSHAPES))})
    assert stream.tracker == "mediapipe"
    assert stream.channels == tuple(map(spell, BLENDSHAPES))
    assert stream.frame_rate_hz == 25


@pytest.mark.parametrize("n_points", [5, 49, 468, 478])
def test_points_of_another_scheme_are_never_those_of_the_68(file: Path, n_points: int) -> None:
    names = [f"{axis}_{point}" for axis in "xyz" for point in range(n_points)]
    stream = read(file, {"frame": FRAMES, **moving(*names)})
    assert len(stream.channels) == 3 * n_points
    assert not [name for name in stream.channels if channel_kind(name) == "landmark"]
    assert find(stream, "landmark-scheme").found == f"{n_points} points"


@pytest.mark.parametrize("n_points", [5, 17, 49, 67, 68])
def test_points_numbered_from_1_are_never_those_of_the_68(file: Path, n_points: int) -> None:
    names = [f"{axis}_{point}" for axis in "xy" for point in range(1, n_points + 1)]
    stream = read(file, {"frame": FRAMES, **moving(*names)})
    assert {channel_kind(name) for name in stream.channels} == {"other"}
    assert find(stream, "landmark-scheme").found == f"{n_points} points, numbered from 1"


def test_leading_zeros_change_no_landmark(file: Path) -> None:
    names = [f"{axis}_{point:02d}" for axis in "xy" for point in range(68)]
    stream = read(file, {"frame": FRAMES, **moving(*names)})
    assert {channel_kind(name) for name in stream.channels} == {"landmark"}
    assert "x_7" in stream.channels


@pytest.mark.parametrize("points", [range(68), range(36, 48), range(17), [30]])
def test_a_part_of_the_68_points_is_read_as_such(file: Path, points: Any) -> None:
    names = [f"{axis}_{point}" for axis in "xy" for point in points]
    stream = read(file, {"frame": FRAMES, **moving(*names)})
    assert {channel_kind(name) for name in stream.channels} == {"landmark"}


def test_landmarks_are_not_read_if_the_settings_say_so(file: Path) -> None:
    stream = read(file, {"frame": FRAMES, **moving("x_30", "y_30", "AU12_r")}, landmarks=False)
    assert stream.channels == ("AU12_r",)


def test_the_same_header_gives_the_same_columns_for_every_file(tmp_path: Path) -> None:
    first, second = (read_stream(write_table(tmp_path / name, recording())) for name in ("1.csv", "2.csv"))
    assert first.channels == second.channels
    assert first.evidence == second.evidence == "OpenFace 2 (pose_Rx … AU12_r)"
