"""What is computed from which file: one job per file, run by `_run_jobs.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.features._view_families import select_families
from pdmr_classic.features.cache import FeatureCache
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.file_features import Alteration, FileRow, compute_stream_row, compute_vector_row, file_source
from pdmr_classic.features.file_records import Fields, select_fields
from pdmr_classic.features.names import feature_view, vector_modalities
from pdmr_classic.features.registry import Family
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.view_files import KINDS, STREAM, VECTOR, FileKind
from pdmr_classic.progress import Reporter, announce
from pdmr_classic.storage.bytes import total_size
from pdmr_classic.text import format_count, format_size


def find_kinds(dataset: Dataset, trained: tuple[str, ...]) -> dict[str, FileKind]:
    """Return the kind of the files of each modality; a model knows those of its further views, and has no others."""
    views = {name: view.kind for name, view in dataset.view_kinds.items()}
    if trained:
        trained_views = set(map(feature_view, trained))
        vectors = vector_modalities(trained)
        views = {name: VECTOR if name in vectors else STREAM for name in views if name in trained_views}
    return {**KINDS, **views}


def make_jobs(
    dataset: Dataset,
    families: tuple[Family, ...],
    settings: Settings,
    kinds: Mapping[str, FileKind],
    alter: Mapping[str, Alteration],
    exclusions: Exclusions,
) -> list[Job]:
    """Return a job for each file of the modalities in `kinds`, modality by modality."""
    return [
        Job(
            *(recording.data_id, modality, kind, path, parts, settings, chosen, alter.get(modality), exclusions),
            fields=select_fields(dataset.fields, recording.data_id),
        )
        for modality, kind in kinds.items()
        if (chosen := select_families(families, modality, kind))
        for recording in dataset.singles
        for name, path, parts in recording.files
        if name == modality
    ]


@dataclass(frozen=True)
class Job:
    """One file, and how its features are computed."""

    data_id: str
    modality: str
    kind: FileKind
    path: Path
    parts: tuple[Path, ...]
    settings: Settings
    families: tuple[Family, ...]
    alter: Alteration | None = None
    exclusions: Exclusions = NO_EXCLUSIONS
    fields: Fields = ()

    def run(self) -> FileRow | Finding:
        """Return the features of the file, or the error."""
        try:
            file = self.path, self.settings, self.families, self.alter
            if self.kind == STREAM:
                return compute_stream_row(*file, modality=self.modality, parts=self.parts, exclusions=self.exclusions)
            return compute_vector_row(*file, modality=self.modality, exclusions=self.exclusions)
        except DataError as error:
            return error.finding
        except ConfigError as error:  # of a user's own family
            raise ConfigError(replace(error.finding, file=self.path)) from error

    def find_cached(self, cache: FeatureCache) -> FileRow | None:
        """Return the cached features of the file, or None."""
        try:
            return cache.find(self.path, parts=self.parts, source=file_source(self.modality, self.kind))
        except DataError:
            return None  # the reader will report the error

    @property
    def n_bytes(self) -> int:
        """Size of the files."""
        return total_size((self.path, *self.parts))


def announce_reading(todo: Sequence[Job], n_cached: int, reporter: Reporter) -> None:
    """Announce how many files will be read, and how many are in the cache."""
    if not todo:
        announce(reporter, f"to read: nothing; {format_count(n_cached, 'file is', 'files are')} cached", is_detail=True)
        return
    cached = f"; {n_cached} more are cached" if n_cached else ""
    size = format_size(sum(job.n_bytes for job in todo))
    announce(reporter, f"to read: {format_count(len(todo), 'file')}, {size}{cached}")


def announce_problems(jobs: Sequence[Job], outcomes: Sequence[FileRow | Finding | None], reporter: Reporter) -> None:
    """Announce, as details, the files that cannot be used, and the findings of the others."""
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Finding):
            announce(reporter, f"not usable: {job.path}: {outcome.what}", is_detail=True)
        elif outcome is not None:
            for finding in outcome.findings:
                announce(reporter, f"{job.path}: {finding.what}", is_detail=True)
