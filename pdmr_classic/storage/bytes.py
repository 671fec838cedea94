"""Read the bytes of one file without blocking, and check that they are text before they are parsed."""

from __future__ import annotations

import codecs
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import xxhash

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.storage.location import RemotePath

MAX_BYTES = 4 << 30
"""Complete OpenFace output of one hour is 0.5 GB, so a larger file is not a recording."""
MAX_LINE_BYTES = 1 << 24
"""An audio vector of 100,000 numbers is 1 MB, so a longer line is not data and would only exhaust the memory."""

MAX_UNPACKED_BYTES = 1 << 30
"""Twice the complete OpenFace output of one hour."""
# Text shrinks to a tenth, constant text to a hundredth; only a file made to exhaust the memory shrinks further.
_MAX_UNPACKED_RATIO = 250
_SMALL_BYTES = 16 << 20
_UNPACK_STEP = 1 << 20

# First bytes of a file, its type, and the hint. Some CSV readers accept several of these types without an error.
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "gzip data", "unpack it (gunzip), or add .gz to the name of a recording"),
    (b"BZh91AY", "bzip2 data", "unpack it (bunzip2)"),
    (b"\xfd7zXZ", "xz data", "unpack it (unxz)"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "unpack it (unzstd)"),
    (
        b"PK\x03\x04",
        "a zip archive or an office document",
        "unpack it, export it as CSV, or name it .npz if numpy.savez wrote it",
    ),
    (b"\x93NUMPY", "a NumPy array", "name it .npy, or save it as CSV (numpy.savetxt with delimiter=',')"),
    (b"PAR1", "a Parquet file", "name it .parquet, or export it as CSV"),
    (b"\x89HDF", "an HDF5 file", "export it as CSV"),
    (b"MATLAB 5.0", "a MATLAB file", "export it as CSV (writematrix)"),
    (b"\x80\x04\x95", "a Python pickle, which is never loaded", "if you trust it, load it and save it as CSV"),
    (b"version https://git-lfs", "a git-lfs pointer, not the data", "fetch the data (git lfs pull)"),
    (b"<!doctype html", "an HTML page, possibly from a failed download", "download the file again"),
    (b"<html", "an HTML page, possibly from a failed download", "download the file again"),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def hash_bytes(data: bytes) -> str:
    """Return the hash of a file's bytes (xxh3, 128 bit)."""
    return xxhash.xxh3_128_hexdigest(data)


def combine_hashes(hashes: Sequence[str]) -> str:
    """Return one hash for the files of a recording; that of a single file stays as it is."""
    return hashes[0] if len(hashes) == 1 else hash_bytes("".join(hashes).encode())


def read_bytes(path: Path) -> bytes:
    """Read all bytes of a regular file.

    Raises
    ------
    DataError
        The file is missing, not regular, unreadable, too large, or changed while it was read.
    """
    data, size = _read_remote(path) if isinstance(path, RemotePath) else _read_local(path)
    if len(data) != size:
        raise DataError(
            "the file changed while it was read",
            code="growing",
            file=path,
            expected=f"{size:,} bytes, the size before reading",
            found=f"{'more' if len(data) > size else 'fewer'} bytes",
            hint="wait until it is complete, then run the command again",
        )
    return data


