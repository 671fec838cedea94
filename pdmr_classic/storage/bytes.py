"""Bytes of one file, read without blocking and recognised before anything parses them."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from pdmr_classic.errors import DataError, Finding

MAX_BYTES = 4 << 30
"""A recording of one hour is 0.5 GB as complete OpenFace output; beyond this it is something else."""
MAX_LINE_BYTES = 1 << 24
"""An audio vector of 100,000 numbers is 1 MB; a longer line would only fill the memory."""

# What a file really is, by its first bytes. Readers accept several of these in silence.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "gzip data", "unpack it (gunzip)"),
    (b"BZh91AY", "bzip2 data", "unpack it (bunzip2)"),
    (b"\xfd7zXZ", "xz data", "unpack it (unxz)"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "unpack it (unzstd)"),
    (b"PK\x03\x04", "a zip archive or an office document", "unpack it, or export it as CSV"),
    (b"\x93NUMPY", "a NumPy array", "save it as CSV (numpy.savetxt with delimiter=',')"),
    (b"version https://git-lfs", "a git-lfs pointer, not the data", "fetch the data (git lfs pull)"),
    (b"<!doctype html", "an HTML page, perhaps of a failed download", "download the file again"),
    (b"<html", "an HTML page, perhaps of a failed download", "download the file again"),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_bytes(path: Path) -> bytes:
    """Return a regular file's bytes.

    Raises
    ------
    DataError
        The path is missing, no regular file, unreadable, too large, or grew while it was read.
    """
    try:
        # O_NONBLOCK: opening a FIFO would otherwise wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        # Before fdopen, which fails on a folder with an error of its own.
        size = _size(os.fstat(descriptor), path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # One more than there should be: a file that grows without an end is not read to it.
            data = file.read(size + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise DataError(
            "the file changed while it was read",
            code="growing",
            file=path,
            expected=f"{size:,} bytes, as before it was read",
            found=f"{'more' if len(data) > size else 'fewer'} bytes",
            hint="wait until it is complete",
        )
    return data


def _size(status: os.stat_result, path: Path) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            "this is no file",
            code="not-a-file",
            file=path,
            expected="a CSV file",
            found="a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device",
            hint="remove it, or put the file in its place",
        )
    if status.st_size > MAX_BYTES:
        raise DataError(
            "the file is too large",
            code="too-large",
            file=path,
            expected=f"at most {MAX_BYTES:,} bytes",
            found=f"{status.st_size:,} bytes",
            hint="remove it, or split the recording",
        )
    return status.st_size


def _unreadable(path: Path, error: OSError | ValueError) -> DataError:
    return DataError(
        "the file cannot be read",
        code="unreadable",
        file=path,
        expected="a file that may be read",
        found=getattr(error, "strerror", None) or str(error),
        hint="restore it, or mend its link or its permissions",
    )


def decode_text(data: bytes, path: Path) -> tuple[bytes, list[Finding]]:
    """Return the bytes as UTF-8 text without a byte order mark, and what was noticed on the way.

    Raises
    ------
    DataError
        The file is empty, or something else than text.
    """
    n_bytes = len(data)
    findings = []
    if data.startswith(_UTF16):
        data = _decoded(data, "utf-16", path).encode("utf-8")
        findings.append(Finding("utf-16", "the file is UTF-16; it was read as such", file=path))
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data or data.isspace():
        raise DataError(
            "the file is empty",
            code="empty",
            file=path,
            expected="rows of numbers",
            found=f"{n_bytes} bytes",
            hint="write or copy it again, or remove it",
        )
    head = data[:64].lstrip().lower()
    for signature, what, mend in _SIGNATURES:
        if head.startswith(signature.lower()):
            raise DataError(
                "the file is not CSV text",
                code="not-csv",
                file=path,
                expected="CSV text",
                found=what,
                hint=mend,
            )
    if b"\0" in data:
        raise DataError(
            "the file is not CSV text",
            code="binary",
            file=path,
            row=_row_of(data, data.index(b"\0")),
            expected="CSV text",
            found="binary data",
            hint="export it as CSV in UTF-8",
        )
    if not data.isascii():
        _decoded(data, "utf-8", path)
    _check_lines(data, path)
    return data, findings


def _row_of(data: bytes, place: int) -> int:
    """Return the line, counted from 1, that a byte stands in; lines end in LF, CRLF or CR."""
    n_lf, n_cr, n_crlf = (data.count(end, 0, place) for end in (b"\n", b"\r", b"\r\n"))
    return n_lf + n_cr - n_crlf + 1


def _check_lines(data: bytes, path: Path) -> None:
    """Refuse a line beyond the limit; where there is none, look at one place in `MAX_LINE_BYTES` only."""
    start = 0
    while len(data) - start > MAX_LINE_BYTES:
        stop = start + MAX_LINE_BYTES + 1
        end = max(data.rfind(b"\n", start, stop), data.rfind(b"\r", start, stop))
        if end < 0:
            raise DataError(
                "a line is too long",
                code="long-line",
                file=path,
                row=_row_of(data, start),
                expected=f"at most {MAX_LINE_BYTES:,} bytes",
                found="more",
                hint="write one row a line",
            )
        start = end + 1


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            "the file is not CSV text",
            code="undecodable",
            file=path,
            row=_row_of(data, error.start),
            expected=encoding.upper(),
            found=f"byte 0x{data[error.start]:02x}",
            hint="save it as UTF-8",
        ) from None
