"""Join the files of one video, such as AUs, gaze and pose of OpenFace 0.x, by frame number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from pdmr_classic.arrays import Floats, Ints
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.trackers import clnf, openface2, plain
from pdmr_classic.io.trackers.registry import Recognition
from pdmr_classic.io.video._tracking import Tracking
from pdmr_classic.storage.bytes import combine_hashes
from pdmr_classic.text import format_count

_QUALITY = ("confidence", "success")
# In steps from one frame to the next; files may round times differently.
_MAX_TIME_DIFFERENCE = 0.75
_CONFIDENCE_ROUNDING = 0.006
# Files of one video share the confidence of each frame.
_MAX_OTHER_CONFIDENCES = 0.5


def join_parts(parts: Sequence[Tracking]) -> Tracking:
    """Return the channels of all files, in the frames that all of them have.

    A frame is as good as its worst part: confidence and success are the lowest.

    Raises
    ------
    DataError
        A file has no frame numbers, or repeats one; two files hold different values of a channel; no frame is in all.
    """
    if len(parts) == 1:
        return parts[0]
    recognition = _join_recognitions(parts)
    clock = "frame" if all("frame" in part.meta for part in parts) else "timestamp"
    frames = [_get_frames(part, clock) for part in parts]
    common: Floats = reduce(np.intersect1d, frames)
    if not len(common):
        raise _parts_error("the files of a recording have no frame in common", parts[1], clock, parts[0].path.name)
    selected = [part.select(_find_rows(numbers, common)) for part, numbers in zip(parts, frames, strict=True)]
    channels: dict[str, Floats] = {}
    _refuse_other_times(selected)
    for part in selected:
        _refuse_contradictions(part, channels)
        channels = {**part.channels, **channels}
    ordered = {name: channels[name] for part in selected for name in part.channels}
    meta = {**selected[0].meta, **_worst_quality(selected)}
    findings = [finding for part in parts for finding in part.findings]
    findings += _compare_confidences(selected)
    if any(len(numbers) != len(common) for numbers in frames):
        findings.append(_frames_finding(parts, len(common)))
    return replace(
        selected[0],
        recognition=recognition,
        channels=ordered,
        meta=meta,
        content=combine_hashes([part.content for part in parts]),
        findings=tuple(findings),
        n_columns=sum(part.n_columns for part in parts),
        n_unused=sum(part.n_unused for part in parts),
    )


def _join_recognitions(parts: Sequence[Tracking]) -> Recognition:
    """Return the tracker of all parts; OpenFace 0.x, if one part is from it, because its AUs look like OpenFace 2."""
    by_name = {part.recognition.tracker.name: part for part in reversed(parts)}
    for name, stronger in ((plain.TRACKER.name, None), (openface2.TRACKER.name, clnf.TRACKER.name)):
        if len(by_name) > 1 and (stronger is None or stronger in by_name):
            by_name.pop(name, None)
    first, *others = by_name.values()
    if others:
        raise _parts_error(
            "the files of a recording are from different programs", first, "frame", first.recognition.evidence
        )
    return first.recognition


def _get_frames(part: Tracking, clock: str) -> Floats:
    frames = part.meta.get(clock)
    if frames is None:
        raise _parts_error(
            "the files of a recording cannot be joined without frame numbers", part, clock, "no such column"
        )
    if not np.isfinite(frames).all() or len(np.unique(frames)) < len(frames):
        raise _parts_error("the files of a recording cannot be joined", part, clock, "missing or repeated numbers")
    return frames


def _find_rows(frames: Floats, common: Floats) -> Ints:
    """Return the rows of the common frames, in the order of the frames."""
    return (
        np.flatnonzero(np.isin(frames, common))
        if (np.diff(frames) > 0).all()
        else np.argsort(frames)[np.isin(np.sort(frames), common)]
    )


def _refuse_other_times(parts: Sequence[Tracking]) -> None:
    """Refuse files that give other timestamps for the same frames: they are of different videos."""
    timed = [part for part in parts if "timestamp" in part.meta]
    for first, part in zip(timed[:1] * len(timed), timed[1:], strict=False):
        differences = np.abs(part.meta["timestamp"] - first.meta["timestamp"])
        if np.nanmax(differences, initial=0.0) > _MAX_TIME_DIFFERENCE * _typical_step(first.meta["timestamp"]):
            raise _parts_error(
                "the files of a recording give different times for the same frames",
                part,
                "timestamp",
                f"a difference of {np.nanmax(differences):.3g} from {first.path.name}",
            )


def _typical_step(stamps: Floats) -> float:
    steps = np.abs(np.diff(stamps))
    return float(np.nanmedian(steps)) if np.isfinite(steps).any() else np.inf


def _refuse_contradictions(part: Tracking, channels: dict[str, Floats]) -> None:
    for name in part.channels.keys() & channels.keys():
        if not np.array_equal(part.channels[name], channels[name], equal_nan=True):
            raise DataError(
                "two files of a recording hold the same channel with different values",
                code="duplicate-columns",
                file=part.path,
                column=name,
                expected="each channel in one file",
                found="other values than in an earlier file",
                hint="remove one of the files",
            )


def _worst_quality(parts: Sequence[Tracking]) -> dict[str, Floats]:
    columns = {name: [part.meta[name] for part in parts if name in part.meta] for name in _QUALITY}
    return {name: np.minimum.reduce(values) for name, values in columns.items() if values}


def _compare_confidences(parts: Sequence[Tracking]) -> list[Finding]:
    rated = [part for part in parts if "confidence" in part.meta]
    for part in rated[1:]:
        differs = np.abs(part.meta["confidence"] - rated[0].meta["confidence"]) > _CONFIDENCE_ROUNDING
        if differs.mean() > _MAX_OTHER_CONFIDENCES:
            return [
                Finding(
                    "parts-differ",
                    "the files of the recording give different confidences for the same frames, so they may be of "
                    "different videos; the lowest were used",
                    file=part.path,
                    column=part.name_in_file("confidence"),
                    found=format_count(int(np.count_nonzero(differs)), "frame"),
                    hint="check that all files are of one run",
                )
            ]
    return []


def _parts_error(what: str, part: Tracking, clock: str, found: str) -> DataError:
    return DataError(
        what,
        code="parts-differ",
        file=part.path,
        column=part.name_in_file(clock),
        expected="the frame numbers of the other files",
        found=found,
        hint="export the files of this recording again, from one run",
    )


def _frames_finding(parts: Sequence[Tracking], n_common: int) -> Finding:
    return Finding(
        "parts-differ",
        "the files of the recording have different frames; only common ones were used",
        file=parts[0].path,
        found=f"{n_common} common frames of {', '.join(format_count(part.n_rows, 'row') for part in parts)}",
    )
