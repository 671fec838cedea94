"""The mean shape of the face: who somebody is, not how somebody is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.movement import align_shapes
from pdmr_classic.features.registry import stream_family
from pdmr_classic.features.signal import make_joint_signal
from pdmr_classic.io.channels import channel_kind
from pdmr_classic.io.stream import Stream

_TURNS = ("pose_Rx", "pose_Ry")


@stream_family("face_shape", view="material", by_default=False)
def face_shape(stream: Stream, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Mean shape of the 2-D landmarks, for --groups infer alone: nothing is learned from it (not by default).

    Formula: landmarks of each frame aligned to their mean shape by shift, scale and turn in the plane; mean over the
    half of the frames in which the head is turned least from its median (by pose_Rx and pose_Ry, where there are both)

    Unit: face sizes

    Source: Goodall 1991 (Procrustes)

    NaN where a landmark is missing throughout, or no frame is usable.
    """
    numbers = {name[2:] for name in stream.channels if channel_kind(name) == "landmark"}
    points = sorted((p for p in numbers if {f"x_{p}", f"y_{p}"} <= set(stream.channels)), key=int)
    if len(points) < 3:
        return {}
    landmarks = [f"{axis}_{point}" for axis in "xy" for point in points]
    names = [("face_shape", name) for name in landmarks]
    turns = list(_TURNS) if set(_TURNS) <= set(stream.channels) else []
    signal = make_joint_signal(stream, [*landmarks, *turns])
    if len(signal.channels) < len(landmarks) + len(turns) or not signal.n_frames:
        return dict.fromkeys(names, np.nan)
    values = np.asarray(signal.values, dtype=np.float64)
    shapes = align_shapes(values[:, : len(points)] + 1j * values[:, len(points) : len(landmarks)])
    mean = shapes[_least_turned(values[:, len(landmarks) :])].mean(axis=0)
    return dict(zip(names, np.concatenate([mean.real, mean.imag]).tolist(), strict=True))


def _least_turned(turns: Floats) -> slice | np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not turns.shape[1]:
        return slice(None)
    turned = np.asarray(np.linalg.norm(turns - np.median(turns, axis=0), axis=1))
    return np.asarray(turned <= np.median(turned))
