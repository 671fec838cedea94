"""Read the recordings part by part, and write each part as soon as all its files have been read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features._file_rows import tabulate_rows
from pdmr_classic.features._jobs import Job
from pdmr_classic.features.cache import ListedVersions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.file_features import FileRow
from pdmr_classic.features.store._earlier_rows import EarlierRows
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

    Rows of unchanged files are taken from the parts of an earlier run. Parts with errors are not written; the rows of
    their other files are kept for the next run.
    """
    reporter = extractor.reporter or LogReporter()
    n_files = sum(len(recording.files) for recording in dataset.singles)
    n_rows, done, n_kept, n_reused = len(dataset), 0, 0, 0
    what = f"{format_count(n_rows, 'recording')} in parts of {ROWS_PER_PART:,}"
    announce(reporter, f"to read: {format_count(n_files, 'file')} of {what}")
    errors: list[Finding] = []
    versions, prefix = ListedVersions(), _make_prefix(extractor, writer)
    earlier = EarlierRows(writer.folder, dataset.folder, prefix)
    for number, part in enumerate(_split(dataset)):
        jobs = extractor.list_jobs(part)
        keys = [_key_file(job, prefix, versions) for job in jobs]
        key = _key_part(jobs, keys, part, writer)
        facts = None if extractor.cache is None else writer.read_finished(number, key)
        if facts is not None and (not extractor.verify_cache or _has_same_contents(facts, jobs)):
            n_kept += 1
        else:
            stored = _find_stored(extractor, jobs, keys, earlier)
            n_reused += len(stored)
            reporting = PartProgress(reporter, done + len(stored), n_files)
            reader = _make_reader(extractor, reporting, writer.cache_folder(number))
            todo = [job for job, file in zip(jobs, keys, strict=True) if file not in stored]
            reader.work_bytes = sum(job.n_bytes for job in todo) * len(split_rows(n_rows))
            read = iter(reader.read_part(todo, dataset.folder))
            outcomes = [stored[file] if file in stored else next(read) for file in keys]
            unusable = [outcome for outcome in outcomes if isinstance(outcome, Finding)]
            errors += unusable
            if not unusable:
                earlier.keep(number)
                _write_part(number, part, jobs, keys, outcomes, key, writer)
        done += len(jobs)
    if n_kept:
        announce(
            reporter, f"{format_count(n_kept, 'part')} of an earlier run {'is' if n_kept == 1 else 'are'} unchanged"
        )
    if n_reused:
        announce(reporter, f"{format_count(n_reused, 'file was', 'files were')} read in an earlier run")
    return errors


def _split(dataset: Dataset) -> Iterator[Dataset]:
    for rows in split_rows(len(dataset)):
        yield replace(dataset, recordings=dataset.recordings[rows], labels=None, groups=None)


def _find_stored(
    extractor: FeatureExtractor, jobs: Sequence[Job], keys: Sequence[str], earlier: EarlierRows
) -> dict[str, FileRow]:
    """Return the rows of unchanged files in the parts of an earlier run, by their keys."""
    rows = {} if extractor.cache is None else earlier.find(keys)
    return {
        key: rows[key]
        for job, key in zip(jobs, keys, strict=True)
        if key in rows and not (extractor.verify_cache and _hash_files(job) != rows[key].content)
    }


def _make_reader(extractor: FeatureExtractor, reporter: PartProgress, cache: Path) -> FeatureExtractor:
    parameters = extractor.get_params(deep=False)
    cache_folder = None if extractor.cache is None else cache
    return FeatureExtractor(**{**parameters, "cache": cache_folder, "reporter": reporter})


def _write_part(
    number: int,
    part: Dataset,
    jobs: Sequence[Job],
    keys: Sequence[str],
    outcomes: Sequence[FileRow | Finding],
    key: str,
    writer: PartWriter,
) -> None:
    rows = [(job, file, row) for job, file, row in zip(jobs, keys, outcomes, strict=True) if isinstance(row, FileRow)]
    features = tabulate_rows(part.data_ids, [(job.data_id, row) for job, _, row in rows])
    files = [StoredFile(job.data_id, job.modality, job.path, row, job.fields, file) for job, file, row in rows]
    writer.write(number, features, files, key)


def _make_prefix(extractor: FeatureExtractor, writer: PartWriter) -> str:
    """Return the start of the keys of all files: a hash of what their rows depend on besides the file.

    It is "" if that is not known, because functions alter the recordings.
    """
    if extractor.alter:
        return ""
    excluded = extractor.exclusions.as_dict() if extractor.exclusions else {}
    return hash_bytes(json.dumps([writer.facts.as_dict(), excluded], sort_keys=True).encode())


def _key_file(job: Job, prefix: str, versions: ListedVersions) -> str:
    """Return the hash of everything that the row of a file depends on; "" if nothing is known to change with the file.

    Of local files, this is size, modification time and inode; of those behind URLs, the version that their store lists.
    """
    described = _describe_files((job.path, *job.parts), versions)
    if not prefix or described is None:
        return ""
    return prefix + hash_bytes(_encode((job.data_id, job.modality, job.kind, described)))


def _key_part(jobs: Sequence[Job], keys: Sequence[str], part: Dataset, writer: PartWriter) -> str:
    """Return the hash of everything that a part depends on; "" if that is not known of one of its files."""
    if not all(keys):
        return ""
    labels = "" if writer.labels is None else writer.labels.loc[part.data_ids].to_csv()
    return hash_bytes(_encode((part.data_ids, keys, [job.fields for job in jobs], labels)))


def _encode(content: object) -> bytes:
    return repr(content).encode("utf-8", "surrogateescape")


def _describe_files(paths: Sequence[Path], versions: ListedVersions) -> list[str] | None:
    """Return what changes with the files; None if nothing is known to."""
    try:
        described = [versions.find(path) if isinstance(path, RemotePath) else _describe_file(path) for path in paths]
    except OSError:
        return None  # the reader will report the error
    return [f"{path} {version}" for path, version in zip(paths, described, strict=True)] if all(described) else None


def _describe_file(path: Path) -> str:
    file = path.stat()
    return f"{file.st_size} {file.st_mtime_ns} {file.st_ino}"


def _has_same_contents(facts: PartFacts, jobs: Sequence[Job]) -> bool:
    """Return whether the files of a finished part have the bytes that it was computed from."""
    contents = {(file.data_id, file.modality): file.row.content for file in facts.files}
    return {(job.data_id, job.modality): _hash_files(job) for job in jobs} == contents


def _hash_files(job: Job) -> str:
    """Return the hash of the bytes of a recording's files of one modality; "" if they cannot be read."""
    try:
        return combine_hashes([hash_bytes(read_bytes(path)) for path in (job.path, *job.parts)])
    except DataError:
        return ""
