"""Detection of copied recordings: identical files, and near-duplicates that were cut, resampled or rounded."""

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
from pdmr_classic.features.names import AUDIO, VIDEO, audio_channel, feature_name, feature_view, is_audio_component
from pdmr_classic.io.inspection import FileFacts
from pdmr_classic.text import format_count, format_list

# A near-duplicate is closer than a fifth of the median nearest-neighbour distance within the training set, which
# includes other recordings of the same person.
_MAX_RELATIVE_DISTANCE = 0.2
# With fewer rows or columns, distances are not informative.
_MIN_ROWS, _MIN_COLUMNS = 8, 8
_MIN_FINITE_SHARE = 0.9
_LIMIT = 10.0
_Kind = Literal["same content", "near-identical"]


@dataclass(frozen=True)
class Copy:
    """A recording that copies another one.

    Attributes
    ----------
    data_id : str
    modality : {"video", "audio"}
    kind : {"same content", "near-identical"}
    original : str or None
        The `data_id` of the other recording; None if only the hash of its content is available.
    """

    data_id: str
    modality: str
    kind: _Kind
    original: str | None = None


def find_near_copies(features: pd.DataFrame, train: pd.DataFrame | None = None) -> list[Copy]:
    """Return the recordings that are nearly identical to one in `train`, or to one another if `train` is None.

    A copy that was cut, resampled or rounded differs in content but has nearly the same features. A recording is
    reported if its nearest neighbour in `train` is closer than a fifth of the median nearest-neighbour distance within
    `train`. Audio vectors are compared by the angle between centred vectors, video features after robust scaling.

    Parameters
    ----------
    features, train : DataFrame, shapes [n, F] and [m, F]
        As `FeatureExtractor` returns them. NaN is replaced by the column's median; columns with less than 90% finite
        values in `train` are left out.
    """
    is_same_set = train is None
    train = features if train is None else train.reindex(columns=features.columns)
    modalities = ((VIDEO, _is_video, _scale_robustly), (AUDIO, is_audio_component, _centre_directions))
    return [
        copy
        for modality, is_column, scale in modalities
        for copy in _find_modality_copies(
            modality, _select(features, is_column), _select(train, is_column), scale, is_same_set
        )
    ]


def _is_video(name: str) -> bool:
    return feature_view(name) == VIDEO


def _select(features: pd.DataFrame, is_column: Callable[[str], bool]) -> pd.DataFrame:
    selection = features[[name for name in features.columns if is_column(str(name))]]
    return selection[selection.notna().any(axis=1)]


_Scale = Callable[[Floats, Floats], tuple[Floats, Floats]]


def _find_modality_copies(
    modality: str, features: pd.DataFrame, train: pd.DataFrame, scale: _Scale, is_same_set: bool
) -> list[Copy]:
    train = train.loc[:, (train.notna().mean() >= _MIN_FINITE_SHARE) & (train.nunique() > 1)]
    if not len(features) or len(train) < _MIN_ROWS or train.shape[1] < _MIN_COLUMNS:
        return []
    medians = train.median()
    points, train_points = scale(
        features[train.columns].fillna(medians).to_numpy(dtype=np.float64),
        train.fillna(medians).to_numpy(dtype=np.float64),
    )
    neighbours = NearestNeighbors(algorithm="brute").fit(train_points)
    # Without rows as an argument, kneighbors does not count a row as its own neighbour.
    typical_distance = float(np.median(neighbours.kneighbors(n_neighbors=1)[0]))
    distance, nearest = neighbours.kneighbors(None if is_same_set else points, n_neighbors=1)
    return [
        Copy(str(features.index[row]), modality, "near-identical", str(train.index[int(nearest[row, 0])]))
        for row in np.flatnonzero(distance[:, 0] < _MAX_RELATIVE_DISTANCE * typical_distance).tolist()
    ]


def _scale_robustly(rows: Floats, train: Floats) -> tuple[Floats, Floats]:
    scaler = RobustScaler().fit(train)
    # Clipped, so that one heavy-tailed column does not dominate the distance.
    return np.clip(scaler.transform(rows), -_LIMIT, _LIMIT), np.clip(scaler.transform(train), -_LIMIT, _LIMIT)


def _centre_directions(rows: Floats, train: Floats) -> tuple[Floats, Floats]:
    return unit_directions(rows, train.mean(axis=0)), unit_directions(train, train.mean(axis=0))


def unit_directions(vectors: Floats, centre: Floats) -> Floats:
    """Return unit vectors pointing from `centre`: half their squared distance is the cosine distance."""
    centred = vectors - centre
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0))


def find_near_file_copies(facts: Sequence[FileFacts], train: Sequence[FileFacts]) -> list[Copy]:
    """Return the files that are nearly identical to a file in `train`, using only the signatures of both.

    Works as `find_near_copies`. Files with identical content are left out, because they are reported separately.
    """
    contents = {fact.content for fact in train}
    copies = find_near_copies(_signatures(facts), _signatures(train))
    same = {(fact.data_id, fact.modality) for fact in facts if fact.content in contents}
    return [copy for copy in copies if (copy.data_id, copy.modality) not in same]


def _signatures(facts: Sequence[FileFacts]) -> pd.DataFrame:
    rows: dict[str, dict[str, float]] = {}
    for fact in facts:
        if fact.signature is not None:
            functionals = ("mean", "std")
            names = [feature_name(VIDEO, channel, name) for name in functionals for channel in fact.channels]
            places = fact.components or [f"{place:04d}" for place in range(fact.width)]
            names = names or [feature_name(AUDIO, audio_channel(False), place) for place in places]
            rows.setdefault(fact.data_id, {}).update(zip(names, fact.signature.tolist(), strict=True))
    return pd.DataFrame.from_dict(rows, orient="index").astype(np.float64)


def find_copies_between_subjects(contents: pd.DataFrame, groups: pd.Series) -> Finding | None:
    """Return a warning about identical files of different subjects, which leak between folds; None if there are none.

    Examples
    --------
    >>> contents = pd.DataFrame({"video": ["a", "b", "a"], "audio": ["", "", ""]}, index=["001", "002", "003"])
    >>> found = find_copies_between_subjects(contents, pd.Series(["S1", "S2", "S3"], contents.index))
    >>> found.what
    '1 file appears under several subjects and could be in both training and test data (leakage)'
    """
    shared = []
    for modality in contents:
        column = contents[modality][contents[modality] != ""]
        for _, ids in column.groupby(column).groups.items():
            if groups.loc[ids].nunique() > 1:
                shared.append(f"{modality} of {', '.join(map(repr, ids))}")
    if not shared:
        return None
    files = format_count(len(shared), "file appears", "files appear")
    return Finding(
        "copies-between-subjects",
        f"{files} under several subjects and could be in both training and test data (leakage)",
        expected="each recording once, or all of its copies with the same subject",
        found=format_list(shared),
        hint="remove the copies, or give them the same subject_id",
    )
