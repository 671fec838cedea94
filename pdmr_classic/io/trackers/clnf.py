"""OpenFace 0.x (CLNF), as in DAIC-WOZ: several text files of one video, joined by frame number.

AUs have the names and units of OpenFace 2. Pose is X, Y, Z or Tx, Ty, Tz (mm) and Rx, Ry, Rz (rad); gaze is one vector
per eye in camera coordinates (x_0 ..) and in head coordinates (x_h0 .., kept under its own name); landmarks are x0 ..
(px) and X0 .. (mm). Source: documentation of DAIC-WOZ.
"""

from __future__ import annotations

import re

from pdmr_classic.io.trackers.channels import POSE, restore_case
from pdmr_classic.io.trackers.tracker import Column, Tracker

_AUS = frozenset(
    (
        *(f"AU{unit:02d}_r" for unit in (1, 2, 4, 5, 6, 9, 10, 12, 14, 15, 17, 20, 25, 26)),
        *(f"AU{unit:02d}_c" for unit in (4, 12, 15, 23, 28, 45)),
    )
)
_ROTATION = ("Rx", "Ry", "Rz")
_POSES = tuple(dict(zip((*position, *_ROTATION), POSE, strict=True)) for position in ("XYZ", ("Tx", "Ty", "Tz")))
_GAZE = {f"{axis}_{eye}": f"gaze_{eye}_{axis}" for eye in "01" for axis in "xyz"}
_LANDMARK = re.compile(r"([xyXYZ])(\d|[1-5]\d|6[0-7])")


def _recognise(names: tuple[str, ...]) -> list[str]:
    present = set(names)
    if {name for name in present if name.startswith("AU")} == _AUS:
        return sorted(_AUS)
    mapped = _map_columns(names)
    landmarks = [name for name in mapped if _LANDMARK.fullmatch(name)]
    # A few columns such as x1 and y1 may be anything.
    return [name for name in mapped if name in landmarks] if len(landmarks) >= 2 * 68 else _own_names(mapped)


def _own_names(mapped: dict[str, Column]) -> list[str]:
    return [
        name for name, column in mapped.items() if column.name.startswith(("pose_", "gaze_")) and name != column.name
    ]


def _map_columns(names: tuple[str, ...]) -> dict[str, Column]:
    present = set(names)
    columns: dict[str, Column] = {}
    for pose in _POSES:
        if set(pose) <= present:
            columns |= {name: Column(channel) for name, channel in pose.items()}
    # With a third point, x_0 and x_1 are landmarks.
    if set(_GAZE) <= present and "x_2" not in present:
        columns |= {name: Column(channel) for name, channel in _GAZE.items()}
    for name in names:
        if match := _LANDMARK.fullmatch(name):
            columns[name] = Column(f"{match[1]}_{match[2]}")
        elif restore_case(name) in _AUS:
            columns[name] = Column(restore_case(name))
    return columns


TRACKER = Tracker("clnf", "OpenFace 0.x (CLNF)", _recognise, _map_columns)
