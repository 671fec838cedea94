"""Movement: nods and leans by hand; of a face, only what the face itself does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import procrustes
from streams import NAN, RATE, features, of_channel, sine, stream_of

from pdmr_classic.features.families.movement import align_shapes

BODY = ("speed_mean", "speed_rms", "acceleration_rms", "amplitude_rms", "path_per_min", "share_still")
REGIONS = ("face_jaw", "face_brows", "face_eyes", "face_mouth")


def of(channels: dict[str, Any], **options: Any) -> dict[str, float]:
    found = features(stream_of(channels, **options), "movement")
    return {name.removeprefix("video__"): value for name, value in found.items()}


def rotation(x: Any, y: Any = 0.0, z: Any = 0.0) -> dict[str, Any]:
    axes = zip(("pose_Rx", "pose_Ry", "pose_Rz"), (x, y, z), strict=True)
    return {name: np.broadcast_to(values, len(x)) for name, values in axes}


def test_a_steady_turn_has_its_speed_in_all_axes_together() -> None:
    clock = np.arange(601) / RATE
    found = of(rotation(0.3 * clock, 0.4 * clock))
    assert found["head_rotation__speed_mean"] == pytest.approx(0.5, rel=1e-5)
    assert found["head_rotation__speed_rms"] == pytest.approx(0.5, rel=1e-5)
    assert found["head_rotation__path_per_min"] == pytest.approx(30.0, rel=1e-5)
    assert found["head_rotation__acceleration_rms"] == pytest.approx(0.0, abs=0.01)
    assert found["head_rotation__amplitude_rms"] == pytest.approx(0.5 * np.std(clock), rel=1e-5)
    assert found["head_rotation__share_still"] == 0.0


def test_stillness_is_the_share_of_slow_steps() -> None:
    steps = np.array([0.0] * 30 + [0.04 / RATE] * 30 + [0.06 / RATE] * 60)
    assert of(rotation(np.cumsum(np.append(0.0, steps))))["head_rotation__share_still"] == pytest.approx(0.5)


@pytest.mark.parametrize(("channel", "gesture"), [("pose_Rx", "nods"), ("pose_Ry", "shakes")])
def test_a_head_that_nods_at_2_hz_has_that_power(channel: str, gesture: str) -> None:
    found = of({channel: sine(2.0, 30, amplitude=0.2, level=-0.3)})
    assert found[f"head__{gesture}_power"] == pytest.approx(np.log10(0.2**2 / 2), abs=1e-3)
    assert of({channel: sine(0.5, 30, amplitude=0.2)})[f"head__{gesture}_power"] < -6


def test_a_nod_is_what_the_spectrum_says_of_its_band() -> None:
    stream = stream_of({"pose_Rx": np.random.default_rng(0).normal(size=900)})
    expected = of_channel(stream, "spectral", "pose_Rx")["power_1_3hz"]
    assert features(stream, "movement")["video__head__nods_power"] == pytest.approx(expected)


def test_leaning_is_measured_from_the_median_distance() -> None:
    found = of({"pose_Tz": [500.0] * 60 + [465.0] * 10 + [475.0] * 10 + [535.0] * 20})
    assert found["head__share_forward"] == pytest.approx(0.1)
    assert found["head__share_back"] == pytest.approx(0.2)


def test_what_is_missing_is_unknown() -> None:
    assert np.isnan(list(of({"pose_Tz": [NAN] * 9}).values())).all()
    found = of(rotation(np.arange(9.0)) | {"pose_Rz": [NAN] * 9})
    assert np.isnan([found[f"head_rotation__{name}"] for name in BODY]).all()
    assert of({"pose_Rx": np.zeros(9)}).keys() == {"head__nods_power"}


def test_one_frame_has_a_place_and_no_speed() -> None:
    found = of(rotation([0.1]))
    assert found["head_rotation__amplitude_rms"] == 0.0
    assert np.isnan([found["head_rotation__speed_mean"], found["head_rotation__share_still"]]).all()


def face(n_points: int = 68) -> NDArray[np.complex128]:
    rng = np.random.default_rng(7)
    return rng.normal(320, 40, n_points) + 1j * rng.normal(240, 50, n_points)


def landmarks(shapes: NDArray[np.complex128]) -> dict[str, Any]:
    parts = (("x", shapes.real), ("y", shapes.imag))
    return {f"{axis}_{point}": part[:, point] for axis, part in parts for point in range(shapes.shape[1])}


def test_shift_scale_and_turn_of_the_whole_face_are_no_movement_of_the_face() -> None:
    rng, n = np.random.default_rng(8), 300
    turn = rng.uniform(0.7, 1.4, (n, 1)) * np.exp(1j * rng.uniform(-0.5, 0.5, (n, 1)))
    shift = rng.normal(0, 50, (n, 1)) + 1j * rng.normal(0, 50, (n, 1))
    found = of(landmarks(turn * face()[None] + shift))
    for body in ("face", *REGIONS):
        # float32 pixels: 3e-5 px of a face of 60 px, 30 times a second.
        assert found[f"{body}__speed_rms"] < 1e-4, body
        assert found[f"{body}__amplitude_rms"] < 1e-5, body
        assert found[f"{body}__share_still"] == 1.0, body


def test_a_talking_mouth_moves_the_mouth_and_little_else() -> None:
    shapes = np.repeat(face()[None], 600, axis=0)
    rng = np.random.default_rng(9)
    shapes[:, 48:68] += 1j * sine(2.0, 20, amplitude=5.0)[:, None] * rng.uniform(-1, 1, 20)
    found = of(landmarks(shapes))
    for region in ("face_jaw", "face_brows", "face_eyes"):
        assert found["face_mouth__speed_rms"] > 10 * found[f"{region}__speed_rms"], region
    assert found["face_mouth__speed_rms"] > found["face__speed_rms"] > found["face_eyes__speed_rms"]


def test_the_speed_of_a_point_is_in_sizes_of_the_face() -> None:
    shapes = np.repeat(face()[None], 600, axis=0)
    shapes[:, 30] += sine(1.0, 20, amplitude=1.0)
    size = np.sqrt((np.abs(face() - face().mean()) ** 2).mean())
    found = of(landmarks(shapes))
    by_hand = 2 * np.pi / 2**0.5 / size / 68**0.5
    # One point of 68 also moves the alignment, by one part in about 68.
    assert found["face__speed_rms"] == pytest.approx(by_hand, rel=0.05)
    assert of(landmarks(3 * shapes))["face__speed_rms"] == pytest.approx(found["face__speed_rms"], rel=1e-4)


def test_a_masked_face_is_measured_by_the_landmarks_that_remain() -> None:
    shapes = np.repeat(face()[None], 300, axis=0)
    shapes[:, 17:27] += 1j * sine(1.0, 10, amplitude=5.0)[:, None] * np.linspace(-1, 1, 10)
    upper = {name: values for name, values in landmarks(shapes).items() if int(name[2:]) < 48}
    found = of(upper)
    assert found["face_brows__speed_rms"] > 0.05
    assert not any(name.startswith("face_mouth") for name in found)
    hidden = of(upper | {f"{axis}_{point}": [NAN] * 300 for axis in "xy" for point in range(48, 68)})
    assert hidden["face_brows__speed_rms"] == found["face_brows__speed_rms"]


def test_a_face_without_any_landmark_left_is_unknown_under_the_same_names() -> None:
    shapes = np.repeat(face()[None], 30, axis=0)
    seen = of(landmarks(shapes))
    hidden = of(dict.fromkeys(landmarks(shapes), [NAN] * 30))
    assert hidden.keys() == seen.keys()
    assert np.isnan(list(hidden.values())).all()


@pytest.mark.parametrize("place", [0.0, 0.1, 500.3])
def test_a_face_whose_points_all_coincide_is_unknown(place: float) -> None:
    found = of({name: np.full(60, place) for name in landmarks(face()[None])})
    assert np.isnan([found["face__amplitude_rms"], found["face__speed_rms"], found["face__share_still"]]).all()


def test_a_point_that_is_often_hidden_costs_its_own_region_only() -> None:
    rng = np.random.default_rng(12)
    shapes = landmarks(face()[None] + rng.normal(0, 1, (60, 68)) + 1j * rng.normal(0, 1, (60, 68)))
    hidden = {name: np.array(values, dtype=float) for name, values in shapes.items()}
    for point in range(48, 68):
        hidden[f"x_{point}"][1:] = np.nan
    found = of(hidden)
    assert np.isnan(found["face_mouth__speed_rms"])
    assert found["face_brows__speed_rms"] == pytest.approx(of(shapes)["face_brows__speed_rms"], rel=0.1)


def test_two_points_are_no_face() -> None:
    assert of({"x_0": [1.0, 2.0], "y_0": [1.0, 2.0], "x_1": [3.0, 4.0], "y_1": [1.0, 1.0]}) == {}


def test_the_alignment_agrees_with_scipy_frame_by_frame() -> None:
    rng = np.random.default_rng(10)
    shapes = face(20)[None] + rng.normal(0, 4, (40, 20)) + 1j * rng.normal(0, 4, (40, 20))
    shapes = shapes * np.exp(1j * rng.uniform(-1, 1, (40, 1)))
    found = align_shapes(shapes)
    mean = found.mean(axis=0)
    for before, after in zip(shapes, found, strict=True):
        target, fitted, _ = procrustes(as_points(mean), as_points(before))
        # scipy gives the target a norm of 1 over all points; here the mean square of a point is 1.
        np.testing.assert_allclose(fitted * np.sqrt(20), as_points(after), atol=2e-3)
        np.testing.assert_allclose(target * np.sqrt(20), as_points(mean), atol=0.02)


def as_points(shape: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.column_stack([shape.real, shape.imag])
