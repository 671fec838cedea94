"""What a tracker is: how its files are recognised, and which channel each of its columns holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

AngleUnit = Literal["radians", "degrees"]
CHANNEL, UNUSED, DROPPED = "channel", "unused", "dropped"


@dataclass(frozen=True)
class Column:
    """Meaning of a column.

    Attributes
    ----------
    name : str
        Channel in the spelling of OpenFace 2 where there is one, otherwise the column's own name.
    role : str
        channel, unused (no feature family uses it), dropped (holds no behaviour, which is reported), or a role of
        `column_role`, such as frame or time.
    """

    name: str
    role: str = CHANNEL


@dataclass(frozen=True)
class Tracker:
    """One program, in all of its versions whose columns mean the same.

    Attributes
    ----------
    name : str
        For `--tracker`.
    title : str
    recognise : callable
        Maps the column names of a file, in file order, to the names that betray this tracker; empty if none does.
    map_columns : callable
        Maps the column names of a file to the columns that this tracker defines; any other column has the meaning that
        its name has for every tracker.
    angle_unit : str or None
        Unit of head and gaze angles; None if versions differ and only the values tell.
    note : str
        What a user must know about its columns.
    has_wall_clock : bool
        Whether timestamps are the time of the computation, not of the video.
    """

    name: str
    title: str
    recognise: Callable[[tuple[str, ...]], list[str]]
    map_columns: Callable[[tuple[str, ...]], Mapping[str, Column]]
    angle_unit: AngleUnit | None = "radians"
    note: str = ""
    has_wall_clock: bool = False
