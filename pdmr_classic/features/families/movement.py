"""Movement energy of the head, the eyes and the face, each as one body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.spectral import band_power
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import Signal, make_joint_signal, mean_or_nan, rms_or_nan
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.stream import Stream

# What moves together, and below which speed it is still: 0.05 rad/s (3 degrees per second) and 10 mm/s are
# about the tracker's own jitter on a resting head.
_BODIES: dict[str, tuple[tuple[str, ...], float]] = {
    "head_rotation": (("pose_Rx", "pose_Ry", "pose_Rz"), 0.05),
    "head_translation": (("pose_Tx", "pose_Ty", "pose_Tz"), 10.0),
    "gaze_angle": (("gaze_angle_x", "gaze_angle_y"), 0.05),
}
# Face sizes per second; landmarks of a resting face jitter by about a hundredth of its size.
_STILL_FACE = 0.1
# Regions of the 68-point scheme.
_REGIONS = {"face_jaw": (0, 17), "face_brows": (17, 27), "face_eyes": (36, 48), "face_mouth": (48, 68)}
_GESTURES_HZ = (1.0, 3.0)
_LEAN_MM = 30.0
_SEEN_POINT = 0.9
_FUNCTIONALS = ("speed_mean", "speed_rms", "acceleration_rms", "amplitude_rms", "path_per_min", "share_still")


@stream_family("movement")
def movement(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Movement energy of head rotation, head translation, gaze and face, all axes of each together.

    Formula: speed = |velocity vector| (of landmarks: root of the mean square over the points): mean, rms; rms of
    |acceleration vector|; amplitude = rms distance from the mean position; path_per_min = length of the path per minute
    seen; share_still = share of speeds under the jitter of a resting head. Each axis alone: families distribution and
    dynamics. Nods and shakes: log10 power of Rx and Ry in 1..3 Hz. Lean: share of frames in which the head is 30 mm
    nearer (farther) than its median. Face: the 2-D landmarks that are known in 90% of the valid frames, in the frames
    that have all of these, aligned to their mean shape by shift, scale and turn in the plane (full Procrustes), so
    that only what the face itself does is left; all together, and by region

    Unit: rad, mm or face sizes; per second; per second squared; per minute

    Source: Alghowinem et al. 2013; Girard et al. 2014; Goodall 1991 (Procrustes)

    NaN where a body's channels are missing, where there are no two neighbouring frames, and for a face whose points
    all coincide.
    """
    found: dict[tuple[str, str], float] = {}
    for body, (names, still) in _BODIES.items():
        if set(names) <= set(stream.channels):
            signal = make_joint_signal(stream, names)
            found |= _of_body(body, signal, still) if len(signal.channels) == len(names) else _unknown(body)
    return found | _gestures(stream) | _lean(stream) | _of_face(stream)


def _of_body(body: str, signal: Signal, still: float, n_points: int = 1) -> dict[tuple[str, str], float]:
    speed = _norm(signal.velocity, n_points)
    values = (
        mean_or_nan(speed),
        rms_or_nan(speed),
        rms_or_nan(_norm(signal.acceleration, n_points)),
        np.sqrt(signal.variance.sum() / n_points),
        60 * mean_or_nan(speed),
        mean_or_nan((speed < still).astype(np.float64)),
    )
    return {(body, name): float(value) for name, value in zip(_FUNCTIONALS, values, strict=True)}


def _norm(vectors: Floats, n_points: int) -> Floats:
    """Length of each row's vector; of several points, the root of their mean square."""
    return np.asarray(np.sqrt(np.einsum("tc,tc->t", vectors, vectors) / n_points))


def _unknown(body: str) -> dict[tuple[str, str], float]:
    return {(body, name): np.nan for name in _FUNCTIONALS}


def _gestures(stream: Stream) -> dict[tuple[str, str], float]:
    """Nods are turns about the ears' axis (Rx), shakes about the neck's (Ry)."""
    found = {}
    for gesture, channel in (("nods", "pose_Rx"), ("shakes", "pose_Ry")):
        if channel in stream.channels:
            found["head", f"{gesture}_power"] = float(band_power(make_joint_signal(stream, [channel]), *_GESTURES_HZ))
    return found


