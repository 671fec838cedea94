"""Rows of unchanged files in the parts of an earlier run: one more recording moves the rows of many parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pdmr_classic.errors import DataError, wrap_os_errors
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.features.store._stored_files import PartFacts, Pool, decode_part_facts
from pdmr_classic.features.store.folder import CACHE, FILES, part_name
from pdmr_classic.storage.bytes import hash_bytes, read_bytes


class EarlierRows:
    """The rows in all parts that a store has when it is written again.

    Parts that are replaced are moved to `.cache/earlier`, because later parts may need their rows.

    Parameters
    ----------
    folder : Path
        Folder of the store.
    source : Path
        Folder of the recordings.
    prefix : str
        Start of the keys of rows that can be used, "" if there are none; parts without such rows are not kept.
    """

    def __init__(self, folder: Path, source: Path, prefix: str) -> None:
        self.folder, self.source, self.prefix = folder, source, prefix
        self._earlier = folder / CACHE / "earlier"
        self._by_key: dict[str, int] | None = None
        self._paths: list[Path] = []
        self._pool: Pool = {}

    def find(self, keys: Sequence[str]) -> dict[str, FileRow]:
        """Return the rows that are there, by their keys, see `StoredFile`."""
        by_key = self._index()
        places = {by_key[key] for key in keys if key in by_key}
        rows = {key: row for place in sorted(places) for key, row in self._read_part(self._paths[place])}
        return {key: rows[key] for key in keys if key in rows}

    def keep(self, number: int) -> None:
        """Move a part that will be replaced.

        Raises
        ------
        TargetError
        """
        path = self.folder / FILES / part_name(number)
        if path not in self._paths:
            return
        place = self._paths.index(path)
        with wrap_os_errors(self._earlier):
            name = f"{hash_bytes(path.read_bytes())}.parquet"
            (self._earlier / FILES).mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                _table_path(path).replace(self._earlier / name)
            self._paths[place] = path.replace(self._earlier / FILES / name)

    def _index(self) -> dict[str, int]:
        if self._by_key is None:
            self._by_key = {}
            for folder in (self.folder, self._earlier):
                for path in sorted((folder / FILES).glob("*.parquet")):
                    keys = [key for key in _read_keys(path) if self.prefix and key.startswith(self.prefix)]
                    if keys:
                        self._by_key.update(dict.fromkeys(keys, len(self._paths)))
                        self._paths.append(path)
        return self._by_key

    def _read_part(self, path: Path) -> Iterator[tuple[str, FileRow]]:
        """Yield the rows of a part; none if it is damaged."""
        try:
            facts = decode_part_facts(read_bytes(path), self.source, self._pool)
            data = read_bytes(_table_path(path))
        except DataError:
            return
        if facts is not None and hash_bytes(data) == facts.hash:
            yield from _read_rows(data, facts)


def _read_rows(data: bytes, facts: PartFacts) -> Iterator[tuple[str, FileRow]]:
    columns = ["data_id", *facts.columns]
    table = pq.read_table(pa.BufferReader(data), columns=columns).to_pandas().set_index("data_id")
    values = table.to_numpy(dtype=float)
    positions = {names: table.columns.get_indexer(list(names)) for names in {file.row.names for file in facts.files}}
    rows = dict(zip(table.index, range(len(table)), strict=True))
    for file in facts.files:
        yield file.key, replace(file.row, values=values[rows[file.data_id], positions[file.row.names]])


def _read_keys(path: Path) -> list[str]:
    try:
        return list(pq.read_table(pa.BufferReader(read_bytes(path)), columns=["key"]).column("key").to_pylist())
    except (DataError, OSError, ValueError, KeyError, pa.ArrowException):
        return []


def _table_path(path: Path) -> Path:
    """Return where the features of a part are, given where the facts about its files are."""
    return path.parent.parent / path.name
