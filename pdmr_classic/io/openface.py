"""Read the video of one recording from an OpenFace CSV: channels, frame rate and the mask of valid frames.

Columns are matched by name, not by position, so any subset of the 714 OpenFace columns may come in any order.
Source of the names: OpenFace 2.2, FeatureExtraction (Baltrušaitis et al., FG 2018).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.channels import META, channel_kind
from pdmr_classic.io.csv_table import Table, read_table
from pdmr_classic.io.stream import GAP_INTERVALS, Stream
from pdmr_classic.text import format_count, format_list

_RIGID = frozenset({"pose", "gaze", "gaze_vector", "landmark"})

_DEFAULT_FPS = 30.0
_LIKELY_HZ = (1.0, 1000.0)
_SHORTEST_STEP_S = 1e-9


def read_stream(path: str | Path, settings: ReadingSettings | None = None, *, parts: Sequence[Path] = ()) -> Stream:
    r"""Read one video CSV.

    Parameters
    ----------
    path : path-like
        OpenFace output (any subset of columns, in any order), other named channels, or a headerless matrix.
    settings : ReadingSettings, optional
        `fps` is used if the file has no timestamps; `min_confidence` defines valid frames.

    Raises
    ------
    DataError
        The file is not a table of numbers, has no channel, or its timestamps repeat or run backwards.

    Examples
    --------
    >>> from pathlib import Path; from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "001.csv"
    ...     _ = path.write_text("timestamp, confidence, AU12_r\n0.0, 0.98, 1.5\n0.04, 0.2, 3.0\n")
    ...     stream = read_stream(path)
    >>> stream.channels, stream.frame_rate_hz, stream.valid.tolist()
    (('AU12_r',), 25.0, [True, False])
    """
    settings = settings or ReadingSettings()
    table = read_table(
        path,
        select=_drop_geometry if settings.landmarks else _drop_geometry_and_landmarks,
        # Timestamps and tracking quality are essential; any other text column counts as missing.
        must_be_numeric=META.__contains__,
    )
    meta = {name: values for name, values in table.columns.items() if name in META}
    channels = tuple(name for name in table.columns if name not in META)
    if not channels:
        raise DataError(
            "the file has no column that can be used",
            code="no-channel",
            file=path,
            expected="OpenFace columns, or a matrix",
            found=", ".join(meta) or "columns that no feature uses",
            hint="export the file with its channels, or remove it",
        )
    values = np.empty((len(channels), table.n_rows), dtype=np.float32)
    for row, name in enumerate(channels):
        values[row] = table.columns[name]
    rows, face_findings = _select_faces(table, meta)
    if rows is not None:
        values, meta = values[:, rows], {name: column[rows] for name, column in meta.items()}
    time_s, rate, order, time_findings = _read_time(table, meta, values.shape[1], settings.fps or _DEFAULT_FPS)
    if order is not None:
        values, meta = values[:, order], {name: column[order] for name, column in meta.items()}
    tracked = _find_tracked(meta, values.shape[1], settings.min_confidence)
    frozen = _find_frozen(values, channels, tracked, settings.frozen_s * rate)
    stream = Stream(
        # Transpose of [C, T]: contiguous in memory by channel.
        values=values.T,
        channels=channels,
        time_s=time_s,
        frame_rate_hz=rate,
        valid=tracked & ~frozen,
        frozen_s=float(np.count_nonzero(frozen) / rate),
        face_switches=_count_face_switches(meta),
        content=table.content,
        findings=(*table.findings, *face_findings, *time_findings),
    )
    return replace(stream, findings=(*stream.findings, *_check_stream(stream, meta, table.path)))


def find_missing_channels(streams: Iterable[tuple[Path, Iterable[str]]]) -> list[Finding]:
    """Return a finding for each stream that lacks channels of at least half of the streams.

    Examples
    --------
    >>> (finding,) = find_missing_channels([(Path("1.csv"), ["AU01_r", "AU12_r"]), (Path("2.csv"), ["AU12_r"])])
    >>> str(finding.file), finding.found
    ('2.csv', 'AU01_r')
    """
    named = [(path, frozenset(channels)) for path, channels in streams]
    counts = Counter(channel for _, channels in named for channel in channels)
    common = {channel for channel, count in counts.items() if 2 * count >= len(named)}
    return [
        Finding(
            "fewer-channels",
            "channels present in other files are missing; their features are NaN",
            file=path,
            found=format_list(missing),
        )
        for path, channels in named
        if (missing := sorted(common - channels))
    ]


def _drop_geometry(names: Sequence[str]) -> list[str]:
    return [name for name in names if channel_kind(name) != "geometry"]


def _drop_geometry_and_landmarks(names: Sequence[str]) -> list[str]:
    return [name for name in names if channel_kind(name) not in ("geometry", "landmark")]


def _find_tracked(meta: dict[str, Floats], n: int, min_confidence: float) -> Mask:
    tracked = np.ones(n, dtype=bool)
    if "confidence" in meta:
        tracked &= meta["confidence"] >= min_confidence
    if "success" in meta:
        tracked &= meta["success"] == 1
    return tracked


def _find_frozen(values: NDArray[np.float32], channels: tuple[str, ...], tracked: Mask, n_frames: float) -> Mask:
    """Return which tracked frames repeat the previous pose, gaze and landmarks for at least `n_frames` frames."""
    rigid = [row for row, name in enumerate(channels) if channel_kind(name) in _RIGID]
    frozen = np.zeros(values.shape[1], dtype=bool)
    if not rigid or values.shape[1] < 2:
        return frozen
    frozen[1:] = tracked[1:] & tracked[:-1]
    for row in rigid:
        # For most streams, the first channel rules out frozen frames.
        if not frozen.any():
            return frozen
        frozen[1:] &= values[row, 1:] == values[row, :-1]
    edges = np.diff(np.concatenate([[0], frozen.astype(np.int8), [0]]))
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if stop - start < n_frames:
            frozen[start:stop] = False
    return frozen


def _count_face_switches(meta: dict[str, Floats]) -> int:
    ids = meta.get("face_id", np.empty(0))
    return int(np.count_nonzero(np.diff(ids[np.isfinite(ids)])))


def _select_faces(table: Table, meta: dict[str, Floats]) -> tuple[Ints | None, list[Finding]]:
    """Select the face with the highest confidence if a frame has rows for several faces."""
    clock = meta.get("frame", meta.get("timestamp"))
    if clock is None or "face_id" not in meta or len(np.unique(clock)) == len(clock):
        return None, []
    if len(np.unique(np.column_stack([clock, meta["face_id"]]), axis=0)) < len(clock):
        return None, []  # the same face twice in a frame: reported later as repeated time
    confidence = meta.get("confidence", np.ones(len(clock)))
    order = np.lexsort((meta["face_id"], -confidence, clock))
    first = np.concatenate([[True], np.diff(clock[order]) != 0])
    what = "some frames show several faces; the face with the highest confidence was used"
    return order[first], [Finding("several-faces", what, file=table.path)]


# --------------------------------------------------------------------------------------------------- time


def _read_time(
    table: Table, meta: dict[str, Floats], n: int, fps: float
) -> tuple[Floats, float, Ints | None, list[Finding]]:
    """Return time in s, the frame rate, the row order if it changed, and findings."""
    stamps = meta.get("timestamp")
    if stamps is not None and n > 1 and np.isfinite(stamps).all() and np.ptp(stamps) > 0:
        time_s, order, findings = _sort_time(table, stamps, "timestamp", 1.0)
        return time_s, _estimate_rate(table, stamps if order is None else stamps[order]), order, findings
    # A single frame needs no frame rate.
    findings = (
        []
        if n == 1
        else [
            Finding(
                "no-frame-rate",
                f"there are no usable timestamps: assuming {fps:g} frames per second",
                file=table.path,
                hint="if this is not the frame rate, pass --fps",
            )
        ]
    )
    frames = meta.get("frame")
    if frames is not None and np.isfinite(frames).all() and (n == 1 or np.ptp(frames) > 0):
        time_s, order, order_findings = _sort_time(table, frames, "frame", fps)
        return time_s, fps, order, findings + order_findings
    return np.arange(n) / fps, fps, None, findings


def _sort_time(
    table: Table, clock: Floats, column: str, ticks_per_s: float
) -> tuple[Floats, Ints | None, list[Finding]]:
    """Return strictly increasing time in s from the first frame, the row order if it changed, and findings."""
    # Distinct timestamps can coincide after the shift: -1e38, 0, 1e-5.
    time_s = (clock - clock.min()) / ticks_per_s
    steps = np.diff(time_s)
    if (steps > 0).all():
        return time_s, None, []
    if len(np.unique(time_s)) < len(time_s):
        row = int(np.argmax(steps <= 0)) + 1
        raise DataError(
            "timestamps repeat or run backwards",
            code="time-repeats",
            file=table.path,
            row=row + table.first_row,
            column=column,
            expected=f"more than {clock[row - 1]:g}",
            found=f"{clock[row]:g}",
            hint="split the file into one recording of one face each",
        )
    order = np.argsort(time_s)
    return (
        time_s[order],
        order,
        [Finding("shuffled", "the rows were out of order and were sorted by time", file=table.path)],
    )


def _estimate_rate(table: Table, stamps: Floats) -> float:
    """Return the mean frame rate over steps without a gap: OpenFace rounds each timestamp to 1 ms."""
    steps = np.diff(stamps)
    regular = steps[steps < GAP_INTERVALS * np.median(steps)]
    step = float(regular.mean())
    if step < _SHORTEST_STEP_S:
        raise DataError(
            "the timestamps are too close together to give a frame rate",
            code="no-time",
            file=table.path,
            column="timestamp",
            expected="seconds",
            found=f"steps of {step:g}",
            hint="correct the column, or remove it and pass --fps",
        )
    rate = 1.0 / step
    # Timestamps 0.033, 0.067, 0.100 mean 30 Hz, not 30.04: the last digit is rounded.
    return float(round(rate)) if abs(rate - round(rate)) < 0.002 * rate else rate


def _check_stream(stream: Stream, meta: dict[str, Floats], path: Path) -> list[Finding]:
    findings = []
    if not stream.valid.any():
        what = "no frame is valid: only quality features can be computed"
        findings.append(Finding("no-valid-frame", what, file=path))
    if "timestamp" in meta and not _LIKELY_HZ[0] <= stream.frame_rate_hz <= _LIKELY_HZ[1]:
        findings.append(
            Finding(
                "odd-rate",
                "the timestamps give an implausible frame rate",
                file=path,
                column="timestamp",
                expected="seconds",
                found=f"{stream.frame_rate_hz:g} frames per second",
                hint="convert the timestamps to seconds if they are in milliseconds",
            )
        )
    if stream.frozen_s:
        what = f"the face is frozen for {stream.frozen_s:.1f} s; these frames are invalid"
        findings.append(Finding("frozen", what, file=path))
    if stream.face_switches:
        findings.append(
            Finding(
                "face-switch",
                f"the face id changes {format_count(stream.face_switches, 'time')}, so several people may be in the "
                "recording",
                file=path,
            )
        )
    confidence = meta.get("confidence")
    if confidence is not None and ((confidence < 0) | (confidence > 1)).any():
        what = "confidence values are outside 0..1"
        findings.append(Finding("confidence-range", what, file=path, column="confidence"))
    intensities = [name for name in stream.channels if channel_kind(name) == "au_intensity"]
    if intensities:
        values = stream.select(intensities)[stream.valid]
        if ((values < 0) | (values > 5)).any():
            what = "AU intensities are outside 0..5 and are used unchanged"
            findings.append(Finding("au-range", what, file=path))
    return findings
