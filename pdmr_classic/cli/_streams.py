"""Standard output and error that never break the program: closed, with no reader, on a full disk, or ASCII only."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from pdmr_classic.errors import TargetError

_ESCAPED = "pdmr_classic.escaped"


def prepare_streams() -> None:
    """Give the program a standard output and a standard error that work until it ends.

    - A closed stream becomes the null device; otherwise the next file to be opened would take its place.
    - If the reader goes away (`| head`), the work continues and further output is dropped.
    - Any other failure to write standard output, such as a full disk, is a TargetError. Standard error carries progress
      and notes only, so failures there are ignored.
    - Characters missing from the encoding are escaped as in JSON, so that `--json` stays JSON in ASCII.
    """
    codecs.register_error(_ESCAPED, _escape_as_json)
    for descriptor in (0, 1, 2):
        _open_if_closed(descriptor)
    sys.stdout = _wrap_stream(sys.stdout, sys.__stdout__, 1, is_required=True)
    sys.stderr = _wrap_stream(sys.stderr, sys.__stderr__, 2, is_required=False)


class _SafeDescriptor(io.FileIO):
    """A file descriptor that becomes the null device after a failed write."""

    def __init__(self, descriptor: int, *, is_required: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.is_required = is_required

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            with Path(os.devnull).open("wb") as null:
                os.dup2(null.fileno(), self.fileno())
            if self.is_required and not isinstance(error, BrokenPipeError):
                raise TargetError("cannot write to standard output", found=error.strerror) from None
            return len(data)


def _wrap_stream(stream: TextIO | None, original: TextIO | None, descriptor: int, *, is_required: bool) -> TextIO:
    if stream is not None and stream is not original:
        return stream  # replaced by the caller already
    if stream is not None and stream.isatty():
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)
        return stream
    raw = _SafeDescriptor(descriptor, is_required=is_required)
    encoding = "utf-8" if stream is None else stream.encoding
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, _ESCAPED, line_buffering=not is_required)


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # open() takes the lowest free number, which is this one because those below are open.
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _escape_as_json(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
