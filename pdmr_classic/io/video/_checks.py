"""Findings about a stream as a whole: validity, frozen faces, and values out of the range of the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.text import format_count, format_list

# Names of columns without a header.
_POSITIONAL = re.compile(r"ch\d+")


def check_stream(stream: Stream, meta: Mapping[str, Floats], path: Path) -> list[Finding]:
    """Return the findings about a stream."""
    findings = []
    if not stream.valid.any():
        what = "no frame is valid: only quality features can be computed"
        findings.append(Finding("no-valid-frame", what, file=path))
    if stream.frozen_s:
        what = f"the face is frozen for {stream.frozen_s:.1f} s; these frames are invalid"
        findings.append(Finding("frozen", what, file=path))
    if stream.face_switches:
        what = (
            f"the face id changes {format_count(stream.face_switches, 'time')}, so several people may be in the "
            "recording"
        )
        findings.append(Finding("face-switch", what, file=path))
    if _has_only_unknown_names(stream.channels):
        what = "no column has a known name: families for AUs, head, gaze and landmarks are not computed"
        hint = "if the file is of a known program, correct the names, or pass --tracker"
        findings.append(Finding("unknown-channels", what, file=path, found=format_list(stream.channels), hint=hint))
    confidence = meta.get("confidence")
    if confidence is not None and ((confidence < 0) | (confidence > 1)).any():
        what = "confidence values are outside 0..1"
        findings.append(Finding("confidence-range", what, file=path, column="confidence"))
    if _has_odd_intensity(stream):
        what = "AU intensities are outside 0..5 and are used unchanged"
        findings.append(Finding("au-range", what, file=path))
    if _has_odd_presence(stream):
        what = "AU presences are not only 0 and 1 and are used unchanged"
        findings.append(Finding("presence-range", what, file=path, hint="export them as 0 and 1"))
    return findings


def _has_only_unknown_names(channels: Sequence[str]) -> bool:
    """Return whether a file has names, and none is in the vocabulary."""
    has_names = not all(map(_POSITIONAL.fullmatch, channels))
    return has_names and all(channel_kind(name) == "other" for name in channels)


def _has_odd_intensity(stream: Stream) -> bool:
    values = _select_valid(stream, "au_intensity")
    return bool(((values < 0) | (values > 5)).any())


def _has_odd_presence(stream: Stream) -> bool:
    values = _select_valid(stream, "au_presence")
    return bool(((values != 0) & (values != 1) & ~np.isnan(values)).any())


def _select_valid(stream: Stream, kind: str) -> NDArray[np.float32]:
    names = [name for name in stream.channels if channel_kind(name) == kind]
    return stream.select(names)[stream.valid] if names else np.empty((0, 0), dtype=np.float32)
