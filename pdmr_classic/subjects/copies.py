"""Detection of copied recordings: identical files, and near-duplicates that were rounded, resampled, noisy or cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pdmr_classic.errors import Finding
from pdmr_classic.features.names import AUDIO, VIDEO, audio_channel, feature_name
from pdmr_classic.io.inspection import SIGNATURE_FUNCTIONALS, FileFacts
from pdmr_classic.io.set_checks import order_modalities
from pdmr_classic.subjects._similarity import Pairs, find_similar
from pdmr_classic.text import format_count, format_list

_Kind = Literal["same content", "near-identical"]


@dataclass(frozen=True)
class Copy:
    """A recording that copies another one.

    Attributes
    ----------
    data_id : str
    modality : str
    kind : {"same content", "near-identical"}
    original : str or None
        The `data_id` of the other recording; None if only the hash of its content is available.
    """

    data_id: str
    modality: str
    kind: _Kind
    original: str | None = None


def find_near_copies(
    features: pd.DataFrame, train: pd.DataFrame | None = None, modalities: Iterable[str] = (VIDEO, AUDIO)
) -> list[Copy]:
    """Return the recordings that are nearly identical to one in `train`, or to one another if `train` is None.

    Video is compared by mean, standard deviation, minimum and maximum of the channels, as computed by the family
    `distribution` (without it, only audio is compared): in two nearly identical recordings, far more of them agree,
    within 5% of the channel's standard deviation over time, than by coincidence. Audio vectors are nearly identical if
    the difference of their directions is less than 15% of what is usual between recordings that are not copies.
    Neither criterion depends on how many copies there are, up to three fifths of the set.

    Found (benchmarks/copies.py): video with 3 or 2 decimals or 1% noise nearly always; at half the frame rate, with 5%
    noise, or cut to 95% or 80% nearly always if there are dozens of channels, and 80 to 100% of the copies if there are
    6 or 7; cut to half, most of them with dozens of channels, and about half with 6 or 7. Audio vectors with 3 or 2
    decimals or 5% noise nearly always, unless the set has other recordings that differ as little.
    Not found: mirrored or rescaled video, gaze angles in radians with 1 decimal, and the audio vector of a cut
    recording or with 1 decimal.

    Parameters
    ----------
    features, train : DataFrame, shapes [n, F] and [m, F]
        As `FeatureExtractor` returns them, with at least 8 recordings in `train`, and at least 4 channels or 8 audio
        components. NaN agrees with nothing; columns with less than 90% finite values in `train` are left out.
    modalities : iterable of str
        To compare: further views of streams like video, further views of vectors like audio.
    """
    originals = (features if train is None else train).index
    return [
        copy
        for modality, pairs in find_similar(features, train, modalities)
        for copy in _list_closest(modality, pairs, features.index, originals)
    ]


def _list_closest(modality: str, pairs: Pairs, ids: pd.Index, original_ids: pd.Index) -> list[Copy]:
    """Return each similar recording with the original that it is closest to."""
    order = np.lexsort((-pairs.closeness, pairs.rows))
    rows, first = np.unique(pairs.rows[order], return_index=True)
    originals = pairs.originals[order][first]
    return [
        Copy(str(ids[row]), modality, "near-identical", str(original_ids[original]))
        for row, original in zip(rows.tolist(), originals.tolist(), strict=True)
    ]


def find_near_file_copies(facts: Sequence[FileFacts], train: Sequence[FileFacts]) -> list[Copy]:
    """Return the files that are nearly identical to a file in `train`, using only the signatures of both.

    Works as `find_near_copies`. Files with identical content are left out, because they are reported separately.
    """
    contents = {fact.content for fact in train}
    modalities = order_modalities([VIDEO, AUDIO, *(fact.modality for fact in facts)])
    copies = find_near_copies(_signatures(facts), _signatures(train), modalities)
    same = {(fact.data_id, fact.modality) for fact in facts if fact.content in contents}
    return [copy for copy in copies if (copy.data_id, copy.modality) not in same]


def _signatures(facts: Sequence[FileFacts]) -> pd.DataFrame:
    rows: dict[str, dict[str, float]] = {}
    for fact in facts:
        if fact.signature is not None:
            view, channels = fact.modality, fact.channels
            names = [feature_name(view, channel, name) for name in SIGNATURE_FUNCTIONALS for channel in channels]
            places = fact.components or [f"{place:04d}" for place in range(fact.width)]
            names = names or [feature_name(view, audio_channel(False), place) for place in places]
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
        column = column[column.duplicated(keep=False)]
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


def find_near_copies_between_subjects(
    features: pd.DataFrame, contents: pd.DataFrame, groups: pd.Series
) -> Finding | None:
    """Return a warning about nearly identical recordings of different subjects; None if there are none.

    Works as `find_near_copies`. Pairs with identical content are left out, see `find_copies_between_subjects`.

    Parameters
    ----------
    features : DataFrame, shape [n, F]
    contents : DataFrame of str
        As `Extraction.content_hashes`.
    groups : Series
        Subject of each recording.
    """
    subjects = groups.loc[features.index].to_numpy(dtype=object)
    copies = []
    for modality, pairs in find_similar(features, modalities=contents.columns):
        hashes = contents[modality].loc[features.index].to_numpy(dtype=object)
        is_same = (hashes[pairs.rows] == hashes[pairs.originals]) & (hashes[pairs.rows] != "")
        crosses = subjects[pairs.rows] != subjects[pairs.originals]
        copies += _list_closest(modality, pairs.select(crosses & ~is_same), features.index, features.index)
    if not copies:
        return None
    listed = dict.fromkeys((copy.modality, *sorted([copy.data_id, str(copy.original)])) for copy in copies)
    return Finding(
        "near-copies-between-subjects",
        f"{len({copy.data_id for copy in copies})} recordings are nearly identical to one of another subject and could "
        "be in both training and test data (leakage)",
        expected="each recording once, or all of its copies with the same subject",
        found=format_list(f"{modality} of {one!r} and {other!r}" for modality, one, other in listed),
        hint="compare these recordings: remove copies, or give them the same subject_id",
    )


def find_near_file_copies_between_subjects(facts: Sequence[FileFacts], groups: pd.Series | None) -> Finding | None:
    """Return the same warning from the signatures of files; a recording without a group is its own subject."""
    signatures = _signatures(facts)
    hashes: dict[str, dict[str, str]] = {
        name: {} for name in order_modalities([VIDEO, AUDIO, *(fact.modality for fact in facts)])
    }
    for fact in facts:
        hashes[fact.modality][fact.data_id] = fact.content
    contents = pd.DataFrame(hashes, index=signatures.index, dtype=object).fillna("")
    subjects = pd.Series(signatures.index, index=signatures.index, dtype=object)
    if groups is not None:
        subjects.update(groups)
    return find_near_copies_between_subjects(signatures, contents, subjects)
