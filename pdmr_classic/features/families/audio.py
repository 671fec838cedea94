"""Components of the audio vector, and the norms of its NetVLAD clusters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.names import audio_channel
from pdmr_classic.features.registry import vector_family
from pdmr_classic.io.audio.embeddings import NETVLAD_CLUSTERS, NETVLAD_WIDTH, Embedding


@vector_family("audio_vector")
def audio_vector(vector: Embedding, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Components of the audio vector, unchanged.

    Formula: x_i; components with names keep them, others are numbered (netvlad if there are 16 x 48, otherwise vector)

    Unit: that of the embedding

    Source: Arandjelović et al. 2016 (NetVLAD); PDMR 2025 (log-Mel, NetVLAD)
    """
    return _name_components(vector, audio_channel(is_netvlad=_is_netvlad(vector)))


def vector_components(vector: Embedding, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Components of the vector of a further view, unchanged; see `audio_vector`."""
    return _name_components(vector, audio_channel(is_netvlad=False))


def _name_components(vector: Embedding, channel: str) -> Mapping[tuple[str, str], float]:
    if vector.names:
        return {(channel, name): float(value) for name, value in zip(vector.names, vector.values, strict=True)}
    digits = max(len(str(len(vector.values) - 1)), 3)
    return {(channel, f"{index:0{digits}d}"): float(value) for index, value in enumerate(vector.values)}


@vector_family("audio_clusters")
def audio_clusters(vector: Embedding, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Norm of each NetVLAD cluster, if the vector has 16 x 48 values without names.

    Formula: Euclidean norm of the 48 components of a cluster

    Unit: that of the embedding

    Source: Arandjelović et al. 2016 (NetVLAD)

    Intra-normalised vectors have constant norms; learners drop constant columns.
    """
    if not _is_netvlad(vector):
        return {}
    norms = np.sqrt((vector.values.reshape(NETVLAD_CLUSTERS, -1) ** 2).sum(axis=1))
    return {("netvlad_cluster", f"{index:02d}"): float(norm) for index, norm in enumerate(norms)}


def _is_netvlad(vector: Embedding) -> bool:
    return len(vector.values) == NETVLAD_WIDTH and not vector.names
