"""Facts about the files of one part: for checks of the whole set, and to tell whether the part is finished."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pdmr_classic.errors import Finding
from pdmr_classic.features._extraction import Extraction
from pdmr_classic.features._jobs import find_kinds
from pdmr_classic.features.file_features import FileRow, file_source
from pdmr_classic.features.file_records import Fields, FileRecord, read_fields
from pdmr_classic.features.names import feature_view, is_derived, list_events
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.stream_facts import facts_from_json, facts_to_json
from pdmr_classic.storage.bytes import hash_bytes

_COLUMNS = (
    *("data_id", "modality", "file", "content", "source", "findings", "names", "channels", "facts", "fields", "key"),
)
_KEY = b"pdmr_classic_part"
_NO_VALUES = np.empty(0)
_NO_VALUES.flags.writeable = False
_NOTHING: dict[str, float] = {}

Pool = dict[tuple[str, ...], tuple[str, ...]]
"""Lists of names that have been seen, so that equal ones are stored once."""


@dataclass(frozen=True, eq=False, slots=True)
class StoredFile:
    """A file that a part was computed from.

    Attributes
    ----------
    data_id, modality : str
    path : Path
    row : FileRow
        Without its values.
    fields : tuple of (str, str)
        As of `FileRecord`.
    key : str
        Hash of everything that the row depends on, without the content of the file; empty if that is not known.
    """

    data_id: str
    modality: str
    path: Path
    row: FileRow
    fields: Fields = ()
    key: str = ""

    @property
    def kind(self) -> str:
        """Whether the file is a stream or a vector."""
        return self.row.source.rpartition(" ")[2]

    @property
    def record(self) -> FileRecord:
        """What a feature table says about the file."""
        return FileRecord(self.data_id, self.modality, self.row.content, self.row.names, self.row.facts, self.fields)


@dataclass(frozen=True, eq=False)
class PartFacts:
    """Facts about one part.

    Attributes
    ----------
    key : str
        Hash of everything that the part was computed from, without the contents of the files.
    hash : str
        Hash of the bytes of the part.
    rows, n_missing : int
        Number of recordings, and of their values that are NaN.
    filled : tuple of str
        Features with a value in any recording.
    columns : tuple of str
        Features in the file.
    files : tuple of StoredFile
    """

    key: str
    hash: str
    rows: int
    n_missing: int
    filled: tuple[str, ...]
    columns: tuple[str, ...]
    files: tuple[StoredFile, ...]


def list_stored_files(extraction: Extraction, dataset: Dataset) -> list[StoredFile]:
    """Return the files behind a table in memory; none if its rows or columns depend on a label table."""
    names = extraction.names
    if list_events(names) or any(is_derived(feature_view(name)) for name in names):
        return []
    kinds = find_kinds(dataset, ())
    paths = {(single.data_id, name): path for single in dataset.singles for name, path, _ in single.files}
    files = []
    for record in extraction.records:
        source = file_source(record.modality, kinds[record.modality])
        row = FileRow(record.names, _NO_VALUES, record.content, (), record.facts, source)
        path = paths[record.data_id, record.modality]
        files.append(StoredFile(record.data_id, record.modality, path, row, record.fields))
    return files


def encode_part_facts(part: PartFacts, folder: Path) -> bytes:
    """Return the facts as a Parquet file; paths are relative to the folder of the recordings, if they are below it."""
    names: dict[tuple[str, ...], int] = {}
    channels: dict[tuple[str, ...], int] = {}
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for file in part.files:
        row = file.row
        findings = [finding.as_dict() | {"file": None} for finding in row.findings]
        values = (
            *(file.data_id, file.modality, _relative(file.path, folder), row.content, row.source),
            *(json.dumps(findings), names.setdefault(row.names, len(names))),
            *(channels.setdefault(row.facts.channels, len(channels)), facts_to_json(row.facts)),
            *(json.dumps(file.fields), file.key),
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    filled = set(part.filled)
    about = {
        "key": part.key,
        "hash": part.hash,
        "rows": part.rows,
        "n_missing": part.n_missing,
        "empty": [name for name in part.columns if name not in filled],
        "columns": part.columns,
        "names": list(names),
        "channels": list(channels),
    }
    stream = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata({_KEY: json.dumps(about).encode()}), stream)
    return stream.getvalue()


def decode_part_facts(data: bytes, folder: Path, pool: Pool) -> PartFacts | None:
    """Return the facts that `encode_part_facts` wrote; None if the data are damaged.

    Parameters
    ----------
    data : bytes
    folder : Path
        Folder of the recordings.
    pool : dict
        Shared by all parts.
    """
    try:
        table = pq.read_table(pa.BufferReader(data))
        about = json.loads(table.schema.metadata[_KEY])
        names, channels = ([_share(tuple(part), pool) for part in about[key]] for key in ("names", "channels"))
        files = []
        for data_id, modality, file, content, source, findings_json, layout, channel_layout, facts, fields, key in zip(
            *(table.column(name).to_pylist() for name in _COLUMNS), strict=True
        ):
            path = folder / file.decode("utf-8", "surrogateescape")
            findings = tuple(Finding(**{**parts, "file": path}) for parts in json.loads(findings_json))
            stream = facts_from_json(facts, channels[channel_layout])
            row = FileRow(names[layout], _NO_VALUES, content, findings, stream, source)
            files.append(StoredFile(data_id, modality, path, row, read_fields(json.loads(fields)), key))
        columns, empty = _share(tuple(about["columns"]), pool), set(about["empty"])
        filled = _share(tuple(name for name in columns if name not in empty), pool)
        return PartFacts(about["key"], about["hash"], about["rows"], about["n_missing"], filled, columns, tuple(files))
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return None


def drop_details(part: PartFacts) -> PartFacts:
    """Return the facts without those that only single files need: of a hundred thousand files, a gigabyte less."""
    return replace(part, files=tuple(replace(file, row=_drop_row_details(file.row)) for file in part.files))


def _drop_row_details(row: FileRow) -> FileRow:
    ranges = {intern(kind): limits for kind, limits in row.facts.ranges.items()}
    facts = replace(row.facts, ranges=ranges, constants=_NOTHING, conditions=_NOTHING, empty=())
    return replace(row, facts=facts, source=intern(row.source))


def hash_contents(files: Iterable[tuple[str, str, str]]) -> str:
    """Return one hash for all files, given as data_id, modality and the hash of their bytes."""
    return hash_bytes("\n".join(map("\t".join, files)).encode("utf-8", "surrogateescape"))


def _share(names: tuple[str, ...], pool: Pool) -> tuple[str, ...]:
    return pool.setdefault(names, names)


def _relative(path: Path, folder: Path) -> bytes:
    name = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    return name.encode("utf-8", "surrogateescape")
