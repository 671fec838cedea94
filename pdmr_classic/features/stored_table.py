"""A feature table in place of the recordings that it was extracted from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features._file_rows import merge_names, select_rows
from pdmr_classic.features._jobs import Job
from pdmr_classic.features._stored_exclusions import drop_features, refuse_combined
from pdmr_classic.features._table_mismatches import find_mismatches, find_missing_names
from pdmr_classic.features.exclusions import Exclusions
from pdmr_classic.features.file_features import FileRow, file_source
from pdmr_classic.features.file_records import FileRecord
from pdmr_classic.features.names import vector_modalities
from pdmr_classic.features.registry import Family
from pdmr_classic.features.table_facts import TableFacts
from pdmr_classic.io.layouts.layout import Discovery
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.io.view_files import KINDS, STREAM, VECTOR, ViewKind

Columns = slice | NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """A feature table that `extract` wrote, and what it says about its origin.

    It takes the place of the files of a data set: `FeatureExtractor` gets the rows of its files from it.

    Attributes
    ----------
    path : Path
    features : DataFrame of float64, shape [n, F]
        Index `data_id`.
    facts : TableFacts or None
        Code, settings and families; None if they are unknown, as for text files.
    records : tuple of FileRecord
        The files behind the rows. Without facts about the files, one for each modality that has values.
    is_described : bool
        Whether the table contains the facts about its files.
    is_synthetic : bool
    findings : tuple of Finding
    has_subject_column : bool
        Whether a column of labels, which is not read, contains the subjects.
    """

    path: Path
    features: pd.DataFrame
    facts: TableFacts | None
    records: tuple[FileRecord, ...]
    is_described: bool
    is_synthetic: bool = False
    findings: tuple[Finding, ...] = ()
    has_subject_column: bool = False

    @property
    def view_kinds(self) -> Mapping[str, ViewKind]:
        """The kind of each further view."""
        vectors = set(vector_modalities(map(str, self.features.columns)))
        names = sorted({record.modality for record in self.records} - {*KINDS})
        return {name: ViewKind(VECTOR if name in vectors else STREAM) for name in names}

    def discover(self) -> Discovery:
        """Return the recordings of the table. Their files exist only as names, below that of the table."""
        files: dict[str, dict[str, Path]] = {str(data_id): {} for data_id in self.features.index}
        fields: dict[str, dict[str, str]] = {}
        for record in self.records:
            for name, value in record.fields:
                fields.setdefault(name, {})[record.data_id] = value
            files[record.data_id][record.modality] = self.path / record.modality / record.data_id
        recordings = [
            Recording(
                data_id,
                own.get("video"),
                own.get("audio"),
                further=tuple((name, own[name]) for name in sorted(own) if name not in KINDS),
            )
            for data_id, own in sorted(files.items())
        ]
        return Discovery("pdmr", tuple(recordings), fields, findings=self.findings)

    def make_rows(
        self, jobs: Sequence[Job], families: Sequence[Family], exclusions: Exclusions
    ) -> list[FileRow | Finding]:
        """Return the row of each file, as it was extracted, without excluded channels.

        Raises
        ------
        DataError
            Features were computed from several channels, one of which is excluded: the recordings are needed.
        """
        refuse_combined(exclusions, families, self.path)
        rows: list[FileRow | Finding] = []
        for job in jobs:
            record = self._by_file[job.data_id, job.modality]
            names, values = record.names, self._values[self._positions[job.data_id], self._columns[record.names]]
            if exclusions[job.modality]:
                names, values = drop_features(exclusions, names, values, job.modality, job.kind)
            source = file_source(job.modality, job.kind)
            rows.append(FileRow(names, values, record.content, (), record.facts, source))
        return rows

    def tabulate(self, data_ids: list[str], file_rows: Sequence[tuple[str, FileRow]]) -> pd.DataFrame:
        """Return the rows of all files in one table; that of this object itself if it is the same."""
        names = merge_names(row.names for _, row in file_rows)
        if names == list(self.features.columns) and data_ids == list(self.features.index):
            return self.features
        return select_rows(self.features, data_ids, names)

    def find_mismatches(self, settings: Settings, families: Sequence[Family], trained: Sequence[str]) -> list[Finding]:
        """Return an error for each reason why the table is not what would be extracted now.

        Parameters
        ----------
        settings : Settings
            Those of the model, or to train with.
        families : sequence of Family
            Those of the settings.
        trained : sequence of str
            Features of the model; empty in training.
        """
        mismatches = [] if self.facts is None else find_mismatches(self.facts, settings, families)
        if not self.is_described and trained:
            mismatches += find_missing_names(list(map(str, self.features.columns)), trained)
        return [replace(finding, file=self.path) for finding in mismatches]

    @cached_property
    def _values(self) -> NDArray[np.float64]:
        return self.features.to_numpy()

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {str(data_id): row for row, data_id in enumerate(self.features.index)}

    @cached_property
    def _by_file(self) -> dict[tuple[str, str], FileRecord]:
        return {(record.data_id, record.modality): record for record in self.records}

    @cached_property
    def _columns(self) -> dict[tuple[str, ...], Columns]:
        """Where the features of each layout are; a slice needs no copy."""
        positions = {str(name): column for column, name in enumerate(self.features.columns)}
        layouts = dict.fromkeys(record.names for record in self.records)
        return {names: _to_columns([positions[name] for name in names]) for names in layouts}


def _to_columns(positions: list[int]) -> Columns:
    if positions == list(range(positions[0], positions[0] + len(positions))):
        return slice(positions[0], positions[-1] + 1)
    return np.array(positions, dtype=np.intp)
