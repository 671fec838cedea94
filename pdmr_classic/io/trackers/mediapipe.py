"""MediaPipe face landmarks and blendshapes, and ARKit's blendshapes: all columns keep their own names.

Blendshapes are 0..1. ARKit writes them in PascalCase, with HeadYaw, HeadPitch and HeadRoll. Landmarks are 468 or 478
points, none of which is a point of the 68-point scheme. Source: MediaPipe 0.10, face landmarker; ARKit blendShapes.
"""

from __future__ import annotations

import re

from pdmr_classic.io.trackers.channels import N_LANDMARKS, count_landmarks
from pdmr_classic.io.trackers.tracker import Column, Tracker

BLENDSHAPES = (
    *("_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff"),
    *("cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight"),
    *("eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel"),
    *("mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker"),
    *("mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft"),
    *("mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight"),
    *("noseSneerLeft", "noseSneerRight"),
)
_CASELESS = frozenset(name.lower() for name in (*BLENDSHAPES, "tongueOut"))
_MIN_BLENDSHAPES = 5
_LANDMARK = re.compile(r"(lmk|lm|landmark)_?\d+_[xyz]")


def _recognise(names: tuple[str, ...]) -> list[str]:
    blendshapes = [name for name in names if name.lower() in _CASELESS]
    if len(blendshapes) >= _MIN_BLENDSHAPES:
        return blendshapes
    landmarks = [name for name in names if _LANDMARK.fullmatch(name)]
    if len(landmarks) > 3 * N_LANDMARKS:
        return landmarks
    return [name for name in names if name[:2] == "x_"] if count_landmarks(names) in (468, 478) else []


def _map_columns(names: tuple[str, ...]) -> dict[str, Column]:
    return {name: Column(name) for name in names if name.lower() in _CASELESS}


TRACKER = Tracker("mediapipe", "MediaPipe or ARKit", _recognise, _map_columns)
