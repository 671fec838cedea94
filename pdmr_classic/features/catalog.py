"""What the families make of a complete recording: how many features, and which feature is whose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.file_features import stream_features
from pdmr_classic.features.names import AUDIO, QUALITY, feature_name, parse_name
from pdmr_classic.features.registry import Family, families
from pdmr_classic.io.channels import GAZE, POSE
from pdmr_classic.io.embeddings import NETVLAD_WIDTH
from pdmr_classic.io.stream import Stream

_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
_UNKNOWN = "other"
_CHUNK = re.compile(r"_\d+frames_")


def _make_complete_stream() -> Stream:
    """Return half a minute of noise on every channel that a family looks at, and on one that none knows."""
    units = (*(f"AU{unit:02d}_r" for unit in _UNITS), *(f"AU{unit:02d}_c" for unit in (*_UNITS[:-1], 28, 45)))
    landmarks = tuple(f"{axis}_{point}" for axis in "xy" for point in range(68))
    channels = (*POSE, *GAZE, *units, *landmarks)
    values = np.random.default_rng(0).random((900, len(channels)), dtype=np.float32)
    return Stream(values, channels, np.arange(900) / 30, 30.0, np.ones(900, dtype=bool))


@lru_cache(maxsize=1)
def feature_names_by_family() -> dict[str, tuple[str, ...]]:
    """Return the names of each family's features on a complete stream and an audio vector of the usual width."""
    stream, vector, settings = _make_complete_stream(), np.zeros(NETVLAD_WIDTH), FeatureSettings()

    def names(family: Family) -> tuple[str, ...]:
        if family.view == "audio":
            return tuple(feature_name(family.view, *key) for key in family.function(vector, settings))
        return stream_features(stream, (family,), settings)[0]

    return {name: names(family) for name, family in families().items()}


def find_families(names: Sequence[str]) -> list[str]:
    """Return the family of each feature by its name; "other" for a name that no family makes.

    Examples
    --------
    >>> find_families(["video__ch000__velocity_rms", "video__AU12_r__share_active", "audio__vector__0017", "mine"])
    ['dynamics', 'au_activation', 'audio_vector', 'other']
    """
    exactly, by_functional = _lookups()
    return [exactly.get(name) or by_functional.get(_functional(name), _UNKNOWN) for name in names]


@lru_cache(maxsize=1)
def _lookups() -> tuple[dict[str, str], dict[str, str]]:
    made, known = feature_names_by_family(), families()
    exactly = {name: family for family, names in made.items() for name in names}
    # Channels beyond OpenFace's have the functionals of the families that go channel by channel.
    by_functional = {
        _functional(name): family for family, names in made.items() if known[family].kinds for name in names
    }
    by_functional |= {AUDIO: "audio_vector", QUALITY: "quality"}
    return exactly, by_functional


def _functional(name: str) -> str:
    """Return the part of a name that tells the family, as far as the channel does not."""
    view, channel, functional = parse_name(name)
    if view in (AUDIO, QUALITY):
        return view
    # Chunks are as long as the settings say: one name stands for all lengths.
    return _CHUNK.sub("_1s_", functional) if channel else ""
