"""Movement energy of the head, the gaze and the face, each as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.spectral import log_band_power
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal, mean_or_nan, rms_or_nan
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

# Channels of each body part, and the speed below which it counts as still: 0.05 rad/s (3 degrees per second) and
# 10 mm/s are about the tracker jitter of a resting head.
_BODIES: dict[str, tuple[tuple[str, ...], float]] = {
    "head_rotation": (("pose_Rx", "pose_Ry", "pose_Rz"), 0.05),
    "head_translation": (("pose_Tx", "pose_Ty", "pose_Tz"), 10.0),
    "gaze_angle": (("gaze_angle_x", "gaze_angle_y"), 0.05),
}
# Face sizes per second; the landmark jitter of a resting face is about 1% of its size.
_STILL_FACE_SPEED = 0.1
# Regions of the 68-point scheme.
_REGIONS = {"face_jaw": (0, 17), "face_brows": (17, 27), "face_eyes": (36, 48), "face_mouth": (48, 68)}
_GESTURES_HZ = (1.0, 3.0)
_LEAN_MM = 30.0
_MIN_VISIBLE_SHARE = 0.9
_FUNCTIONALS = ("speed_mean", "speed_rms", "acceleration_rms", "amplitude_rms", "path_per_min", "share_still")


@stream_family("movement")
def movement(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Movement energy of head rotation, head translation, gaze and face, combined over all axes.

    Formula: speed = norm of the velocity vector between successive usable frames (landmarks: root mean square over
    points): mean, rms; acceleration_rms = rms norm of the acceleration vector; amplitude_rms = rms distance from the
    mean position; path_per_min = path length per minute of usable frames; share_still = share of speeds below the
    tracker jitter of a resting head (single axes: families distribution and dynamics); nods_power, shakes_power = log10
    power of Rx and Ry at 1..3 Hz; share_forward (share_back) = share of frames with the head more than 30 mm closer to
    (farther from) the camera than its median. Face landmarks (whole face and per region): 2-D landmarks present in 90%
    of the valid frames, in frames that have all of them, aligned to their mean shape by translation, scaling and
    in-plane rotation (full Procrustes), which removes head movement

    Unit: rad, mm or face sizes; per second; per second squared; per minute; share; log10 rad squared (power)

    Source: Alghowinem et al. 2013; Girard et al. 2014; Goodall 1991 (Procrustes)

    NaN if channels have no usable values, without two successive usable frames, and if all landmarks of the face
    coincide.
    """
    features: dict[tuple[str, str], float] = {}
    for body, (names, still_speed) in _BODIES.items():
        if set(names) <= set(stream.channels):
            signal = make_joint_signal(stream, names)
            is_complete = len(signal.channels) == len(names)
            features |= _body_features(body, signal, still_speed) if is_complete else _missing_features(body)
    return features | _gesture_features(stream) | _lean_features(stream) | _face_features(stream)


def _body_features(body: str, signal: Signal, still_speed: float, n_points: int = 1) -> dict[tuple[str, str], float]:
    speed = _vector_norms(signal.velocity, n_points)
    values = (
        mean_or_nan(speed),
        rms_or_nan(speed),
        rms_or_nan(_vector_norms(signal.acceleration, n_points)),
        np.sqrt(signal.variance.sum() / n_points),
        60 * mean_or_nan(speed),
        mean_or_nan((speed < still_speed).astype(np.float64)),
    )
    return {(body, name): float(value) for name, value in zip(_FUNCTIONALS, values, strict=True)}


def _vector_norms(vectors: Floats, n_points: int) -> Floats:
    """Return the norm of the vector in each row; for several points, the root mean square of their norms."""
    return np.asarray(np.sqrt(np.einsum("tc,tc->t", vectors, vectors) / n_points))


def _missing_features(body: str) -> dict[tuple[str, str], float]:
    return {(body, name): np.nan for name in _FUNCTIONALS}


def _gesture_features(stream: Stream) -> dict[tuple[str, str], float]:
    """Return the power of nods (rotation in pitch, Rx) and shakes (rotation in yaw, Ry)."""
    features = {}
    for gesture, channel in (("nods", "pose_Rx"), ("shakes", "pose_Ry")):
        if channel in stream.channels:
            signal = make_joint_signal(stream, [channel])
            features["head", f"{gesture}_power"] = float(log_band_power(signal, *_GESTURES_HZ))
    return features


