"""The audio vector, as it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.features.registry import vector_family
from pdmr_classic.io.embeddings import NETVLAD_WIDTH


@vector_family("audio_vector")
def audio_vector(vector: NDArray[np.float64]) -> Mapping[tuple[str, str], float]:
    """Every component of the audio vector, unchanged.

    Formula: x_i; named netvlad where the width is 16 x 48, vector otherwise

    Unit: the embedding's

    Source: Arandjelović et al. 2016 (NetVLAD); PDMR 2025 (log-Mel, NetVLAD)
    """
    channel = "netvlad" if len(vector) == NETVLAD_WIDTH else "vector"
    digits = max(len(str(len(vector) - 1)), 3)
    return {(channel, f"{index:0{digits}d}"): float(value) for index, value in enumerate(vector)}
