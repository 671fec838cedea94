"""OpenFace 2 (FeatureExtraction, FaceLandmarkVidMulti): its names are the vocabulary of this package.

Units: AU intensity 0..5, AU presence 0/1, pose_T mm, pose_R and gaze angles rad, landmarks px, timestamp s.
Source: OpenFace 2.2 (Baltrušaitis et al., FG 2018). Layouts without a header: all columns, all without the five of
bookkeeping, all without `face_id` and `success` (RAVDESS), and head pose, gaze and AUs (E-DAIC).
"""

from __future__ import annotations

from pdmr_classic.io.trackers.channels import GAZE, META, POSE, channel_kind, restore_case
from pdmr_classic.io.trackers.tracker import Column, Tracker

AU_INTENSITIES = tuple(f"AU{unit:02d}_r" for unit in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))
AU_PRESENCES = tuple(f"AU{unit:02d}_c" for unit in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45))
_MEASUREMENTS = (
    *GAZE,
    *(f"eye_lmk_{axis}_{point}" for axis in "xyXYZ" for point in range(56)),
    *POSE,
    *(f"{axis}_{point}" for axis in "xyXYZ" for point in range(68)),
    *("p_scale", "p_rx", "p_ry", "p_rz", "p_tx", "p_ty", *(f"p_{number}" for number in range(34))),
    *AU_INTENSITIES,
    *AU_PRESENCES,
)
_POSE_GAZE_AUS = (*POSE, *GAZE, *AU_INTENSITIES, *AU_PRESENCES)
LAYOUTS: dict[int, tuple[str, ...]] = {
    len(names): names
    for names in (
        (*META, *_MEASUREMENTS),
        ("frame", "timestamp", "confidence", *_MEASUREMENTS),
        _MEASUREMENTS,
        ("frame", "timestamp", "confidence", "success", *_POSE_GAZE_AUS),
        _POSE_GAZE_AUS,
    )
}
"""Column names in documented order, by their number."""
_AUS = frozenset((*AU_INTENSITIES, *AU_PRESENCES))
_OWN_KINDS = ("pose", "gaze", "gaze_vector", "au_intensity", "au_presence")


def _recognise(names: tuple[str, ...]) -> list[str]:
    spelled = [restore_case(name) for name in names]
    own = [name for name in spelled if channel_kind(name) in _OWN_KINDS or name.startswith("eye_lmk_")]
    has_foreign_unit = any(name not in _AUS for name in own if channel_kind(name).startswith("au_"))
    return [] if has_foreign_unit else own


def _map_columns(names: tuple[str, ...]) -> dict[str, Column]:
    return {name: Column(restore_case(name)) for name in names if channel_kind(restore_case(name)) in _OWN_KINDS}


TRACKER = Tracker("openface2", "OpenFace 2", _recognise, _map_columns)