def _lean_features(stream: Stream) -> dict[tuple[str, str], float]:
    if "pose_Tz" not in stream.channels:
        return {}
    distance = make_joint_signal(stream, ["pose_Tz"]).values.ravel()
    if not len(distance):
        return {("head", "share_forward"): np.nan, ("head", "share_back"): np.nan}
    offset = distance - np.median(distance)
    return {
        ("head", "share_forward"): float((offset < -_LEAN_MM).mean()),
        ("head", "share_back"): float((offset > _LEAN_MM).mean()),
    }


def _face_features(stream: Stream) -> dict[tuple[str, str], float]:
    numbers = {name[2:] for name in stream.channels if channel_kind(name) == "landmark"}
    points = sorted((p for p in numbers if {f"x_{p}", f"y_{p}"} <= set(stream.channels)), key=int)
    if len(points) < 3:
        return {}
    missing: dict[tuple[str, str], float] = {}
    for body in _face_parts([int(point) for point in points]):
        missing |= _missing_features(body)
    points = _select_visible_points(stream, points)
    signal = make_joint_signal(stream, [f"{axis}_{point}" for axis in "xy" for point in points])
    if len(points) < 3 or not signal.n_frames:
        return missing
    return missing | _shape_features(signal, [int(point) for point in points])


def _select_visible_points(stream: Stream, points: Sequence[str]) -> list[str]:
    """Return the points present in nearly all valid frames; a frequently hidden point would exclude too many frames."""
    if not stream.valid.any():
        return []
    present = np.isfinite(stream.select([f"{axis}_{point}" for axis in "xy" for point in points])[stream.valid])
    shares = (present[:, : len(points)] & present[:, len(points) :]).mean(axis=0)
    return [point for point, share in zip(points, shares, strict=True) if share >= _MIN_VISIBLE_SHARE]


def _face_parts(points: Sequence[int]) -> dict[str, list[int]]:
    """Return the indices in `points` of the face and of each region with at least one point."""
    regions = {name: [k for k, p in enumerate(points) if low <= p < high] for name, (low, high) in _REGIONS.items()}
    return {"face": list(range(len(points)))} | {name: indices for name, indices in regions.items() if indices}


def _shape_features(signal: Signal, points: Sequence[int]) -> dict[tuple[str, str], float]:
    shape = align_shapes(signal.values[:, : len(points)] + 1j * signal.values[:, len(points) :])
    if not shape.any():
        return {}
    features: dict[tuple[str, str], float] = {}
    for part, indices in _face_parts(points).items():
        values = np.asfortranarray(np.hstack([shape[:, indices].real, shape[:, indices].imag]))
        names = tuple(str(k) for k in range(values.shape[1]))
        part_signal = replace(signal, values=values, channels=names)
        features |= _body_features(part, part_signal, _STILL_FACE_SPEED, n_points=len(indices))
    return features


def align_shapes(
    landmarks: np.ndarray[tuple[int, int], np.dtype[np.complex128]],
) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    """Align shapes to their mean by translation, scaling and rotation.

    Parameters
    ----------
    landmarks : ndarray of complex, shape [T, points]
        x + iy in px.

    Returns
    -------
    ndarray of complex, shape [T, points]
        In units of the size of the mean shape (rms distance of its points from their centre); 0 if all points of a
        frame coincide.
    """
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    size = np.sqrt((np.abs(centred) ** 2).mean(axis=1, keepdims=True))
    # A size within the rounding error of the coordinates counts as 0.
    has_size = size > 1e-9 * np.abs(landmarks).max(axis=1, keepdims=True)
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=has_size)
    # Two iterations: the first reference frame is arbitrary, the mean of the aligned shapes is not.
    mean = unit[np.argmax(has_size[:, 0])]
    for _ in range(2):
        mean = _align_to_mean(unit, mean).mean(axis=0)
        scale = np.sqrt((np.abs(mean) ** 2).mean())
        mean = mean / scale if scale > 0 else mean
    return _align_to_mean(unit, mean)


def _align_to_mean(
    unit: np.ndarray[tuple[int, int], np.dtype[np.complex128]], mean: np.ndarray[tuple[int], np.dtype[np.complex128]]
) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    """Rotate and scale each frame to the mean shape by least squares."""
    fit = unit.conj() @ mean / len(mean)
    return np.asarray(unit * fit[:, None])
