"""Components of the audio vector, and the norms of its NetVLAD clusters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.names import audio_channel
from pdmr_classic.features.registry import vector_family
from pdmr_classic.io.embeddings import NETVLAD_CLUSTERS, NETVLAD_WIDTH


@vector_family("audio_vector")
def audio_vector(vector: Floats, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Components of the audio vector, unchanged.

    Formula: x_i (named netvlad if the vector has 16 x 48 values, otherwise vector)

    Unit: that of the embedding

    Source: Arandjelović et al. 2016 (NetVLAD); PDMR 2025 (log-Mel, NetVLAD)
    """
    channel = audio_channel(is_netvlad=len(vector) == NETVLAD_WIDTH)
    digits = max(len(str(len(vector) - 1)), 3)
    return {(channel, f"{index:0{digits}d}"): float(value) for index, value in enumerate(vector)}


@vector_family("audio_clusters")
def audio_clusters(vector: Floats, settings: FeatureSettings) -> Mapping[tuple[str, str], float]:
    """Norm of each NetVLAD cluster, if the vector has 16 x 48 values.

    Formula: Euclidean norm of the 48 components of a cluster

    Unit: that of the embedding

    Source: Arandjelović et al. 2016 (NetVLAD)

    Intra-normalised vectors have constant norms; learners drop constant columns.
    """
    if len(vector) != NETVLAD_WIDTH:
        return {}
    norms = np.sqrt((vector.reshape(NETVLAD_CLUSTERS, -1) ** 2).sum(axis=1))
    return {("netvlad_cluster", f"{index:02d}"): float(norm) for index, norm in enumerate(norms)}
