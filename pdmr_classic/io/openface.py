"""One CSV of one recording's video: a named stream with its frame rate and the mask of its valid frames.

Columns are found by name, never by place, so that any subset of OpenFace's 714 columns in any order reads alike.
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
from pdmr_classic.text import format_list

_RIGID = frozenset({"pose", "gaze", "gaze_vector", "landmark"})

_LIKELY_HZ = (1.0, 1000.0)
_SHORTEST_STEP_S = 1e-9


def read_stream(path: str | Path, settings: ReadingSettings | None = None) -> Stream:
    r"""Read one video CSV.

    Parameters
    ----------
    path : path-like
        OpenFace output, any subset of its columns in any order, other named channels, or a headerless matrix.
    settings : ReadingSettings, optional
        `fps` where the file has no timestamps; `min_confidence` of a valid frame.

    Raises
    ------
    DataError
        The file is no table of numbers, or has no channel beside its bookkeeping, or its time runs backwards.

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
        select=_wanted if settings.landmarks else _without_landmarks,
        # Without its clock or its quality it would be another stream; any other column of text counts as missing.
        known=META.__contains__,
    )
    meta = {name: values for name, values in table.columns.items() if name in META}
    channels = tuple(name for name in table.columns if name not in META)
    if not channels:
        raise DataError(
            "the file has no channel",
            code="no-channel",
            file=path,
            expected="OpenFace columns, or a matrix",
            found=", ".join(meta) or "columns that no feature uses",
            hint="export it with its channels, or remove it",
        )
    values = np.empty((len(channels), table.n_rows), dtype=np.float32)
    for row, name in enumerate(channels):
        values[row] = table.columns[name]
    rows, findings = _one_face_a_frame(table, meta)
    if rows is not None:
        values, meta = values[:, rows], {name: column[rows] for name, column in meta.items()}
    time_s, rate, order, told = _time(table, meta, values.shape[1], settings.fps)
    if order is not None:
        values, meta = values[:, order], {name: column[order] for name, column in meta.items()}
    tracked = _valid(meta, values.shape[1], settings.min_confidence)
    frozen = _frozen(values, channels, tracked, settings.frozen_s * rate)
    stream = Stream(
        # The transpose of [C, T]: a channel's frames lie side by side in memory.
        values=values.T,
        channels=channels,
        time_s=time_s,
        frame_rate_hz=rate,
        valid=tracked & ~frozen,
        frozen_s=float(np.count_nonzero(frozen) / rate),
        face_switches=_switches(meta),
        content=table.content,
        findings=(*table.findings, *findings, *told),
    )
    return replace(stream, findings=(*stream.findings, *_oddities(stream, meta, table.path)))


def find_missing_channels(streams: Iterable[tuple[Path, Iterable[str]]]) -> list[Finding]:
    """Return a finding for each stream without channels that at least half of the streams have: their features are NaN.

    Examples
    --------
    >>> (finding,) = find_missing_channels([(Path("1.csv"), ["AU01_r", "AU12_r"]), (Path("2.csv"), ["AU12_r"])])
    >>> str(finding.file), finding.found
    ('2.csv', 'AU01_r')
    """
    named = [(path, frozenset(channels)) for path, channels in streams]
    counts = Counter(channel for _, channels in named for channel in channels)
    usual = {channel for channel, count in counts.items() if 2 * count >= len(named)}
    return [
        Finding(
            "fewer-channels",
            "channels that other files have are missing; their features are unknown (NaN)",
            file=path,
            found=format_list(missing),
        )
        for path, channels in named
        if (missing := sorted(usual - channels))
    ]


def _wanted(names: Sequence[str]) -> list[str]:
    return [name for name in names if channel_kind(name) != "geometry"]


def _without_landmarks(names: Sequence[str]) -> list[str]:
    return [name for name in names if channel_kind(name) not in ("geometry", "landmark")]


def _valid(meta: dict[str, Floats], n: int, min_confidence: float) -> Mask:
    valid = np.ones(n, dtype=bool)
    if "confidence" in meta:
        valid &= meta["confidence"] >= min_confidence
    if "success" in meta:
        valid &= meta["success"] == 1
    return valid


def _frozen(values: NDArray[np.float32], channels: tuple[str, ...], tracked: Mask, n_frames: float) -> Mask:
    """Return which tracked frames repeat the frame before, in pose, gaze and landmarks, for `n_frames` or longer."""
    rigid = [row for row, name in enumerate(channels) if channel_kind(name) in _RIGID]
    frozen = np.zeros(values.shape[1], dtype=bool)
    if not rigid or values.shape[1] < 2:
        return frozen
    frozen[1:] = tracked[1:] & tracked[:-1]
    for row in rigid:
        # Most streams are ruled out by their first channel.
        if not frozen.any():
            return frozen
        frozen[1:] &= values[row, 1:] == values[row, :-1]
    edges = np.diff(np.concatenate([[0], frozen.astype(np.int8), [0]]))
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        if stop - start < n_frames:
            frozen[start:stop] = False
    return frozen


def _switches(meta: dict[str, Floats]) -> int:
    ids = meta.get("face_id", np.empty(0))
    return int(np.count_nonzero(np.diff(ids[np.isfinite(ids)])))


