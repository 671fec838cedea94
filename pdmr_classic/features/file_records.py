"""What a feature table says about the files that its rows come from, so that the files need not be read again."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pdmr_classic.errors import DataError
from pdmr_classic.io.stream_facts import StreamFacts, facts_from_json, facts_to_json

_KEY = b"pdmr_classic_files"
_SCHEMA = 2
_FIELDS = ("subject", "session", "event")

Fields = tuple[tuple[str, str], ...]
"""What the path of a file tells about its recording: name and value of each field."""


@dataclass(frozen=True)
class FileRecord:
    """One file that features were extracted from.

    Attributes
    ----------
    data_id, modality : str
    content : str
        Hash of the bytes of the file.
    names : tuple of str
        The features of the file; all others are missing in its row of the table.
    facts : StreamFacts
    fields : tuple of (str, str)
        What the path of the file tells about the recording: `subject`, `session` and `event`, if known.
    """

    data_id: str
    modality: str
    content: str
    names: tuple[str, ...]
    facts: StreamFacts
    fields: Fields = ()


def select_fields(fields: Mapping[str, Mapping[str, str]], data_id: str) -> Fields:
    """Return what the paths tell about one recording, of what they tell about all.

    Examples
    --------
    >>> select_fields({"subject": {"1_E1": "1"}, "split": {"1_E1": "train"}}, "1_E1")
    (('subject', '1'),)
    """
    return tuple((name, fields[name][data_id]) for name in _FIELDS if data_id in fields.get(name, {}))


def add_records(table: pa.Table, records: Iterable[FileRecord], *, synthetic: bool = False) -> pa.Table:
    """Return an Arrow table whose schema also contains the records, which name no file.

    Parameters
    ----------
    table : pyarrow.Table
    records : iterable of FileRecord
        Of the recordings in the table.
    synthetic : bool
        Whether the recordings are marked as synthetic.
    """
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: _encode(records, synthetic)})


def read_records(metadata: Mapping[bytes, bytes] | None, file: Path) -> tuple[tuple[FileRecord, ...], bool] | None:
    """Return the records in the metadata of a Parquet file, and whether it is synthetic; None if it has none.

    Parameters
    ----------
    metadata : mapping of bytes to bytes, or None
        Of the schema.
    file : Path
        For messages.

    Raises
    ------
    DataError
        They are damaged, or of another schema.
    """
    if not metadata or _KEY not in metadata:
        return None
    try:
        return _decode(metadata[_KEY])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, zlib.error, RecursionError):
        raise DataError(
            "the description of the files in the feature table is damaged, or written by another version",
            code="damaged-table",
            file=file,
            expected=f"schema {_SCHEMA}",
            found="other data",
            hint="run extract again",
        ) from None


def _encode(records: Iterable[FileRecord], synthetic: bool) -> bytes:
    # Lists that many files share are stored once.
    layouts: dict[tuple[str, ...], int] = {}
    channels: dict[tuple[str, ...], int] = {}
    files = [
        (
            *(record.data_id, record.modality, record.content),
            layouts.setdefault(record.names, len(layouts)),
            channels.setdefault(record.facts.channels, len(channels)),
            facts_to_json(record.facts),
            record.fields,
        )
        for record in records
    ]
    content = {
        "schema": _SCHEMA,
        "synthetic": synthetic,
        "names": list(layouts),
        "channels": list(channels),
        "files": files,
    }
    # Other programs expect text in the metadata.
    return base64.b64encode(zlib.compress(json.dumps(content).encode()))


def _decode(blob: bytes) -> tuple[tuple[FileRecord, ...], bool]:
    content = json.loads(zlib.decompress(base64.b64decode(blob, validate=True)))
    if content["schema"] != _SCHEMA:
        raise ValueError
    layouts, channels = _read_tuples(content["names"]), _read_tuples(content["channels"])
    records = tuple(
        FileRecord(
            *(str(data_id), str(modality), str(hash_), layouts[layout], facts_from_json(facts, channels[channel])),
            read_fields(fields),
        )
        for data_id, modality, hash_, layout, channel, facts, fields in content["files"]
    )
    return records, bool(content["synthetic"])


def _read_tuples(lists: Sequence[Sequence[Any]]) -> list[tuple[str, ...]]:
    return [tuple(map(str, names)) for names in lists]


def read_fields(pairs: Iterable[Sequence[str]]) -> Fields:
    """Return the fields that JSON stores as lists."""
    return tuple((str(name), str(value)) for name, value in pairs)
