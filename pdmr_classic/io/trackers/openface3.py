"""OpenFace 3: eight AUs (0..1) under numbers that are not their units, so they are never channels of OpenFace 2.

Scripts around it write AU01_r .. AU08_r, of which AU02_r is AU06 and AU03_r is AU12. Its own files hold face box,
landmarks and AUs as lists in text, which are left out, and the wall clock of the computation. Source: openface-test
0.1; issues 1, 9 and 15 of OpenFace-3.0.
"""

from __future__ import annotations

import re

from pdmr_classic.io.trackers.tracker import DROPPED, Column, Tracker

_AU = re.compile(r"AU0?([1-8])(_[rc])?", re.IGNORECASE)
# Units that OpenFace 2 does not have.
_FOREIGN = re.compile(r"AU0?[38]_[rc]", re.IGNORECASE)
_LISTS = ("face_detection", "landmarks", "action_units")


def _recognise(names: tuple[str, ...]) -> list[str]:
    lists = [name for name in names if name in _LISTS]
    if len(lists) > 1:
        return lists
    units = [name for name in names if name.lower().startswith("au") and name[2:3].isdigit()]
    is_numbered = bool(units) and all(_AU.fullmatch(name) for name in units)
    # Eight units at most: a file with AU12_r has the units of FACS.
    return units if is_numbered and any(_FOREIGN.fullmatch(name) for name in units) else []


def _map_columns(names: tuple[str, ...]) -> dict[str, Column]:
    columns = {name: Column(name, DROPPED) for name in names if name in (*_LISTS, "emotion")}
    columns |= {name: Column(f"openface3_{name}") for name in names if _AU.fullmatch(name)}
    return columns


TRACKER = Tracker(
    "openface3",
    "OpenFace 3",
    _recognise,
    _map_columns,
    note="the AUs of OpenFace 3 are other units, on another scale, than those of OpenFace 2 with the same numbers; "
    "lists of AUs and landmarks in one column are not read",
    has_wall_clock=True,
)
