"""The bad inputs that a reader of these files meets, each made on disk, with what it gets.

`gets` is *refuse* (named with its place, exit code 3, nothing written), *tell* (read, and said) or *read* (without a
word). A file goes into a set of good recordings as the recording `bad`; whatever concerns names, labels or the set as
a whole changes the set itself.
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

Gets = Literal["refuse", "tell", "read"]
CHANNELS = ("gaze_angle_x", "gaze_angle_y", "pose_Tx", "pose_Rx", "AU01_r", "AU12_r", "AU45_c")
COLUMNS = ("frame", "face_id", "timestamp", "confidence", "success", *CHANNELS)
HEADER = ",".join(COLUMNS)
WIDTH = 16
N_ROWS = 40
IDS = tuple(f"{number:03d}" for number in range(8))

Row = dict[str, object]


# -------------------------------------------------------------------------------------------- good recordings


def rows(seed: object = "bad", n: int = N_ROWS, hz: float = 25.0) -> list[Row]:
    """Return the rows of a good stream, by column."""
    values = _random(seed).uniform(0.1, 2.0, size=(n, len(CHANNELS))).round(3)
    return [
        {"frame": t + 1, "face_id": 0, "timestamp": f"{t / hz:.3f}", "confidence": 0.98, "success": 1}
        | dict(zip(CHANNELS, [*map(float, row[:-1]), int(row[-1] > 1)], strict=True))
        for t, row in enumerate(values)
    ]


def lines(table: Sequence[Row] | None = None, columns: Sequence[str] | None = None) -> list[str]:
    """Return rows as lines of CSV, the header first; columns are those of the first row by default."""
    table = rows() if table is None else table
    columns = columns or list(table[0])
    return [",".join(columns), *(",".join(str(row[name]) for name in columns) for row in table)]


def text(content: Sequence[str]) -> bytes:
    return ("\n".join(content) + "\n").encode()


def matrix(seed: object = "bad", n: int = 1, width: int = WIDTH) -> list[str]:
    """Return the lines of a matrix without a header; one row is an audio vector."""
    return [",".join(f"{value:.4f}" for value in row) for row in _random(seed).normal(size=(n, width))]


def _random(seed: object) -> np.random.Generator:
    return np.random.default_rng(list(str(seed).encode()))


def write_set(folder: Path, seed: str = "") -> Path:
    """Write a good split: eight recordings of as many subjects, with a stream and a vector each, and labels."""
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


# ------------------------------------------------------------------------------------------------ one bad file


@dataclass(frozen=True)
class FileCase:
    """One file, made at a path that is free; `told` is the code of what is said of it, beside other codes."""

    table_row: str
    name: str
    gets: Gets
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
        """Make the file as a labelled recording of a set, whose other modality is good, and return its path."""
        other = "audio" if self.modality == "video" else "video"
        write_recording(folder, data_id, modalities=(other,))
        path = folder / self.modality / f"{data_id}.csv"
        self.make(path)
        add_label(folder, data_id, "Normal", f"S{data_id}")
        return path


def _bytes(content: bytes | Sequence[str]) -> Callable[[Path], object]:
    data = content if isinstance(content, bytes) else text(content)
    return lambda path: path.write_bytes(data)


def _lines(change: Callable[[list[str]], object]) -> Callable[[Path], object]:
    """Write good lines after a change in place; the header is line 0, the first row line 1."""

    def make(path: Path) -> None:
        content = lines()
        change(content)
        path.write_bytes(text(content))

    return make


def _cell(column: str, value: object, at: int | slice = slice(None)) -> Callable[[Path], object]:
    """Write a good stream with other values in a column; `at` counts rows of data from 0."""

    def make(path: Path) -> None:
        table = rows()
        for row in [table[at]] if isinstance(at, int) else table[at]:
            row[column] = value
        path.write_bytes(text(lines(table)))

    return make


def _socket(path: Path) -> None:
    # The path of a socket may have 107 bytes only.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _zip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.csv", data)
    return buffer.getvalue()


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)


def _two_faces() -> list[Row]:
    return [
        row | {"face_id": face, "confidence": confidence}
        for row in rows()
        for face, confidence in ((0, 0.98), (1, 0.8))
    ]


def _stamps(change: Callable[[int], object]) -> list[str]:
    return lines([row | {"timestamp": change(t)} for t, row in enumerate(rows())])


def _without(*columns: str) -> list[str]:
    return lines(columns=[name for name in COLUMNS if name not in columns])


GOOD = text(lines())
NUMBERED = [f"{t}," + line for t, line in enumerate(lines()[1:])]
_tell, _read = "tell", "read"


def _refused(table_row: str, name: str, code: str, make: Callable[[Path], object], **where: object) -> FileCase:
    return FileCase(table_row, name, "refuse", code, make, **where)  # type: ignore[arg-type]


def _told(table_row: str, name: str, code: str, make: Callable[[Path], object], **where: object) -> FileCase:
    return FileCase(table_row, name, "tell", code, make, **where)  # type: ignore[arg-type]


def _fine(table_row: str, name: str, make: Callable[[Path], object], **where: object) -> FileCase:
    return FileCase(table_row, name, "read", "", make, **where)  # type: ignore[arg-type]


FILE_CASES: tuple[FileCase, ...] = (
    _refused("1", "zero bytes", "empty", _bytes(b""), found="0 bytes"),
    _refused("1", "zero bytes of audio", "empty", _bytes(b""), modality="audio", found="0 bytes"),
    _refused("1", "nothing but blanks", "empty", _bytes(b"\n  \r\n"), found="5 bytes"),
    _refused("2", "header only", "no-rows", _bytes([HEADER]), row=1),
    _refused("2", "header only without line end", "no-rows", _bytes(HEADER.encode()), row=1),
    _refused("3", "dangling link", "unreadable", lambda path: path.symlink_to("nowhere.csv"), found="No such file"),
    _refused("4", "folder", "not-a-file", Path.mkdir, found="a folder"),
    _refused("5", "link loop", "unreadable", lambda path: path.symlink_to(path.name), found="symbolic links"),
    _refused("6", "pipe", "not-a-file", os.mkfifo, found="a pipe"),
    _refused("6", "socket", "unreadable", _socket, found="No such device"),
    _refused("6", "device", "not-a-file", lambda path: path.symlink_to("/dev/zero"), found="device"),
    _refused("7", "fault of the disk", "unreadable", lambda path: path.symlink_to("/proc/self/mem"), found="error"),
    _refused("8", "gzip", "not-csv", _bytes(gzip.compress(GOOD)), found="gzip", hint="gunzip"),
    _refused("8", "zip", "not-csv", _bytes(_zip(GOOD)), found="zip", hint="unpack"),
    _refused("9", "binary junk", "binary", _bytes(b"\x7fELF\x02\x01\x01\0" + bytes(range(256))), found="binary"),
    _refused("9", "NUL in a value", "binary", _lines(lambda c: c.insert(3, "1,\0,2")), row=4, found="binary"),
    _refused(
        "10", "HTML page", "not-csv", _bytes(b"<!DOCTYPE html>\n<html><body>Log in</body></html>\n"), found="HTML"
    ),
    _refused(
        "11",
        "git-lfs pointer",
        "not-csv",
        _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
        found="git-lfs",
        hint="git lfs pull",
    ),
    _fine("12", "UTF-8 mark", _bytes(b"\xef\xbb\xbf" + GOOD)),
    _told("13", "UTF-16", "utf-16", _bytes(GOOD.decode().encode("utf-16"))),
    _refused("14", "latin-1", "undecodable", _bytes(GOOD + b"1,2,\xe9\n"), row=N_ROWS + 2, found="0xe9"),
    _fine("15", "CRLF", _bytes(GOOD.replace(b"\n", b"\r\n"))),
    _fine("15", "CR", _bytes(GOOD.replace(b"\n", b"\r"))),
    _fine("15", "mixed line ends", _bytes(GOOD.replace(b"\n", b"\r\n", 7))),
    _refused("16", "last row cut", "short-row", _bytes(GOOD[:-30]), row=N_ROWS + 1, found="fields"),
    _told("16", "no newline at the end", "no-final-newline", _bytes(GOOD[:-1])),
    _told("16", "last value cut", "no-final-newline", _bytes(GOOD.rstrip()[:-1] + b"1")),
    _refused("17", "growing", "growing", lambda path: path.symlink_to("/proc/self/status"), found="bytes"),
    _refused("18", "endless line", "long-line", _bytes(b"1" * (MAX_LINE_BYTES + 1)), row=1),
    _refused("18", "endless line among others", "long-line", _bytes(GOOD + b"1," * (MAX_LINE_BYTES // 2 + 1)), row=42),
    _refused("18", "huge file", "too-large", _sparse, found="bytes"),
    _fine("21", "blanks", _bytes(GOOD.replace(b",", b" , "))),
    _refused(
        "22",
        "duplicate columns",
        "duplicate-columns",
        _lines(lambda c: c.__setitem__(0, HEADER.replace("AU12_r", "AU01_r"))),
        row=1,
        found="'AU01_r'",
    ),
    _told("23", "missing AUs", "fewer-channels", _bytes(_without("AU01_r", "AU12_r", "AU45_c")), found="AU01_r"),
    _told("23", "missing gaze", "fewer-channels", _bytes(_without("gaze_angle_x", "gaze_angle_y")), found="gaze"),
    _told("23", "missing pose", "fewer-channels", _bytes(_without("pose_Tx", "pose_Rx")), found="pose_Rx"),
    _fine("24", "reordered columns", _bytes(lines(columns=COLUMNS[::-1]))),
    _fine("24", "column of geometry more", _bytes(lines([row | {"p_scale": 1.5} for row in rows()]))),
    _refused("25", "short row", "short-row", _lines(lambda c: c.__setitem__(4, "1,2,3")), row=5, found="3 fields"),
    _refused("26", "long row", "long-row", _lines(lambda c: c.__setitem__(4, c[4] + ",7")), row=5, found="13 fields"),
    _told("27", "comma at the end of every line", "trailing-comma", _bytes(GOOD.replace(b"\n", b",\n"))),
    _told(
        "27",
        "comma at the end of rows but not of the header",
        "trailing-comma",
        _lines(lambda c: c.__setitem__(slice(1, None), [line + "," for line in c[1:]])),
    ),
    _told("27", "comma at the end of a vector", "trailing-comma", _bytes([matrix()[0] + ","]), modality="audio"),
    _told("28", "semicolons and decimal comma", "delimiter", _bytes(GOOD.replace(b",", b";").replace(b".", b","))),
    _told("29", "tabs", "delimiter", _bytes(GOOD.replace(b",", b"\t")), found=""),
    _fine("30", "quotes", _bytes(['"' + line.replace(",", '","') + '"' for line in lines()])),
    _refused(
        "31",
        "thousands separators",
        "text-in-number-column",
        _cell("pose_Tx", '"1,234.5"', 3),
        row=5,
        column="pose_Tx",
        found="1,234.5",
    ),
    _refused("32", "repeated header", "repeated-header", _lines(lambda c: c.insert(7, HEADER)), row=8),
    _refused(
        "32",
        "repeated header with other blanks",
        "repeated-header",
        _lines(lambda c: c.insert(7, HEADER.replace(",", ", "))),
        row=8,
    ),
    _fine("33", "blank lines", _lines(lambda c: (c.insert(5, ""), c.insert(2, "   "), c.insert(0, "")))),
    _fine(
        "33",
        "comment lines",
        _lines(lambda c: (c.append("# end"), c.insert(5, "#1,2,3"), c.insert(0, "# OpenFace, 2.2"))),
    ),
    _refused(
        "33",
        "fault behind a comment line",
        "text-in-number-column",
        _lines(lambda c: (c.__setitem__(4, c[4].replace("0.98", "high")), c.insert(0, "# OpenFace"))),
        row=6,
        column="confidence",
    ),
    _told("34", "headerless matrix", "fewer-channels", _bytes(matrix(n=50, width=7))),
    _told("35", "NaN", "nan", _cell("AU12_r", "nan", 3), found="1 value"),
    _told("35", "inf", "infinite", _cell("AU12_r", "-inf", 3), found="1 value"),
    _told("35", "-nan(ind)", "nan", _cell("AU12_r", "-nan(ind)", 3), found="1 value"),
    _told("35", "1.#QNAN", "nan", _cell("AU12_r", "1.#QNAN", 3), found="1 value"),
    _told("36", "1e400", "infinite", _cell("AU12_r", "1e400", 3), found="1 value"),
    _told("36", "1e300", "infinite", _cell("AU12_r", "1e300", 3), found="1 value"),
    _refused(
        "37",
        "text among numbers",
        "text-in-number-column",
        _cell("AU12_r", "smile", 3),
        row=5,
        column="AU12_r",
        found="'smile'",
    ),
    _told(
        "37",
        "column of text",
        "dropped-column",
        _bytes(lines([row | {"mood": "sad"} for row in rows()])),
        found="'mood'",
    ),
    _told("37", "known column of text", "dropped-column", _cell("AU12_r", "smiling"), found="'AU12_r'"),
    _refused(
        "37",
        "clock of text",
        "text-in-number-column",
        _cell("timestamp", "noon"),
        row=2,
        column="timestamp",
        found="'noon'",
    ),
    _refused("37", "nothing but text", "no-numbers", _bytes(["Dear all", "please find it attached", "Best"])),
    _told("38", "index column", "dropped-column", _bytes(["," + HEADER, *NUMBERED]), found="'Unnamed: 0'"),
    _told(
        "38", "label column", "dropped-column", _bytes(lines([row | {"label": 1} for row in rows()])), found="'label'"
    ),
    _told("39", "no success at all", "no-valid-frame", _cell("success", 0)),
    _told("40", "confidence outside 0..1", "confidence-range", _cell("confidence", 98.0, 3), column="confidence"),
    _fine("41", "constant column", _cell("AU12_r", 1.5)),
    _told("42", "empty column", "nan", _cell("AU12_r", "nan"), found=f"{N_ROWS} values"),
    _told("43", "AU outside 0..5", "au-range", _cell("AU12_r", 7.5, 3)),
    _fine("44", "one row", _bytes(lines()[:2])),
    _fine("45", "fewer rows than a window", _bytes(lines()[:6])),
    _told("46", "several faces a frame", "several-faces", _bytes(lines(_two_faces()))),
    _told("47", "face id changing", "face-switch", _cell("face_id", 1, slice(20, None))),
    _refused(
        "48",
        "timestamps that repeat",
        "time-repeats",
        _cell("timestamp", "0.080", 3),
        row=5,
        column="timestamp",
        found="0.08",
    ),
    _refused(
        "48", "a second run", "time-repeats", _lines(lambda c: c.extend(c[1:10])), row=N_ROWS + 2, column="timestamp"
    ),
    _told("48", "shuffled rows", "shuffled", _lines(lambda c: c.__setitem__(slice(1, None), c[:0:-1]))),
    _fine("49", "missing frames", _lines(lambda c: c.__delitem__(slice(10, 15)))),
    _told("50", "timestamps of zero", "no-frame-rate", _bytes(_stamps(lambda t: 0)), hint="--fps"),
    _told("50", "no timestamps", "no-frame-rate", _bytes(_without("timestamp")), hint="--fps"),
    _fine("51", "another frame rate", _bytes(lines(rows(hz=30.0)))),
    _fine("52", "frames from 0", _bytes(lines([row | {"frame": t} for t, row in enumerate(rows())]))),
    _told("53", "matrix of 128 x 500", "fewer-channels", _bytes(matrix(n=128, width=500))),
    _told("53", "matrix of 500 x 128", "fewer-channels", _bytes(matrix(n=500, width=128))),
    _told("53", "several vectors", "mean-pooled", _bytes(matrix(n=5)), modality="audio"),
    _told("54", "vector as a column", "transposed", _bytes(matrix()[0].split(",")), modality="audio"),
    _refused(
        "55",
        "vector of another width",
        "odd-width",
        _bytes(matrix(width=WIDTH + 1)),
        modality="audio",
        found=f"{WIDTH + 1} values",
    ),
    _told(
        "56",
        "index column of a vector",
        "dropped-column",
        _bytes(["," + ",".join(map(str, range(WIDTH))), "0," + matrix()[0]]),
        modality="audio",
    ),
    _told(
        "56",
        "counter without a name",
        "dropped-column",
        _bytes([f"{t},{line}" for t, line in enumerate(matrix(n=50, width=7))]),
    ),
    _fine("57", "header of 0 and up", _bytes([",".join(map(str, range(WIDTH))), *matrix()]), modality="audio"),
    _refused(
        "58", "no rows under 0 and up", "no-rows", _bytes([",".join(map(str, range(WIDTH)))]), modality="audio", row=1
    ),
    _refused("59", "npy", "not-csv", _bytes(_npy(np.ones((1, WIDTH)))), modality="audio", found="NumPy"),
    _refused(
        "59",
        "npy with a pickle",
        "not-csv",
        _bytes(_npy(np.array([{}], dtype=object))),
        modality="audio",
        found="NumPy",
    ),
)


# ------------------------------------------------------------------------------------------------ one bad set


@dataclass(frozen=True)
class SetCase:
    """A change of a whole set: which verbs refuse it, which tell it, by the same code; the others say nothing of it."""

    table_row: str
    name: str
    code: str
    make: Callable[[Path], object]
    refuse: tuple[str, ...] = ()
    tell: tuple[str, ...] = ()
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


def _recording(*names: str) -> Callable[[Path], object]:
    """Add recordings by the names of their files, such as `video/X.csv`."""

    def make(folder: Path) -> None:
        for name in names:
            modality = name.split("/")[0]
            (folder / name).write_bytes(text(lines(rows(name)) if modality == "video" else matrix(name)))

    return make


def _undecodable(folder: Path) -> None:
    (folder / "video" / os.fsdecode(b"caf\xe9.csv")).write_bytes(text(lines(rows("undecodable"))))


def _label(*row: str) -> Callable[[Path], object]:
    return lambda folder: add_label(folder, *row)


def _status(*status: str) -> Callable[[Path], object]:
    return lambda folder: write_labels(
        folder, [(data_id, one, f"S{data_id}") for data_id, one in zip(IDS, status, strict=True)]
    )


def _subjects(*subjects: str) -> Callable[[Path], object]:
    table = [
        (data_id, ("Depression", "Normal")[int(data_id) % 2], who) for data_id, who in zip(IDS, subjects, strict=True)
    ]
    return lambda folder: write_labels(folder, table)


def _labels(content: bytes, name: str = "labels.csv") -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / "labels.csv").unlink()
        (folder / name).write_bytes(content)

    return make


def _relabelled(change: Callable[[str], str]) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        path = folder / "labels.csv"
        path.write_text(change(path.read_text()), encoding="utf-8")

    return make


def _vectors(width: int, *, video: bool = True) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        for data_id in IDS:
            (folder / "audio" / f"{data_id}.csv").write_bytes(text(matrix(data_id, width=width)))
        if not video:
            shutil.rmtree(folder / "video")

    return make


def _odd_ids(folder: Path) -> None:
    for data_id in ODD_IDS:
        write_recording(folder, data_id)


def _junk(folder: Path) -> None:
    for name in ("._000.csv", ".DS_Store", "~$000.csv", "Thumbs.db", ".csv", "notes.txt"):
        (folder / "video" / name).write_bytes(b"\0junk")


def _renamed(data_ids: Sequence[str], *, audio: bool = True) -> Callable[[Path], object]:
    """Give streams other channels than those of training."""
    others = ",".join(f"other_{index}" for index in range(len(CHANNELS))).encode()

    def make(folder: Path) -> None:
        for data_id in data_ids:
            path = folder / "video" / f"{data_id}.csv"
            path.write_bytes(path.read_bytes().replace(",".join(CHANNELS).encode(), others))
        if not audio:
            shutil.rmtree(folder / "audio")

    return make


LABELS = "data_id,status,subject_id\n" + "".join(f"{i},{('Depression', 'Normal')[int(i) % 2]},S{i}\n" for i in IDS)

SET_CASES: tuple[SetCase, ...] = (
    SetCase("19", "files of systems and editors", "", _junk),
    SetCase(
        "20",
        "X.csv and x.csv",
        "ids-collide",
        _recording("video/X.csv", "video/x.csv"),
        VERBS,
        where="x.csv",
        found="X.csv",
    ),
    SetCase(
        "20",
        "X.csv and X.CSV",
        "ids-collide",
        _recording("video/X.csv", "video/X.CSV"),
        VERBS,
        where="X.csv",
        found="X.CSV",
    ),
    SetCase(
        "20",
        "video X.csv and audio x.csv",
        "ids-collide",
        _recording("video/X.csv", "audio/x.csv"),
        VERBS,
        where="audio/x.csv",
        found="video/X.csv",
    ),
    SetCase("55", "wider vectors than in training", "odd-width", _vectors(WIDTH + 1), tell=("predict",), where="audio"),
    SetCase(
        "55", "narrower vectors than in training", "odd-width", _vectors(WIDTH - 1), tell=("predict",), where="audio"
    ),
    SetCase(
        "55",
        "nothing but vectors of another width",
        "odd-width",
        _vectors(WIDTH + 1, video=False),
        ("predict",),
        where="007",
        found="17 values",
    ),
    SetCase("60", "one modality only", "", _recording("video/v.csv", "audio/a.csv")),
    SetCase(
        "61",
        "7 in video and 007 in audio",
        "near-match",
        _recording("video/77.csv", "audio/077.csv"),
        tell=VERBS,
        found="'077' in audio for '77' in video",
    ),
    SetCase(
        "61",
        "7 and 007",
        "near-match",
        _relabelled(lambda t: t.replace("007,", "7,")),
        tell=LEARNING,
        where="labels.csv",
        found="'7' for '007'",
    ),
    SetCase(
        "61",
        "blank before an id",
        "near-match",
        _labels(
            b'{" 000": "Normal", "001": "Normal", "002": "Depression", "003": "Normal", "004": "Depression"}',
            "labels.json",
        ),
        tell=LEARNING,
        found="' 000' for '000'",
    ),
    SetCase(
        "61",
        "forms of Unicode",
        "near-match",
        lambda f: (_recording("video/e\u0301.csv")(f), _label("\u00e9", "Normal", "S9")(f)),
        tell=LEARNING,
        found="'\u00e9' for",
    ),
    SetCase(
        "62",
        "duplicate label rows",
        "duplicate-labels",
        _label("000", "Depression", "S000"),
        tell=LEARNING,
        where="labels.csv",
    ),
    SetCase(
        "63",
        "conflicting labels",
        "conflicting-labels",
        _label("000", "Normal", "S000"),
        LEARNING,
        where="labels.csv",
        row=10,
        found="status=Normal",
        hint="keep the right one",
    ),
    SetCase(
        "63",
        "ids that became numbers",
        "labels-match-nothing",
        _relabelled(
            lambda t: t.replace("\n00", "\n").replace(",Normal", ".0,Normal").replace(",Depression", ".0,Depression")
        ),
        LEARNING,
        where="labels.csv",
        found="'0.0'",
        hint="spreadsheet",
    ),
    SetCase(
        "64",
        "label that leaves the folder",
        "bad-id",
        _label("../../etc/passwd", "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="'../../etc/passwd'",
    ),
    SetCase(
        "64",
        "absolute label",
        "bad-id",
        _label("/etc/passwd", "Normal", "S9"),
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
        _label("..", "Normal", "S9"),
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
        _labels(b'{"000": "Normal", "0\\u0000": "Depression"}', "labels.json"),
        LEARNING,
        where="labels.json",
        row=2,
        column="data_id",
        found="NUL",
    ),
    SetCase(
        "64",
        "label that is half a character",
        "undecodable",
        _labels(b'{"000": "\\ud800"}', "labels.json"),
        LEARNING,
        where="labels.json",
        row=1,
        column="status",
        found="Unicode",
    ),
    SetCase(
        "64",
        "reserved label",
        "bad-id",
        _label("NUL", "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="Windows",
    ),
    SetCase(
        "64",
        "reserved file",
        "bad-id",
        _recording("video/aux.csv"),
        VERBS,
        where="aux.csv",
        found="Windows",
        hint="rename",
    ),
    SetCase(
        "64",
        "backslash",
        "bad-id",
        _recording("audio/a\\x.csv"),
        VERBS,
        where="a\\x.csv",
        found="separator",
        hint="rename",
    ),
    SetCase(
        "64",
        "name of bytes that are no text",
        "bad-id",
        _undecodable,
        VERBS,
        where="/caf",
        found="Unicode",
        hint="rename",
    ),
    SetCase("65", "comma and quote and newline and emoji", "", _odd_ids),
    SetCase(
        "65",
        "label over 255 bytes",
        "bad-id",
        _label("é" * 128, "Normal", "S9"),
        LEARNING,
        where="labels.csv",
        row=10,
        column="data_id",
        found="more than 255 bytes",
    ),
    SetCase("66", "one class", "one-class", _status(*["Normal"] * 8), LEARNING, found="'Normal'"),
    SetCase(
        "66",
        "a class with fewer subjects than folds",
        "fewer-folds",
        _status(*["Depression"] * 2, *["Normal"] * 6),
        tell=("fit",),
    ),
    SetCase(
        "66",
        "a class with one subject",
        "too-few-groups",
        _status("Depression", *["Normal"] * 7),
        LEARNING,
        found="Depression: 1",
    ),
    SetCase(
        "67", "fewer groups than folds", "fewer-folds", _subjects("A", "B", "A", "B", "C", "D", "C", "D"), tell=("fit",)
    ),
    SetCase("67", "one group", "too-few-groups", _subjects(*["A"] * 8), LEARNING, found="1 in 8"),
    SetCase("67", "no labels", "no-labels", lambda f: (f / "labels.csv").unlink(), ("fit",), hint="--labels"),
    SetCase(
        "67", "no status", "no-labels", _relabelled(lambda t: t.replace("status", "state")), ("fit",), found="state"
    ),
    SetCase(
        "67",
        "labels of others",
        "labels-match-nothing",
        _relabelled(lambda t: t.replace("\n0", "\nX0")),
        LEARNING,
        where="labels.csv",
        found="'X000'",
    ),
    SetCase(
        "67",
        "a misspelt label",
        "unknown-label",
        _status(*["Depression", "Normal"] * 3, "Normal", "Nrmal"),
        LEARNING,
        column="status",
        found="'Nrmal' for '007'",
    ),
    SetCase("68", "channels that were not trained", "fewer-channels", _renamed(IDS[:3]), tell=VERBS),
    SetCase(
        "68", "no stream with a trained channel", "missing-channels", _renamed(IDS), tell=("predict",), found="AU01_r"
    ),
    SetCase(
        "68", "no file with a trained channel", "nothing-left", _renamed(IDS, audio=False), ("predict",), found="'000'"
    ),
    SetCase("1", "empty labels", "empty", _labels(b""), LEARNING, where="labels.csv", found="0 bytes"),
    SetCase("2", "labels without rows", "no-rows", _labels(b"data_id,status\n"), LEARNING, where="labels.csv"),
    SetCase(
        "8",
        "gzip as labels",
        "not-csv",
        _labels(gzip.compress(LABELS.encode())),
        LEARNING,
        where="labels.csv",
        found="gzip",
    ),
    SetCase("13", "labels in UTF-16", "utf-16", _labels(LABELS.encode("utf-16")), tell=LEARNING, where="labels.csv"),
    SetCase(
        "14",
        "labels in latin-1",
        "undecodable",
        _labels(LABELS.encode() + b"008,\xe9,S\n"),
        LEARNING,
        where="labels.csv",
        row=10,
        found="0xe9",
    ),
    SetCase(
        "25",
        "short row of labels",
        "ragged-labels",
        _label("008"),
        LEARNING,
        where="labels.csv",
        row=10,
        found="1",
        hint="quote",
    ),
    SetCase("33", "comments in labels", "", _relabelled(lambda t: "# by hand\n\n" + t + "# end\n")),
    SetCase(
        "59",
        "labels of lists in lists",
        "bad-json",
        _labels(b"[" * 100_000, "labels.json"),
        LEARNING,
        where="labels.json",
    ),
)
