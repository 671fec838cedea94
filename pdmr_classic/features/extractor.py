"""Extract a feature table from recordings: one row per recording, each file read once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from pdmr_classic.config import Settings
from pdmr_classic.errors import Finding
from pdmr_classic.features._extraction import Extraction as Extraction
from pdmr_classic.features._extraction import build_extraction, require_table
from pdmr_classic.features._file_rows import find_empty_families
from pdmr_classic.features._jobs import Job, announce_problems, announce_reading, find_kinds, make_jobs
from pdmr_classic.features._label_features import add_label_features
from pdmr_classic.features._run_jobs import run_jobs
from pdmr_classic.features.cache import FeatureCache
from pdmr_classic.features.events import pivot_events
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.file_features import Alteration, FileRow
from pdmr_classic.features.names import base_name, list_events
from pdmr_classic.features.registry import Family, select_computed
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.progress import LogReporter, Reporter, shows_progress

# Starting a worker takes as long as parsing this many bytes.
_BYTES_PER_WORKER = 30_000_000


class FeatureExtractor(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn a `Dataset` into a table of named features. Stateless: `fit` learns nothing from the data.

    Parameters
    ----------
    settings : Settings, optional
        `reading` (frame rate, minimum confidence), `features` (families), and what adds columns of the label table.
    jobs : int
        Number of processes; the result does not depend on it.
    cache : path-like or None
        Cache folder; None disables the cache.
    verify_cache : bool
        Hash every file again instead of trusting its size, modification time and inode.
    trained_names : sequence of str, optional
        Names of the features that a model was trained on: vectors with other components are errors (default: vectors
        with other components than most), and further views that it was not trained on are not read.
    alter : mapping of str to callable, optional
        For stress tests: per modality, a function that alters each `Stream` or `Embedding` (audio vector) before its
        features are computed; disables the cache.
    exclusions : Exclusions, optional
        Channels and audio components to leave out, as found in the training data.
    reporter : Reporter, optional
        Receives the progress.

    Examples
    --------
    >>> import tempfile
    >>> from pdmr_classic import load_dataset, make_synthetic
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = make_synthetic(f"{folder}/set", subjects=8, segments=1, seconds=(2, 3))
    ...     features = FeatureExtractor().fit_transform(load_dataset(made.out, split="test"))
    >>> features.index.name, "video__AU12_r__mean" in features, "audio__netvlad__017" in features
    ('data_id', True, True)
    """

    work_bytes = 0
    """Size of all work, if the extractor reads it part by part: it decides how many processes are worth starting."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        jobs: int = 1,
        cache: str | Path | None = None,
        verify_cache: bool = False,
        trained_names: Sequence[str] | None = None,
        alter: Mapping[str, Alteration] | None = None,
        exclusions: Exclusions | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        self.settings = settings
        self.jobs = jobs
        self.cache = cache
        self.verify_cache = verify_cache
        self.trained_names = trained_names
        self.alter = alter
        self.exclusions = exclusions
        self.reporter = reporter

    def fit(self, dataset: Dataset, y: Any = None) -> FeatureExtractor:
        """Check the settings; nothing is learned."""
        self._select_families()
        return self

    def transform(self, dataset: Dataset) -> pd.DataFrame:
        """Return the features of every recording; see `extract` for data sets with unreadable files.

        Raises
        ------
        DataError
            A file cannot be read; lists every such file.
        """
        return self.extract(dataset).require_features()

    def extract(self, dataset: Dataset) -> Extraction:
        """Return the features of every recording, the errors and the findings."""
        families = self._select_families()
        settings = self.settings or Settings()
        trained = tuple(self.trained_names or ())
        kinds = find_kinds(dataset, trained)
        jobs = make_jobs(dataset, families, settings, kinds, self.alter or {}, self.exclusions or NO_EXCLUSIONS)
        stored = None if dataset.table is None else require_table(dataset.table, alter=self.alter is not None)
        if stored is None:
            outcomes = self._read_files(jobs, self._open_cache(dataset.folder, settings, families))
        else:
            outcomes = stored.make_rows(jobs, families, self.exclusions or NO_EXCLUSIONS)
        single_names = tuple(dict.fromkeys(map(base_name, trained))) if list_events(trained) else trained
        data_ids = [single.data_id for single in dataset.singles]
        extraction = build_extraction(data_ids, jobs, outcomes, settings, list(kinds), single_names, stored)
        features, singles = extraction.features, None
        findings = [_unused_view_finding(name) for name in dataset.view_kinds if name not in kinds]
        findings += find_empty_families(families, features)
        if any(recording.events for recording in dataset.recordings):
            singles = features
            features, of_events = pivot_events(singles, dataset.recordings, trained)
            findings += of_events
        features, of_labels = add_label_features(features, dataset, settings, self.trained_names)
        mismatches = () if stored is None else stored.find_mismatches(settings, families, trained)
        return replace(
            extraction,
            features=features,
            recordings=singles,
            findings=(*extraction.findings, *findings, *of_labels),
            conflicts=(*mismatches, *extraction.conflicts),
        )

    def list_jobs(self, dataset: Dataset) -> list[Job]:
        """Return a job for each file, modality by modality; nothing is read."""
        kinds = find_kinds(dataset, tuple(self.trained_names or ()))
        settings, alter = self.settings or Settings(), self.alter or {}
        return make_jobs(dataset, self._select_families(), settings, kinds, alter, self.exclusions or NO_EXCLUSIONS)

    def read_part(self, jobs: list[Job], folder: Path) -> list[FileRow | Finding]:
        """Return the features of some files below a folder, or the errors; the files are not compared."""
        cache = self._open_cache(folder, self.settings or Settings(), self._select_families())
        outcomes = self._run(jobs, cache, reporter=self.reporter)
        if cache is not None:
            cache.write((job.path, row) for job, row in zip(jobs, outcomes, strict=True) if isinstance(row, FileRow))
        return outcomes

    def _select_families(self) -> tuple[Family, ...]:
        settings = self.settings or Settings()
        return select_computed(settings.features, settings.plugins)

    def _open_cache(self, folder: Path, settings: Settings, families: tuple[Family, ...]) -> FeatureCache | None:
        if self.cache is None or self.alter is not None:
            return None
        settings_json = settings.model_dump_json(include={"reading", "features"})
        excluded = [json.dumps(self.exclusions.as_dict())] if self.exclusions else []
        key = "\0".join((settings_json, *(family.cache_key for family in families), *excluded))
        return FeatureCache(Path(self.cache), folder, key, verify=self.verify_cache)

    def _read_files(self, jobs: list[Job], cache: FeatureCache | None) -> list[FileRow | Finding]:
        outcomes = self._run(jobs, cache, reporter=self.reporter)
        if cache is not None:
            cache.write((job.path, row) for job, row in zip(jobs, outcomes, strict=True) if isinstance(row, FileRow))
        return outcomes

    @shows_progress
    def _run(
        self, jobs: list[Job], cache: FeatureCache | None, *, reporter: Reporter | None
    ) -> list[FileRow | Finding]:
        outcomes: list[FileRow | Finding | None] = [None if cache is None else job.find_cached(cache) for job in jobs]
        todo = [index for index, outcome in enumerate(outcomes) if outcome is None]
        waiting = [jobs[index] for index in todo]
        done = len(jobs) - len(todo)
        reporter = reporter or LogReporter()
        announce_reading(waiting, done, reporter)
        reporter.progress("reading", done, len(jobs))

        def keep(task: slice, results: list[FileRow | Finding]) -> None:
            for index, outcome in zip(todo[task], results, strict=True):
                outcomes[index] = outcome
            if cache is not None:
                rows = zip(waiting[task], results, strict=True)
                cache.add((job.path, row) for job, row in rows if isinstance(row, FileRow))

        with nullcontext() if cache is None else cache.keep_rows_on_error():
            for n_files in run_jobs(waiting, self._count_workers(waiting), keep):
                done += n_files
                reporter.progress("reading", done, len(jobs))
        announce_problems(jobs, outcomes, reporter)
        return [outcome for outcome in outcomes if outcome is not None]

    def _count_workers(self, jobs: Sequence[Job]) -> int:
        n_bytes = max(sum(job.n_bytes for job in jobs), self.work_bytes)
        return int(min(joblib.effective_n_jobs(self.jobs), max(n_bytes // _BYTES_PER_WORKER, 1)))


def _unused_view_finding(name: str) -> Finding:
    return Finding("unused-view", f"view {name} is not used: the model was trained without it")
