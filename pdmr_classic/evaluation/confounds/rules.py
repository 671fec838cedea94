"""Rules that make features independent of a recording condition: how the streams and vectors are altered, or the table.

A rule exists for decimals (all values are rounded to the fewest decimals in the set), the position of the head
(relative to its median), the resting level of the face (subtracted), and the level of audio vectors (mean 0, norm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.confounds.groups import AUDIO_LEVEL, CAMERA, FORMAT, RESTING
from pdmr_classic.features.exclusions import NO_EXCLUSIONS, Exclusions
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.features.families.audio import audio_clusters
from pdmr_classic.features.file_features import Alteration
from pdmr_classic.features.names import (
    AUDIO,
    VIDEO,
    audio_cluster,
    feature_name,
    is_audio_component,
    list_events,
    parse_name,
)
from pdmr_classic.io.audio.embeddings import Embedding
from pdmr_classic.io.conditions import MAX_DECIMALS, decimals_key
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.io.stream_facts import range_kind
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.progress import Reporter

RULES = {
    FORMAT: "all values rounded to the fewest decimals in the set",
    CAMERA: "positions of the head relative to their median",
    RESTING: "resting level subtracted from each action unit",
    AUDIO_LEVEL: "audio vectors with mean 0 and norm 1",
}
# The conditions that a rule makes irrelevant; the features are residualised on the others of the group.
_SOLVED: dict[str, tuple[str, ...]] = {
    FORMAT: ("decimals", "zeros", "bytes_per_row", "has_exponents"),
    CAMERA: (),
    RESTING: ("AU floor",),
    AUDIO_LEVEL: ("",),
}
_CLUSTERS = parse_name(audio_cluster(0)).channel

ExtractRepaired = Callable[[Sequence[str]], pd.DataFrame]
"""Returns features of all recordings after the rules of some groups."""


@dataclass(frozen=True, eq=False)
class RuleExtractor:
    """Extracts features again with the rules of some groups.

    Parameters
    ----------
    data : Dataset
    conditions : DataFrame
        See `collect_conditions`.
    settings : Settings
    exclusions : Exclusions
        Channels that are left out of the features.
    jobs : int
    reporter : Reporter
    """

    data: Dataset
    conditions: pd.DataFrame
    settings: Settings
    exclusions: Exclusions = NO_EXCLUSIONS
    jobs: int = 1
    reporter: Reporter | None = field(default=None, repr=False)

    @property
    def has_recordings(self) -> bool:
        """Whether features can be extracted again; otherwise only the conditions are known."""
        return self.data.table is None

    def __call__(self, groups: Sequence[str]) -> pd.DataFrame:
        """Return the features of all recordings after the rules of the groups."""
        settings = self.settings.override({"reading.resting_face": True if RESTING in groups else None})
        extractor = FeatureExtractor(
            settings,
            jobs=self.jobs,
            alter=self._make_alterations(groups),
            exclusions=self.exclusions,
            reporter=self.reporter,
        )
        return extractor.transform(self.data)

    def _make_alterations(self, groups: Sequence[str]) -> dict[str, Alteration]:
        steps: list[Alteration] = []
        alterations: dict[str, Alteration] = {}
        if FORMAT in groups:
            steps.append(partial(round_stream, decimals=_fewest_decimals(self.conditions)))
            alterations[AUDIO] = partial(round_vector, decimals=_fewest_vector_decimals(self.conditions))
        if CAMERA in groups:
            steps.append(centre_positions)
        return alterations | {VIDEO: partial(_apply_all, steps=tuple(steps))}


def _apply_all(stream: Stream, steps: Sequence[Alteration]) -> Stream:
    for step in steps:
        stream = step(stream)
    return stream


def _fewest_decimals(conditions: pd.DataFrame) -> dict[str, int]:
    """Return the fewest decimals of each kind of channel in the set, if the files differ."""
    prefix = f"{VIDEO}/{decimals_key('')}"
    columns = [name for name in conditions if str(name).startswith(prefix) and conditions[name].nunique() > 1]
    return {str(name).removeprefix(prefix): int(conditions[name].min()) for name in columns}


def _fewest_vector_decimals(conditions: pd.DataFrame) -> int | None:
    """Return the fewest decimals of audio files with a single row; averages have more decimals than the file."""
    decimals, n_rows = (conditions.get(f"{AUDIO}/{name}") for name in ("decimals_max", "n_rows"))
    if decimals is None or n_rows is None or decimals.nunique() < 2 or (n_rows > 1).any():
        return None
    return int(decimals.min())


def round_stream(stream: Stream, decimals: Mapping[str, int]) -> Stream:
    """Round the channels of each kind in `decimals`."""
    values = stream.values.copy(order="K")
    for column, name in enumerate(stream.channels):
        n = decimals.get(range_kind(name) or "others", MAX_DECIMALS)
        if n < MAX_DECIMALS:
            values[:, column] = np.round(values[:, column].astype(np.float64), n)
    return replace(stream, values=values)


def round_vector(embedding: Embedding, decimals: int | None) -> Embedding:
    """Round an audio vector."""
    return embedding if decimals is None else replace(embedding, values=np.round(embedding.values, decimals))


def centre_positions(stream: Stream) -> Stream:
    """Subtract from the position of the head its median over the valid frames."""
    values = stream.values.copy(order="K")
    for column, name in enumerate(stream.channels):
        position = values[:, column].astype(np.float64)
        known = position[stream.valid & np.isfinite(position)]
        if name.startswith("pose_T") and len(known):
            # Rounded to 0.001 mm, because float32 is coarser far from the camera, which would remain as a trace.
            values[:, column] = np.round(position - np.median(known), 3)
    return replace(stream, values=values)


def normalise_vectors(features: pd.DataFrame) -> pd.DataFrame:
    """Return the features with audio vectors of mean 0 and norm 1, and their cluster norms computed again."""
    names = [str(name) for name in features if is_audio_component(str(name))]
    if not names:
        return features
    vectors = features[names].to_numpy(dtype=np.float64)
    centred = vectors - _mean_of_known(vectors)
    norms = np.sqrt(np.nansum(centred**2, axis=1, keepdims=True))
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    repaired = features.copy()
    repaired[names] = np.where(np.isfinite(vectors), unit, np.nan)
    return _recompute_clusters(repaired, names)


def _mean_of_known(vectors: np.ndarray) -> np.ndarray:
    finite = np.isfinite(vectors)
    total = np.where(finite, vectors, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(total / np.maximum(finite.sum(axis=1, keepdims=True), 1))


def _recompute_clusters(features: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the features with the cluster norms of these vectors; 0 where a component is missing in the table."""
    clusters = [str(name) for name in features if parse_name(str(name)).channel == _CLUSTERS]
    rows = [
        {feature_name(AUDIO, *key): value for key, value in audio_clusters(Embedding(row), Settings().features).items()}
        for row in features[list(names)].to_numpy(dtype=np.float64)
    ]
    norms = pd.DataFrame(rows, index=features.index).reindex(columns=clusters, fill_value=0.0)
    features[clusters] = norms.where(features[clusters].notna())
    return features


