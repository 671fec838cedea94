"""The fence around the test set: recordings that a model was trained on, and copies of them under other names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import RobustScaler

from pdmr_classic.errors import DataError, Finding
from pdmr_classic.features.extractor import VECTORS, Extraction
from pdmr_classic.io.dataset import Dataset, load_dataset
from pdmr_classic.io.inspection import FileFacts
from pdmr_classic.reporter import Reporter
from pdmr_classic.wording import counted

# A copy is five times nearer than the nearest neighbours of one set commonly are, the same person's among them.
_NEAR = 0.2
# With fewer, distances say little.
_LEAST_ROWS, _LEAST_COLUMNS = 8, 8
_KNOWN_SHARE = 0.9
_FAR = 10.0
_SHOWN = 50

Kind = Literal["same content", "near-identical"]


@dataclass(frozen=True)
class Copy:
    """A recording that another one repeats.

    Attributes
    ----------
    data_id : str
    modality : {"video", "audio"}
    kind : {"same content", "near-identical"}
    of : str or None
        The `data_id` that it repeats; None where only the hash of its content is known.
    """

    data_id: str
    modality: str
    kind: Kind
    of: str | None = None


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


def near_copies(features: pd.DataFrame, train: pd.DataFrame | None = None) -> list[Copy]:
    """Return which recordings are all but identical to one of `train`, or to another of their own.

    A copy that was cut, resampled or written with other digits has another content and nearly the same features. It
    is one if its nearest neighbour in `train` is five times nearer than the median recording of `train` is to its own.
    Audio vectors are compared by the angle between them, centred; features of the video in robust units.

    Parameters
    ----------
    features, train : DataFrame, shapes [n, F] and [m, F]
        As `FeatureExtractor` makes them. NaN counts as the column's median; columns of which `train` knows less than
        nine in ten are left out.
    """
    own = train is None
    train = features if train is None else train.reindex(columns=features.columns)
    spaces = (("video", "video__", _in_robust_units), ("audio", VECTORS, _as_directions))
    return [
        copy
        for modality, begins, scaled in spaces
        for copy in _near_in(modality, _part(features, begins), _part(train, begins), scaled, own)
    ]


def _part(features: pd.DataFrame, begins: str | tuple[str, ...]) -> pd.DataFrame:
    part = features[[name for name in features.columns if str(name).startswith(begins)]]
    return part[part.notna().any(axis=1)]


Space = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]


def _near_in(modality: str, part: pd.DataFrame, train: pd.DataFrame, scaled: Space, own: bool) -> list[Copy]:
    train = train.loc[:, (train.notna().mean() >= _KNOWN_SHARE) & (train.nunique() > 1)]
    if not len(part) or len(train) < _LEAST_ROWS or train.shape[1] < _LEAST_COLUMNS:
        return []
    middle = train.median()
    here, there = scaled(
        part[train.columns].fillna(middle).to_numpy(dtype=np.float64), train.fillna(middle).to_numpy(dtype=np.float64)
    )
    neighbours = NearestNeighbors(algorithm="brute").fit(there)
    # Called without rows, it leaves out each row itself.
    usual = float(np.median(neighbours.kneighbors(n_neighbors=1)[0]))
    distance, place = neighbours.kneighbors(None if own else here, n_neighbors=1)
    return [
        Copy(str(part.index[row]), modality, "near-identical", str(train.index[int(place[row, 0])]))
        for row in np.flatnonzero(distance[:, 0] < _NEAR * usual).tolist()
    ]


def _in_robust_units(
    here: NDArray[np.float64], there: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scaler = RobustScaler().fit(there)
    # Heavy tails: one column must not decide.
    return np.clip(scaler.transform(here), -_FAR, _FAR), np.clip(scaler.transform(there), -_FAR, _FAR)


def _as_directions(
    here: NDArray[np.float64], there: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return directions(here, there.mean(axis=0)), directions(there, there.mean(axis=0))


def directions(vectors: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors from `centre`, of length 1: half their squared distance is the cosine distance."""
    centred = vectors - centre
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0))


def near_copies_of_files(facts: Sequence[FileFacts], train: Sequence[FileFacts]) -> list[Copy]:
    """Return which files are all but identical to one of `train`, as `near_copies`, from their signatures alone.

    Copies with the same content are left out: these are told of as such.
    """
    contents = {fact.content for fact in train}
    copies = near_copies(_signatures(facts), _signatures(train))
    same = {(fact.data_id, fact.modality) for fact in facts if fact.content in contents}
    return [copy for copy in copies if (copy.data_id, copy.modality) not in same]


def _signatures(facts: Sequence[FileFacts]) -> pd.DataFrame:
    rows: dict[str, dict[str, float]] = {}
    for fact in facts:
        if fact.signature is not None:
            names = [f"video__{channel}__{what}" for what in ("mean", "std") for channel in fact.channels]
            names = names or [f"{VECTORS[-1]}{place:04d}" for place in range(fact.width)]
            rows.setdefault(fact.data_id, {}).update(zip(names, fact.signature.tolist(), strict=True))
    return pd.DataFrame.from_dict(rows, orient="index").astype(np.float64)


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


def copies_between_subjects(contents: pd.DataFrame, groups: pd.Series) -> Finding | None:
    """Return what there is to tell of files that stand under several subjects: the folds cannot keep them apart.

    Examples
    --------
    >>> contents = pd.DataFrame({"video": ["a", "b", "a"], "audio": ["", "", ""]}, index=["001", "002", "003"])
    >>> found = copies_between_subjects(contents, pd.Series(["S1", "S2", "S3"], contents.index))
    >>> found.what
    '1 file stands under several subjects: a leak wherever these are on both sides'
    """
    shared = []
    for modality in contents:
        column = contents[modality][contents[modality] != ""]
        for _, ids in column.groupby(column).groups.items():
            if groups.loc[ids].nunique() > 1:
                shared.append(f"{modality} of {', '.join(map(repr, ids))}")
    if not shared:
        return None
    files = counted(len(shared), "file stands", "files stand")
    return Finding(
        "copies-between-subjects",
        f"{files} under several subjects: a leak wherever these are on both sides",
        expected="each recording once, or its copies under one subject",
        found="; ".join(shared[:5]) + (" …" if len(shared) > 5 else ""),
        mend="remove the copies, or give them one subject_id",
    )
