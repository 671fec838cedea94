"""Read a feature store: all parts in one table, each checked against the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pdmr_classic.errors import DataError
from pdmr_classic.features.file_records import FileRecord
from pdmr_classic.features.names import LABEL, feature_view
from pdmr_classic.features.store._manifest import Manifest, Part, read_manifest
from pdmr_classic.features.store._stored_files import Pool, decode_part_facts
from pdmr_classic.features.store.folder import FILES, is_label_table
from pdmr_classic.features.table_facts import TableFacts
from pdmr_classic.storage.bytes import hash_bytes, read_bytes
from pdmr_classic.storage.location import parse_location
from pdmr_classic.storage.mapped_table import allocate_table, release_pages
from pdmr_classic.text import format_list

_DATA_ID = "data_id"


@dataclass(frozen=True, eq=False)
class FeatureSource:
    """A feature table, and what is known about its origin.

    Attributes
    ----------
    features : DataFrame of float, shape [n, F]
        Index `data_id`; NaN where a feature could not be computed.
    labels : tuple of str
        Columns of labels beside the features, which are not read.
    facts : TableFacts
        Code, settings, families and plugins.
    records : tuple of FileRecord
        The files of the recordings; empty if features from the label table are among the columns.
    is_synthetic : bool
        Whether the recordings are marked as synthetic.
    """

    features: pd.DataFrame
    labels: tuple[str, ...]
    facts: TableFacts
    records: tuple[FileRecord, ...]
    is_synthetic: bool


def read_store(folder: str | Path, dtype: type[np.floating] = np.float64) -> FeatureSource:
    """Read a feature store, in memory for the table and one part; a large table is mapped from a temporary file.

    Parameters
    ----------
    folder : path-like
        Also a URL, such as s3://bucket/store.
    dtype : type
        `numpy.float64`, or `numpy.float32` for half the memory.

    Returns
    -------
    FeatureSource
        The same features as in one table that `extract` writes for these recordings.

    Raises
    ------
    DataError
        The store is not complete, of another version, or changed: a part is missing, different or foreign.
    """
    folder = parse_location(folder)
    manifest = read_manifest(folder)
    _refuse_foreign(folder, manifest)
    values = allocate_table(manifest.n_rows, manifest.columns, dtype)
    ids: list[str] = []
    columns: list[str] = []
    for part in manifest.parts:
        table = _read_part(folder / part.file, part)
        if columns and table.column_names != columns:
            raise _changed_error(folder / part.file, "the columns of the other parts", "other columns")
        columns = table.column_names
        names = [name for name in columns if name != _DATA_ID and feature_view(name) != LABEL]
        if len(names) != manifest.columns:
            expected, actual = f"{manifest.columns:,} features", f"{len(names):,} features"
            raise _changed_error(folder / part.file, expected, actual)
        rows = slice(len(ids), len(ids) + part.rows)
        for position, name in enumerate(names):
            values[rows, position] = table.column(name).to_numpy()
        release_pages(values)
        ids += table.column(_DATA_ID).to_pylist()
    pa.default_memory_pool().release_unused()
    features = pd.DataFrame(values, pd.Index(ids, name=_DATA_ID), names, copy=False)
    labels = tuple(name for name in columns if feature_view(name) == LABEL)
    is_synthetic = bool(manifest.source.get("synthetic"))
    return FeatureSource(features, labels, manifest.facts, _read_records(folder, manifest), is_synthetic)


def _read_part(path: Path, part: Part) -> pa.Table:
    data = _read_unchanged(path, part.hash)
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError):
        raise _changed_error(path, "a Parquet file", "other data") from None
    if len(table) != part.rows:
        raise _changed_error(path, f"{part.rows:,} rows", f"{len(table):,}")
    return table


def _read_records(folder: Path, manifest: Manifest) -> tuple[FileRecord, ...]:
    pool: Pool = {}
    records: list[FileRecord] = []
    for part in manifest.parts:
        path = folder / FILES / part.file
        facts = decode_part_facts(_read_unchanged(path, part.files_hash), folder, pool)
        if facts is None:
            raise _changed_error(path, "facts about the files, as extract writes them", "other data")
        records += [file.record for file in facts.files]
    return tuple(records)


def _read_unchanged(path: Path, expected: str) -> bytes:
    if not path.is_file():
        raise _changed_error(path, "a file, as the manifest says", "no file")
    data = read_bytes(path)
    if hash_bytes(data) != expected:
        raise _changed_error(path, f"hash {expected}, as the manifest says", f"hash {hash_bytes(data)}")
    return data


def _refuse_foreign(folder: Path, manifest: Manifest) -> None:
    own = {part.file for part in manifest.parts}
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith((".", "_")))
    foreign = [name for name in names if name.endswith(".parquet") and name not in own and not is_label_table(name)]
    if foreign:
        raise DataError(
            "the feature store contains tables that do not belong to it",
            code="foreign-part",
            file=folder,
            expected="the parts in the manifest",
            found=format_list(foreign),
            hint="remove them, or run the same extract again in a new folder",
        )


def _changed_error(path: Path, expected: str, found: str) -> DataError:
    return DataError(
        "a part of the feature store is missing, or was changed after it was written",
        code="changed-store",
        file=path,
        expected=expected,
        found=found,
        hint="run the same extract again; it writes only this part",
    )
