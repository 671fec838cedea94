"""Feature names, `view__channel__functional`: spelled and parsed here alone, and which of them are learned from.

`channel` is what a feature describes: a channel of the stream, or something that a family makes of several channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from pdmr_classic.arrays import Ints

View = Literal["video", "audio", "quality", "material"]
VIDEO: View = "video"
AUDIO: View = "audio"
QUALITY: View = "quality"
"""How well a recording could be seen: it can give a label away."""
MATERIAL: View = "material"
"""What a transformer that is fitted inside each fold makes features of."""
_ALL = "all"
"""The modality of columns without a view in their names, such as those of a plain array."""

_NOT_LEARNED = frozenset({QUALITY, MATERIAL})
_SEPARATOR = "__"
_VECTOR_CHANNELS = ("netvlad", "vector")


class FeatureName(NamedTuple):
    """The three parts of a feature's name."""

    view: str
    channel: str
    functional: str


def feature_name(view: str, channel: str, functional: str) -> str:
    """Return the name of a feature.

    Examples
    --------
    >>> feature_name("video", "AU12_r", "std")
    'video__AU12_r__std'
    """
    return f"{prefix(view, channel)}{functional}"


def prefix(view: str, channel: str) -> str:
    """Return how the names of all features of one channel begin.

    Examples
    --------
    >>> prefix("material", "kineme")
    'material__kineme__'
    """
    return f"{view}{_SEPARATOR}{channel}{_SEPARATOR}"


def parse_name(name: str) -> FeatureName:
    """Return the parts of a feature's name; a name without a view belongs to the modality "all".

    Examples
    --------
    >>> parse_name("video__AU12_r__std")
    FeatureName(view='video', channel='AU12_r', functional='std')
    >>> parse_name("x0")
    FeatureName(view='all', channel='', functional='x0')
    """
    view, separator, rest = str(name).partition(_SEPARATOR)
    if not separator:
        return FeatureName(_ALL, "", view)
    # A functional never holds a separator; the name of somebody's own channel may.
    channel, _, functional = rest.rpartition(_SEPARATOR)
    return FeatureName(view, channel, functional)


def view_of(name: str) -> str:
    """Return the view that a feature belongs to."""
    return parse_name(name).view


def is_learned(name: str) -> bool:
    """Return whether base learners see a feature: quality and materials are kept from them."""
    return view_of(name) not in _NOT_LEARNED


def audio_channel(is_netvlad: bool) -> str:
    """Return the channel of an audio vector's components."""
    return _VECTOR_CHANNELS[0 if is_netvlad else 1]


def is_audio_component(name: str) -> bool:
    """Return whether a feature is a component of the audio vector itself, and not made of several.

    Examples
    --------
    >>> is_audio_component("audio__netvlad__017"), is_audio_component("audio__netvlad_cluster__03")
    (True, False)
    """
    return str(name).startswith(_VECTOR_PREFIXES)


_VECTOR_PREFIXES = tuple(prefix(AUDIO, channel) for channel in _VECTOR_CHANNELS)


@lru_cache(maxsize=64)
def audio_width(names: tuple[str, ...]) -> int:
    """Return how many of the features are components of the audio vector."""
    return sum(map(is_audio_component, names))


def modality_columns(names: Iterable[str]) -> dict[str, Ints]:
    """Return the places of each modality's columns among those that are learned from.

    Examples
    --------
    >>> modality_columns(["video__AU12_r__std", "quality__stream__coverage", "audio__vector__000"])
    {'video': array([0]), 'audio': array([2])}
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if is_learned(name):
            places.setdefault(view_of(name), []).append(place)
    return {modality: np.array(of_modality, dtype=np.intp) for modality, of_modality in places.items()}
