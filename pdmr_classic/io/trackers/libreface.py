"""LibreFace: AU intensities 0..5 and presences 0/1, head rotation in degrees, 478 landmarks.

Gaze keeps its own name, because its unit and direction are not documented. `frame_time_in_ms` holds seconds in some
versions. Source: LibreFace 0.2; issue 18.
"""

from __future__ import annotations

import re

from pdmr_classic.io.trackers.tracker import DROPPED, UNUSED, Column, Tracker

_AU = re.compile(r"au_(\d{1,2})(_intensity)?")
_PRESENCES = frozenset(f"au_{unit}" for unit in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24))
_INTENSITIES = frozenset(f"au_{unit}_intensity" for unit in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26))
_LANDMARK = re.compile(r"lm_mp_\d+_[xyz]")
_POSE = {"pitch": "pose_Rx", "yaw": "pose_Ry", "roll": "pose_Rz"}


def _recognise(names: tuple[str, ...]) -> list[str]:
    own = [name for name in names if _AU.fullmatch(name) or name == "frame_time_in_ms"]
    # Numbers of other programs, such as the eight AUs of OpenFace 3, are other units.
    if any(_AU.fullmatch(name) and name not in _PRESENCES | _INTENSITIES for name in own):
        return []
    return own or [name for name in names if _LANDMARK.fullmatch(name)]


def _map_columns(names: tuple[str, ...]) -> dict[str, Column]:
    columns = {name: Column(_POSE[name]) for name in names if name in _POSE}
    has_units = any(_AU.fullmatch(name) for name in names)
    for name in names:
        if match := _AU.fullmatch(name):
            columns[name] = Column(f"AU{int(match[1]):02d}_{'r' if match[2] else 'c'}")
        elif has_units and _LANDMARK.fullmatch(name):
            columns[name] = Column(name, UNUSED)
        elif name == "facial_expression":
            columns[name] = Column(name, DROPPED)
    return columns


TRACKER = Tracker("libreface", "LibreFace", _recognise, _map_columns, angle_unit="degrees")
