"""Bytes of one file, read without blocking and recognised before anything parses them."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from pdmr_classic.errors import DataError, Finding

MAX_BYTES = 4 << 30
"""A recording of one hour is 0.5 GB as complete OpenFace output; beyond this it is something else."""

# What a file really is, by its first bytes. Readers accept several of these in silence.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "gzip data", "unpack it (gunzip)"),
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
    except OSError as error:
        raise DataError("the file cannot be read", code="unreadable", file=path, found=error.strerror) from None
    try:
        # Before fdopen, which fails on a folder with an error of its own.
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            kind = "a folder" if stat.S_ISDIR(before.st_mode) else "a pipe, socket or device"
            raise DataError("this is no file", code="not-a-file", file=path, expected="a CSV file", found=kind)
        if before.st_size > MAX_BYTES:
            raise DataError("the file is too large", code="too-large", file=path, found=f"{before.st_size:,} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read()
    finally:
        os.close(descriptor)
    if len(data) != before.st_size:
        raise DataError(
            "the file changed while it was read", code="growing", file=path, mend="wait until it is complete"
        )
    return data


def as_text_bytes(data: bytes, path: Path) -> tuple[bytes, list[Finding]]:
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
                mend=mend,
            )
    if b"\0" in data:
        raise DataError("the file is not CSV text", code="binary", file=path, expected="CSV text", found="binary data")
    if not data.isascii():
        _decoded(data, "utf-8", path)
    return data, findings


def _decoded(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            "the file is not CSV text",
            code="undecodable",
            file=path,
            row=data.count(b"\n", 0, error.start) + 1,
            expected=encoding.upper(),
            found=f"byte 0x{data[error.start]:02x}",
            mend="save it as UTF-8",
        ) from None
