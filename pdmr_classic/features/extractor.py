"""Recordings to a table of features: one row a recording, each file read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from pdmr_classic.arrays import Ints
from pdmr_classic.config import Settings
from pdmr_classic.errors import ConfigError, DataError, Finding
from pdmr_classic.features.cache import FeatureCache
from pdmr_classic.features.file_features import Alteration, FileRow, audio_row, video_row
from pdmr_classic.features.names import MATERIAL, QUALITY, audio_width, is_audio_component, parse_name, view_of
from pdmr_classic.features.registry import Family, families
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.embeddings import find_odd_widths
from pdmr_classic.io.openface import find_missing_channels
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.storage.atomic import write_atomic
from pdmr_classic.text import format_count
from pdmr_classic.workers import change_to, one_thread, working_folder

# Starting a worker costs as much as this many bytes of parsing.
_BYTES_WORTH_A_WORKER = 30_000_000
_FILES_A_TASK = 8
_LAST = (QUALITY, MATERIAL)


@dataclass(frozen=True, eq=False)
class Extraction:
    """What came of extracting a data set.

    Attributes
    ----------
    features : DataFrame
        Index `data_id`, columns `view__channel__functional`, float64; NaN where a feature cannot be known, among them
        all features of a modality that a recording does not have.
    refused : tuple of Finding
        Files that could not be read; their features are NaN.
    findings : tuple of Finding
        What was noticed about the files that were read.
    contents : DataFrame of str
        Index `data_id`, columns `video` and `audio`: the hash of each file's bytes; empty without a file, and for an
        audio vector whose components are all the same: such a placeholder says nothing about who shares it.
    """

    features: pd.DataFrame
    refused: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    contents: pd.DataFrame = field(default_factory=pd.DataFrame)

    def checked(self) -> pd.DataFrame:
        """Return the features, if every file could be read.

        Raises
        ------
        DataError
            With every refused file.
        """
        if self.refused:
            raise DataError(self.refused[0], self.refused[1:])
        return self.features


class FeatureExtractor(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn a `Dataset` into a table of named features. Stateless: nothing is learned from the data.

    Parameters
    ----------
    settings : Settings, optional
        `reading` (frame rate, least confidence) and `features` (families) are used.
    jobs : int
        Processes. The result does not depend on it.
    cache : path-like or None
        Folder of the cache; None keeps nothing.
    verify_cache : bool
        Hash every file again, instead of trusting its size, time of change and inode.
    vector_width : int, optional
        Of the audio vectors that a model was trained on; files with others are refused. Default: that of most files.
    alter : mapping of str to callable, optional
        By modality: from a `Stream` ("video") or an `Embedding` ("audio") to the one whose features are computed, for
        stress tests; nothing is taken from the cache then.
    reporter : Reporter, optional
        Is shown the progress.

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

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        jobs: int = 1,
        cache: str | Path | None = None,
        verify_cache: bool = False,
        vector_width: int | None = None,
        alter: Mapping[str, Alteration] | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        self.settings = settings
        self.jobs = jobs
        self.cache = cache
        self.verify_cache = verify_cache
        self.vector_width = vector_width
        self.alter = alter
        self.reporter = reporter

    def fit(self, dataset: Dataset, y: Any = None) -> FeatureExtractor:
        """Learn nothing; check the settings."""
        self._families()
        return self

    def transform(self, dataset: Dataset) -> pd.DataFrame:
        """Return the features of every recording; see `extract` for those of a set with broken files.

        Raises
        ------
        DataError
            A file cannot be read; every such file is named.
        """
        return self.extract(dataset).checked()

    def extract(self, dataset: Dataset) -> Extraction:
        """Return features, refused files and findings of every recording."""
        chosen = self._families()
        video = tuple(family for family in chosen if family.view != "audio")
        audio = tuple(family for family in chosen if family.view == "audio")
        settings = self.settings or Settings()
        alter = self.alter or {}
        jobs = [
            _Job(recording.data_id, modality, path, settings, chosen_of_it, alter.get(modality))
            for modality, chosen_of_it in (("video", video), ("audio", audio))
            for recording in dataset.recordings
            if (path := getattr(recording, modality)) and chosen_of_it
        ]
        cache = self._open_cache(dataset.folder, settings, chosen)
        outcomes = self._run(jobs, cache)
        if cache is not None:
            good = [(job.path, row) for job, row in zip(jobs, outcomes, strict=True) if isinstance(row, FileRow)]
            cache.keep(good)
        outcomes = _refuse_odd_widths(jobs, outcomes, self.vector_width)
        return _gathered(dataset.data_ids, jobs, outcomes)

    def _families(self) -> tuple[Family, ...]:
        known = families()
        usual = tuple(name for name, family in known.items() if family.by_default)
        names = (self.settings or Settings()).features.families or usual
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ConfigError(
                "there is no such feature family",
                expected=", ".join(known),
                found=", ".join(unknown),
                hint="correct the name in the settings: [features] families = [...]",
            )
        return tuple(known[name] for name in known if name in names)

    def _open_cache(self, folder: Path, settings: Settings, chosen: tuple[Family, ...]) -> FeatureCache | None:
        if self.cache is None or self.alter is not None:
            return None
        asked = settings.model_dump_json(include={"reading", "features"})
        key = "\0".join((asked, *(family.name for family in chosen)))
        return FeatureCache(Path(self.cache), folder, key, verify=self.verify_cache)

    def _run(self, jobs: list[_Job], cache: FeatureCache | None) -> list[FileRow | Finding]:
        outcomes: list[FileRow | Finding | None] = [_cached(job, cache) for job in jobs]
        todo = [place for place, outcome in enumerate(outcomes) if outcome is None]
        chunks = [todo[start : start + _FILES_A_TASK] for start in range(0, len(todo), _FILES_A_TASK)]
        done = len(jobs) - len(todo)
        reporter = self.reporter or LogReporter()
        reporter.progress("reading", done, len(jobs))
        tasks = (joblib.delayed(_work)([jobs[place] for place in chunk], working_folder()) for chunk in chunks)
        parallel = joblib.Parallel(n_jobs=self._workers([jobs[p].path for p in todo]), return_as="generator")
        for chunk, found in zip(chunks, parallel(tasks), strict=True):
            for place, outcome in zip(chunk, found, strict=True):
                outcomes[place] = outcome
            if cache is not None:
                cache.add((jobs[p].path, row) for p, row in zip(chunk, found, strict=True) if isinstance(row, FileRow))
            done += len(chunk)
            reporter.progress("reading", done, len(jobs))
        return [outcome for outcome in outcomes if outcome is not None]

    def _workers(self, paths: Sequence[Path]) -> int:
        n_bytes = sum(map(_size, paths))
        worth = max(n_bytes // _BYTES_WORTH_A_WORKER, 1)
        return int(min(joblib.effective_n_jobs(self.jobs), worth))


@dataclass(frozen=True)
class _Job:
    data_id: str
    modality: str
    path: Path
    settings: Settings
    families: tuple[Family, ...]
    alter: Alteration | None = None

    def run(self) -> FileRow | Finding:
        try:
            row = video_row if self.modality == "video" else audio_row
            return row(self.path, self.settings, self.families, self.alter)
        except DataError as error:
            return error.finding


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # the reader will say why


def _work(jobs: list[_Job], folder: str) -> list[FileRow | Finding]:
    change_to(folder)
    with one_thread():
        return [job.run() for job in jobs]


def _cached(job: _Job, cache: FeatureCache | None) -> FileRow | None:
    try:
        return cache.find(job.path, audio=job.modality == "audio") if cache is not None else None
    except DataError:
        return None  # unreadable: the reader will say so


def _refuse_odd_widths(
    jobs: list[_Job], outcomes: list[FileRow | Finding], trained: int | None
) -> list[FileRow | Finding]:
    widths = [
        (job.path, audio_width(row.names))
        for job, row in zip(jobs, outcomes, strict=True)
        if job.modality == "audio" and isinstance(row, FileRow)
    ]
    odd = find_odd_widths([(path, width) for path, width in widths if width], trained)
    return [odd.get(job.path, row) for job, row in zip(jobs, outcomes, strict=True)]


def _gathered(data_ids: list[str], jobs: list[_Job], outcomes: list[FileRow | Finding]) -> Extraction:
    """Put the rows of all files into one table, by name; files of one set mostly share all of their names."""
    good = [(job.data_id, row) for job, row in zip(jobs, outcomes, strict=True) if isinstance(row, FileRow)]
    names = _union(row.names for _, row in good)
    place_of = {name: place for place, name in enumerate(names)}
    row_of = {data_id: place for place, data_id in enumerate(data_ids)}
    table = np.full((len(data_ids), len(names)), np.nan)
    places: dict[tuple[str, ...], Ints] = {}
    for data_id, row in good:
        if row.names not in places:
            places[row.names] = np.array([place_of[name] for name in row.names], dtype=np.intp)
        table[row_of[data_id], places[row.names]] = row.values
    features = pd.DataFrame(table, index=pd.Index(data_ids, name="data_id"), columns=names, copy=False)
    refused = tuple(outcome for outcome in outcomes if isinstance(outcome, Finding))
    findings = tuple(finding for _, row in good for finding in row.findings)
    return Extraction(features, refused, (*findings, *_uneven(jobs, outcomes)), _contents(data_ids, jobs, outcomes))


def _uneven(jobs: list[_Job], outcomes: list[FileRow | Finding]) -> list[Finding]:
    channels: dict[tuple[str, ...], frozenset[str]] = {}
    streams = []
    for job, row in zip(jobs, outcomes, strict=True):
        if job.modality == "video" and isinstance(row, FileRow):
            if row.names not in channels:
                channels[row.names] = frozenset(parse_name(name).channel for name in row.names)
            streams.append((job.path, channels[row.names]))
    return find_missing_channels(streams)


def _contents(data_ids: list[str], jobs: list[_Job], outcomes: list[FileRow | Finding]) -> pd.DataFrame:
    found: dict[str, dict[str, str]] = {"video": {}, "audio": {}}
    for job, row in zip(jobs, outcomes, strict=True):
        if isinstance(row, FileRow) and not (job.modality == "audio" and _is_placeholder(row)):
            found[job.modality][job.data_id] = row.content
    columns = {modality: [hashes.get(data_id, "") for data_id in data_ids] for modality, hashes in found.items()}
    return pd.DataFrame(columns, index=pd.Index(data_ids, name="data_id"), dtype=object)


def _is_placeholder(row: FileRow) -> bool:
    vector = np.array([v for name, v in zip(row.names, row.values, strict=True) if is_audio_component(name)])
    return len(vector) > 1 and len(np.unique(vector[np.isfinite(vector)])) < 2


def _union(layouts: Iterable[tuple[str, ...]]) -> list[str]:
    """Return all names once, those of behaviour first; quality and materials stand where no view has them amid it."""
    names = dict.fromkeys(name for layout in dict.fromkeys(layouts) for name in layout)
    return sorted(names, key=lambda name: _LAST.index(view) if (view := view_of(name)) in _LAST else -1)


def summarise_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding of each code, with the number of files that it concerns instead of their names."""
    counts = Counter(finding.code for finding in findings)
    first = {finding.code: finding for finding in reversed(findings)}
    return [
        replace(first[code], file=None, found=None, what=f"{first[code].what} ({format_count(n, 'file')})")
        for code, n in counts.items()
    ]


def write_features(features: pd.DataFrame, path: str | Path) -> Path:
    """Write a table of features as parquet, with `data_id` as its first column, whole or not at all."""
    return write_atomic(Path(path), features.reset_index().to_parquet)
