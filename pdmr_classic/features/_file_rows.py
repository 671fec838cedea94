"""The rows of all files of a data set: vectors that do not fit the others, missing channels, hashes of the contents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pdmr_classic.errors import Finding
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.features.names import MATERIAL, QUALITY, feature_view, is_vector_component, own_family, vector_layout
from pdmr_classic.features.registry import Family
from pdmr_classic.io.audio.vector_layouts import find_additional_names, find_odd_layouts
from pdmr_classic.io.video.missing_channels import find_missing_channels
from pdmr_classic.io.view_files import STREAM, VECTOR
from pdmr_classic.storage.mapped_table import copy_rows, iterate_rows, release_pages

_LAST_VIEWS = (QUALITY, MATERIAL)
_BATCH_FILES = 1000


class ReadFile(Protocol):
    """A file whose features are compared with those of others."""

    @property
    def path(self) -> Path: ...
    @property
    def modality(self) -> str: ...
    @property
    def kind(self) -> str: ...


def reject_odd_vectors(
    jobs: Sequence[ReadFile], outcomes: Sequence[FileRow | Finding], trained: tuple[str, ...]
) -> list[FileRow | Finding]:
    """Replace the rows of vectors that do not fit the others, or those of training, by errors."""
    odd: dict[Path, Finding] = {}
    additional: dict[Path, Finding] = {}
    for modality in dict.fromkeys(job.modality for job in jobs if job.kind == VECTOR):
        layouts = [
            (job.path, layout)
            for job, row in zip(jobs, outcomes, strict=True)
            if job.modality == modality and isinstance(row, FileRow) and (layout := vector_layout(row.names, modality))
        ]
        expected = vector_layout(trained, modality)
        odd |= find_odd_layouts(layouts, expected, modality)
        additional |= find_additional_names(layouts, expected, modality)
    return [
        replace(row, findings=(*row.findings, additional[job.path]))
        if job.path in additional and isinstance(row, FileRow)
        else odd.get(job.path, row)
        for job, row in zip(jobs, outcomes, strict=True)
    ]


def tabulate_rows(data_ids: list[str], file_rows: Sequence[tuple[str, FileRow]]) -> pd.DataFrame:
    """Return the rows of all files in one table, aligned by feature name."""
    names = merge_names(row.names for _, row in file_rows)
    column_indices = {name: index for index, name in enumerate(names)}
    row_indices = {data_id: index for index, data_id in enumerate(data_ids)}
    table = np.full((len(data_ids), len(names)), np.nan)
    # Files of one data set mostly share the same names.
    columns: dict[tuple[str, ...], NDArray[np.intp]] = {}
    for data_id, row in file_rows:
        if row.names not in columns:
            columns[row.names] = np.array([column_indices[name] for name in row.names], dtype=np.intp)
        table[row_indices[data_id], columns[row.names]] = row.values
    return pd.DataFrame(table, index=pd.Index(data_ids, name="data_id"), columns=names, copy=False)


def select_rows(features: pd.DataFrame, data_ids: list[str], names: list[str]) -> pd.DataFrame:
    """Return some rows and columns of a table that has them, by their labels."""
    return copy_rows(
        features, features.index.get_indexer(pd.Index(data_ids)), features.columns.get_indexer(pd.Index(names))
    )


def merge_names(layouts: Iterable[tuple[str, ...]]) -> list[str]:
    """Return each name once, in order of appearance; quality and material names come last."""
    names = dict.fromkeys(name for layout in dict.fromkeys(layouts) for name in layout)
    return sorted(
        names, key=lambda name: -1 if (view := feature_view(name)) not in _LAST_VIEWS else _LAST_VIEWS.index(view)
    )


def check_channels(jobs: Sequence[ReadFile], outcomes: Sequence[FileRow | Finding]) -> list[Finding]:
    """Return a finding for each stream that lacks channels of most others of its modality."""
    channels: dict[str, list[tuple[Path, tuple[str, ...]]]] = {}
    for job, row in zip(jobs, outcomes, strict=True):
        if job.kind == STREAM and isinstance(row, FileRow):
            channels.setdefault(job.modality, []).append((job.path, row.facts.channels))
    return [finding for streams in channels.values() for finding in find_missing_channels(streams)]


def collect_hashes(
    data_ids: list[str], jobs: list[Job], outcomes: list[FileRow | Finding], modalities: Sequence[str]
) -> pd.DataFrame:
    """Return the hash of each file by modality, shape [n, modalities]; empty for constant vectors."""
    hashes: dict[str, dict[str, str]] = {name: {} for name in modalities}
    for number, (job, row) in enumerate(zip(jobs, outcomes, strict=True)):
        if isinstance(row, FileRow) and not (job.kind == VECTOR and _is_placeholder(row)):
            hashes[job.modality][job.data_id] = row.content
        if isinstance(row, FileRow) and number % _BATCH_FILES == 0:
            release_pages(row.values)
    columns = {modality: [by_id.get(data_id, "") for data_id in data_ids] for modality, by_id in hashes.items()}
    return pd.DataFrame(columns, index=pd.Index(data_ids, name="data_id"), dtype=object)


def _is_placeholder(row: FileRow) -> bool:
    vector = row.values[_find_components(row.names)]
    return len(vector) > 1 and len(np.unique(vector[np.isfinite(vector)])) < 2


# Files of one data set mostly share the same names.
@lru_cache(maxsize=64)
def _find_components(names: tuple[str, ...]) -> NDArray[np.intp]:
    return np.flatnonzero([is_vector_component(name) for name in names])


def find_empty_families(families: Iterable[Family], features: pd.DataFrame) -> list[Finding]:
    """Return a finding for each own family that has no value in any recording."""
    own = any(family.code for family in families)
    return [] if not own or features.empty else find_unfilled_families(families, list_filled(features))


def list_filled(features: pd.DataFrame) -> list[str]:
    """Return the names of the features that have a value in any recording."""
    filled = np.zeros(features.shape[1], dtype=bool)
    for rows in iterate_rows(features):
        filled |= rows.notna().any().to_numpy()
    return list(map(str, features.columns[filled]))


def find_unfilled_families(families: Iterable[Family], filled: Iterable[str]) -> list[Finding]:
    """Return a finding for each own family without any feature among those that have values."""
    own = [family.name for family in families if family.code]
    present = set(map(own_family, filled)) if own else set()
    return [_empty_finding(name) for name in own if name not in present]


def _empty_finding(name: str) -> Finding:
    return Finding(
        "empty-family",
        f"the feature family {name} has no value in any recording",
        expected="numbers for recordings that have its channels",
        found="no features, or only NaN",
        hint="check the function, and the kinds of channels that it is registered for",
    )