def apply_rules(
    features: pd.DataFrame, conditions: pd.DataFrame | None, found: Sequence[str], extract: ExtractRepaired | None
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the features after the rules of the found groups, and these rules by group.

    Parameters
    ----------
    features : DataFrame
    conditions : DataFrame, optional
        See `collect_conditions`.
    found : sequence of str
        Groups to repair.
    extract : callable, optional
        Extracts features again; without it, only the rule for audio vectors can be applied.
    """
    applied = [group for group in found if group in RULES and _has_rule(group, features, conditions, extract)]
    if extract is not None and (again := [group for group in applied if group != AUDIO_LEVEL]):
        features = extract(again).reindex(index=features.index, columns=features.columns)
    if AUDIO_LEVEL in applied:
        features = normalise_vectors(features)
    return features, {group: RULES[group] for group in applied}


def _has_rule(
    group: str, features: pd.DataFrame, conditions: pd.DataFrame | None, extract: ExtractRepaired | None
) -> bool:
    if group == AUDIO_LEVEL:
        return not list_events(features.columns)  # the components of persons are not one vector
    if extract is None or conditions is None:
        return False
    return group != FORMAT or _can_round(conditions)


def _can_round(conditions: pd.DataFrame) -> bool:
    """Return whether rounding makes the decimals of all files equal."""
    vector_decimals = conditions.get(f"{AUDIO}/decimals_max")
    if vector_decimals is not None and vector_decimals.nunique() > 1:
        return _fewest_vector_decimals(conditions) is not None
    return bool(_fewest_decimals(conditions))


def select_unsolved(group: str, columns: pd.DataFrame, rules: Mapping[str, str]) -> pd.DataFrame:
    """Return the nuisance columns of a group that its rule, if it has one, does not make irrelevant."""
    if group not in rules:
        return columns
    solved = _SOLVED[group]
    return columns[[name for name in columns if not str(name).rpartition("/")[2].startswith(solved)]]