def read_start(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a regular file, or all if it has fewer.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    if isinstance(path, RemotePath):
        return path.read_start(n_bytes)
    with path.open("rb") as file:
        return file.read(n_bytes)


def _read_remote(path: RemotePath) -> tuple[bytes, int]:
    """Return the bytes of a file behind a URL, and its size before."""
    try:
        size = _check_size(path.stat(), path)
        data = path.read_bytes()
        return data, size or len(data)
    except OSError as error:
        raise _read_error(path, error) from None


def _read_local(path: Path) -> tuple[bytes, int]:
    """Return the bytes of a local file, and its size before."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer forever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise _read_error(path, error) from None
    try:
        # Before fdopen, which raises a different error for a folder.
        size = _check_size(os.fstat(descriptor), path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # One extra byte detects a growing file without reading it to the end.
            return file.read(size + 1), size
    except OSError as error:
        raise _read_error(path, error) from None
    finally:
        os.close(descriptor)


def _check_size(status: os.stat_result, path: Path) -> int:
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            "this is not a regular file",
            code="not-a-file",
            file=path,
            expected="a CSV file",
            found="a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device",
            hint="remove it, or replace it with a CSV file",
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


def _read_error(path: Path, error: OSError | ValueError) -> DataError:
    return DataError(
        "the file cannot be read",
        code="unreadable",
        file=path,
        expected="a readable file",
        found=getattr(error, "strerror", None) or str(error),
        hint="restore the file, or fix its link or permissions",
    )


def unpack_gzip(data: bytes, path: Path) -> bytes:
    """Return the unpacked bytes of a gzip file.

    Raises
    ------
    DataError
        The file is not complete gzip data, or unpacks to far more than a recording.
    """
    refuse_empty(data, path)
    if not data.startswith(b"\x1f\x8b"):
        file_type, _ = describe_bytes(data) or ("other data", "")
        raise DataError(
            "the file is not gzip data",
            code="not-gzip",
            file=path,
            expected="gzip data, as the name says",
            found=file_type,
            hint="remove .gz from the name if the file is already unpacked",
        )
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in _unpack(data):
            pieces.append(piece)
            size += len(piece)
            refuse_if_unpacked_too_large(size, len(data), path)
    except (zlib.error, EOFError) as error:
        raise DataError(
            "the gzip data is truncated or damaged",
            code="damaged-gzip",
            file=path,
            expected="complete gzip data",
            found=str(error)[:200],
            hint="copy or download the file again",
        ) from None
    return b"".join(pieces)


def _unpack(data: bytes) -> Iterator[bytes]:
    """Yield the content of all members of a gzip file in pieces; zeros may follow the last one."""
    view = memoryview(data)
    while view:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        rest: bytes | memoryview = view
        while not member.eof:
            piece = member.decompress(rest, _UNPACK_STEP)
            rest = member.unconsumed_tail
            if not piece and not rest and not member.eof:
                raise EOFError("the data ends too early")
            yield piece
        unused = member.unused_data
        view = memoryview(unused.lstrip(b"\0") if unused[:1] == b"\0" else unused)


def refuse_if_unpacked_too_large(unpacked: int, packed: int, path: Path) -> None:
    """Refuse packed data that would exhaust the memory.

    Raises
    ------
    DataError
        The data unpacks to more than a recording, or to far more than its size.
    """
    limit = max(_SMALL_BYTES, min(MAX_UNPACKED_BYTES, _MAX_UNPACKED_RATIO * packed))
    if unpacked > limit:
        raise DataError(
            "the file unpacks to too much data",
            code="too-large",
            file=path,
            expected=f"at most {limit:,} bytes",
            found="more",
            hint="remove it, or unpack it yourself if you trust it",
        )


def describe_bytes(data: bytes) -> tuple[str, str] | None:
    r"""Return the type of a file, judged by its first bytes, with a hint; None if it is not known.

    Examples
    --------
    >>> describe_bytes(b"PAR1...")[0], describe_bytes(b"1,2\n")[0], describe_bytes(b"\x00\x01")
    ('a Parquet file', 'text', None)
    """
    signature = _find_signature(data)
    if signature is not None:
        return signature
    head = data[:1024]
    is_text = head.isascii() and not re.search(rb"[\x00-\x08\x0e-\x1f]", head)
    return ("text", "name it .csv if it is CSV text") if is_text else None


def make_damaged_error(
    path: Path, data: bytes, signature: bytes, *, kind: str, code: str, expected: str, reason: str
) -> DataError:
    """Return the error for a file that is damaged or, judged by its first bytes, of another type."""
    file_type, hint = f"damaged data: {reason.strip()[:200]}", "write or copy the file again"
    if not data.startswith(signature):
        file_type, hint = describe_bytes(data) or ("other data", hint)
    return DataError(
        f"the file is not a complete {kind} file",
        code=code,
        file=path,
        expected=expected,
        found=file_type,
        hint=hint,
    )


def _find_signature(data: bytes) -> tuple[str, str] | None:
    head = data[:64].lstrip().lower()
    return next(
        ((file_type, hint) for signature, file_type, hint in _SIGNATURES if head.startswith(signature.lower())), None
    )


def refuse_empty(data: bytes, path: Path) -> None:
    """Refuse a file without bytes.

    Raises
    ------
    DataError
        The file is empty.
    """
    if not data:
        raise _empty_error(path, 0)


def _empty_error(path: Path, n_bytes: int) -> DataError:
    return DataError(
        "the file is empty",
        code="empty",
        file=path,
        expected="rows of numbers",
        found=f"{n_bytes} bytes",
        hint="write or copy it again, or remove it",
    )


def decode_text(data: bytes, path: Path) -> tuple[bytes, list[Finding]]:
    """Return the data as UTF-8 text without a byte order mark, with findings.

    Raises
    ------
    DataError
        The file is empty, or is not text.
    """
    n_bytes = len(data)
    findings = []
    if data.startswith(_UTF16):
        data = _decode(data, "utf-16", path).encode("utf-8")
        findings.append(Finding("utf-16", "the file was read as UTF-16", file=path))
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data or data.isspace():
        raise _empty_error(path, n_bytes)
    if signature := _find_signature(data):
        file_type, hint = signature
        raise DataError(
            "the file is not CSV text", code="not-csv", file=path, expected="CSV text", found=file_type, hint=hint
        )
    if b"\0" in data:
        raise DataError(
            "the file is not CSV text",
            code="binary",
            file=path,
            row=_line_number(data, data.index(b"\0")),
            expected="CSV text",
            found="binary data",
            hint="export it as CSV in UTF-8",
        )
    if not data.isascii():
        _decode(data, "utf-8", path)
    _check_line_lengths(data, path)
    return data, findings


def _line_number(data: bytes, position: int) -> int:
    """Return the line of a byte, counted from 1; lines end in LF, CRLF or CR."""
    n_lf, n_cr, n_crlf = (data.count(end, 0, position) for end in (b"\n", b"\r", b"\r\n"))
    return n_lf + n_cr - n_crlf + 1


def _check_line_lengths(data: bytes, path: Path) -> None:
    """Refuse lines longer than `MAX_LINE_BYTES`, searching for one line end per block of that size."""
    start = 0
    while len(data) - start > MAX_LINE_BYTES:
        stop = start + MAX_LINE_BYTES + 1
        end = max(data.rfind(b"\n", start, stop), data.rfind(b"\r", start, stop))
        if end < 0:
            raise DataError(
                "a line is too long",
                code="long-line",
                file=path,
                row=_line_number(data, start),
                expected=f"at most {MAX_LINE_BYTES:,} bytes",
                found="more",
                hint="check the line breaks: each row must be on its own line",
            )
        start = end + 1


def _decode(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            "the file is not CSV text",
            code="undecodable",
            file=path,
            row=_line_number(data, error.start),
            expected=encoding.upper(),
            found=f"byte 0x{data[error.start]:02x}",
            hint="save it as UTF-8",
        ) from None


def total_size(paths: Iterable[Path]) -> int:
    """Return the size of files in bytes; 0 for one that cannot be read, because its reader will report the reason."""
    return sum(map(_file_size, paths))


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
