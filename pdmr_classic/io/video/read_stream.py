"""Read the video of one recording: channels in one vocabulary over all trackers, frame rate, mask of valid frames.

Columns are matched by name, not by position, so any subset of a tracker's columns may come in any order. The
vocabulary is that of OpenFace 2 (`channels.py`); `trackers` says what the columns of each program hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import Finding
from pdmr_classic.io.trackers import plain
from pdmr_classic.io.video._checks import check_stream
from pdmr_classic.io.video._clock import Clock, read_clock
from pdmr_classic.io.video._faces import count_face_switches, select_face
from pdmr_classic.io.video._interleaved import refuse_interleaved
from pdmr_classic.io.video._missing_codes import mask_missing_codes
from pdmr_classic.io.video._parts import join_parts
from pdmr_classic.io.video._tracking import Tracking, read_tracking
from pdmr_classic.io.video._units import Channels, convert_units, normalise_confidence
from pdmr_classic.io.video._valid_frames import (
    drop_constant_channels,
    find_duplicate_channels,
    find_frozen,
    find_missing_rows,
    find_tracked,
)
from pdmr_classic.io.video.stream import Stream


def read_stream(path: str | Path, settings: ReadingSettings | None = None, *, parts: Sequence[Path] = ()) -> Stream:
    r"""Read the video of one recording.

    Parameters
    ----------
    path : path-like
        Output of a tracker (any subset of its columns, in any order), other named channels, or a headerless matrix.
    settings : ReadingSettings, optional
        Tracker, face, units and frame rate, where the file does not tell them; what makes a frame valid.
    parts : sequence of Path
        Further files of the same video, joined by frame number.

    Raises
    ------
    DataError
        The file is not a table of numbers, has no channel, its timestamps repeat or run backwards, or its units
        contradict the vocabulary.
    ConfigError
        The settings name an unknown tracker.

    Examples
    --------
    >>> from pathlib import Path; from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "001.csv"
    ...     _ = path.write_text("timestamp, confidence, AU12_r\n0.0, 0.98, 1.5\n0.04, 0.2, 3.0\n")
    ...     stream = read_stream(path)
    >>> stream.channels, stream.frame_rate_hz, stream.valid.tolist(), stream.tracker
    (('AU12_r',), 25.0, [True, False], 'openface2')
    """
    settings = settings or ReadingSettings()
    tracking = join_parts([read_tracking(part, settings) for part in (path, *parts)])
    tracking, face_findings = select_face(tracking, settings.face)
    refuse_interleaved(tracking)
    clock = read_clock(tracking, settings)
    if clock.order is not None:
        tracking = tracking.select(clock.order)
    return _make_stream(tracking, clock, settings, face_findings)


def _make_stream(tracking: Tracking, clock: Clock, settings: ReadingSettings, findings: list[Finding]) -> Stream:
    column = tracking.name_in_file("confidence")
    meta, confidence_findings = normalise_confidence(tracking.meta, tracking.path, column)
    channels = _stack_channels(tracking)
    tracked = find_tracked(meta, tracking.n_rows, settings.min_confidence)
    missing, missing_findings = find_missing_rows(channels, tracked)
    tracked &= ~missing
    missing_findings += mask_missing_codes(channels, tracked)
    unit_findings = convert_units(channels, tracked, tracking.recognition.tracker, settings)
    channels, constant_findings = drop_constant_channels(channels)
    frozen = find_frozen(channels, tracked, settings.frozen_s * clock.frame_rate_hz)
    tracker = tracking.recognition.tracker
    stream = Stream(
        # Transpose of [C, T]: contiguous in memory by channel.
        values=channels.values.T,
        channels=channels.names,
        time_s=clock.time_s,
        frame_rate_hz=clock.frame_rate_hz,
        valid=tracked & ~frozen,
        frozen_s=float(np.count_nonzero(frozen) / clock.frame_rate_hz),
        face_switches=count_face_switches(tracking),
        content=tracking.content,
        findings=(*tracking.findings, *findings, *clock.findings, *confidence_findings, *missing_findings),
        tracker="" if tracker is plain.TRACKER else tracker.name,
        evidence=tracking.recognition.evidence,
        n_columns=tracking.n_columns,
        n_unused=tracking.n_unused,
        confidence=meta.get("confidence"),
    )
    findings = [*unit_findings, *constant_findings, *find_duplicate_channels(channels)]
    return replace(stream, findings=(*stream.findings, *findings, *check_stream(stream, meta, tracking.path)))


def _stack_channels(tracking: Tracking) -> Channels:
    values = np.empty((len(tracking.channels), tracking.n_rows), dtype=np.float32)
    for row, column in enumerate(tracking.channels.values()):
        values[row] = column
    return Channels(tracking.path, tuple(tracking.channels), values)
