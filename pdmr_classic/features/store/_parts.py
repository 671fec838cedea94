"""Read the recordings part by part, and write each part as soon as all its files have been read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import xxhash

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features._file_rows import tabulate_rows
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.cache import ListedVersions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.features.store._part_progress import PartProgress
from pdmr_classic.features.store._part_writer import PartWriter
from pdmr_classic.features.store._stored_files import PartFacts, StoredFile
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.progress import LogReporter, announce
from pdmr_classic.storage.bytes import combine_hashes, hash_bytes, read_bytes
from pdmr_classic.storage.location import RemotePath
from pdmr_classic.text import format_count

ROWS_PER_PART = 1000
"""As many recordings of 2,500 features are 20 MB."""


def split_rows(n_rows: int) -> list[slice]:
    """Return the rows of each part of a store.

    Examples
    --------
    >>> split_rows(1001)
    [slice(0, 1000, None), slice(1000, 2000, None)]
    """
    return [slice(start, start + ROWS_PER_PART) for start in range(0, n_rows, ROWS_PER_PART)]


def read_parts(extractor: FeatureExtractor, dataset: Dataset, writer: PartWriter) -> list[Finding]:
    """Write each part that is not finished; return an error for each file that cannot be used.

    Parts with errors are not written; the rows of their other files are kept for the next run.
    """
    reporter = extractor.reporter or LogReporter()
    n_files = sum(len(recording.files) for recording in dataset.singles)
    n_rows, done, n_kept = len(dataset), 0, 0
    what = f"{format_count(n_rows, 'recording')} in parts of {ROWS_PER_PART:,}"
    announce(reporter, f"to read: {format_count(n_files, 'file')} of {what}")
    errors: list[Finding] = []
    versions = ListedVersions()
    for number, part in enumerate(_split(dataset)):
        jobs = extractor.list_jobs(part)
        key = _make_key(extractor, jobs, part, writer, versions)
        facts = None if extractor.cache is None else writer.read_finished(number, key)
        if facts is not None and (not extractor.verify_cache or _has_same_contents(facts, jobs)):
            n_kept += 1
        else:
            reader = _make_reader(extractor, PartProgress(reporter, done, n_files), writer.cache_folder(number))
            reader.work_bytes = sum(job.n_bytes for job in jobs) * len(split_rows(n_rows))
            outcomes = reader.read_part(jobs, dataset.folder)
            found = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
            errors += found
            if not found:
                _write_part(number, part, jobs, outcomes, key, writer)
        done += len(jobs)
    if n_kept:
        announce(
            reporter, f"{format_count(n_kept, 'part')} of an earlier run {'is' if n_kept == 1 else 'are'} unchanged"
        )
    return errors


def _split(dataset: Dataset) -> Iterator[Dataset]:
    for rows in split_rows(len(dataset)):
        yield replace(dataset, recordings=dataset.recordings[rows], labels=None, groups=None)


def _make_reader(extractor: FeatureExtractor, reporter: PartProgress, cache: Path) -> FeatureExtractor:
    parameters = extractor.get_params(deep=False)
    cache_folder = None if extractor.cache is None else cache
    return FeatureExtractor(**{**parameters, "cache": cache_folder, "reporter": reporter})


def _write_part(
    number: int,
    part: Dataset,
    jobs: Sequence[Job],
    outcomes: Sequence[FileRow | Finding],
    key: str,
    writer: PartWriter,
) -> None:
    rows = [(job, row) for job, row in zip(jobs, outcomes, strict=True) if isinstance(row, FileRow)]
    features = tabulate_rows(part.data_ids, [(job.data_id, row) for job, row in rows])
    files = [StoredFile(job.data_id, job.modality, job.path, row, job.fields) for job, row in rows]
    writer.write(number, features, files, key)


def _make_key(
    extractor: FeatureExtractor, jobs: Sequence[Job], part: Dataset, writer: PartWriter, versions: ListedVersions
) -> str:
    """Return the hash of everything that a part depends on; "" if that is not known.

    Of local files, this is size, modification time and inode; of those behind URLs, the version that their store lists.
    What changes with a file is not known if its store lists no versions, or if functions alter the recordings.
    """
    if extractor.alter:
        return ""
    excluded = extractor.exclusions.as_dict() if extractor.exclusions else {}
    digest = xxhash.xxh3_128(json.dumps([writer.facts.as_dict(), excluded], sort_keys=True).encode())
    files = [
        (job.data_id, job.modality, job.kind, job.fields, _describe_files((job.path, *job.parts), versions))
        for job in jobs
    ]
    if any(described is None for *_, described in files):
        return ""
    labels = "" if writer.labels is None else writer.labels.loc[part.data_ids].to_csv()
    digest.update(repr((part.data_ids, files, labels)).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _describe_files(paths: Sequence[Path], versions: ListedVersions) -> list[str] | None:
    """Return what changes with the files, [] if one cannot be read; None if nothing is known to."""
    try:
        described = [versions.find(path) if isinstance(path, RemotePath) else _describe_file(path) for path in paths]
    except OSError:
        return []  # the reader will report the error
    return [f"{path} {version}" for path, version in zip(paths, described, strict=True)] if all(described) else None


def _describe_file(path: Path) -> str:
    file = path.stat()
    return f"{file.st_size} {file.st_mtime_ns} {file.st_ino}"


def _has_same_contents(facts: PartFacts, jobs: Sequence[Job]) -> bool:
    """Return whether the files of a finished part have the bytes that it was computed from."""
    contents = {(file.data_id, file.modality): file.row.content for file in facts.files}
    try:
        hashes = {
            (job.data_id, job.modality): combine_hashes(
                [hash_bytes(read_bytes(path)) for path in (job.path, *job.parts)]
            )
            for job in jobs
        }
    except DataError:
        return False
    return hashes == contents
