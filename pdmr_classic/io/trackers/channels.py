"""Channel names, after OpenFace 2, and the kind of measurement each channel holds."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
GAZE_ANGLES = ("gaze_angle_x", "gaze_angle_y")
GAZE_VECTORS = tuple(f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz")
GAZE = (*GAZE_VECTORS, *GAZE_ANGLES)
ANGLES = (*POSE[3:], *GAZE_ANGLES)
KINDS = ("pose", "gaze", "gaze_vector", "au_intensity", "au_presence", "landmark", "geometry", "other")
"""Kinds of channels that hold measurements, see `channel_kind`."""
META = ("frame", "face_id", "timestamp", "confidence", "success")
N_LANDMARKS = 68
_AU = re.compile(r"AU\d\d_([rc])")
_LANDMARK_2D = re.compile(r"[xy]_(\d|[1-5]\d|6[0-7])")
_ANY_LANDMARK_2D = re.compile(r"x_(0|[1-9]\d*)")
_OTHER_GEOMETRY = re.compile(r"eye_lmk_[xyXYZ]_\d+|[XYZ]_\d+|p_(scale|[rt][xyz]|\d+)")
# Names that no other name equals when the case is ignored; x_0 and X_0 are different channels.
_CASELESS = {name.lower(): name for name in (*META, *POSE, *GAZE)}
_PADDED_POINT = re.compile(r"([xyzXYZ])_0+(\d+)")
_CASELESS_AU = re.compile(r"au(\d\d)_([rc])")
# Number of points at which a region of the 68-point scheme ends: jaw, brows, nose, eyes, outer lips.
_REGION_ENDS = frozenset({17, 22, 27, 31, 36, 42, 48, 60})
_SMALLEST_SCHEME = 5


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


def restore_case(name: str) -> str:
    """Return the OpenFace 2 spelling of a name that differs from it in case or leading zeros; others unchanged.

    Examples
    --------
    >>> [restore_case(name) for name in ("POSE_TX", "au04_R", "X_0", "x_07", "mood")]
    ['pose_Tx', 'AU04_r', 'X_0', 'x_7', 'mood']
    """
    if match := _PADDED_POINT.fullmatch(name):
        return f"{match[1]}_{match[2]}"
    lower = name.lower()
    if match := _CASELESS_AU.fullmatch(lower):
        return f"AU{match[1]}_{match[2]}"
    return _CASELESS.get(lower, name)


def count_landmarks(names: Collection[str]) -> int | None:
    """Return the number of points of a landmark scheme other than the 68 points; None for these, or a part of them.

    A file with the columns x_0 .. x_477 holds a face mesh: its x_36 is no eye corner.

    Examples
    --------
    >>> count_landmarks([f"x_{point}" for point in range(478)]), count_landmarks(["x_36", "x_39"])
    (478, None)
    >>> count_landmarks([f"x_{point}" for point in range(1, 69)])
    68
    """
    points = sorted(int(match[1]) for name in names if (match := _ANY_LANDMARK_2D.fullmatch(name)))
    # Numbered from 1, all points are others.
    if points == list(range(1, len(points) + 1)) and len(points) >= _SMALLEST_SCHEME:
        return len(points)
    if not points or points[-1] == N_LANDMARKS - 1:
        return None
    n_points = points[-1] + 1
    if n_points > N_LANDMARKS:
        return n_points
    is_whole_scheme = len(points) == n_points >= _SMALLEST_SCHEME and n_points not in _REGION_ENDS
    return n_points if is_whole_scheme else None
