"""Catalog of features: the features of each family, and the family of each feature."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.file_features import compute_stream_features
from pdmr_classic.features.names import (
    AUDIO,
    COVARIATES,
    QUALITY,
    base_name,
    feature_name,
    is_vector_component,
    level_name,
    own_family,
    parse_name,
)
from pdmr_classic.features.registry import Family, load_families
from pdmr_classic.io.audio.embeddings import NETVLAD_WIDTH, Embedding
from pdmr_classic.io.trackers.channels import GAZE, POSE
from pdmr_classic.io.video.stream import Stream

_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
_UNKNOWN = "other"
# Family of the components of further views.
_VECTOR = "vector"
_CHUNK = re.compile(r"_\d+frames_")


@lru_cache(maxsize=1)
def _make_complete_stream() -> Stream:
    """Return half a minute of noise on every OpenFace channel that a family uses."""
    units = (*(f"AU{unit:02d}_r" for unit in _UNITS), *(f"AU{unit:02d}_c" for unit in (*_UNITS[:-1], 28, 45)))
    landmarks = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))
    channels = (*POSE, *GAZE, *units, *landmarks)
    values = np.random.default_rng(0).random((900, len(channels)), dtype=np.float32)
    return Stream(values, channels, np.arange(900) / 30, 30.0, np.ones(900, dtype=bool))


def feature_names_by_family() -> dict[str, tuple[str, ...]]:
    """Return the feature names of each family for a complete stream and an audio vector of default width."""
    return {name: _compute_names(family) for name, family in load_families().items()}


@lru_cache(maxsize=64)
def _compute_names(family: Family) -> tuple[str, ...]:
    stream, vector, settings = _make_complete_stream(), Embedding(np.zeros(NETVLAD_WIDTH)), FeatureSettings()
    if family.view == AUDIO:
        return tuple(feature_name(family.view, *key) for key in family.function(vector, settings))
    return compute_stream_features(stream, (family,), settings)[0]


def find_families(names: Sequence[str]) -> list[str]:
    """Return the family of each feature name; "other" if no family computes it. Events have that of their features.

    The change of a feature from the subject's baseline has the family of that feature.

    Examples
    --------
    >>> find_families(["video__ch000__velocity_rms", "video__AU12_r__share_active", "audio__vector__0017", "mine"])
    ['dynamics', 'au_activation', 'audio_vector', 'other']
    >>> find_families(["video_change__AU12_r__mean"])
    ['distribution']
    >>> find_families(["text__vector__003", "eeg__Cz__velocity_rms", "quality__eeg__n_frames"])
    ['vector', 'dynamics', 'quality']
    """
    by_name, by_functional = _lookups()
    own = {name for name, family in load_families().items() if family.code}
    bases = (base_name(level_name(name)) for name in names)
    return [
        by_name.get(name) or _find_own(name, own) or by_functional.get(_functional(name), _UNKNOWN) for name in bases
    ]


def _find_own(name: str, own: Collection[str]) -> str | None:
    family = own_family(name)
    return family if family in own else None


@lru_cache(maxsize=1)
def _lookups() -> tuple[dict[str, str], dict[str, str]]:
    families = {name: family for name, family in load_families().items() if not family.code}
    names_by_family = {name: _compute_names(family) for name, family in families.items()}
    by_name = {name: family for family, names in names_by_family.items() for name in names}
    # Channels unknown to OpenFace have the functionals of the families computed per channel.
    by_functional = {
        _functional(name): family
        for family, names in names_by_family.items()
        if families[family].kinds
        for name in names
    }
    by_functional |= {AUDIO: "audio_vector", QUALITY: "quality", COVARIATES: COVARIATES, _VECTOR: _VECTOR}
    return by_name, by_functional


def _functional(name: str) -> str:
    """Return the part of a name that identifies the family independently of the channel."""
    view, channel, functional = parse_name(name)
    if view in (AUDIO, QUALITY, COVARIATES):
        return view
    if is_vector_component(name):
        return _VECTOR
    # The settings define the chunk length: all lengths share one name.
    return _CHUNK.sub("_1s_", functional) if channel else ""
