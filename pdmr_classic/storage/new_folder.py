"""Folders that are written at once: they are complete, or they do not exist."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pdmr_classic.errors import TargetError
from pdmr_classic.storage.atomic import sync_folder, write_bytes_atomic
from pdmr_classic.storage.location import refuse_url


def find_new_folder(out: str | Path, content: str) -> Path:
    """Return the absolute path of a folder that does not exist or is empty; symbolic links are followed.

    Parameters
    ----------
    out : path-like
    content : str
        What the folder is for, for the message.

    Raises
    ------
    TargetError
        It is a file, the current folder, or a folder that is not empty.
    """
    refuse_url(out)
    target = Path(out).resolve()
    if not target.exists():
        return target
    if not target.is_dir():
        found = "a file"
    elif target == Path.cwd():
        found = "the current folder"
    elif any(target.iterdir()):
        found = "a folder that is not empty"
    else:
        return target
    raise TargetError(
        f"the output folder of {content} is already in use",
        code="target-taken",
        file=Path(out),
        expected="a new or empty folder",
        found=found,
        hint="choose another output folder, or move its content",
    )


def write_new_folder(out: str | Path, files: Mapping[str, bytes], content: str) -> Path:
    """Write the files of a new folder into a temporary folder next to it, and rename that.

    Parameters
    ----------
    out : path-like
        See `find_new_folder`.
    files : mapping of str to bytes
        Content by file name.
    content : str

    Raises
    ------
    TargetError
        The folder is in use, or cannot be written.
    """
    target = find_new_folder(out, content)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:
            folder = Path(work) / "files"
            folder.mkdir()
            for name, data in files.items():
                write_bytes_atomic(folder / name, data)
            folder.replace(target)
    except OSError as error:
        raise TargetError(
            f"the output folder of {content} cannot be written",
            code="unwritable",
            file=Path(out),
            expected="a folder that can be created, with room for the files",
            found=error.strerror or str(error),
            hint="choose another output folder",
        ) from error
    sync_folder(target.parent)
    return target
