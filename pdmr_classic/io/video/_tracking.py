"""Read one video file: its channels under canonical names, its clocks and its tracking quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import DataError, Finding
from pdmr_classic.io.tables.table import Table, read_table
from pdmr_classic.io.trackers.channels import channel_kind
from pdmr_classic.io.trackers.openface2 import LAYOUTS
from pdmr_classic.io.trackers.registry import Recognition, recognise_tracker
from pdmr_classic.io.video._clock_columns import find_clock_columns
from pdmr_classic.io.video._columns import VideoColumns, is_meta, read_header, read_positions
from pdmr_classic.io.video._face_ids import FACE_RECTANGLE, follow_faces, number_faces, repeats_time
from pdmr_classic.text import format_list, format_quoted


@dataclass(frozen=True)
class Tracking:
    """Rows of a file, before faces, time and units are settled.

    Attributes
    ----------
    path : Path
    first_row : int
        Line of the first row in the file.
    channels, meta : mapping of str to ndarray of float64, shape [T]
        Under canonical names.
    names : mapping of str to str
        Names in the file of the columns in `meta`.
    recognition : Recognition
    time_is_ms : bool
        Whether the name of the clock says milliseconds.
    content : str
    findings : tuple of Finding
    rows : ndarray of int, shape [T], or None
        Which rows of the file these are; None for all.
    n_columns, n_unused : int
        Number of columns in the file, and of those that are not read.
    """

    path: Path
    first_row: int
    channels: Mapping[str, Floats]
    meta: Mapping[str, Floats]
    names: Mapping[str, str]
    recognition: Recognition
    time_is_ms: bool
    content: str
    findings: tuple[Finding, ...]
    rows: Ints | None = None
    n_columns: int = 0
    n_unused: int = 0

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.channels.values())))

    def name_in_file(self, name: str) -> str:
        """Return the name in the file of a clock or a quality column."""
        return self.names.get(name, name)

    def row_in_file(self, row: int) -> int:
        """Return the line of a row."""
        return self.first_row + int(row if self.rows is None else self.rows[row])

    def select(self, rows: Ints | Mask) -> Tracking:
        """Return some rows, in this order."""
        return replace(
            self,
            rows=(np.arange(self.n_rows) if self.rows is None else self.rows)[rows],
            channels={name: values[rows] for name, values in self.channels.items()},
            meta={name: values[rows] for name, values in self.meta.items()},
        )


def read_tracking(path: str | Path, settings: ReadingSettings) -> Tracking:
    """Read one file.

    Raises
    ------
    DataError
        The file is not a table of numbers, has no channel, or a copy of a column differs.
    ConfigError
        The tracker in the settings does not exist.
    """
    selection: list[VideoColumns] = []
    n_columns: list[int] = []

    def select(names: Sequence[str]) -> list[str]:
        n_columns.append(len(names))
        selection.append(read_header(tuple(names), settings.tracker, settings.landmarks))
        return selection[-1].selected

    table = read_table(path, select=select, must_be_numeric=is_meta)
    columns = selection[-1] if selection else _name_positions(table, settings)
    copies = _check_copies(table, columns)
    channels = {channel: table.columns[name] for name, channel in columns.channels.items() if name in table.columns}
    channels, clock_findings = _drop_clocks(channels, table.path)
    meta = {role: table.columns[name] for role, name in columns.meta.items() if name in table.columns}
    faces, face_findings = _find_faces(table, channels, meta)
    if faces is not None:
        meta["face_id"] = faces
    if not channels:
        raise _no_channel_error(table, columns)
    findings = [replace(finding, file=table.path) for finding in columns.findings]
    total = n_columns[-1] if n_columns else len(table.columns)
    return Tracking(
        table.path,
        table.first_row,
        channels,
        meta,
        columns.meta,
        columns.recognition,
        columns.time_is_ms,
        table.content,
        (*table.findings, *findings, *copies, *clock_findings, *face_findings),
        n_columns=total,
        n_unused=max(total - len(channels) - len(meta) - len(columns.copies), 0),
    )


def _find_faces(
    table: Table, channels: Mapping[str, Floats], meta: Mapping[str, Floats]
) -> tuple[Floats | None, list[Finding]]:
    """Return the number of the face of each row, if only names or places tell faces apart."""
    if "face_id" in meta:
        return None, []
    if table.faces is not None:
        return number_faces(table.faces), []
    if not set(FACE_RECTANGLE) <= set(channels) or not repeats_time(meta):
        return None, []
    clock = meta["frame"] if "frame" in meta else meta["timestamp"]
    what = "faces have no ids and were told apart by their place in the picture"
    return follow_faces(clock, np.column_stack([channels[name] for name in FACE_RECTANGLE])), [
        Finding("faces-by-place", what, file=table.path)
    ]


def _name_positions(table: Table, settings: ReadingSettings) -> VideoColumns:
    """Return the columns of a file without a header: by position, or in OpenFace's order if the settings say so."""
    names = tuple(table.columns)
    recognition = recognise_tracker((), settings.tracker)
    if recognition.tracker.name != "openface2" or len(names) == 1:
        return VideoColumns(
            recognition if settings.tracker is None else Recognition(recognition.tracker),
            {n: n for n in names},
            findings=_suggest_layout(table, settings),
        )
    columns = read_positions(names, settings.landmarks)
    if columns is None or not _fits_layout(table, columns):
        raise DataError(
            "the matrix does not fit the columns of OpenFace 2",
            code="tracker-mismatch",
            file=table.path,
            expected=f"{', '.join(map(str, sorted(LAYOUTS)))} columns in documented order, presences of 0 and 1",
            found=f"{len(names)} columns" if columns is None else "values out of range for their column",
            hint="add a header with the column names",
        )
    return columns


