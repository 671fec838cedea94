"""The audio vector is left as it is; its clusters are weighed where there are any."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.audio import audio_clusters, audio_vector
from pdmr_classic.io.embeddings import NETVLAD_WIDTH

SETTINGS = FeatureSettings()


def vector(width: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=width)


@pytest.mark.parametrize(
    ("width", "channel", "last"), [(768, "netvlad", "767"), (5, "vector", "004"), (1024, "vector", "1023")]
)
def test_every_component_is_unchanged_and_named_by_its_place(width: int, channel: str, last: str) -> None:
    x = vector(width)
    found = audio_vector(x, SETTINGS)
    assert list(found.values()) == x.tolist()
    assert list(found)[-1] == (channel, last)
    assert sorted(found) == list(found)


def test_the_norm_of_each_cluster() -> None:
    x = vector(NETVLAD_WIDTH)
    found = audio_clusters(x, SETTINGS)
    assert len(found) == 16
    for k in range(16):
        assert found["netvlad_cluster", f"{k:02d}"] == pytest.approx(np.linalg.norm(x[48 * k : 48 * (k + 1)]))
    assert np.sqrt(sum(norm**2 for norm in found.values())) == pytest.approx(np.linalg.norm(x))


def test_another_width_has_no_clusters() -> None:
    assert audio_clusters(vector(512), SETTINGS) == {}


def test_a_component_that_is_missing_makes_its_cluster_unknown_and_no_other() -> None:
    x = vector(NETVLAD_WIDTH)
    x[50] = np.nan
    found = list(audio_clusters(x, SETTINGS).values())
    assert np.flatnonzero(np.isnan(found)).tolist() == [1]
    assert np.isnan(audio_vector(x, SETTINGS)["netvlad", "050"])
