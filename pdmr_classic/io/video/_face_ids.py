"""Faces that are told apart by a name, such as the Person_0 of py-feat, or by their place in the picture."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from pdmr_classic.arrays import Floats

FACE_RECTANGLE = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
# In widths of the face: a face hardly moves further from one frame to the next.
_MAX_MOVE = 0.5
_NUMBER = re.compile(r"\D*(\d{1,9})")


def number_faces(names: list[str]) -> Floats:
    """Return the number in each name or, unless all have one of their own, their order of appearance; NaN if empty.

    Examples
    --------
    >>> number_faces(["Person_3", "Person_0", ""]).tolist(), number_faces(["Ann", "Bo", "Ann"]).tolist()
    ([3.0, 0.0, nan], [0.0, 1.0, 0.0])
    """
    known = list(dict.fromkeys(name for name in names if name))
    numbers = [int(match[1]) for name in known if (match := _NUMBER.fullmatch(name))]
    is_numbered = len(set(numbers)) == len(known)
    faces = dict(zip(known, numbers if is_numbered else range(len(known)), strict=True))
    return np.array([faces.get(name, np.nan) for name in names], dtype=np.float64)


def repeats_time(meta: Mapping[str, Floats]) -> bool:
    """Return whether several rows have the same time."""
    clock = meta.get("frame", meta.get("timestamp"))
    if clock is None:
        return False
    known = clock[np.isfinite(clock)]
    return len(np.unique(known)) < len(known)


def follow_faces(clock: Floats, rectangles: Floats) -> Floats:
    """Return a number for the face of each row, found by following the faces from frame to frame.

    Each rectangle belongs to the face that was last seen nearest to it, within half its width; one that is too far
    from all faces is a new face.

    Parameters
    ----------
    clock : ndarray, shape [T]
        Frame number or time of each row.
    rectangles : ndarray, shape [T, 4]
        Left, top, width and height of each face, in px.

    Examples
    --------
    >>> left = [[10, 0, 50, 50], [300, 0, 50, 50], [305, 0, 50, 50], [12, 0, 50, 50]]
    >>> follow_faces(np.array([0, 0, 1, 1]), np.array(left, dtype=float)).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    centres, widths = rectangles[:, :2] + rectangles[:, 2:] / 2, rectangles[:, 2]
    faces = np.full(len(clock), np.nan)
    last: list[Floats] = []
    rows_by_time = np.flatnonzero(np.isfinite(clock) & np.isfinite(rectangles).all(axis=1))
    rows_by_time = rows_by_time[np.argsort(clock[rows_by_time], kind="stable")]
    for frame in np.split(rows_by_time, np.flatnonzero(np.diff(clock[rows_by_time])) + 1):
        rows = frame.tolist()
        distances = {
            (float(np.linalg.norm(centres[row] - centre) / max(widths[row], 1.0)), row, face)
            for row in rows
            for face, centre in enumerate(last)
        }
        for distance, row, face in sorted(distances):
            if distance <= _MAX_MOVE and np.isnan(faces[row]) and face not in faces[rows]:
                faces[row] = face
        for row in [row for row in rows if np.isnan(faces[row])]:
            faces[row] = len(last)
            last.append(centres[row])
        for row in rows:
            last[int(faces[row])] = centres[row]
    return faces
