"""py-feat (Fex tables): one row per face and frame.

AUs are probabilities 0..1 and keep their own names (AU01 ..), as do emotions, gaze and head position, whose unit and
direction are not those of OpenFace. Head rotation is in degrees or, in newer versions, in radians. x_0 .. y_67 are the
68 points in px; mesh_* are 478 others. Source: py-feat 0.5 to 2.1.
"""

from __future__ import annotations

import re

from pdmr_classic.io.trackers.tracker import DROPPED, UNUSED, Column, Tracker

_AU = re.compile(r"AU\d\d")
_BETRAYING = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", "approx_time")
_POSE = {"Pitch": "pose_Rx", "Yaw": "pose_Ry", "Roll": "pose_Rz"}
_EMOTIONS = frozenset({"anger", "disgust", "fear", "happiness", "happy", "sadness", "sad", "surprise", "neutral"})
_MIN_UNITS = 5
# Embeddings of the face identify the person.
_IDENTITY = re.compile(r"Identity_\d+")
_VIDEO_SIZE = ("FrameHeight", "FrameWidth")


def _recognise(names: tuple[str, ...]) -> list[str]:
    own = [name for name in names if name in _BETRAYING]
    units = [name for name in names if _AU.fullmatch(name)]
    emotions = [name for name in names if name.lower() in _EMOTIONS]
    if len(own) >= 2 or (own and units):
        return [*own, *units]
    return [*units, *emotions] if len(units) >= _MIN_UNITS and (len(emotions) >= 2 or set(_POSE) <= set(names)) else []


def _map_columns(names: tuple[str, ...]) -> dict[str, Column]:
    columns = {name: Column(_POSE[name]) for name in names if name in _POSE}
    # Names of faces are read apart from the numbers.
    columns |= {name: Column(name, UNUSED) for name in names if name.startswith("mesh_") or name == "Identity"}
    columns |= {name: Column(name, DROPPED) for name in names if _IDENTITY.fullmatch(name) or name in _VIDEO_SIZE}
    return columns


TRACKER = Tracker("pyfeat", "py-feat", _recognise, _map_columns, angle_unit=None)
