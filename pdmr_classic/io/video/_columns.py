"""Which columns of a video file are read, and as what: channels, clocks, tracking quality; by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from pdmr_classic.errors import Finding
from pdmr_classic.io.tables.bookkeeping import column_role, strip_name
from pdmr_classic.io.trackers import openface2
from pdmr_classic.io.trackers.channels import META, channel_kind, count_landmarks, restore_case
from pdmr_classic.io.trackers.registry import Recognition, recognise_tracker
from pdmr_classic.io.trackers.tracker import CHANNEL, DROPPED, UNUSED, Column
from pdmr_classic.text import format_list, format_quoted

# Names of the roles of clocks and tracking quality in `Tracking.meta`.
META_NAMES = {
    "frame": "frame",
    "time": "timestamp",
    "time_ms": "timestamp",
    "confidence": "confidence",
    "success": "success",
    "face": "face_id",
}
_LEFT_OUT = ("id", "label", DROPPED)
# pandas and R number the copies of a repeated name.
_COPY = re.compile(r"(.+)\.\d+")
_SCHEME_POINT = re.compile(r"([xyzXYZ]_\d+)")


@dataclass(frozen=True)
class VideoColumns:
    """Columns of a file with a header, by their names in the file.

    Attributes
    ----------
    recognition : Recognition
    channels : mapping of str to str
        Name in the file and channel, in file order.
    meta : mapping of str to str
        `frame`, `timestamp`, `confidence`, `success`, `face_id`, and the name in the file.
    copies : mapping of str to str
        Columns that repeat a channel or a clock, and the name in the file of that one.
    time_is_ms : bool
        Whether the name of the clock says milliseconds.
    findings : tuple of Finding
        Without a file.
    """

    recognition: Recognition
    channels: Mapping[str, str]
    meta: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    time_is_ms: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def selected(self) -> list[str]:
        """Names in the file of all columns to read."""
        return [*self.meta.values(), *self.channels, *self.copies]


# The files of a data set share a header.
@lru_cache(maxsize=64)
def read_header(names: tuple[str, ...], tracker: str | None, landmarks: bool) -> VideoColumns:
    """Return what the columns of a header hold.

    Raises
    ------
    ConfigError
        There is no tracker of this name.

    Examples
    --------
    >>> columns = read_header(("X.frame_idx", "X.AU04_r", "PHQ8_Score"), None, True)
    >>> columns.meta, columns.channels, [finding.found for finding in columns.findings]
    ({'frame': 'X.frame_idx'}, {'X.AU04_r': 'AU04_r'}, ["'PHQ8_Score'"])
    """
    cleaned = tuple(strip_name(name) for name in names)
    recognition = recognise_tracker(cleaned, tracker)
    defined = recognition.tracker.map_columns(cleaned)
    columns = {name: defined.get(clean) or _default_column(clean) for name, clean in zip(names, cleaned, strict=True)}
    findings = list(_describe_names(columns, recognition))
    defaults = list(columns.values())
    if n_points := count_landmarks([column.name for column in defaults]):
        columns = {name: _rename_point(column) for name, column in columns.items()}
        findings.append(_other_scheme_finding(n_points, "x_0" not in (column.name for column in defaults)))
    meta, extra_clocks = _select_meta(columns)
    if extra_clocks:
        findings.append(_dropped_finding(extra_clocks, "further counters and clocks"))
    channels, copies = _select_channels(columns, landmarks)
    return VideoColumns(
        recognition,
        channels,
        meta,
        copies,
        time_is_ms="timestamp" in meta and columns[meta["timestamp"]].role == "time_ms",
        findings=tuple(findings),
    )


def read_positions(names: tuple[str, ...], landmarks: bool) -> VideoColumns | None:
    """Return what the columns of an OpenFace 2 matrix without a header hold, in the documented order.

    None if no layout has this number of columns, with the frame numbers or without.
    """
    without_frame = openface2.LAYOUTS.get(len(names) + 1, ("",))
    layout = openface2.LAYOUTS.get(len(names)) or (without_frame[1:] if without_frame[0] == "frame" else None)
    if layout is None:
        return None
    columns = {name: Column(channel, _role(channel)) for name, channel in zip(names, layout, strict=True)}
    meta, _ = _select_meta(columns)
    channels, _ = _select_channels(columns, landmarks)
    what = "the columns have no names and are taken in the documented order of OpenFace 2, as --tracker says"
    finding = Finding("columns-by-position", what, found=f"{len(names)} columns: {layout[0]} … {layout[-1]}")
    return VideoColumns(recognise_tracker((), "openface2"), channels, meta, findings=(finding,))


def is_meta(name: str) -> bool:
    """Return whether a column of this name is a clock or tracking quality, which must be numbers."""
    return column_role(name) in META_NAMES


def _role(channel: str) -> str:
    if channel in META:
        return column_role(channel) or CHANNEL
    return UNUSED if channel_kind(channel) == "geometry" else CHANNEL


def _default_column(name: str) -> Column:
    role = column_role(name)
    if role is not None:
        return Column(META_NAMES.get(role, name), role)
    channel = restore_case(name)
    return Column(channel, _role(channel))


def _rename_point(column: Column) -> Column:
    """Return a landmark of another scheme under a name that no point of the 68-point scheme has."""
    return Column(f"mesh_{column.name}") if _SCHEME_POINT.fullmatch(column.name) else column


def _select_meta(columns: Mapping[str, Column]) -> tuple[dict[str, str], list[str]]:
    """Return the column of each role, and further columns of these roles; the names of OpenFace 2 come first."""
    candidates = [(name, column) for name, column in columns.items() if column.role in META_NAMES]
    candidates.sort(key=lambda item: (strip_name(item[0]) not in META, item[1].role == "time_ms"))
    meta: dict[str, str] = {}
    extra = []
    for name, column in candidates:
        if meta.setdefault(META_NAMES[column.role], name) != name:
            extra.append(name)
    return {name: meta[name] for name in META if name in meta}, extra


def _select_channels(columns: Mapping[str, Column], landmarks: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Return the channels, and the columns that repeat one of them."""
    first: dict[str, str] = {}
    channels, copies = {}, {}
    for name, column in columns.items():
        if column.role != CHANNEL:
            continue
        channel = _original_name(column.name, columns)
        if not landmarks and channel_kind(channel) == "landmark":
            continue
        if first.setdefault(channel, name) == name:
            channels[name] = channel
        else:
            copies[name] = first[channel]
    return channels, copies


