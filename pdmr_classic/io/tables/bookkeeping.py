"""Recognise columns that describe no behaviour by their names: counters, clocks, tracking quality, ids and labels.

Names are compared without case, blanks, punctuation, and the `X.` that R puts in front of a name. A name alone proves
nothing about a column that is missing here; readers also look at the values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Role = Literal["frame", "time", "time_ms", "confidence", "success", "face", "id", "label"]

_NAMES: dict[Role, str] = {
    "frame": (
        "frame frameid frameidx frameindex framenumber frameno framenum framenr frames framecount imageindex frameseq"
    ),
    "time": (
        "timestamp timestamps time times timesec timeseconds timeinseconds seconds sec approxtime frametime "
        "timestampsec timestampseconds elapsedtime elapsed videotime mediatime clock"
    ),
    "time_ms": (
        "timestampms timems frametimems frametimeinms milliseconds millis msec timemilliseconds "
        "timestampmilliseconds timeinms"
    ),
    "confidence": (
        "confidence conf facescore detectionconfidence faceconfidence facedetectionconfidence trackingconfidence "
        "landmarkconfidence landmarkdetectionconfidence openfaceconfidence confidencescore facedetectionscore "
        "detectionscore detscore trackingscore"
    ),
    "success": (
        "success detectionsuccess tracksuccess trackingsuccess landmarkdetectionsuccess ofsuccess openfacesuccess "
        "detected isdetected facedetected facefound tracked istracked isvalid facevalid"
    ),
    "face": "faceid faceindex faceidx facenumber faceno facenum trackid facetrackid",
    "id": (
        "index id ids dataid subjectid subject participantid participant patientid patient personid person "
        "pid sid uid userid videoid audioid video input file filename filepath path pathtoframe videopath "
        "imagepath name recording recordingid session sessionid event eventid clip clipid segment segmentid "
        "row rowid rownumber level0 speaker speakerid face identity gamefile groupid fold split start end"
    ),
    "label": (
        "label labels status severity class classes target diagnosis depression depressed isdepressed gender "
        "sex age groundtruth score totalscore ptsdseverity pclcptsd condition"
    ),
}
_ROLES: dict[str, Role] = {"": "id", **{name: role for role, names in _NAMES.items() for name in names.split()}}
# Scores and items of questionnaires: PHQ8_Score, PHQ8_NoInterest, BDI-II, HAMD17, PCL-C (PTSD).
_QUESTIONNAIRE = re.compile(r"(phq|bdi|hamd|hdrs|madrs|gad7|ces?d|pclc|ptsd|qids|dass)[0-9a-z]*")


def strip_name(name: str) -> str:
    """Return a column name without surrounding blanks and quotes, and without the `X.` of R's read.csv.

    Examples
    --------
    >>> strip_name(" X.timestamp"), strip_name("X_0")
    ('timestamp', 'X_0')
    """
    text = name.strip().strip("\"'").strip()
    return text[2:].lstrip(".") if text[:2] == "X." and len(text) > 2 else text


@lru_cache(maxsize=65536)
def column_role(name: str) -> Role | None:
    """Return what a column that describes no behaviour holds, judged by its name; None if the name says nothing.

    Examples
    --------
    >>> [column_role(name) for name in ("X.timestamp", "Frame_Idx", "timestamp_ms", "PHQ8_Score", "AU12_r")]
    ['time', 'frame', 'time_ms', 'label', None]
    """
    key = re.sub(r"[\W_]", "", strip_name(name).casefold())
    return _ROLES.get(key) or ("label" if _QUESTIONNAIRE.fullmatch(key) else None)
