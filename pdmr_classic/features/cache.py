"""Extracted features on disk, so that a file is read once.

A row is found by the hash of its file's bytes; path, size, time of change and inode together are the shortcut that
spares the hashing. Settings and the code of the extractor are part of the cache's name: neither can go stale.
No file is named in it, only hashes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy
import xxhash

from pdmr_classic.errors import Finding, TargetError
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.features.names import AUDIO, view_of
from pdmr_classic.storage.atomic import write_atomic
from pdmr_classic.storage.bytes import read_bytes
from pdmr_classic.storage.user_dirs import user_folder

_PACKAGE = Path(__file__).parents[1]
# Whatever can shape a feature stands in these; a test follows the imports.
_CODE = (
    *("arrays.py", "config.py", "errors.py", "progress.py", "text.py", "workers.py"),
    *("storage/**/*.py", "io/**/*.py", "features/**/*.py"),
)
_NAMES = b"names"
# Rows of files that are gone would else add up.
_MOST_ROWS = 20_000
# The whole file is written each time: rarely, and for a small share of the time.
_WRITTEN_EVERY_S, _LEAST_WORK_A_WRITE = 5.0, 20


def default_cache_folder() -> Path | None:
    """Return the user's cache folder (XDG_CACHE_HOME, else ~/.cache), or None where there is no home."""
    return user_folder("XDG_CACHE_HOME", ".cache")


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
    verify : bool
        Hash every file again instead of trusting size, time of change and inode.
    """

    def __init__(self, root: Path, folder: Path, key: str, *, verify: bool = False) -> None:
        name = xxhash.xxh3_128_hexdigest(
            "\0".join((str(folder.resolve()), key, _code_version())).encode(errors="surrogateescape")
        )
        self.path = root / f"{name}.parquet"
        self.verify = verify
        self._by_shortcut: dict[str, FileRow] = {}
        self._by_content: dict[tuple[str, bool], FileRow] = {}
        self._seen: dict[Path, str] = {}
        self._added: list[tuple[Path, FileRow]] = []
        self._due = time.monotonic() + _WRITTEN_EVERY_S
        self._load()

    def find(self, path: Path, *, audio: bool) -> FileRow | None:
        """Return the row of a file if the cache has it: the same bytes make one row as video, another as audio."""
        # Of the file before it is read: one that changes while others are read is read again the next time.
        shortcut = self._seen[path] = _shortcut(path)
        row = None if self.verify else self._by_shortcut.get(shortcut)
        if row is None and self._by_content:
            row = self._by_content.get((xxhash.xxh3_128_hexdigest(read_bytes(path)), audio))
        # The findings name the file under which the content was seen first.
        return row.renamed(path) if row is not None else None

    def add(self, rows: Iterable[tuple[Path, FileRow]]) -> None:
        """Keep these rows from time to time, so that a run that is ended has not read for nothing."""
        self._added.extend(rows)
        if (started := time.monotonic()) > self._due:
            self.keep(self._added)
            now = time.monotonic()
            self._due = now + max(_WRITTEN_EVERY_S, _LEAST_WORK_A_WRITE * (now - started))

    def keep(self, rows: Iterable[tuple[Path, FileRow]]) -> None:
        """Keep these rows beside those of other files. A cache that cannot be written is no reason to fail."""
        places: dict[tuple[str, ...], int] = {}
        columns: dict[str, list[object]] = {"shortcut": [], "content": [], "findings": [], "names": [], "values": []}
        # A file that is gone by now has no shortcut, and may not stand for others without one.
        current = {shortcut: row for path, row in rows if (shortcut := self._seen.get(path, ""))}
        # A run may see a part of the folder only, such as the labelled recordings.
        others = {shortcut: row for shortcut, row in self._by_shortcut.items() if shortcut not in current}
        for shortcut, row in (*current.items(), *list(others.items())[: max(_MOST_ROWS - len(current), 0)]):
            columns["shortcut"].append(shortcut)
            columns["content"].append(row.content)
            columns["findings"].append(json.dumps([finding.as_dict() | {"file": None} for finding in row.findings]))
            columns["names"].append(places.setdefault(row.names, len(places)))
            # One blob a row: thousands of columns would cost parquet more than the features did.
            columns["values"].append(np.ascontiguousarray(row.values, dtype="<f8").tobytes())
        metadata = {_NAMES: json.dumps(list(places)).encode()}
        table = pa.table(columns).replace_schema_metadata(metadata)
        try:
            # Features are about people: on a shared machine they are nobody else's to read.
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(self.path, lambda file: pq.write_table(table, file))
        except (TargetError, OSError):
            return

    def _load(self) -> None:
        try:
            table = pq.read_table(self.path)
            layouts = [tuple(names) for names in json.loads(table.schema.metadata[_NAMES])]
            columns = (
                table.column(name).to_pylist() for name in ("shortcut", "content", "findings", "names", "values")
            )
            for shortcut, content, told, place, blob in zip(*columns, strict=True):
                findings = tuple(Finding(**parts) for parts in json.loads(told))
                row = FileRow(layouts[place], np.frombuffer(blob, dtype="<f8"), content, findings)
                if len(row.names) == len(row.values):
                    audio = bool(row.names) and view_of(row.names[0]) == AUDIO
                    self._by_shortcut[shortcut] = self._by_content[content, audio] = row
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            return  # none yet, or none of ours: it is made anew


def _shortcut(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    facts = (str(path.absolute()), status.st_size, status.st_mtime_ns, status.st_ino)
    return xxhash.xxh3_128_hexdigest(repr(facts).encode())


def _code_version(package: Path = _PACKAGE) -> str:
    """Hash the code that makes features: a number that someone must remember to raise would be forgotten."""
    # Another library may round otherwise.
    digest = xxhash.xxh3_128(f"{np.__version__} {scipy.__version__} {pa.__version__}".encode())
    for file in _code_files(package):
        digest.update(f"\0{file.relative_to(package)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _code_files(package: Path) -> list[Path]:
    return sorted(file for pattern in _CODE for file in package.glob(pattern))
