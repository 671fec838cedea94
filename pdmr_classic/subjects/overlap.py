"""The fence around the test set: recordings that a model was trained on, and copies of them under other names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.extractor import Extraction
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.progress import Reporter
from pdmr_classic.subjects.copies import Copy, near_copies
from pdmr_classic.text import counted

_SHOWN = 50


def known_contents(contents: pd.DataFrame, salt: str | None = None) -> dict[str, Any]:
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


def overlapping(extraction: Extraction, known: Mapping[str, Any] | None, train: Extraction | None = None) -> list[Copy]:
    """Return which recordings a model was trained on, and which repeat one of the training recordings at hand.

    Parameters
    ----------
    extraction : Extraction
        Of what is to be predicted.
    known : dict or None
        What the model keeps, as `known_contents` returns it.
    train : Extraction, optional
        Of the training recordings, where they are at hand: only then can near copies be found, and named.
    """
    hashes = set(known["hashes"]) if known else set()
    names: dict[str, str] = {}
    near = []
    if train is not None:
        names = {content: str(i) for column in train.contents for i, content in train.contents[column].items()}
        near = near_copies(extraction.features, train.features)
    same = [
        Copy(str(data_id), str(modality), "same content", names.get(content))
        for modality in extraction.contents
        for data_id, content in extraction.contents[modality].items()
        if content and (content in names or (known and _salted(content, known["salt"]) in hashes))
    ]
    first = {(copy.data_id, copy.modality): copy for copy in (*near, *same)}
    return [first[key] for key in sorted(first)]


# ------------------------------------------------------------------------------------------- at prediction


def train_beside(data: Dataset) -> Dataset | None:
    """Return the recordings of the train/ beside a split, if there is one that can be listed."""
    folder = data.folder.resolve()
    train = folder.parent / "train"
    if train == folder or not train.is_dir():
        return None
    try:
        return load_dataset(train, with_labels=False)
    except DataError:
        return None


def overlap(copies: Sequence[Copy]) -> Finding:
    """Return what there is to tell of recordings that the training set has as well."""
    ids = list(dict.fromkeys(copy.data_id for copy in copies))
    shown = ", ".join(_shown(data_id, [copy for copy in copies if copy.data_id == data_id]) for data_id in ids[:_SHOWN])
    return Finding(
        "overlap",
        f"{counted(len(ids), 'recording is', 'recordings are')} in the training set as well",
        expected="recordings that the model has not seen: a score on the others says nothing about new people",
        found=shown + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""),
        mend="remove them, or pass --allow-overlap (allow_overlap=True)",
    )


def check_overlap(copies: Sequence[Copy], allowed: bool, reporter: Reporter) -> None:
    """Refuse recordings that the training set has as well; where they are allowed, tell them.

    Raises
    ------
    DataError
    """
    if copies and not allowed:
        raise DataError(overlap(copies))
    if copies:
        reporter.tell(replace(overlap(copies), mend=None))  # it was asked for


def _shown(data_id: str, copies: Sequence[Copy]) -> str:
    how = ", ".join(f"{copy.modality}: {copy.kind}{f' to {copy.of!r}' if copy.of else ''}" for copy in copies)
    return f"{data_id!r} ({how})"


# ------------------------------------------------------------------------------------------- at evaluation
