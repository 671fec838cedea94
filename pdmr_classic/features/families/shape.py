"""Mean face shape, which identifies a person rather than describing behaviour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.movement import align_shapes
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import make_joint_signal
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream

_ROTATIONS = ("pose_Rx", "pose_Ry")


@stream_family("face_shape", view="material", is_default=False)
def face_shape(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Mean shape of the 2-D landmarks, used only by --groups infer and hidden from learners (not by default).

    Formula: landmarks of each frame aligned to their mean shape by translation, scaling and in-plane rotation; mean
    over the half of the frames in which head rotation is closest to its median (pose_Rx and pose_Ry, if available)

    Unit: face sizes

    Source: Goodall 1991 (Procrustes)

    NaN if a landmark is missing in all frames, or no frame is usable.
    """
    numbers = {name[2:] for name in stream.channels if channel_kind(name) == "landmark"}
    points = sorted((p for p in numbers if {f"x_{p}", f"y_{p}"} <= set(stream.channels)), key=int)
    if len(points) < 3:
        return {}
    landmarks = [f"{axis}_{point}" for axis in "xy" for point in points]
    names = [("face_shape", name) for name in landmarks]
    rotations = list(_ROTATIONS) if set(_ROTATIONS) <= set(stream.channels) else []
    signal = make_joint_signal(stream, [*landmarks, *rotations])
    if len(signal.channels) < len(landmarks) + len(rotations) or not signal.n_frames:
        return dict.fromkeys(names, np.nan)
    values = np.asarray(signal.values, dtype=np.float64)
    shapes = align_shapes(values[:, : len(points)] + 1j * values[:, len(points) : len(landmarks)])
    mean = shapes[_select_near_median(values[:, len(landmarks) :])].mean(axis=0)
    return dict(zip(names, np.concatenate([mean.real, mean.imag]).tolist(), strict=True))


def _select_near_median(rotations: Floats) -> slice | np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not rotations.shape[1]:
        return slice(None)
    distances = np.asarray(np.linalg.norm(rotations - np.median(rotations, axis=0), axis=1))
    return np.asarray(distances <= np.median(distances))
