"""Extracted features on disk, so that a file is read once.

A row is found by the hash of its file's bytes; path, size, time of change and inode together are the shortcut that
spares the hashing. Settings and the code of the extractor are part of the cache's name: neither can go stale.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xxhash

import pdmr_classic
from pdmr_classic.errors import Finding, TargetError
from pdmr_classic.features.rows import FileRow
from pdmr_classic.io.atomic import write_atomic
from pdmr_classic.io.bytes import read_bytes

_SHORTCUT, _CONTENT, _FINDINGS = "__shortcut__", "__content__", "__findings__"


def default_cache_folder() -> Path | None:
    """Return the user's cache folder (XDG_CACHE_HOME, else ~/.cache), or None where there is no home."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "pdmr-classic"
    except RuntimeError:
        return None


class FeatureCache:
    """The rows of one folder's files, for one extractor with one set of settings.

    Parameters
    ----------
    root : Path
        Where caches lie.
    folder : Path
        The folder whose files these are.
    key : str
        Whatever the features depend on beside the files.
    """

    def __init__(self, root: Path, folder: Path, key: str) -> None:
        name = xxhash.xxh3_128_hexdigest("\0".join((str(folder.resolve()), key, _code_version())).encode())
        self.path = root / f"{name}.parquet"
        self._by_shortcut: dict[str, FileRow] = {}
        self._by_content: dict[str, FileRow] = {}
        self._load()

    def find(self, path: Path) -> FileRow | None:
        """Return the row of a file if the cache has it."""
        row = self._by_shortcut.get(_shortcut(path))
        if row is None and self._by_content:
            row = self._by_content.get(xxhash.xxh3_128_hexdigest(read_bytes(path)))
        # The findings name the file under which the content was seen first.
        return row.renamed(path) if row is not None else None

    def replace(self, rows: Iterable[tuple[Path, FileRow]]) -> None:
        """Keep these rows and no others. A cache that cannot be written is no reason to fail."""
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        values: dict[tuple[str, ...], list[np.ndarray[Any, Any]]] = {}
        for path, row in rows:
            told = json.dumps([finding.as_dict() | {"file": None} for finding in row.findings])
            groups.setdefault(row.names, []).append(
                {_SHORTCUT: _shortcut(path), _CONTENT: row.content, _FINDINGS: told}
            )
            values.setdefault(row.names, []).append(row.values)
        frames = [
            pd.concat([pd.DataFrame(meta), pd.DataFrame(np.vstack(values[names]), columns=list(names))], axis=1).assign(
                __columns__=_joined(names)
            )
            for names, meta in groups.items()
        ]
        if not frames:
            return
        try:
            write_atomic(self.path, pd.concat(frames, ignore_index=True).to_parquet)
        except TargetError:
            return

    def _load(self) -> None:
        try:
            frame = pd.read_parquet(self.path)
        except (OSError, ValueError):
            return
        for columns, group in frame.groupby("__columns__", sort=False):
            names = tuple(str(columns).split("\n"))
            matrix = group[list(names)].to_numpy(dtype=np.float64)
            for place, (shortcut, content, told) in enumerate(
                zip(group[_SHORTCUT], group[_CONTENT], group[_FINDINGS], strict=True)
            ):
                findings = tuple(Finding(**parts) for parts in json.loads(told))
                row = FileRow(names, matrix[place], content, findings)
                self._by_shortcut[shortcut] = self._by_content[content] = row


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(names)


def _shortcut(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    facts = (str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino)
    return xxhash.xxh3_128_hexdigest(repr(facts).encode())


def _code_version() -> str:
    """Hash the code that makes features: a number that someone must remember to raise would be forgotten."""
    package = Path(pdmr_classic.__file__).parent
    files = sorted([*(package / "features").glob("*.py"), *(package / "io").glob("*.py")])
    digest = xxhash.xxh3_128()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
