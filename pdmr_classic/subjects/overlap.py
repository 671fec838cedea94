"""Overlap check between test and training sets: recordings the model was trained on, and copies of them."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.io.dataset import Dataset, scan_dataset
from pdmr_classic.io.labels.id_tables import TRAIN
from pdmr_classic.io.layouts.recordings import is_folder
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.subjects.copies import Copy, find_near_copies
from pdmr_classic.text import format_count, format_list


def hash_contents(contents: pd.DataFrame, salt: str | None = None) -> dict[str, Any]:
    """Return the record of training files that is stored in a model, ready for JSON: a salt, and sorted salted hashes.

    Only content is hashed, so neither names nor order can be recovered. The salt is stored with the hashes, because the
    overlap check needs it. It prevents two models, or a model and a precomputed list of hashes, from being matched
    without the files. Anyone who has an identical file can still find out that the model was trained on it: this is the
    purpose of the check.
    """
    salt = salt or secrets.token_hex(16)
    stored = {_hash_with_salt(str(content), salt) for column in contents for content in contents[column] if content}
    return {"salt": salt, "hashes": sorted(stored)}


def _hash_with_salt(content: str, salt: str) -> str:
    return hashlib.blake2b(content.encode(), key=salt.encode(), digest_size=16).hexdigest()


def find_overlap(
    extraction: Extraction, stored: Mapping[str, Any] | None, train: Extraction | None = None
) -> list[Copy]:
    """Return the recordings that a model was trained on, or that copy a training recording.

    Parameters
    ----------
    extraction : Extraction
        Features of the recordings to be predicted.
    stored : dict or None
        The record stored in the model, see `hash_contents`.
    train : Extraction, optional
        Features of the training recordings, if available: required to find near-duplicates and to name the originals.
    """
    hashes = set(stored["hashes"]) if stored else set()
    names: dict[str, str] = {}
    near = []
    if train is not None:
        columns = [train.content_hashes[modality] for modality in train.content_hashes]
        names = {content: str(data_id) for column in columns for data_id, content in column.items()}
        modalities = extraction.content_hashes.columns
        near = find_near_copies(extraction.recording_features, train.recording_features, modalities)
    same = [
        Copy(str(data_id), str(modality), "same content", names.get(content))
        for modality in extraction.content_hashes
        for data_id, content in extraction.content_hashes[modality].items()
        if content and (content in names or (stored and _hash_with_salt(content, stored["salt"]) in hashes))
    ]
    copies = {(copy.data_id, copy.modality): copy for copy in (*near, *same)}
    return [copies[key] for key in sorted(copies)]


# ------------------------------------------------------------------------------------------- at prediction


def load_sibling_train(data: Dataset, reporter: Reporter | None = None) -> Dataset | None:
    """Return the training recordings of a data set, in train/ next to a split or by its split tables.

    None if there are none, or they cannot be read, or if `data` is a feature table. Anything in it that cannot be read
    is reported, because near-duplicates of it cannot be detected.
    """
    if data.table is not None:
        return None
    if data.split is not None:
        return _load_train_of_tables(data, reporter or LogReporter())
    folder = data.folder.resolve()
    train = folder.parent / "train"
    # A broken link counts as a train/ that cannot be read.
    if train == folder or not (is_folder(train) or train.is_symlink()):
        return None
    reporter = reporter or LogReporter()
    try:
        dataset, errors = scan_dataset(train, use_labels=False, settings=data.settings)
    except DataError as error:
        reporter.note(
            Finding(
                "train-unread",
                "train/ cannot be read, so near-duplicates of training recordings cannot be detected",
                file=train,
                expected="the recordings that the model was trained on",
                found=_reason(error.finding),
                hint="fix train/, or move it elsewhere",
            )
        )
        return None
    if errors:
        reporter.note(make_unreadable_finding(errors))
    return dataset


def _load_train_of_tables(data: Dataset, reporter: Reporter) -> Dataset | None:
    """Return the recordings of split train of the same data set; None if there are none, or `data` is that split."""
    if data.split == TRAIN:
        return None
    try:
        dataset, errors = scan_dataset(data.folder, split=TRAIN, use_labels=False, settings=data.settings)
    except DataError:
        return None  # there is no split train
    if errors:
        reporter.note(make_unreadable_finding(errors))
    return dataset


def make_unreadable_finding(errors: Sequence[Finding]) -> Finding:
    """Return a warning about files in train/ that cannot be read."""
    return Finding(
        "train-unread",
        f"{format_count(len(errors), 'file')} in train/ cannot be read, so near-duplicates of "
        f"{'it' if len(errors) == 1 else 'them'} cannot be detected",
        found=format_list(f"{'/'.join(Path(str(finding.file)).parts[-2:])}: {_reason(finding)}" for finding in errors),
        hint="fix these files: pdmr-classic check lists all of them",
    )


def _reason(finding: Finding) -> str:
    return finding.what + (f" ({finding.found})" if finding.found else "")


def make_overlap_finding(copies: Sequence[Copy]) -> Finding:
    """Return a message about recordings that are also in the training set."""
    by_id: dict[str, list[Copy]] = {}
    for copy in copies:
        by_id.setdefault(copy.data_id, []).append(copy)
    return Finding(
        "overlap",
        f"{format_count(len(by_id), 'recording is', 'recordings are')} also in the training set",
        expected="recordings not used for training: scores on training recordings say nothing about new people",
        found=format_list(itertools.starmap(_describe, by_id.items())),
        hint="remove them, or pass --allow-overlap (allow_overlap=True), which lists all of them in the notes",
    )


def check_overlap(copies: Sequence[Copy], allowed: bool, reporter: Reporter) -> None:
    """Raise an error if recordings are also in the training set, or a warning if that is allowed.

    Raises
    ------
    DataError
    """
    if copies and not allowed:
        raise DataError(make_overlap_finding(copies))
    if copies:
        reporter.note(replace(make_overlap_finding(copies), hint=None))  # overlap was allowed explicitly


def _describe(data_id: str, copies: Sequence[Copy]) -> str:
    details = ", ".join(f"{copy.modality}: {copy.kind}{_describe_original(copy)}" for copy in copies)
    return f"{data_id!r} ({details})"


def _describe_original(copy: Copy) -> str:
    if copy.original is None:
        return ""
    return f" {'as' if copy.kind == 'same content' else 'to'} {copy.original!r}"
