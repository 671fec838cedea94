"""The fence around the test set: recordings that a model was trained on, and copies of them under other names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.io._recordings import is_folder
from pdmr_classic.io.dataset import Dataset, survey_dataset
from pdmr_classic.progress import LogReporter, Reporter
from pdmr_classic.subjects.copies import Copy, find_near_copies
from pdmr_classic.text import format_count, format_list

_SHOWN = 50


def hash_contents(contents: pd.DataFrame, salt: str | None = None) -> dict[str, Any]:
    """Return what a model keeps of its training files, ready for JSON: a random salt, and salted hashes, sorted.

    They are hashes of content only: no name and no order is in them. The salt lies beside them, as the fence needs it.
    It keeps two models, or a model and a list of hashes that somebody made of known files, from being matched without
    the files. Whoever holds a file of the very same bytes can still learn that the model was trained on it: that is
    what the fence is for.
    """
    salt = salt or secrets.token_hex(16)
    known = {_salted(str(content), salt) for column in contents for content in contents[column] if content}
    return {"salt": salt, "hashes": sorted(known)}


def _salted(content: str, salt: str) -> str:
    return hashlib.blake2b(content.encode(), key=salt.encode(), digest_size=16).hexdigest()


def find_overlap(
    extraction: Extraction, known: Mapping[str, Any] | None, train: Extraction | None = None
) -> list[Copy]:
    """Return which recordings a model was trained on, and which repeat one of the training recordings at hand.

    Parameters
    ----------
    extraction : Extraction
        Of what is to be predicted.
    known : dict or None
        What the model keeps, as `hash_contents` returns it.
    train : Extraction, optional
        Of the training recordings, where they are at hand: only then can near copies be found, and named.
    """
    hashes = set(known["hashes"]) if known else set()
    names: dict[str, str] = {}
    near = []
    if train is not None:
        names = {content: str(i) for column in train.contents for i, content in train.contents[column].items()}
        near = find_near_copies(extraction.features, train.features)
    same = [
        Copy(str(data_id), str(modality), "same content", names.get(content))
        for modality in extraction.contents
        for data_id, content in extraction.contents[modality].items()
        if content and (content in names or (known and _salted(content, known["salt"]) in hashes))
    ]
    first = {(copy.data_id, copy.modality): copy for copy in (*near, *same)}
    return [first[key] for key in sorted(first)]


# ------------------------------------------------------------------------------------------- at prediction


def load_train_beside(data: Dataset, reporter: Reporter | None = None) -> Dataset | None:
    """Return the recordings of the train/ beside a split; None without one, or if it cannot be read.

    The reporter is told what cannot be read of it: no near copies of that are found.
    """
    folder = data.folder.resolve()
    train = folder.parent / "train"
    # A broken link is a train/ that cannot be read.
    if train == folder or not (is_folder(train) or train.is_symlink()):
        return None
    reporter = reporter or LogReporter()
    try:
        found, refused = survey_dataset(train, with_labels=False)
    except DataError as error:
        reporter.note(
            Finding(
                "train-unread",
                "the train/ beside these recordings cannot be read: near copies of training recordings are not found",
                file=train,
                expected="the recordings that the model was trained on",
                found=_reason(error.finding),
                hint="correct train/, or move it elsewhere",
            )
        )
        return None
    if refused:
        reporter.note(unread_train(refused))
    return found


def unread_train(refused: Sequence[Finding]) -> Finding:
    """Return what there is to tell of files in train/ that cannot be read."""
    return Finding(
        "train-unread",
        f"{format_count(len(refused), 'file', 'files')} in the train/ beside these recordings cannot be read: "
        "near copies of such training recordings are not found",
        found=format_list(f"{'/'.join(Path(str(finding.file)).parts[-2:])}: {_reason(finding)}" for finding in refused),
        hint="correct them: `pdmr-classic check` names all of them",
    )


def _reason(finding: Finding) -> str:
    return finding.what + (f" ({finding.found})" if finding.found else "")


def overlap_finding(copies: Sequence[Copy]) -> Finding:
    """Return what there is to tell of recordings that the training set has as well."""
    ids = list(dict.fromkeys(copy.data_id for copy in copies))
    shown = ", ".join(_shown(data_id, [copy for copy in copies if copy.data_id == data_id]) for data_id in ids[:_SHOWN])
    return Finding(
        "overlap",
        f"{format_count(len(ids), 'recording is', 'recordings are')} in the training set as well",
        expected="recordings that the model has not seen: a score on the others says nothing about new people",
        found=shown + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""),
        hint="remove them, or pass --allow-overlap (allow_overlap=True)",
    )


def check_overlap(copies: Sequence[Copy], allowed: bool, reporter: Reporter) -> None:
    """Refuse recordings that the training set has as well; where they are allowed, tell them.

    Raises
    ------
    DataError
    """
    if copies and not allowed:
        raise DataError(overlap_finding(copies))
    if copies:
        reporter.note(replace(overlap_finding(copies), hint=None))  # it was asked for


def _shown(data_id: str, copies: Sequence[Copy]) -> str:
    how = ", ".join(f"{copy.modality}: {copy.kind}{f' to {copy.of!r}' if copy.of else ''}" for copy in copies)
    return f"{data_id!r} ({how})"
