"""Names of the files of a store, and which folders are one.

    DIR/part-00000.parquet        the features of the first 1,000 recordings, and so on
    DIR/_manifest.json            written last
    DIR/_files/part-00000.parquet facts about the files of these recordings
    DIR/.cache/                   rows of the part that is being written, and parts that were replaced, until the end
    DIR/labels.csv                not of the store: the user's label table, as in a data set (or another format)

Programs that read a folder of Parquet files ignore names that start with an underscore or a full stop.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from pdmr_classic.errors import TargetError
from pdmr_classic.io.labels.labels import LABEL_SUFFIXES
from pdmr_classic.io.layouts.recordings import is_folder
from pdmr_classic.text import format_list

MANIFEST = "_manifest.json"
FILES = "_files"
CACHE = ".cache"
_LABELS = {f"labels{suffix}" for suffix in LABEL_SUFFIXES}
_PART = re.compile(r"part-\d{5,}\.parquet")


def part_name(number: int) -> str:
    """Return the name of a part, counted from 0.

    Examples
    --------
    >>> part_name(7)
    'part-00007.parquet'
    """
    return f"part-{number:05d}.parquet"


def is_part(name: str) -> bool:
    """Return whether this is the name of a part."""
    return _PART.fullmatch(name) is not None


def is_label_table(name: str) -> bool:
    """Return whether this is the name under which `load_dataset` finds a label table.

    Examples
    --------
    >>> is_label_table("labels.csv"), is_label_table("notes.csv")
    (True, False)
    """
    return name in _LABELS


def means_store(out: str) -> bool:
    """Return whether an output path means a store: it ends with a slash, or is a folder that could be one.

    Examples
    --------
    >>> means_store("store/"), means_store("features.parquet")
    (True, False)
    """
    path = Path(out)
    return out.endswith(("/", os.sep)) or is_store(path) or (path.is_dir() and not any(path.iterdir()))


def is_store(path: Path) -> bool:
    """Return whether a folder is a feature store, complete or not."""
    return is_folder(path) and ((path / MANIFEST).is_file() or (path / FILES).is_dir())


def check_store_writable(folder: Path) -> None:
    """Check before long work that a store can be written into a folder, which is new, empty, or a store.

    Raises
    ------
    TargetError
    """
    try:
        is_used, is_folder = folder.exists(), folder.is_dir()
        parent = folder if is_folder else next(parent for parent in folder.absolute().parents if parent.exists())
        foreign = _list_foreign(folder) if is_folder else []
    except OSError as error:
        raise _unwritable_error(folder, error.strerror or str(error)) from None
    if is_used and not is_folder:
        raise _unwritable_error(folder, "a file")
    if foreign:
        raise TargetError(
            "the folder of the feature store contains other files",
            code="target-taken",
            file=folder,
            expected="a new or empty folder, or a feature store",
            found=format_list(foreign),
            hint="choose a different --out, or move these files",
        )
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise _unwritable_error(folder, "no permission to write" if parent.is_dir() else f"{parent} is a file")


def _list_foreign(folder: Path) -> list[str]:
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if not is_store(folder):
        return names
    return [name for name in names if not (name in (MANIFEST, FILES) or is_part(name) or is_label_table(name))]


def _unwritable_error(folder: Path, found: str) -> TargetError:
    return TargetError(
        "the feature store cannot be written",
        file=folder,
        expected="a new or empty folder, or a feature store",
        found=found,
        hint="choose a different --out",
    )
