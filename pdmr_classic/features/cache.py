"""Cache of extracted features on disk, so that each file is read only once.

A row is looked up by modality and the hash of the file's bytes; path, size, modification time and inode together serve
as a shortcut that avoids hashing. For URLs, the shortcut is what the store changes with the content, such as the ETag;
files of a store without one are read each time. The name of the cache file depends on the settings and the extractor's
code, so cached rows cannot become stale. The cache contains hashes, no file names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pdmr_classic.errors import Finding, TargetError
from pdmr_classic.features.code_version import hash_feature_code
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.io.layouts.folder_files import list_entries
from pdmr_classic.io.stream_facts import facts_from_json, facts_to_json
from pdmr_classic.storage.atomic import write_atomic
from pdmr_classic.storage.bytes import combine_hashes, hash_bytes, read_bytes
from pdmr_classic.storage.location import RemotePath
from pdmr_classic.storage.user_dirs import user_folder

_COLUMNS = ("shortcut", "source", "content", "findings", "names", "values", "channels", "facts")
# Lists that many rows share, stored once.
_NAMES, _CHANNELS = b"names", b"channels"
# Limits the rows of deleted files, which would otherwise accumulate.
_MAX_ROWS = 20_000
# Each write rewrites the whole file, so writes are rare and take a small share of the time.
_MIN_WRITE_INTERVAL_S, _MIN_WORK_PER_WRITE = 5.0, 20


def default_cache_folder() -> Path | None:
    """Return the user's cache folder (XDG_CACHE_HOME or ~/.cache), or None without a home folder."""
    return user_folder("XDG_CACHE_HOME", ".cache")


class ListedVersions:
    """Versions of files behind URLs as their store lists them now: the data set may have been loaded long ago."""

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, str]] = {}

    def find(self, path: Path) -> str:
        """Return what changes with the content, such as the ETag; "" if unknown, or no such file."""
        folder = path.parent
        if folder not in self._listed:
            paths = list_entries(folder)
            self._listed[folder] = {file.name: file.version for file in paths if isinstance(file, RemotePath)}
        return self._listed[folder].get(path.name, "")


