"""Movement: nods and leans by hand; face movement without head movement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import procrustes
from streams import NAN, RATE, channel_features, features, make_stream, sine

from pdmr_classic.features.families.movement import align_shapes

BODY = ("speed_mean", "speed_rms", "acceleration_rms", "amplitude_rms", "path_per_min", "share_still")
REGIONS = ("face_jaw", "face_brows", "face_eyes", "face_mouth")


def compute(channels: dict[str, Any], **options: Any) -> dict[str, float]:
    result = features(make_stream(channels, **options), "movement")
    return {name.removeprefix("video__"): value for name, value in result.items()}


def make_rotation(x: Any, y: Any = 0.0, z: Any = 0.0) -> dict[str, Any]:
    axes = zip(("pose_Rx", "pose_Ry", "pose_Rz"), (x, y, z), strict=True)
    return {name: np.broadcast_to(values, len(x)) for name, values in axes}


def test_the_speed_of_a_rotation_combines_all_axes() -> None:
    clock = np.arange(601) / RATE
    result = compute(make_rotation(0.3 * clock, 0.4 * clock))
    assert result["head_rotation__speed_mean"] == pytest.approx(0.5, rel=1e-5)
    assert result["head_rotation__speed_rms"] == pytest.approx(0.5, rel=1e-5)
    assert result["head_rotation__path_per_min"] == pytest.approx(30.0, rel=1e-5)
    assert result["head_rotation__acceleration_rms"] == pytest.approx(0.0, abs=0.01)
    assert result["head_rotation__amplitude_rms"] == pytest.approx(0.5 * np.std(clock), rel=1e-5)
    assert result["head_rotation__share_still"] == 0.0


def test_share_still_is_the_share_of_slow_steps() -> None:
    steps = np.array([0.0] * 30 + [0.04 / RATE] * 30 + [0.06 / RATE] * 60)
    assert compute(make_rotation(np.cumsum(np.append(0.0, steps))))["head_rotation__share_still"] == pytest.approx(0.5)


@pytest.mark.parametrize(("channel", "gesture"), [("pose_Rx", "nods"), ("pose_Ry", "shakes")])
def test_a_head_that_nods_at_2_hz_has_that_power(channel: str, gesture: str) -> None:
    result = compute({channel: sine(2.0, 30, amplitude=0.2, level=-0.3)})
    assert result[f"head__{gesture}_power"] == pytest.approx(np.log10(0.2**2 / 2), abs=1e-3)
    assert compute({channel: sine(0.5, 30, amplitude=0.2)})[f"head__{gesture}_power"] < -6


def test_nod_power_equals_the_band_power_of_the_spectral_family() -> None:
    stream = make_stream({"pose_Rx": np.random.default_rng(0).normal(size=900)})
    expected = channel_features(stream, "spectral", "pose_Rx")["power_1_3hz"]
    assert features(stream, "movement")["video__head__nods_power"] == pytest.approx(expected)


def test_leaning_is_measured_from_the_median_distance() -> None:
    result = compute({"pose_Tz": [500.0] * 60 + [465.0] * 10 + [475.0] * 10 + [535.0] * 20})
    assert result["head__share_forward"] == pytest.approx(0.1)
    assert result["head__share_back"] == pytest.approx(0.2)


def test_features_of_missing_channels_are_nan() -> None:
    assert np.isnan(list(compute({"pose_Tz": [NAN] * 9}).values())).all()
    result = compute(make_rotation(np.arange(9.0)) | {"pose_Rz": [NAN] * 9})
    assert np.isnan([result[f"head_rotation__{name}"] for name in BODY]).all()
    assert compute({"pose_Rx": np.zeros(9)}).keys() == {"head__nods_power"}


def test_one_frame_has_an_amplitude_but_no_speed() -> None:
    result = compute(make_rotation([0.1]))
    assert result["head_rotation__amplitude_rms"] == 0.0
    assert np.isnan([result["head_rotation__speed_mean"], result["head_rotation__share_still"]]).all()


def make_face(n_points: int = 68) -> NDArray[np.complex128]:
    rng = np.random.default_rng(7)
    return rng.normal(320, 40, n_points) + 1j * rng.normal(240, 50, n_points)


def make_landmarks(shapes: NDArray[np.complex128]) -> dict[str, Any]:
    parts = (("x", shapes.real), ("y", shapes.imag))
    return {f"{axis}_{point}": part[:, point] for axis, part in parts for point in range(shapes.shape[1])}


def test_translation_scaling_and_rotation_of_the_face_are_not_movement() -> None:
    rng, n = np.random.default_rng(8), 300
    turn = rng.uniform(0.7, 1.4, (n, 1)) * np.exp(1j * rng.uniform(-0.5, 0.5, (n, 1)))
    shift = rng.normal(0, 50, (n, 1)) + 1j * rng.normal(0, 50, (n, 1))
    result = compute(make_landmarks(turn * make_face()[None] + shift))
    for body in ("face", *REGIONS):
        # float32 precision: 3e-5 px for a face of 60 px, 30 times per second.
        assert result[f"{body}__speed_rms"] < 1e-4, body
        assert result[f"{body}__amplitude_rms"] < 1e-5, body
        assert result[f"{body}__share_still"] == 1.0, body


def test_talking_moves_the_mouth_and_hardly_anything_else() -> None:
    shapes = np.repeat(make_face()[None], 600, axis=0)
    rng = np.random.default_rng(9)
    shapes[:, 48:68] += 1j * sine(2.0, 20, amplitude=5.0)[:, None] * rng.uniform(-1, 1, 20)
    result = compute(make_landmarks(shapes))
    for region in ("face_jaw", "face_brows", "face_eyes"):
        assert result["face_mouth__speed_rms"] > 10 * result[f"{region}__speed_rms"], region
    assert result["face_mouth__speed_rms"] > result["face__speed_rms"] > result["face_eyes__speed_rms"]


def test_the_speed_of_a_point_is_in_face_sizes() -> None:
    shapes = np.repeat(make_face()[None], 600, axis=0)
    shapes[:, 30] += sine(1.0, 20, amplitude=1.0)
    size = np.sqrt((np.abs(make_face() - make_face().mean()) ** 2).mean())
    result = compute(make_landmarks(shapes))
    by_hand = 2 * np.pi / 2**0.5 / size / 68**0.5
    # One point of 68 also shifts the alignment, by about 1/68.
    assert result["face__speed_rms"] == pytest.approx(by_hand, rel=0.05)
    assert compute(make_landmarks(3 * shapes))["face__speed_rms"] == pytest.approx(result["face__speed_rms"], rel=1e-4)


def test_a_masked_face_is_measured_by_the_landmarks_that_remain() -> None:
    shapes = np.repeat(make_face()[None], 300, axis=0)
    shapes[:, 17:27] += 1j * sine(1.0, 10, amplitude=5.0)[:, None] * np.linspace(-1, 1, 10)
    upper = {name: values for name, values in make_landmarks(shapes).items() if int(name[2:]) < 48}
    result = compute(upper)
    assert result["face_brows__speed_rms"] > 0.05
    assert not any(name.startswith("face_mouth") for name in result)
    hidden = compute(upper | {f"{axis}_{point}": [NAN] * 300 for axis in "xy" for point in range(48, 68)})
    assert hidden["face_brows__speed_rms"] == result["face_brows__speed_rms"]


def test_a_face_without_usable_landmarks_has_the_same_features_all_nan() -> None:
    shapes = np.repeat(make_face()[None], 30, axis=0)
    visible = compute(make_landmarks(shapes))
    hidden = compute(dict.fromkeys(make_landmarks(shapes), [NAN] * 30))
    assert hidden.keys() == visible.keys()
    assert np.isnan(list(hidden.values())).all()


@pytest.mark.parametrize("coordinate", [0.0, 0.1, 500.3])
def test_a_face_whose_points_all_coincide_is_nan(coordinate: float) -> None:
    result = compute({name: np.full(60, coordinate) for name in make_landmarks(make_face()[None])})
    assert np.isnan([result["face__amplitude_rms"], result["face__speed_rms"], result["face__share_still"]]).all()


def test_a_frequently_hidden_point_affects_only_its_own_region() -> None:
    rng = np.random.default_rng(12)
    shapes = make_landmarks(make_face()[None] + rng.normal(0, 1, (60, 68)) + 1j * rng.normal(0, 1, (60, 68)))
    hidden = {name: np.array(values, dtype=float) for name, values in shapes.items()}
    for point in range(48, 68):
        hidden[f"x_{point}"][1:] = np.nan
    result = compute(hidden)
    assert np.isnan(result["face_mouth__speed_rms"])
    assert result["face_brows__speed_rms"] == pytest.approx(compute(shapes)["face_brows__speed_rms"], rel=0.1)


def test_two_points_are_not_a_face() -> None:
    assert compute({"x_0": [1.0, 2.0], "y_0": [1.0, 2.0], "x_1": [3.0, 4.0], "y_1": [1.0, 1.0]}) == {}


def test_the_alignment_agrees_with_scipy_frame_by_frame() -> None:
    rng = np.random.default_rng(10)
    shapes = make_face(20)[None] + rng.normal(0, 4, (40, 20)) + 1j * rng.normal(0, 4, (40, 20))
    shapes = shapes * np.exp(1j * rng.uniform(-1, 1, (40, 1)))
    result = align_shapes(shapes)
    mean = result.mean(axis=0)
    for before, after in zip(shapes, result, strict=True):
        target, fitted, _ = procrustes(as_points(mean), as_points(before))
        # scipy normalises the target to a norm of 1; here the mean square distance of a point is 1.
        np.testing.assert_allclose(fitted * np.sqrt(20), as_points(after), atol=2e-3)
        np.testing.assert_allclose(target * np.sqrt(20), as_points(mean), atol=0.02)


def as_points(shape: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.column_stack([shape.real, shape.imag])
