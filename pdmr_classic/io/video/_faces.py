"""Select one face of a recording: the same one throughout."""

from __future__ import annotations

import numpy as np

from pdmr_classic.arrays import Floats, Mask
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.video._tracking import Tracking
from pdmr_classic.text import format_count, format_list

# A few returns may be a mistake of the tracker.
_MIN_RETURNS, _MAX_RETURN_SHARE = 10, 0.1


def select_face(tracking: Tracking, face: int | None) -> tuple[Tracking, list[Finding]]:
    """Return the rows of one face.

    The chosen face, or, if a frame has rows of several faces, the face that is present longest; ties are decided by the
    higher mean confidence, then the lower id. Without a frame of several faces, all rows: trackers give a new id to
    a face that they have lost.

    Raises
    ------
    DataError
        The chosen face is not in the file, every row is another face, or the rows of several faces alternate without a
        time in common.
    """
    ids = tracking.meta.get("face_id")
    _refuse_image(tracking, ids)
    if face is not None:
        return _select_chosen(tracking, ids, face)
    if ids is None:
        return tracking, []
    if not _has_crowded_frame(tracking, ids):
        _refuse_alternation(tracking, ids)
        return tracking, []
    faces, counts = np.unique(ids[np.isfinite(ids)], return_counts=True)
    means = np.array([_mean_confidence(tracking, ids == one) for one in faces])
    longest = int(np.lexsort((faces, -means, -counts))[0])
    described = [f"face {one:g} ({format_count(int(n), 'row')})" for one, n in zip(faces, counts, strict=True)]
    used = described.pop(longest)
    finding = Finding(
        "several-faces",
        "some frames show several faces; the one that is present longest was used throughout",
        file=tracking.path,
        found=f"{used}; also {format_list(described)}",
        hint="choose another one with --face",
    )
    return tracking.select(ids == faces[longest]), [finding]


def count_face_switches(tracking: Tracking) -> int:
    """Return how often the face id changes."""
    ids = tracking.meta.get("face_id", np.empty(0))
    return int(np.count_nonzero(np.diff(ids[np.isfinite(ids)])))


def _refuse_image(tracking: Tracking, ids: Floats | None) -> None:
    """Refuse a file in which every row is another face and nothing tells the time: one image of several people."""
    has_time = any(len(np.unique(tracking.meta[name])) > 1 for name in ("frame", "timestamp") if name in tracking.meta)
    if ids is None or has_time or tracking.n_rows < 2 or len(np.unique(ids)) < tracking.n_rows:
        return
    raise DataError(
        "every row is another face: this is one image of several people, not a video",
        code="still-image",
        file=tracking.path,
        expected="one row per frame",
        found=format_count(tracking.n_rows, "face"),
        hint="leave the file out, or track a video",
    )


def _refuse_alternation(tracking: Tracking, ids: Floats) -> None:
    """Refuse rows that often return to an earlier face: a tracker gives a new id to a face that it has lost."""
    known = ids[np.isfinite(ids)]
    _, first_rows = np.unique(known, return_index=True)
    n_returns = int(np.count_nonzero(np.diff(known))) - (len(first_rows) - 1)
    if n_returns < max(_MIN_RETURNS, _MAX_RETURN_SHARE * len(known)):
        return
    raise DataError(
        "the rows of several faces alternate, but none have a frame or a time in common",
        code="alternating-faces",
        file=tracking.path,
        column=tracking.name_in_file("face_id"),
        expected="the faces of a frame with the same frame number",
        found=f"{format_count(n_returns, 'return')} to an earlier face",
        hint="read one of them with --face, or correct the frame numbers",
    )


def _select_chosen(tracking: Tracking, ids: Floats | None, face: int) -> tuple[Tracking, list[Finding]]:
    rows = ids == face if ids is not None else np.zeros(tracking.n_rows, dtype=bool)
    if not rows.any():
        faces = [] if ids is None else np.unique(ids[np.isfinite(ids)]).tolist()
        raise DataError(
            "the face chosen with --face is not in the file",
            code="no-face",
            file=tracking.path,
            column=tracking.name_in_file("face_id"),
            expected=f"face {face}",
            found=f"face {format_list(f'{one:g}' for one in faces)}" if faces else "no column of face ids",
            hint="choose another face, or leave the file out",
        )
    if rows.all():
        return tracking, []
    what = f"only face {face} was used, as --face says"
    n_others = format_count(int(np.count_nonzero(~rows)), "row")
    finding = Finding("several-faces", what, file=tracking.path, found=f"{n_others} of other faces")
    return tracking.select(rows), [finding]


def _has_crowded_frame(tracking: Tracking, ids: Floats) -> bool:
    """Return whether some frame has rows of several faces, each with one row."""
    clock = tracking.meta.get("frame", tracking.meta.get("timestamp"))
    if clock is None:
        return False
    known = np.isfinite(clock)
    clock, ids = clock[known], ids[known]
    if len(np.unique(clock)) == len(clock):
        return False
    # The same face twice in a frame is reported as repeated time.
    return len(np.unique(np.column_stack([clock, ids]), axis=0)) == len(clock)


def _mean_confidence(tracking: Tracking, rows: Mask) -> float:
    confidence = tracking.meta.get("confidence")
    values = np.zeros(0) if confidence is None else confidence[rows]
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else 0.0
