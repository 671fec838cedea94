"""Copies of recordings: the same content, and what was cut, resampled or rounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import RobustScaler

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import Finding
from pdmr_classic.features.names import AUDIO, VIDEO, audio_channel, feature_name, is_audio_component, view_of
from pdmr_classic.io.inspection import FileFacts
from pdmr_classic.text import format_count, format_list

# A copy is five times nearer than the nearest neighbours of one set commonly are, the same person's among them.
_NEAR = 0.2
# With fewer, distances say little.
_LEAST_ROWS, _LEAST_COLUMNS = 8, 8
_KNOWN_SHARE = 0.9
_FAR = 10.0
_Kind = Literal["same content", "near-identical"]


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
    kind: _Kind
    of: str | None = None


def find_near_copies(features: pd.DataFrame, train: pd.DataFrame | None = None) -> list[Copy]:
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
    spaces = ((VIDEO, _is_video, _in_robust_units), (AUDIO, is_audio_component, _as_directions))
    return [
        copy
        for modality, belongs, scaled in spaces
        for copy in _near_in(modality, _part(features, belongs), _part(train, belongs), scaled, own)
    ]


def _is_video(name: str) -> bool:
    return view_of(name) == VIDEO


def _part(features: pd.DataFrame, belongs: Callable[[str], bool]) -> pd.DataFrame:
    part = features[[name for name in features.columns if belongs(str(name))]]
    return part[part.notna().any(axis=1)]


_Space = Callable[[Floats, Floats], tuple[Floats, Floats]]


def _near_in(modality: str, part: pd.DataFrame, train: pd.DataFrame, scaled: _Space, own: bool) -> list[Copy]:
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


def _in_robust_units(here: Floats, there: Floats) -> tuple[Floats, Floats]:
    scaler = RobustScaler().fit(there)
    # Heavy tails: one column must not decide.
    return np.clip(scaler.transform(here), -_FAR, _FAR), np.clip(scaler.transform(there), -_FAR, _FAR)


def _as_directions(here: Floats, there: Floats) -> tuple[Floats, Floats]:
    return directions(here, there.mean(axis=0)), directions(there, there.mean(axis=0))


def directions(vectors: Floats, centre: Floats) -> Floats:
    """Return vectors from `centre`, of length 1: half their squared distance is the cosine distance."""
    centred = vectors - centre
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0))


def find_near_copies_of_files(facts: Sequence[FileFacts], train: Sequence[FileFacts]) -> list[Copy]:
    """Return which files are all but identical to one of `train`, as `find_near_copies`, from their signatures alone.

    Copies with the same content are left out: these are told of as such.
    """
    contents = {fact.content for fact in train}
    copies = find_near_copies(_signatures(facts), _signatures(train))
    same = {(fact.data_id, fact.modality) for fact in facts if fact.content in contents}
    return [copy for copy in copies if (copy.data_id, copy.modality) not in same]


def _signatures(facts: Sequence[FileFacts]) -> pd.DataFrame:
    rows: dict[str, dict[str, float]] = {}
    for fact in facts:
        if fact.signature is not None:
            names = [feature_name(VIDEO, channel, what) for what in ("mean", "std") for channel in fact.channels]
            names = names or [feature_name(AUDIO, audio_channel(False), f"{place:04d}") for place in range(fact.width)]
            rows.setdefault(fact.data_id, {}).update(zip(names, fact.signature.tolist(), strict=True))
    return pd.DataFrame.from_dict(rows, orient="index").astype(np.float64)


def find_copies_between_subjects(contents: pd.DataFrame, groups: pd.Series) -> Finding | None:
    """Return what there is to tell of files that stand under several subjects: the folds cannot keep them apart.

    Examples
    --------
    >>> contents = pd.DataFrame({"video": ["a", "b", "a"], "audio": ["", "", ""]}, index=["001", "002", "003"])
    >>> found = find_copies_between_subjects(contents, pd.Series(["S1", "S2", "S3"], contents.index))
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
    files = format_count(len(shared), "file stands", "files stand")
    return Finding(
        "copies-between-subjects",
        f"{files} under several subjects: a leak wherever these are on both sides",
        expected="each recording once, or its copies under one subject",
        found=format_list(shared),
        hint="remove the copies, or give them one subject_id",
    )