class FeatureCache:
    """Cached feature rows of the files in one folder, for one extractor with one set of settings.

    Parameters
    ----------
    root : Path
        Folder of all caches.
    folder : Path
        Folder of the cached files.
    key : str
        Everything that the features depend on besides the files.
    verify : bool
        Hash every file again instead of trusting size, modification time and inode.
    """

    def __init__(self, root: Path, folder: Path, key: str, *, verify: bool = False) -> None:
        name = xxhash.xxh3_128_hexdigest(
            "\0".join((str(folder.resolve()), key, hash_feature_code())).encode(errors="surrogateescape")
        )
        self.path = root / f"{name}.parquet"
        self.verify = verify
        self._by_shortcut: dict[str, FileRow] = {}
        self._by_content: dict[tuple[str, str], FileRow] = {}
        self._shortcuts: dict[tuple[Path, str], str] = {}
        self._new_rows: list[tuple[Path, FileRow]] = []
        self._versions = ListedVersions()
        self._next_write = time.monotonic() + _MIN_WRITE_INTERVAL_S
        self._load()

    def find(self, path: Path, *, parts: tuple[Path, ...] = (), source: str) -> FileRow | None:
        """Return the cached row of a file (with its further parts), or None.

        The same bytes have different rows as video and as audio: `source` is that of the row.
        """
        # Taken before reading: a file that changes in the meantime is read again in the next run.
        shortcut = self._shortcuts[path, source] = self._make_shortcut((path, *parts), source)
        row = None if self.verify else self._by_shortcut.get(shortcut)
        if row is None and self._by_content:
            content = combine_hashes([hash_bytes(read_bytes(file)) for file in (path, *parts)])
            row = self._by_content.get((content, source))
        # The cached findings may refer to another file with the same content.
        return row.with_path(path) if row is not None else None

    def _make_shortcut(self, paths: tuple[Path, ...], source: str) -> str:
        """Return the hash of what changes with the files; "" if nothing is known to."""
        if not any(isinstance(path, RemotePath) for path in paths):
            return _shortcut(*paths, source=source)
        versions = [(str(path), self._versions.find(path)) for path in paths]
        is_known = all(version for _, version in versions)
        return xxhash.xxh3_128_hexdigest(repr((source, versions)).encode()) if is_known else ""

    def add(self, rows: Iterable[tuple[Path, FileRow]]) -> None:
        """Collect rows and write them from time to time, so that an interrupted run does not lose them."""
        self._new_rows.extend(rows)
        if (started := time.monotonic()) > self._next_write:
            self.write(self._new_rows)
            now = time.monotonic()
            self._next_write = now + max(_MIN_WRITE_INTERVAL_S, _MIN_WORK_PER_WRITE * (now - started))

    @contextmanager
    def keep_rows_on_error(self) -> Iterator[None]:
        """Write the rows that were collected in this block if it ends with an error, or is interrupted."""
        try:
            yield
        except BaseException:
            self.write(self._new_rows)
            raise

    def write(self, rows: Iterable[tuple[Path, FileRow]]) -> None:
        """Write these rows next to those of other files. Failure to write the cache is not an error."""
        layouts: dict[tuple[str, ...], int] = {}
        channels: dict[tuple[str, ...], int] = {}
        columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
        # A file deleted in the meantime has no shortcut and is left out.
        current = {shortcut: row for path, row in rows if (shortcut := self._shortcuts.get((path, row.source)))}
        # A run may cover only part of the folder, such as the labelled recordings.
        others = {shortcut: row for shortcut, row in self._by_shortcut.items() if shortcut not in current}
        for shortcut, row in (*current.items(), *list(others.items())[: max(_MAX_ROWS - len(current), 0)]):
            columns["shortcut"].append(shortcut)
            columns["source"].append(row.source)
            columns["content"].append(row.content)
            columns["findings"].append(json.dumps([finding.as_dict() | {"file": None} for finding in row.findings]))
            columns["names"].append(layouts.setdefault(row.names, len(layouts)))
            columns["channels"].append(channels.setdefault(row.facts.channels, len(channels)))
            columns["facts"].append(facts_to_json(row.facts))
            # One blob per row: thousands of parquet columns would cost more than computing the features.
            columns["values"].append(np.ascontiguousarray(row.values, dtype="<f8").tobytes())
        metadata = {_NAMES: json.dumps(list(layouts)).encode(), _CHANNELS: json.dumps(list(channels)).encode()}
        table = pa.table(columns).replace_schema_metadata(metadata)
        try:
            # Features are personal data: other users of the machine must not read them.
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(self.path, lambda file: pq.write_table(table, file))
        except (TargetError, OSError):
            return

    def _load(self) -> None:
        try:
            table = pq.read_table(self.path)
            layouts, channels = (
                [tuple(names) for names in json.loads(table.schema.metadata[key])] for key in (_NAMES, _CHANNELS)
            )
            columns = (table.column(name).to_pylist() for name in _COLUMNS)
            for shortcut, source, content, findings_json, layout, blob, channel_layout, facts_json in zip(
                *columns, strict=True
            ):
                findings = tuple(Finding(**parts) for parts in json.loads(findings_json))
                facts = facts_from_json(facts_json, channels[channel_layout])
                row = FileRow(layouts[layout], np.frombuffer(blob, dtype="<f8"), content, findings, facts, source)
                if len(row.names) == len(row.values):
                    self._by_shortcut[shortcut] = self._by_content[content, source] = row
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            return  # missing or not a valid cache: it is written again


def _shortcut(*paths: Path, source: str) -> str:
    try:
        status = [(path, path.stat()) for path in paths]
    except OSError:
        return ""
    facts = [(str(path.absolute()), file.st_size, file.st_mtime_ns, file.st_ino) for path, file in status]
    return xxhash.xxh3_128_hexdigest(repr((source, facts)).encode())
