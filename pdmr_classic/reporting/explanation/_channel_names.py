"""Channels in plain words, and the units of what is measured of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pdmr_classic.features.names import AUDIO, CHANGE_SUFFIX, COVARIATES, VIDEO, is_vector_component, parse_name
from pdmr_classic.io.trackers.channels import channel_kind

_UNITS = {
    1: "raising the inner brows",
    2: "raising the outer brows",
    4: "lowering the brows",
    5: "widening the eyes",
    6: "raising the cheeks",
    7: "tightening the lids",
    9: "wrinkling the nose",
    10: "raising the upper lip",
    12: "smiling",
    14: "dimpling",
    15: "pulling the lip corners down",
    17: "raising the chin",
    20: "stretching the lips",
    23: "tightening the lips",
    25: "parting the lips",
    26: "dropping the jaw",
    28: "sucking in the lips",
    45: "blinking",
}
_AU = re.compile(r"AU(\d\d)(_[rc])?")
_GAZE_VECTOR = re.compile(r"gaze_([01])_([xyz])")
_CHANNELS = {
    "pose_Rx": "head pitch",
    "pose_Ry": "head yaw",
    "pose_Rz": "head roll",
    "pose_Tx": "the sideways position of the head",
    "pose_Ty": "the height of the head",
    "pose_Tz": "the distance of the head from the camera",
    "gaze_angle_x": "the sideways gaze angle",
    "gaze_angle_y": "the vertical gaze angle",
    "head_rotation": "head rotation",
    "head_translation": "head translation",
    "gaze_angle": "the gaze direction",
    "face": "movement within the face",
    "face_jaw": "movement of the jaw line",
    "face_brows": "movement of the brows",
    "face_eyes": "movement around the eyes",
    "face_mouth": "movement of the mouth",
    "head": "the head",
    "blink": "blinking",
    "eyelid": "the opening of the eyelids",
    "gaze": "gaze",
    "AU": "facial activity",
    "AU_coordination": "the coordination of facial movements",
    "pose_coordination": "the coordination of head movements",
    "gaze_coordination": "the coordination of gaze movements",
    "kineme": "the mix of elementary head movements (kinemes)",
    "tangent": "the joint variation of facial movements (covariances)",
}
_PAIRS = {"AU06_AU12": "smiling with raised cheeks", "AU12_AU06": "smiling without raised cheeks"}
_DEGREES = 180 / math.pi


@dataclass(frozen=True)
class Unit:
    """Unit of a channel.

    Attributes
    ----------
    name : str
        Such as "mm"; "" without one.
    factor : float
        From the stored values.
    scale : str
        Follows levels, such as "on the scale from 0 to 5".
    rate : str
        The unit in velocities, if it differs.
    """

    name: str = ""
    factor: float = 1.0
    scale: str = ""
    rate: str = ""


def name_channel(view: str, channel: str) -> str:
    """Return a channel in plain words, as the subject of a sentence.

    Examples
    --------
    >>> name_channel("video", "AU12_r"), name_channel("video", "pose_Rx"), name_channel("eeg", "Cz")
    ('smiling (AU12)', 'head pitch', 'Cz (eeg)')
    >>> name_channel("video_change", "AU12_r")
    'smiling (AU12), compared with the resting state of this person,'
    """
    if view.endswith(CHANGE_SUFFIX):
        own = name_channel(view.removesuffix(CHANGE_SUFFIX), channel)
        return f"{own}, compared with the resting state of this person,"
    if view == VIDEO:
        return _name_video(channel)
    if view == COVARIATES:
        return f"the covariate {channel}"
    return f"{channel} ({view})"


def _name_video(channel: str) -> str:
    if channel in _PAIRS:
        return f"{_PAIRS[channel]} ({channel.replace('_', ' and ')})"
    if channel in _CHANNELS:
        return _CHANNELS[channel]
    if match := _GAZE_VECTOR.fullmatch(channel):
        return f"the {match[2]} component of the gaze vector of eye {match[1]}"
    units = [int(match[1]) for match in _AU.finditer(channel)]
    if units and all(unit in _UNITS for unit in units):
        words = " together with ".join(_UNITS[unit] for unit in units)
        return f"{words} ({' and '.join(f'AU{unit:02d}' for unit in units)})"
    return channel.replace("_", " ")


def name_whole(name: str) -> str | None:
    """Return what a feature is a part of, if it means nothing alone; None if it does.

    Examples
    --------
    >>> name_whole("audio__netvlad__017"), name_whole("text__vector__003")
    ('the voice (the audio vector as a whole)', 'the text vector as a whole')
    >>> name_whole("joined__variate_first__1"), name_whole("video__AU12_r__mean")
    ('what the modalities have in common (joined view)', None)
    """
    view, channel, _ = parse_name(name)
    if view.removesuffix(CHANGE_SUFFIX) == AUDIO:
        return "the voice (the audio vector as a whole)"
    if is_vector_component(name.replace(f"{CHANGE_SUFFIX}__", "__")):
        return f"the {view.replace('_', ' ')} vector as a whole"
    if channel.startswith("variate_"):
        return "what the modalities have in common (joined view)"
    return _CHANNELS[channel] if channel in ("kineme", "tangent") else None


def channel_unit(view: str, channel: str) -> Unit:
    """Return the unit of a channel.

    Examples
    --------
    >>> channel_unit("video", "pose_Tz").name, channel_unit("video", "pose_Rx").name
    ('mm', '°')
    """
    if view.removesuffix(CHANGE_SUFFIX) != VIDEO:
        return Unit()
    if channel_kind(channel) == "au_intensity":
        return Unit(scale="on the scale from 0 to 5", rate="intensity points")
    if channel.startswith(("pose_R", "gaze_angle")) or channel in ("gaze", "head_rotation"):
        return Unit("°", _DEGREES)
    if channel.startswith("pose_T") or channel == "head_translation":
        return Unit("mm")
    return Unit("face sizes" if channel.startswith("face") else "")