def _suggest_layout(table: Table, settings: ReadingSettings) -> tuple[Finding, ...]:
    """Return a finding for a matrix that fits OpenFace 2 and has a success or confidence among its channels."""
    columns = None if settings.tracker else read_positions(tuple(table.columns), settings.landmarks)
    if columns is None or not _fits_layout(table, columns):
        return ()
    quality = [name for name in ("confidence", "success") if name in columns.meta]
    what = "the columns have no names, but fit the documented order of OpenFace 2" + (
        f"; {format_list(quality)} count as behaviour" if quality else ""
    )
    finding = Finding(
        "unnamed-columns",
        what,
        found=f"{len(table.columns)} columns",
        hint="if it wrote them, pass --tracker openface2",
    )
    return (finding,)


def _fits_layout(table: Table, columns: VideoColumns) -> bool:
    """Return whether presences are 0 or 1 and confidences are shares, which shifted columns would not be."""
    presences = [name for name, channel in columns.channels.items() if channel_kind(channel) == "au_presence"]
    values = np.array([table.columns[name] for name in presences])
    confidence = table.columns.get(columns.meta.get("confidence", ""), np.zeros(1))
    return bool(
        (np.isnan(values) | (values == 0) | (values == 1)).all() and not ((confidence < 0) | (confidence > 1)).any()
    )


def _check_copies(table: Table, columns: VideoColumns) -> list[Finding]:
    """Return a finding for repeated columns with the same values.

    Raises
    ------
    DataError
        A repeated column has other values.
    """
    copies = [(name, original) for name, original in columns.copies.items() if name in table.columns]
    for name, original in copies:
        values = table.columns.get(original)
        if values is None or not np.array_equal(values, table.columns[name], equal_nan=True):
            raise DataError(
                "two columns hold the same channel with different values",
                code="duplicate-columns",
                file=table.path,
                column=name,
                expected=f"the values of {original!r}",
                found="other values",
                hint="remove one of them",
            )
    if not copies:
        return []
    what = "columns ignored: copies of other columns"
    return [Finding("dropped-column", what, file=table.path, found=format_quoted(name for name, _ in copies))]


def _drop_clocks(channels: dict[str, Floats], path: Path) -> tuple[dict[str, Floats], list[Finding]]:
    unknown = [name for name in channels if channel_kind(name) == "other"]
    clocks = find_clock_columns({name: channels[name] for name in unknown}) if unknown else []
    if not clocks:
        return channels, []
    finding = Finding(
        "clock-column",
        "columns ignored: they rise or fall by a constant step, as counters and clocks do",
        file=path,
        found=format_quoted(clocks),
        hint="if one of them is the time in s, name it timestamp",
    )
    return {name: values for name, values in channels.items() if name not in clocks}, [finding]


def _no_channel_error(table: Table, columns: VideoColumns) -> DataError:
    return DataError(
        "the file has no column that can be used",
        code="no-channel",
        file=table.path,
        expected="OpenFace columns, or a matrix",
        found=format_list(columns.meta) or "columns that no feature uses",
        hint="export the file with its channels, or remove it",
    )
