"""Invalid and unusual input files, each created on disk, with the expected outcome.

The outcome is *error* (reported with its location, exit code 3, nothing written), *warning* (read with a finding) or
*clean* (read without a finding). A file case is added to a valid dataset as the recording `bad`; a set case changes
file names, labels or the whole dataset.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import socket
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pdmr_classic.storage.bytes import MAX_BYTES, MAX_LINE_BYTES

Outcome = Literal["error", "warning", "clean"]
CHANNELS = ("gaze_angle_x", "gaze_angle_y", "pose_Tx", "pose_Rx", "AU01_r", "AU12_r", "AU45_c")
COLUMNS = ("frame", "face_id", "timestamp", "confidence", "success", *CHANNELS)
HEADER = ",".join(COLUMNS)
WIDTH = 16
N_ROWS = 40
IDS = tuple(f"{number:03d}" for number in range(8))

Row = dict[str, object]


# -------------------------------------------------------------------------------------------- valid recordings


def rows(seed: object = "bad", n: int = N_ROWS, hz: float = 25.0) -> list[Row]:
    """Return the rows of a valid stream as dictionaries by column."""
    values = _random(seed).uniform(0.1, 2.0, size=(n, len(CHANNELS))).round(3)
    return [
        {"frame": t + 1, "face_id": 0, "timestamp": f"{t / hz:.3f}", "confidence": 0.98, "success": 1}
        | dict(zip(CHANNELS, [*map(float, row[:-1]), int(row[-1] > 1)], strict=True))
        for t, row in enumerate(values)
    ]


def lines(table: Sequence[Row] | None = None, columns: Sequence[str] | None = None) -> list[str]:
    """Return rows as CSV lines with a header; by default with the columns of the first row."""
    table = rows() if table is None else table
    columns = columns or list(table[0])
    return [",".join(columns), *(",".join(str(row[name]) for name in columns) for row in table)]


def text(content: Sequence[str]) -> bytes:
    return ("\n".join(content) + "\n").encode()


def matrix(seed: object = "bad", n: int = 1, width: int = WIDTH) -> list[str]:
    """Return the CSV lines of a matrix without a header; a matrix of one row is an audio vector."""
    return [",".join(f"{value:.4f}" for value in row) for row in _random(seed).normal(size=(n, width))]


def _random(seed: object) -> np.random.Generator:
    return np.random.default_rng(list(str(seed).encode()))


def write_set(folder: Path, seed: str = "") -> Path:
    """Write a valid split: eight recordings with video, audio and labels, one per subject."""
    for data_id in IDS:
        write_recording(folder, data_id, seed)
    write_labels(folder, [(data_id, ("Depression", "Normal")[int(data_id) % 2], f"S{data_id}") for data_id in IDS])
    return folder


def write_recording(folder: Path, data_id: str, seed: str = "", modalities: Sequence[str] = ("video", "audio")) -> None:
    for modality in modalities:
        path = folder / modality / f"{data_id}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(lines(rows(seed + data_id)) if modality == "video" else matrix(seed + data_id)))


def write_labels(folder: Path, table: Sequence[Sequence[str]], header: str = "data_id,status,subject_id") -> None:
    (folder / "labels.csv").write_bytes(text([header, *(",".join(row) for row in table)]))


def add_label(folder: Path, *row: str) -> None:
    with (folder / "labels.csv").open("a", encoding="utf-8") as file:
        file.write(",".join(row) + "\n")


# ------------------------------------------------------------------------------------------------ files


@dataclass(frozen=True)
class FileCase:
    """One file, created by `make`; `code` is the code of its error or finding, among possible others."""

    table_row: str
    name: str
    outcome: Outcome
    code: str
    make: Callable[[Path], object]
    modality: str = "video"
    row: int | None = None
    column: str | None = None
    found: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.table_row}-{self.name}".replace(" ", "-")

    def put(self, folder: Path, data_id: str = "bad") -> Path:
        """Create the file as a labelled recording whose other modality is valid, and return its path."""
        other_modality = "audio" if self.modality == "video" else "video"
        write_recording(folder, data_id, modalities=(other_modality,))
        path = folder / self.modality / f"{data_id}.csv"
        self.make(path)
        add_label(folder, data_id, "Normal", f"S{data_id}")
        return path


def _write_bytes(content: bytes | Sequence[str]) -> Callable[[Path], object]:
    data = content if isinstance(content, bytes) else text(content)
    return lambda path: path.write_bytes(data)


def _edit_lines(change: Callable[[list[str]], object]) -> Callable[[Path], object]:
    """Write the lines of a valid stream after an in-place change; line 0 is the header, line 1 the first row."""

    def make(path: Path) -> None:
        content = lines()
        change(content)
        path.write_bytes(text(content))

    return make


def _set_cells(column: str, value: object, at: int | slice = slice(None)) -> Callable[[Path], object]:
    """Write a valid stream with changed values in a column; `at` counts rows of data from 0."""

    def make(path: Path) -> None:
        table = rows()
        for row in [table[at]] if isinstance(at, int) else table[at]:
            row[column] = value
        path.write_bytes(text(lines(table)))

    return make


def _make_socket(path: Path) -> None:
    # The path of a socket is limited to 107 bytes.
    working_folder = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(working_folder)


def _npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _zip_bytes(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.csv", data)
    return buffer.getvalue()


def _make_huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)


def _two_face_rows() -> list[Row]:
    return [
        row | {"face_id": face, "confidence": confidence}
        for row in rows()
        for face, confidence in ((0, 0.98), (1, 0.8))
    ]


def _set_timestamps(change: Callable[[int], object]) -> list[str]:
    return lines([row | {"timestamp": change(t)} for t, row in enumerate(rows())])


def _drop_columns(*columns: str) -> list[str]:
    return lines(columns=[name for name in COLUMNS if name not in columns])


GOOD = text(lines())
NUMBERED = [f"{t}," + line for t, line in enumerate(lines()[1:])]


def _error_case(table_row: str, name: str, code: str, make: Callable[[Path], object], **parts: object) -> FileCase:
    return FileCase(table_row, name, "error", code, make, **parts)  # type: ignore[arg-type]


def _warning_case(table_row: str, name: str, code: str, make: Callable[[Path], object], **parts: object) -> FileCase:
    return FileCase(table_row, name, "warning", code, make, **parts)  # type: ignore[arg-type]


def _clean_case(table_row: str, name: str, make: Callable[[Path], object], **parts: object) -> FileCase:
    return FileCase(table_row, name, "clean", "", make, **parts)  # type: ignore[arg-type]


FILE_CASES: tuple[FileCase, ...] = (
    _error_case("1", "zero bytes", "empty", _write_bytes(b""), found="0 bytes"),
    _error_case("1", "zero bytes of audio", "empty", _write_bytes(b""), modality="audio", found="0 bytes"),
    _error_case("1", "white space only", "empty", _write_bytes(b"\n  \r\n"), found="5 bytes"),
    _error_case("2", "header only", "no-rows", _write_bytes([HEADER]), row=1),
    _error_case("2", "header only without line end", "no-rows", _write_bytes(HEADER.encode()), row=1),
    _error_case("3", "dangling link", "unreadable", lambda path: path.symlink_to("nowhere.csv"), found="No such file"),
    _error_case("4", "folder", "not-a-file", Path.mkdir, found="a folder"),
    _error_case("5", "link loop", "unreadable", lambda path: path.symlink_to(path.name), found="symbolic links"),
    _error_case("6", "pipe", "not-a-file", os.mkfifo, found="a pipe"),
    _error_case("6", "socket", "unreadable", _make_socket, found="No such device"),
    _error_case("6", "device", "not-a-file", lambda path: path.symlink_to("/dev/zero"), found="device"),
    _error_case("7", "disk error", "unreadable", lambda path: path.symlink_to("/proc/self/mem"), found="error"),
    _error_case("8", "gzip", "not-csv", _write_bytes(gzip.compress(GOOD)), found="gzip", hint="gunzip"),
    _error_case("8", "zip", "not-csv", _write_bytes(_zip_bytes(GOOD)), found="zip", hint="unpack"),
    _error_case(
        "9", "binary data", "binary", _write_bytes(b"\x7fELF\x02\x01\x01\0" + bytes(range(256))), found="binary"
    ),
    _error_case("9", "NUL in a value", "binary", _edit_lines(lambda c: c.insert(3, "1,\0,2")), row=4, found="binary"),
    _error_case(
        "10", "HTML page", "not-csv", _write_bytes(b"<!DOCTYPE html>\n<html><body>Log in</body></html>\n"), found="HTML"
    ),
    _error_case(
        "11",
        "git-lfs pointer",
        "not-csv",
        _write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
        found="git-lfs",
        hint="git lfs pull",
    ),
    _clean_case("12", "UTF-8 byte order mark", _write_bytes(b"\xef\xbb\xbf" + GOOD)),
    _warning_case("13", "UTF-16", "utf-16", _write_bytes(GOOD.decode().encode("utf-16"))),
    _error_case("14", "latin-1", "undecodable", _write_bytes(GOOD + b"1,2,\xe9\n"), row=N_ROWS + 2, found="0xe9"),
    _clean_case("15", "CRLF", _write_bytes(GOOD.replace(b"\n", b"\r\n"))),
    _clean_case("15", "CR", _write_bytes(GOOD.replace(b"\n", b"\r"))),
    _clean_case("15", "mixed line ends", _write_bytes(GOOD.replace(b"\n", b"\r\n", 7))),
    _error_case("16", "truncated last row", "short-row", _write_bytes(GOOD[:-30]), row=N_ROWS + 1, found="fields"),
    _warning_case("16", "no newline at the end", "no-final-newline", _write_bytes(GOOD[:-1])),
    _warning_case("16", "truncated last value", "no-final-newline", _write_bytes(GOOD.rstrip()[:-1] + b"1")),
    _error_case("17", "growing", "growing", lambda path: path.symlink_to("/proc/self/status"), found="bytes"),
    _error_case("18", "endless line", "long-line", _write_bytes(b"1" * (MAX_LINE_BYTES + 1)), row=1),
    _error_case("18", "endless last line", "long-line", _write_bytes(GOOD + b"1," * (MAX_LINE_BYTES // 2 + 1)), row=42),
    _error_case("18", "huge file", "too-large", _make_huge_file, found="bytes"),
    _clean_case("21", "spaces around values", _write_bytes(GOOD.replace(b",", b" , "))),
    _error_case(
        "22",
        "duplicate columns",
        "duplicate-columns",
        _edit_lines(lambda c: c.__setitem__(0, HEADER.replace("AU12_r", "AU01_r"))),
        row=1,
        found="'AU01_r'",
    ),
    _warning_case(
        "23", "missing AUs", "fewer-channels", _write_bytes(_drop_columns("AU01_r", "AU12_r", "AU45_c")), found="AU01_r"
    ),
    _warning_case(
        "23",
        "missing gaze",
        "fewer-channels",
        _write_bytes(_drop_columns("gaze_angle_x", "gaze_angle_y")),
        found="gaze",
    ),
    _warning_case(
        "23", "missing pose", "fewer-channels", _write_bytes(_drop_columns("pose_Tx", "pose_Rx")), found="pose_Rx"
    ),
    _clean_case("24", "reordered columns", _write_bytes(lines(columns=COLUMNS[::-1]))),
    _clean_case("24", "extra geometry column", _write_bytes(lines([row | {"p_scale": 1.5} for row in rows()]))),
    _error_case(
        "25", "short row", "short-row", _edit_lines(lambda c: c.__setitem__(4, "1,2,3")), row=5, found="3 fields"
    ),
    _error_case(
        "26", "long row", "long-row", _edit_lines(lambda c: c.__setitem__(4, c[4] + ",7")), row=5, found="13 fields"
    ),
    _warning_case("27", "comma at the end of every line", "trailing-comma", _write_bytes(GOOD.replace(b"\n", b",\n"))),
    _warning_case(
        "27",
        "comma at the end of rows but not of the header",
        "trailing-comma",
        _edit_lines(lambda c: c.__setitem__(slice(1, None), [line + "," for line in c[1:]])),
    ),
    _warning_case(
        "27", "comma at the end of a vector", "trailing-comma", _write_bytes([matrix()[0] + ","]), modality="audio"
    ),
    _warning_case(
        "28", "semicolons and decimal comma", "delimiter", _write_bytes(GOOD.replace(b",", b";").replace(b".", b","))
    ),
    _warning_case("29", "tabs", "delimiter", _write_bytes(GOOD.replace(b",", b"\t")), found=""),
    _clean_case("30", "quotes", _write_bytes(['"' + line.replace(",", '","') + '"' for line in lines()])),
    _error_case(
        "31",
        "thousands separators",
        "text-in-number-column",
        _set_cells("pose_Tx", '"1,234.5"', 3),
        row=5,
        column="pose_Tx",
        found="1,234.5",
    ),
    _error_case("32", "repeated header", "repeated-header", _edit_lines(lambda c: c.insert(7, HEADER)), row=8),
    _error_case(
        "32",
        "repeated header with different spaces",
        "repeated-header",
        _edit_lines(lambda c: c.insert(7, HEADER.replace(",", ", "))),
        row=8,
    ),
    _clean_case("33", "blank lines", _edit_lines(lambda c: (c.insert(5, ""), c.insert(2, "   "), c.insert(0, "")))),
    _clean_case(
        "33",
        "comment lines",
        _edit_lines(lambda c: (c.append("# end"), c.insert(5, "#1,2,3"), c.insert(0, "# OpenFace, 2.2"))),
    ),
    _error_case(
        "33",
        "invalid value after a comment line",
        "text-in-number-column",
        _edit_lines(lambda c: (c.__setitem__(4, c[4].replace("0.98", "high")), c.insert(0, "# OpenFace"))),
        row=6,
        column="confidence",
    ),
    _warning_case("34", "headerless matrix", "fewer-channels", _write_bytes(matrix(n=50, width=7))),
    _warning_case("35", "NaN", "nan", _set_cells("AU12_r", "nan", 3), found="1 value"),
    _warning_case("35", "inf", "infinite", _set_cells("AU12_r", "-inf", 3), found="1 value"),
    _warning_case("35", "-nan(ind)", "nan", _set_cells("AU12_r", "-nan(ind)", 3), found="1 value"),
    _warning_case("35", "1.#QNAN", "nan", _set_cells("AU12_r", "1.#QNAN", 3), found="1 value"),
    _warning_case("36", "1e400", "infinite", _set_cells("AU12_r", "1e400", 3), found="1 value"),
    _warning_case("36", "1e300", "infinite", _set_cells("AU12_r", "1e300", 3), found="1 value"),
    _error_case(
        "37",
        "text among numbers",
        "text-in-number-column",
        _set_cells("AU12_r", "smile", 3),
        row=5,
        column="AU12_r",
        found="'smile'",
    ),
    _warning_case(
        "37",
        "text column",
        "dropped-column",
        _write_bytes(lines([row | {"mood": "sad"} for row in rows()])),
        found="'mood'",
    ),
    _warning_case("37", "text in a known column", "dropped-column", _set_cells("AU12_r", "smiling"), found="'AU12_r'"),
    _error_case(
        "37",
        "timestamps of text",
        "text-in-number-column",
        _set_cells("timestamp", "noon"),
        row=2,
        column="timestamp",
        found="'noon'",
    ),
    _error_case("37", "text only", "no-numbers", _write_bytes(["Dear all", "please find it attached", "Best"])),
    _warning_case(
        "38", "index column", "dropped-column", _write_bytes(["," + HEADER, *NUMBERED]), found="'Unnamed: 0'"
    ),
    _warning_case(
        "38",
        "label column",
        "dropped-column",
        _write_bytes(lines([row | {"label": 1} for row in rows()])),
        found="'label'",
    ),
    _warning_case("39", "success always 0", "no-valid-frame", _set_cells("success", 0)),
    _warning_case(
        "40", "confidence outside 0..1", "confidence-range", _set_cells("confidence", 98.0, 3), column="confidence"
    ),
    _clean_case("41", "constant column", _set_cells("AU12_r", 1.5)),
    _warning_case("42", "empty column", "nan", _set_cells("AU12_r", "nan"), found=f"{N_ROWS} values"),
    _warning_case("43", "AU outside 0..5", "au-range", _set_cells("AU12_r", 7.5, 3)),
    _clean_case("44", "one row", _write_bytes(lines()[:2])),
    _clean_case("45", "fewer rows than a window", _write_bytes(lines()[:6])),
    _warning_case("46", "several faces per frame", "several-faces", _write_bytes(lines(_two_face_rows()))),
    _warning_case("47", "face id changing", "face-switch", _set_cells("face_id", 1, slice(20, None))),
    _error_case(
        "48",
        "timestamps that repeat",
        "time-repeats",
        _set_cells("timestamp", "0.080", 3),
        row=5,
        column="timestamp",
        found="0.08",
    ),
    _error_case(
        "48", "second run", "time-repeats", _edit_lines(lambda c: c.extend(c[1:10])), row=N_ROWS + 2, column="timestamp"
    ),
    _warning_case("48", "shuffled rows", "shuffled", _edit_lines(lambda c: c.__setitem__(slice(1, None), c[:0:-1]))),
    _clean_case("49", "missing frames", _edit_lines(lambda c: c.__delitem__(slice(10, 15)))),
    _warning_case(
        "50", "timestamps of zero", "no-frame-rate", _write_bytes(_set_timestamps(lambda t: 0)), hint="--fps"
    ),
    _warning_case("50", "no timestamps", "no-frame-rate", _write_bytes(_drop_columns("timestamp")), hint="--fps"),
    _clean_case("51", "different frame rate", _write_bytes(lines(rows(hz=30.0)))),
    _clean_case("52", "frames from 0", _write_bytes(lines([row | {"frame": t} for t, row in enumerate(rows())]))),
    _warning_case("53", "matrix of 128 x 500", "fewer-channels", _write_bytes(matrix(n=128, width=500))),
    _warning_case("53", "matrix of 500 x 128", "fewer-channels", _write_bytes(matrix(n=500, width=128))),
    _warning_case("53", "several vectors", "mean-pooled", _write_bytes(matrix(n=5)), modality="audio"),
    _warning_case("54", "vector as a column", "transposed", _write_bytes(matrix()[0].split(",")), modality="audio"),
    _error_case(
        "55",
        "vector of different width",
        "odd-width",
        _write_bytes(matrix(width=WIDTH + 1)),
        modality="audio",
        found=f"{WIDTH + 1} values",
    ),
    _warning_case(
        "56",
        "index column of a vector",
        "dropped-column",
        _write_bytes(["," + ",".join(map(str, range(WIDTH))), "0," + matrix()[0]]),
        modality="audio",
    ),
    _warning_case(
        "56",
        "index column without a name",
        "dropped-column",
        _write_bytes([f"{t},{line}" for t, line in enumerate(matrix(n=50, width=7))]),
    ),
    _clean_case(
        "57", "header of numbers from 0", _write_bytes([",".join(map(str, range(WIDTH))), *matrix()]), modality="audio"
    ),
    _error_case(
        "58",
        "header of numbers without rows",
        "no-rows",
        _write_bytes([",".join(map(str, range(WIDTH)))]),
        modality="audio",
        row=1,
    ),
    _error_case("59", "npy", "not-csv", _write_bytes(_npy_bytes(np.ones((1, WIDTH)))), modality="audio", found="NumPy"),
    _error_case(
        "59",
        "npy with a pickle",
        "not-csv",
        _write_bytes(_npy_bytes(np.array([{}], dtype=object))),
        modality="audio",
        found="NumPy",
    ),
)


# ------------------------------------------------------------------------------------------------ datasets


@dataclass(frozen=True)
class SetCase:
    """A change of the whole dataset, and the verbs that report its code as an error or as a warning."""

    table_row: str
    name: str
    code: str
    make: Callable[[Path], object]
    error_verbs: tuple[str, ...] = ()
    warning_verbs: tuple[str, ...] = ()
    where: str = ""
    row: int | None = None
    column: str | None = None
    found: str = ""
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.table_row}-{self.name}".replace(" ", "-")


VERBS = ("check", "extract", "fit", "predict")
LEARNING = ("check", "fit")
ODD_IDS = (
    "a,b",
    'q"uote',
    "line\nbreak",
    "😀",
    "é",
    "[red]x",
    "\x1b[31mred",
    "\u202egnp",
    "$(touch hacked)",
    "a\x9bb",
)


def _add_recordings(*names: str) -> Callable[[Path], object]:
    """Add recordings, given by file names such as `video/X.csv`."""

    def make(folder: Path) -> None:
        for name in names:
            modality = name.split("/")[0]
            (folder / name).write_bytes(text(lines(rows(name)) if modality == "video" else matrix(name)))

    return make


def _add_undecodable_name(folder: Path) -> None:
    (folder / "video" / os.fsdecode(b"caf\xe9.csv")).write_bytes(text(lines(rows("undecodable"))))


def _append_label(*row: str) -> Callable[[Path], object]:
    return lambda folder: add_label(folder, *row)


def _set_status(*status: str) -> Callable[[Path], object]:
    return lambda folder: write_labels(
        folder, [(data_id, label, f"S{data_id}") for data_id, label in zip(IDS, status, strict=True)]
    )


def _set_subjects(*subjects: str) -> Callable[[Path], object]:
    table = [
        (data_id, ("Depression", "Normal")[int(data_id) % 2], subject)
        for data_id, subject in zip(IDS, subjects, strict=True)
    ]
    return lambda folder: write_labels(folder, table)


def _replace_labels(content: bytes, name: str = "labels.csv") -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / "labels.csv").unlink()
        (folder / name).write_bytes(content)

    return make


def _edit_labels(change: Callable[[str], str]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        path = folder / "labels.csv"
        path.write_text(change(path.read_text()), encoding="utf-8")

    return make


def _set_vector_width(width: int, *, video: bool = True) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        for data_id in IDS:
            (folder / "audio" / f"{data_id}.csv").write_bytes(text(matrix(data_id, width=width)))
        if not video:
            shutil.rmtree(folder / "video")

    return make


def _add_odd_ids(folder: Path) -> None:
    for data_id in ODD_IDS:
        write_recording(folder, data_id)


def _add_system_files(folder: Path) -> None:
    for name in ("._000.csv", ".DS_Store", "~$000.csv", "Thumbs.db", ".csv", "notes.txt"):
        (folder / "video" / name).write_bytes(b"\0junk")


def _rename_channels(data_ids: Sequence[str], *, audio: bool = True) -> Callable[[Path], object]:
    """Rename the channels of streams, so that they differ from those in training."""
    renamed = ",".join(f"other_{index}" for index in range(len(CHANNELS))).encode()

    def make(folder: Path) -> None:
        for data_id in data_ids:
            path = folder / "video" / f"{data_id}.csv"
            path.write_bytes(path.read_bytes().replace(",".join(CHANNELS).encode(), renamed))
        if not audio:
            shutil.rmtree(folder / "audio")

    return make


LABELS = "data_id,status,subject_id\n" + "".join(f"{i},{('Depression', 'Normal')[int(i) % 2]},S{i}\n" for i in IDS)

SET_CASES: tuple[SetCase, ...] = (
    SetCase("19", "hidden files and editor backups", "", _add_system_files),
    SetCase(
        "20",
        "X.csv and x.csv",
        "ids-collide",
        _add_recordings("video/X.csv", "video/x.csv"),
        VERBS,
        where="x.csv",
        found="X.csv",
    ),
    SetCase(
        "20",
        "X.csv and X.CSV",
        "ids-collide",
        _add_recordings("video/X.csv", "video/X.CSV"),
        VERBS,
        where="X.csv",
        found="X.CSV",
    ),
    SetCase(
        "20",
        "video X.csv and audio x.csv",
        "ids-collide",
        _add_recordings("video/X.csv", "audio/x.csv"),
        VERBS,
        where="audio/x.csv",
        found="video/X.csv",
    ),
    SetCase(
        "55",
        "wider vectors than in training",
        "odd-width",
        _set_vector_width(WIDTH + 1),
        warning_verbs=("predict",),
        where="audio",
    ),
    SetCase(
        "55",
        "narrower vectors than in training",
        "odd-width",
        _set_vector_width(WIDTH - 1),
        warning_verbs=("predict",),
        where="audio",
    ),
    SetCase(
        "55",
        "only vectors of different width",
        "odd-width",
        _set_vector_width(WIDTH + 1, video=False),
        ("predict",),
        where="007",
        found="17 values",
    ),
    SetCase("60", "only one modality", "", _add_recordings("video/v.csv", "audio/a.csv")),
    SetCase(
        "61",
        "7 in video and 007 in audio",
        "near-match",
        _add_recordings("video/77.csv", "audio/077.csv"),
        warning_verbs=VERBS,
        found="'077' in audio for '77' in video",
    ),
    SetCase(
        "61",
        "7 and 007",
        "near-match",
        _edit_labels(lambda t: t.replace("007,", "7,")),
        warning_verbs=LEARNING,
        where="labels.csv",
        found="'7' for '007'",
    ),
    SetCase(
        "61",
        "space before an id",
        "near-match",
        _replace_labels(
            b'{" 000": "Normal", "001": "Normal", "002": "Depression", "003": "Normal", "004": "Depression"}',
            "labels.json",
        ),
        warning_verbs=LEARNING,
        found="' 000' for '000'",
    ),
    SetCase(
        "61",
        "different Unicode normalization",
        "near-match",
        lambda f: (_add_recordings("video/e\u0301.csv")(f), _append_label("\u00e9", "Normal", "S9")(f)),
        warning_verbs=LEARNING,
        found="'\u00e9' for",
    ),
    SetCase(
        "62",
        "duplicate label rows",
        "duplicate-labels",
        _append_label("000", "Depression", "S000"),
        warning_verbs=LEARNING,
        where="labels.csv",
    ),
    SetCase(
        "63",
        "conflicting labels",
        "conflicting-labels",
        _append_label("000", "Normal", "S000"),
        LEARNING,
        where="labels.csv",
        row=10,
        found="status=Normal",
        hint="delete the wrong row",
    ),
    SetCase(
        "63",
        "ids converted to numbers",
        "labels-match-nothing",
        _edit_labels(
            lambda t: t.replace("\n00", "\n").replace(",Normal", ".0,Normal").replace(",Depression", ".0,Depression")
        ),
        LEARNING,
        where="labels.csv",
        found="'0.0'",
        hint="spreadsheet",
    ),
    SetCase(
        "64",
        "label with a relative path",
        "bad-id",
        _append_label("../../etc/passwd", "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="'../../etc/passwd'",
    ),
    SetCase(
        "64",
        "label with an absolute path",
        "bad-id",
        _append_label("/etc/passwd", "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="'/etc/passwd'",
    ),
    SetCase(
        "64",
        "label that is a folder",
        "bad-id",
        _append_label("..", "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="'..'",
    ),
    SetCase(
        "64",
        "label with NUL",
        "bad-id",
        _replace_labels(b'{"000": "Normal", "0\\u0000": "Depression"}', "labels.json"),
        LEARNING,
        where="labels.json",
        row=2,
        column="data_id",
        found="NUL",
    ),
    SetCase(
        "64",
        "label with a lone surrogate",
        "undecodable",
        _replace_labels(b'{"000": "\\ud800"}', "labels.json"),
        LEARNING,
        where="labels.json",
        row=1,
        column="status",
        found="Unicode",
    ),
    SetCase(
        "64",
        "label with a reserved name",
        "bad-id",
        _append_label("NUL", "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="Windows",
    ),
    SetCase(
        "64",
        "file with a reserved name",
        "bad-id",
        _add_recordings("video/aux.csv"),
        VERBS,
        where="aux.csv",
        found="Windows",
        hint="rename",
    ),
    SetCase(
        "64",
        "backslash",
        "bad-id",
        _add_recordings("audio/a\\x.csv"),
        VERBS,
        where="a\\x.csv",
        found="separator",
        hint="rename",
    ),
    SetCase(
        "64",
        "undecodable file name",
        "bad-id",
        _add_undecodable_name,
        VERBS,
        where="/caf",
        found="Unicode",
        hint="rename",
    ),
    SetCase("65", "comma and quote and newline and emoji", "", _add_odd_ids),
    SetCase(
        "65",
        "label over 255 bytes",
        "bad-id",
        _append_label("é" * 128, "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="more than 255 bytes",
    ),
    SetCase("66", "one class", "one-class", _set_status(*["Normal"] * 8), LEARNING, found="'Normal'"),
    SetCase(
        "66",
        "a class with fewer subjects than folds",
        "fewer-folds",
        _set_status(*["Depression"] * 2, *["Normal"] * 6),
        warning_verbs=("fit",),
    ),
    SetCase(
        "66",
        "a class with one subject",
        "too-few-groups",
        _set_status("Depression", *["Normal"] * 7),
        LEARNING,
        found="Depression: 1",
    ),
    SetCase(
        "67",
        "fewer groups than folds",
        "fewer-folds",
        _set_subjects("A", "B", "A", "B", "C", "D", "C", "D"),
        warning_verbs=("fit",),
    ),
    SetCase("67", "one group", "too-few-groups", _set_subjects(*["A"] * 8), LEARNING, found="1 in 8"),
    SetCase("67", "no labels", "no-labels", lambda f: (f / "labels.csv").unlink(), ("fit",), hint="--labels"),
    SetCase(
        "67", "no status", "no-labels", _edit_labels(lambda t: t.replace("status", "state")), LEARNING, found="state"
    ),
    SetCase(
        "67",
        "labels of another dataset",
        "labels-match-nothing",
        _edit_labels(lambda t: t.replace("\n0", "\nX0")),
        LEARNING,
        where="labels.csv",
        found="'X000'",
    ),
    SetCase(
        "67",
        "a misspelt label",
        "unknown-label",
        _set_status(*["Depression", "Normal"] * 3, "Normal", "Nrmal"),
        LEARNING,
        column="status",
        found="'Nrmal' for '007'",
    ),
    SetCase(
        "68", "channels not in the training data", "fewer-channels", _rename_channels(IDS[:3]), warning_verbs=VERBS
    ),
    SetCase(
        "68",
        "no stream with a training channel",
        "other-channels",
        _rename_channels(IDS),
        ("predict",),
        found="AU01_r",
    ),
    SetCase(
        "68",
        "no file with a training channel",
        "other-channels",
        _rename_channels(IDS, audio=False),
        ("predict",),
        found="AU01_r",
    ),
    SetCase("1", "empty labels", "empty", _replace_labels(b""), LEARNING, where="labels.csv", found="0 bytes"),
    SetCase("2", "labels without rows", "no-rows", _replace_labels(b"data_id,status\n"), LEARNING, where="labels.csv"),
    SetCase(
        "8",
        "gzip as labels",
        "not-csv",
        _replace_labels(gzip.compress(LABELS.encode())),
        LEARNING,
        where="labels.csv",
        found="gzip",
    ),
    SetCase(
        "13",
        "labels in UTF-16",
        "utf-16",
        _replace_labels(LABELS.encode("utf-16")),
        warning_verbs=LEARNING,
        where="labels.csv",
    ),
    SetCase(
        "14",
        "labels in latin-1",
        "undecodable",
        _replace_labels(LABELS.encode() + b"008,\xe9,S\n"),
        LEARNING,
        where="labels.csv",
        row=10,
        found="0xe9",
    ),
    SetCase(
        "25",
        "short row of labels",
        "ragged-labels",
        _append_label("008"),
        LEARNING,
        where="labels.csv",
        row=10,
        found="1",
        hint="quote",
    ),
    SetCase("33", "comments in labels", "", _edit_labels(lambda t: "# by hand\n\n" + t + "# end\n")),
    SetCase(
        "59",
        "deeply nested labels",
        "bad-json",
        _replace_labels(b"[" * 100_000, "labels.json"),
        LEARNING,
        where="labels.json",
    ),
)