def _lean(stream: Stream) -> dict[tuple[str, str], float]:
    if "pose_Tz" not in stream.channels:
        return {}
    distance = make_joint_signal(stream, ["pose_Tz"]).values.ravel()
    if not len(distance):
        return {("head", "share_forward"): np.nan, ("head", "share_back"): np.nan}
    away = distance - np.median(distance)
    return {
        ("head", "share_forward"): float((away < -_LEAN_MM).mean()),
        ("head", "share_back"): float((away > _LEAN_MM).mean()),
    }


def _of_face(stream: Stream) -> dict[tuple[str, str], float]:
    numbers = {name[2:] for name in stream.channels if channel_kind(name) == "landmark"}
    points = sorted((p for p in numbers if {f"x_{p}", f"y_{p}"} <= set(stream.channels)), key=int)
    if len(points) < 3:
        return {}
    unknown: dict[tuple[str, str], float] = {}
    for body in _bodies([int(point) for point in points]):
        unknown |= _unknown(body)
    points = _seen_points(stream, points)
    signal = make_joint_signal(stream, [f"{axis}_{point}" for axis in "xy" for point in points])
    if len(points) < 3 or not signal.n_frames:
        return unknown
    return unknown | _of_shape(signal, [int(point) for point in points])


def _seen_points(stream: Stream, points: Sequence[str]) -> list[str]:
    """Return the points that are known in nearly all valid frames: one that is often hidden would cost the others."""
    if not stream.valid.any():
        return []
    known = np.isfinite(stream.select([f"{axis}_{point}" for axis in "xy" for point in points])[stream.valid])
    share = (known[:, : len(points)] & known[:, len(points) :]).mean(axis=0)
    return [point for point, seen in zip(points, share, strict=True) if seen >= _SEEN_POINT]


def _bodies(points: Sequence[int]) -> dict[str, list[int]]:
    """Return where the points of the face, and of each region that has any, stand among `points`."""
    found = {name: [k for k, p in enumerate(points) if low <= p < high] for name, (low, high) in _REGIONS.items()}
    return {"face": list(range(len(points)))} | {name: places for name, places in found.items() if places}


def _of_shape(signal: Signal, points: Sequence[int]) -> dict[tuple[str, str], float]:
    shape = align_shapes(signal.values[:, : len(points)] + 1j * signal.values[:, len(points) :])
    if not shape.any():
        return {}
    found: dict[tuple[str, str], float] = {}
    for body, places in _bodies(points).items():
        part = np.asfortranarray(np.hstack([shape[:, places].real, shape[:, places].imag]))
        names = tuple(str(k) for k in range(part.shape[1]))
        own = Signal(part, names, signal.time_s, signal.follows, signal.frame_rate_hz)
        found |= _of_body(body, own, _STILL_FACE, n_points=len(places))
    return found


def align_shapes(
    landmarks: np.ndarray[tuple[int, int], np.dtype[np.complex128]],
) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    """Align shapes to their mean by shift, scale and turn.

    Parameters
    ----------
    landmarks : ndarray of complex, shape [T, points]
        x + iy in px.

    Returns
    -------
    ndarray of complex, shape [T, points]
        In sizes of the mean shape (the root of the mean square distance from its centre is 1); a frame whose points
        all coincide stays at 0.
    """
    centred = landmarks - landmarks.mean(axis=1, keepdims=True)
    size = np.sqrt((np.abs(centred) ** 2).mean(axis=1, keepdims=True))
    # A size that is the rounding of the place is none.
    has_size = size > 1e-9 * np.abs(landmarks).max(axis=1, keepdims=True)
    unit = np.divide(centred, size, out=np.zeros_like(centred), where=has_size)
    # Two rounds: the first frame's turn is arbitrary, the mean of the aligned shapes is not.
    mean = unit[np.argmax(has_size[:, 0])]
    for _ in range(2):
        mean = _turned(unit, mean).mean(axis=0)
        scale = np.sqrt((np.abs(mean) ** 2).mean())
        mean = mean / scale if scale > 0 else mean
    return _turned(unit, mean)


def _turned(
    unit: np.ndarray[tuple[int, int], np.dtype[np.complex128]], mean: np.ndarray[tuple[int], np.dtype[np.complex128]]
) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    """Least-squares turn and scale of each frame onto the mean shape."""
    fit = unit.conj() @ mean / len(mean)
    return np.asarray(unit * fit[:, None])
