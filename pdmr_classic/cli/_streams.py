"""Standard streams that can be written to, however the program was started: closed, cut short, full or ASCII only."""

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
    """Give the program a standard output and a standard error that last until it ends.

    - A stream that was closed is the null device: else the next file to be opened would become it.
    - A reader that goes away (`| head`) has seen enough: the work goes on, and what it would have read is dropped.
    - An output that cannot be written to otherwise, such as a file on a full disk, is a TargetError. Progress and notes
      on standard error are no reason to fail.
    - What an encoding does not have is escaped as in JSON, so that `--json` stays JSON in ASCII.
    """
    codecs.register_error(_ESCAPED, _escaped)
    for descriptor in (0, 1, 2):
        _open_if_closed(descriptor)
    sys.stdout = _lasting(sys.stdout, sys.__stdout__, 1, is_needed=True)
    sys.stderr = _lasting(sys.stderr, sys.__stderr__, 2, is_needed=False)


class _Lasting(io.FileIO):
    """A descriptor that becomes the null device as soon as it cannot be written to."""

    def __init__(self, descriptor: int, *, is_needed: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.is_needed = is_needed

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            with Path(os.devnull).open("wb") as null:
                os.dup2(null.fileno(), self.fileno())
            if self.is_needed and not isinstance(error, BrokenPipeError):
                raise TargetError("standard output cannot be written", found=error.strerror) from None
            return len(data)


def _lasting(stream: TextIO | None, original: TextIO | None, descriptor: int, *, is_needed: bool) -> TextIO:
    if stream is not None and stream is not original:
        return stream  # somebody else's already
    if stream is not None and stream.isatty():
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPED)
        return stream
    raw = _Lasting(descriptor, is_needed=is_needed)
    encoding = "utf-8" if stream is None else stream.encoding
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, _ESCAPED, line_buffering=not is_needed)


def _open_if_closed(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest number that is free: this one, as those below are open.
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end
