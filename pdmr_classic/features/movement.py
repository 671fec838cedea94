"""Movement energy of the head, the eyes and the face, each as one body."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.features.dynamics import mean_or_nan
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import Floats, Signal, joint_signal
from pdmr_classic.io.openface import Stream, channel_kind

# What moves together, and below which speed it is still: 0.05 rad/s (3 degrees per second) and 10 mm/s are
# about the tracker's own jitter on a resting head.
_BODIES: dict[str, tuple[tuple[str, ...], float]] = {
    "head_rotation": (("pose_Rx", "pose_Ry", "pose_Rz"), 0.05),
    "head_translation": (("pose_Tx", "pose_Ty", "pose_Tz"), 10.0),
    "gaze_angle": (("gaze_angle_x", "gaze_angle_y"), 0.05),
}
# Faces wide per second; landmarks of a resting face jitter by about a hundredth of its width.
_STILL_FACE = 0.1
_FUNCTIONALS = ("speed_mean", "speed_rms", "acceleration_rms", "amplitude_rms", "share_still")


@stream_family("movement")
def movement(stream: Stream) -> Mapping[tuple[str, str], float]:
    """Movement energy of head rotation, head translation, gaze and face, all axes together.

    Formula: speed = |velocity vector|: mean, rms; rms of |acceleration vector|; amplitude = rms distance from the
    mean position; share_still = share of speeds under the jitter of a resting head.
    Face: 2-D landmarks, centred and scaled to unit size in each frame, so that moving as a whole and moving
    nearer does not count; mean over the landmarks.

    Unit: rad, mm or face sizes; per second; per second squared

    Source: Alghowinem et al. 2013; Girard et al. 2014

    NaN where a body's channels are missing or there are no two neighbouring frames.
    """
    features: dict[tuple[str, str], float] = {}
    for body, (names, still) in _BODIES.items():
        present = [name for name in names if name in stream.channels]
        if len(present) == len(names):
            signal = joint_signal(stream, present)
            features |= _of_body(body, signal, still) if len(signal.channels) == len(names) else _unknown(body)
    landmarks = [name for name in stream.channels if channel_kind(name) == "landmark"]
    if landmarks:
        features |= _of_face(joint_signal(stream, landmarks))
    return features


def _of_body(body: str, signal: Signal, still: float, n_points: int = 1) -> dict[tuple[str, str], float]:
    speed = _norm(signal.velocity, n_points)
    around = signal.values - mean_or_nan(signal.values)
    values = (
        mean_or_nan(speed),
        np.sqrt(mean_or_nan(speed**2)),
        np.sqrt(mean_or_nan(_norm(signal.acceleration, n_points) ** 2)),
        np.sqrt(mean_or_nan(_norm(around, n_points) ** 2)),
        mean_or_nan((speed < still).astype(np.float64)),
    )
    return {(body, name): float(value) for name, value in zip(_FUNCTIONALS, values, strict=True)}


def _norm(vectors: Floats, n_points: int) -> Floats:
    """Length of each row's vector; of several points, the root of their mean square."""
    return np.asarray(np.sqrt(np.einsum("tc,tc->t", vectors, vectors) / n_points))


def _unknown(body: str) -> dict[tuple[str, str], float]:
    return {(body, name): float("nan") for name in _FUNCTIONALS}


def _of_face(signal: Signal) -> dict[tuple[str, str], float]:
    points = sorted(
        {name[2:] for name in signal.channels if {f"x_{name[2:]}", f"y_{name[2:]}"} <= set(signal.channels)},
        key=int,
    )
    if len(points) < 3:
        return _unknown("face")
    place = {name: index for index, name in enumerate(signal.channels)}
    x = signal.values[:, [place[f"x_{point}"] for point in points]]
    y = signal.values[:, [place[f"y_{point}"] for point in points]]
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    size = np.sqrt((x**2 + y**2).mean(axis=1, keepdims=True))
    usable = size[:, 0] > 0
    shape = np.concatenate([x, y], axis=1)[usable] / size[usable]
    follows = signal.follows[usable]
    follows[1:] &= np.diff(np.flatnonzero(usable)) == 1
    follows[:1] = False
    face = Signal(
        shape,
        tuple(f"{axis}_{p}" for axis in "xy" for p in points),
        signal.time_s[usable],
        follows,
        signal.frame_rate_hz,
    )
    return _of_body("face", face, _STILL_FACE, n_points=len(points))