def _original_name(channel: str, columns: Mapping[str, Column]) -> str:
    """Return the name without the number of a copy, if it is that of a channel that a family or a tracker knows."""
    match = _COPY.fullmatch(channel)
    if match is None:
        return channel
    original = restore_case(match[1])
    return original if channel_kind(original) != "other" or original in columns else channel


# ------------------------------------------------------------------------------------------------ findings


def _describe_names(columns: Mapping[str, Column], recognition: Recognition) -> Iterator[Finding]:
    left_out = [name for name, column in columns.items() if column.role in _LEFT_OUT]
    if left_out:
        yield _dropped_finding(left_out, "identifiers, labels, or values that are no measurement")
    if recognition.tracker.note:
        title = recognition.tracker.title
        yield Finding("other-units", recognition.tracker.note, found=recognition.evidence or title)
    foreign = [
        column.name
        for column in columns.values()
        if channel_kind(column.name) in ("au_intensity", "au_presence")
        and column.name not in (*openface2.AU_INTENSITIES, *openface2.AU_PRESENCES)
    ]
    if foreign and recognition.tracker.name in ("plain", "openface2", "clnf"):
        what = "some action units are none of OpenFace 2; their scale is not checked"
        yield Finding("unknown-units", what, found=format_list(foreign), hint="name the program with --tracker")


def _other_scheme_finding(n_points: int, starts_at_1: bool) -> Finding:
    return Finding(
        "landmark-scheme",
        "the landmarks are not the 68 points of OpenFace: no feature of eyelids or face regions is computed from them",
        expected="x_0 .. x_67",
        found=f"{n_points} points" + (", numbered from 1" if starts_at_1 else ""),
    )


def _dropped_finding(names: list[str], reason: str) -> Finding:
    columns = "column" if len(names) == 1 else "columns"
    return Finding("dropped-column", f"{columns} ignored: {reason}", found=format_quoted(names))
