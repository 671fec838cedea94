"""OpenFace channel names, and the kind of measurement each channel holds."""

from __future__ import annotations

import re
from functools import lru_cache

POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
GAZE_ANGLES = ("gaze_angle_x", "gaze_angle_y")
GAZE = (*(f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz"), *GAZE_ANGLES)
META = ("frame", "face_id", "timestamp", "confidence", "success")
_AU = re.compile(r"AU\d\d_([rc])")
_LANDMARK_2D = re.compile(r"[xy]_\d+")
_OTHER_GEOMETRY = re.compile(r"eye_lmk_[xyXYZ]_\d+|[XYZ]_\d+|p_(scale|[rt][xyz]|\d+)")


@lru_cache(maxsize=4096)
def channel_kind(name: str) -> str:
    """Return the kind of a channel.

    One of pose, gaze (angles), gaze_vector, au_intensity, au_presence, landmark, geometry, meta, other. No feature
    family uses `geometry` (eye landmarks, 3-D landmarks, shape parameters).

    Examples
    --------
    >>> [channel_kind(name) for name in ("pose_Rx", "gaze_0_x", "AU12_r", "AU28_c", "x_30", "X_30", "ch000")]
    ['pose', 'gaze_vector', 'au_intensity', 'au_presence', 'landmark', 'geometry', 'other']
    """
    if name in POSE:
        return "pose"
    if name in GAZE:
        return "gaze" if name in GAZE_ANGLES else "gaze_vector"
    if name in META:
        return "meta"
    if match := _AU.fullmatch(name):
        return "au_intensity" if match[1] == "r" else "au_presence"
    if _LANDMARK_2D.fullmatch(name):
        return "landmark"
    return "geometry" if _OTHER_GEOMETRY.fullmatch(name) else "other"