def _one_face_a_frame(table: Table, meta: dict[str, Floats]) -> tuple[Ints | None, list[Finding]]:
    """Where a frame has rows for several faces, choose the most confident face."""
    key = meta.get("frame", meta.get("timestamp"))
    if key is None or "face_id" not in meta or len(np.unique(key)) == len(key):
        return None, []
    if len(np.unique(np.column_stack([key, meta["face_id"]]), axis=0)) < len(key):
        return None, []  # the same face twice in a frame: time itself is wrong, and told as that
    confidence = meta.get("confidence", np.ones(len(key)))
    order = np.lexsort((meta["face_id"], -confidence, key))
    first = np.concatenate([[True], np.diff(key[order]) != 0])
    told = Finding("several-faces", "several faces a frame; the most confident one was kept", file=table.path)
    return order[first], [told]


# --------------------------------------------------------------------------------------------------- time


def _time(
    table: Table, meta: dict[str, Floats], n: int, fps: float
) -> tuple[Floats, float, Ints | None, list[Finding]]:
    """Return time in s, the frame rate, the order of the rows where it had to be mended, and what to tell."""
    stamps = meta.get("timestamp")
    if stamps is not None and n > 1 and np.isfinite(stamps).all() and np.ptp(stamps) > 0:
        time_s, order, told = _in_order(table, stamps, "timestamp", 1.0)
        return time_s, _rate(table, stamps if order is None else stamps[order]), order, told
    # A single frame has no rate that could be missing.
    told = (
        []
        if n == 1
        else [
            Finding(
                "no-frame-rate",
                f"there are no usable timestamps: {fps:g} frames per second are assumed",
                file=table.path,
                hint="pass --fps",
            )
        ]
    )
    frames = meta.get("frame")
    if frames is not None and np.isfinite(frames).all() and (n == 1 or np.ptp(frames) > 0):
        time_s, order, mended = _in_order(table, frames, "frame", fps)
        return time_s, fps, order, told + mended
    return np.arange(n) / fps, fps, None, told


def _in_order(
    table: Table, clock: Floats, column: str, ticks_a_second: float
) -> tuple[Floats, Ints | None, list[Finding]]:
    """Return time in s from the first frame on, strictly increasing, and the order of the rows if it had to change."""
    # Times that differ may be one and the same as seconds from the start: -1e38, 0, 1e-5.
    time_s = (clock - clock.min()) / ticks_a_second
    steps = np.diff(time_s)
    if (steps > 0).all():
        return time_s, None, []
    if len(np.unique(time_s)) < len(time_s):
        row = int(np.argmax(steps <= 0)) + 1
        raise DataError(
            "time repeats or runs backwards",
            code="time-repeats",
            file=table.path,
            row=row + table.first_row,
            column=column,
            expected=f"more than {clock[row - 1]:g}",
            found=f"{clock[row]:g}",
            hint="keep one run and one face a file",
        )
    order = np.argsort(time_s)
    told = Finding("shuffled", "the rows were not in the order of time; they were sorted", file=table.path)
    return time_s[order], order, [told]


def _rate(table: Table, stamps: Floats) -> float:
    """Return the mean rate over the steps without a gap: single steps are rounded to 1 ms by OpenFace."""
    steps = np.diff(stamps)
    regular = steps[steps < GAP_INTERVALS * np.median(steps)]
    step = float(regular.mean())
    if step < _SHORTEST_STEP_S:
        raise DataError(
            "the timestamps give no frame rate",
            code="no-time",
            file=table.path,
            column="timestamp",
            expected="seconds",
            found=f"steps of {step:g}",
            hint="correct the column, or leave it out and pass --fps",
        )
    rate = 1.0 / step
    # 0.033, 0.067, 0.100 is 30 Hz, not 30.04: the last digit of the clock is noise.
    return float(round(rate)) if abs(rate - round(rate)) < 0.002 * rate else rate


def _oddities(stream: Stream, meta: dict[str, Floats], path: Path) -> list[Finding]:
    found = []
    if not stream.valid.any():
        found.append(Finding("no-valid-frame", "no frame is valid: only the quality is known", file=path))
    if "timestamp" in meta and not _LIKELY_HZ[0] <= stream.frame_rate_hz <= _LIKELY_HZ[1]:
        found.append(
            Finding(
                "odd-rate",
                "the timestamps give an unlikely frame rate",
                file=path,
                column="timestamp",
                expected="seconds",
                found=f"{stream.frame_rate_hz:g} frames per second",
                hint="divide them by 1000 if they are milliseconds",
            )
        )
    if stream.frozen_s:
        what = f"the face is frozen for {stream.frozen_s:.1f} s; those frames are invalid"
        found.append(Finding("frozen", what, file=path))
    if stream.face_switches:
        found.append(Finding("face-switch", f"the face id changes {stream.face_switches} times", file=path))
    confidence = meta.get("confidence")
    if confidence is not None and ((confidence < 0) | (confidence > 1)).any():
        found.append(Finding("confidence-range", "confidence outside 0..1", file=path, column="confidence"))
    intensities = [name for name in stream.channels if channel_kind(name) == "au_intensity"]
    if intensities:
        values = stream.select(intensities)[stream.valid]
        if ((values < 0) | (values > 5)).any():
            found.append(Finding("au-range", "AU intensities outside 0..5", file=path))
    return found
