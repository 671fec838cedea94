"""Write and keep the parts of a store; nothing here knows how their features are computed."""

from __future__ import annotations

import io
import shutil
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pdmr_classic.errors import DataError, wrap_os_errors
from pdmr_classic.features._file_rows import list_filled
from pdmr_classic.features.feature_table import join_labels, write_parquet
from pdmr_classic.features.store._manifest import Manifest, Part
from pdmr_classic.features.store._stored_files import (
    PartFacts,
    Pool,
    StoredFile,
    decode_part_facts,
    encode_part_facts,
)
from pdmr_classic.features.store.folder import CACHE, FILES, MANIFEST, is_part, part_name
from pdmr_classic.features.table_facts import TableFacts
from pdmr_classic.storage.atomic import write_bytes_atomic
from pdmr_classic.storage.bytes import hash_bytes, read_bytes


class PartWriter:
    """The parts of one store while it is written. The caller holds the lock of the folder.

    Parameters
    ----------
    folder : Path
        Folder of the store.
    source : Path
        Folder of the recordings.
    facts : TableFacts
    labels : DataFrame of str, optional
        Columns to write before the features; index `data_id`.
    """

    def __init__(self, folder: Path, source: Path, facts: TableFacts, labels: pd.DataFrame | None) -> None:
        self.folder, self.source, self.facts, self.labels = folder, source, facts, labels
        self.pool: Pool = {}

    def start(self) -> None:
        """Make the folder a store, so that a run that is interrupted in its first part can be continued.

        Raises
        ------
        TargetError
        """
        with wrap_os_errors(self.folder):
            (self.folder / FILES).mkdir(parents=True, exist_ok=True)

    def read_finished(self, number: int, key: str) -> PartFacts | None:
        """Return the facts of a part that is finished and unchanged since; None if it must be written.

        A part with an empty key is always written.
        """
        facts = self._find_facts(number)
        if facts is None or not key or facts.key != key:
            return None
        try:
            data = read_bytes(self.folder / part_name(number))
        except DataError:
            return None
        return facts if hash_bytes(data) == facts.hash else None

    def read_facts(self, number: int) -> PartFacts:
        """Return the facts of a part that was written.

        Raises
        ------
        DataError
            They were changed or removed in the meantime.
        """
        if (facts := self._find_facts(number)) is None:
            raise _changed_error(self.folder / part_name(number))
        return facts

    def write(self, number: int, features: pd.DataFrame, files: list[StoredFile], key: str) -> None:
        """Write a part, and then the facts that make it a finished one.

        Raises
        ------
        TargetError
        """
        self._forget_manifest()
        filled, names = tuple(list_filled(features)), tuple(map(str, features.columns))
        n_missing = int(features.isna().to_numpy().sum())
        digest = self._write_table(number, features)
        self._write_facts(number, PartFacts(key, digest, len(features), n_missing, filled, names, tuple(files)))
        shutil.rmtree(self.cache_folder(number), ignore_errors=True)

    def unify(self, number: int, names: list[str]) -> Part:
        """Give a part these columns if it has others, and return its entry in the manifest.

        Raises
        ------
        TargetError
        """
        facts = self.read_facts(number)
        path = self.folder / part_name(number)
        if list(facts.columns) != names:
            self._forget_manifest()
            table = pq.read_table(pa.BufferReader(read_bytes(path)), columns=["data_id", *facts.columns]).to_pandas()
            features = table.set_index("data_id").reindex(columns=names)
            n_missing = int(features.isna().to_numpy().sum())
            digest = self._write_table(number, features)
            columns = self.pool.setdefault(tuple(names), tuple(names))
            facts = PartFacts(facts.key, digest, facts.rows, n_missing, facts.filled, columns, facts.files)
            self._write_facts(number, facts)
        return Part(path.name, facts.rows, facts.hash, hash_bytes(read_bytes(self._facts_path(number))))

    def finish(self, manifest: Manifest) -> None:
        """Remove what an earlier store left over, and write the manifest.

        Raises
        ------
        TargetError
        """
        own = {part.file for part in manifest.parts}
        for folder in (self.folder, self.folder / FILES):
            with wrap_os_errors(folder):
                for path in sorted(folder.iterdir()):
                    if is_part(path.name) and path.name not in own:
                        self._forget_manifest()
                        path.unlink()
        manifest.write(self.folder)
        shutil.rmtree(self.folder / CACHE, ignore_errors=True)

    def cache_folder(self, number: int) -> Path:
        """Return the folder for the rows of a part that is not finished."""
        return self.folder / CACHE / part_name(number)

    def _find_facts(self, number: int) -> PartFacts | None:
        try:
            data = read_bytes(self._facts_path(number))
        except DataError:
            return None
        return decode_part_facts(data, self.source, self.pool)

    def _write_table(self, number: int, features: pd.DataFrame) -> str:
        labels = None if self.labels is None else self.labels.loc[features.index]
        stream = io.BytesIO()
        write_parquet(join_labels(features, labels), stream, self.facts)
        data = stream.getvalue()
        write_bytes_atomic(self.folder / part_name(number), data)
        return hash_bytes(data)

    def _write_facts(self, number: int, facts: PartFacts) -> None:
        write_bytes_atomic(self._facts_path(number), encode_part_facts(facts, self.source))

    def _facts_path(self, number: int) -> Path:
        return self.folder / FILES / part_name(number)

    def _forget_manifest(self) -> None:
        """Mark the store as not complete, because its parts change."""
        with wrap_os_errors(self.folder), suppress(FileNotFoundError):
            (self.folder / MANIFEST).unlink()


def _changed_error(path: Path) -> DataError:
    return DataError(
        "the feature store was changed while it was written",
        code="changed-store",
        file=path,
        expected="no other program that writes into the folder",
        found="a part is missing or changed",
        hint="run the same extract again",
    )
