"""Build and parse feature names, `view__channel__functional`; no other module does.

`channel` is what a feature describes: a channel of the stream, or a quantity that a family derives from several.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from pdmr_classic.arrays import Ints
from pdmr_classic.io.audio.embeddings import NETVLAD_CLUSTERS, NETVLAD_WIDTH
from pdmr_classic.io.audio.vector_layouts import VectorLayout

ViewName = Literal["video", "audio", "quality", "material"]
VIDEO: ViewName = "video"
AUDIO: ViewName = "audio"
QUALITY: ViewName = "quality"
"""Recording quality, hidden from learners because it can reveal the label."""
MATERIAL: ViewName = "material"
"""Input of transformers that are fitted inside each fold."""
COVARIATES = "covariates"
"""Columns of the label table that the user names as inputs, such as age."""
LABEL = "label"
"""Columns of a label table beside features, never learned from."""
CHANGE_SUFFIX = "_change"
"""End of the names of modalities that hold the change from a subject's baseline, such as video_change."""
_DEFAULT_VIEW = "all"
"""Modality of columns without a view in their names, such as those of a plain array."""

_HIDDEN_VIEWS = frozenset({QUALITY, MATERIAL, LABEL})
_NO_VECTORS = frozenset({VIDEO, COVARIATES, *_HIDDEN_VIEWS})
_VIDEO_QUALITY = "stream"
_SEPARATOR = "__"
VECTOR_CHANNELS = ("netvlad", "vector")
"""Channels of the components of a vector."""

EVENT_LEVEL, EVENT_SPREAD, EVENT_DRIFT = "events", "spread", "drift"
"""What is computed from the values of a feature in several events: mean, standard deviation, and slope."""
_EVENT = "@"
_OWN = "."


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
    return f"{feature_prefix(view, channel)}{functional}"


def feature_prefix(view: str, channel: str) -> str:
    """Return the common prefix of the feature names of one channel.

    Examples
    --------
    >>> feature_prefix("material", "kineme")
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
        return FeatureName(_DEFAULT_VIEW, "", view)
    # A functional never contains the separator; a user-defined channel name may.
    channel, _, functional = rest.rpartition(_SEPARATOR)
    return FeatureName(view, channel, functional)


def own_functional(family: str, functional: str) -> str:
    """Return the functional of a user's own family, in a feature name.

    Examples
    --------
    >>> own_functional("tremor", "peak_hz")
    'tremor.peak_hz'
    """
    return f"{family}{_OWN}{functional}"


def own_family(name: str) -> str | None:
    """Return the first part of the functional in a feature name, which is the family if it is a user's own.

    Examples
    --------
    >>> own_family("video__AU12_r__tremor.peak_hz"), own_family("video__AU12_r__mean")
    ('tremor', None)
    """
    family, separator, _ = parse_name(name).functional.partition(_OWN)
    return family if separator else None


def event_feature(name: str, part: str) -> str:
    """Return the name of a feature of a person: of one event, or computed over events.

    Examples
    --------
    >>> event_feature("video__AU12_r__mean", "E2-E1")
    'video__AU12_r__mean@E2-E1'
    """
    return f"{name}{_EVENT}{part}"


def base_name(name: str) -> str:
    """Return the name of the feature of a recording that a feature of a person comes from.

    Examples
    --------
    >>> base_name("video__AU12_r__mean@E2-E1"), base_name("video__AU12_r__mean")
    ('video__AU12_r__mean', 'video__AU12_r__mean')
    """
    functional = parse_name(name).functional
    return name if _EVENT not in functional else name[: len(name) - len(functional)] + functional.rpartition(_EVENT)[0]


def strip_event_mean(name: str) -> str:
    """Return the base name of a mean over events, and any other name unchanged.

    Examples
    --------
    >>> strip_event_mean("video__AU12_r__mean@events"), strip_event_mean("video__AU12_r__mean@E1")
    ('video__AU12_r__mean', 'video__AU12_r__mean@E1')
    """
    return name.removesuffix(event_feature("", EVENT_LEVEL))


def event_presence(event: str) -> str:
    """Return the hidden feature that says whether a person has an event.

    Examples
    --------
    >>> event_presence("E1")
    'quality__events__present@E1'
    """
    return f"{_PRESENCE}{event}"


def list_events(names: Iterable[str]) -> list[str]:
    """Return the events in a feature table of persons, in their order; none in one of recordings.

    Examples
    --------
    >>> list_events(["video__AU12_r__mean@E1", "quality__events__present@E1", "quality__events__present@E2"])
    ['E1', 'E2']
    """
    return [str(name).removeprefix(_PRESENCE) for name in names if str(name).startswith(_PRESENCE)]


def label_column(name: str) -> str:
    """Return the name of a column of a label table beside features.

    Examples
    --------
    >>> label_column("status")
    'label__status'
    """
    return f"{LABEL}{_SEPARATOR}{name}"


def feature_view(name: str) -> str:
    """Return the view of a feature."""
    return parse_name(name).view


def change_name(name: str) -> str:
    """Return the name of the change of a feature from the subject's baseline, in a modality of its own.

    Examples
    --------
    >>> change_name("video__AU12_r__mean")
    'video_change__AU12_r__mean'
    """
    view, separator, rest = name.partition(_SEPARATOR)
    return (
        f"{view}{CHANGE_SUFFIX}{separator}{rest}" if separator else f"{_DEFAULT_VIEW}{CHANGE_SUFFIX}{_SEPARATOR}{view}"
    )


def level_name(name: str) -> str:
    """Return the name of the feature that a change belongs to; other names are unchanged.

    Examples
    --------
    >>> level_name("video_change__AU12_r__mean"), level_name("video__AU12_r__mean")
    ('video__AU12_r__mean', 'video__AU12_r__mean')
    """
    view, separator, rest = name.partition(_SEPARATOR)
    return f"{view.removesuffix(CHANGE_SUFFIX)}{separator}{rest}" if separator else name


def is_derived(modality: str) -> bool:
    """Return whether a modality adds to others instead of being measured: covariates, and changes from baseline.

    Examples
    --------
    >>> is_derived("covariates"), is_derived("video_change"), is_derived("video")
    (True, True, False)
    """
    return modality == COVARIATES or modality.endswith(CHANGE_SUFFIX)


def missing_indicator(modality: str) -> str:
    """Return the name of the column that says whether a recording lacks a modality."""
    return f"missing{_SEPARATOR}{modality}"


def is_model_input(name: str) -> bool:
    """Return whether base learners use a feature; quality, material and labels are hidden from them."""
    return feature_view(name) not in _HIDDEN_VIEWS


def audio_channel(is_netvlad: bool) -> str:
    """Return the channel name of the components of an audio vector."""
    return VECTOR_CHANNELS[0 if is_netvlad else 1]


def is_audio_component(name: str) -> bool:
    """Return whether a feature is a component of the audio vector itself, not derived from several components.

    Examples
    --------
    >>> is_audio_component("audio__netvlad__017"), is_audio_component("audio__netvlad_cluster__03")
    (True, False)
    """
    return str(name).startswith(_VECTOR_PREFIXES)


def is_vector_component(name: str, modality: str | None = None) -> bool:
    """Return whether a feature is a component of the vector of a modality; of any modality with files by default.

    Changes from a baseline are no components, because no file contains them.

    Examples
    --------
    >>> [is_vector_component(name) for name in ("audio__netvlad__017", "text__vector__003", "eeg__Cz__mean")]
    [True, True, False]
    >>> is_vector_component("text_change__vector__003")
    False
    """
    view, channel, _ = parse_name(name)
    has_files = view not in _NO_VECTORS and not view.endswith(CHANGE_SUFFIX)
    return channel in VECTOR_CHANNELS and has_files and modality in (None, view)


def vector_modalities(names: Iterable[str]) -> list[str]:
    """Return the modalities with a vector, in the order of the names."""
    return list(dict.fromkeys(feature_view(name) for name in names if is_vector_component(name)))


def quality_modality(name: str) -> str:
    """Return the modality that a quality feature is about.

    Examples
    --------
    >>> quality_modality("quality__stream__coverage"), quality_modality("quality__eeg__coverage")
    ('video', 'eeg')
    """
    channel = parse_name(name).channel
    return VIDEO if channel == _VIDEO_QUALITY else channel


def audio_cluster(component: int) -> str:
    """Return the feature of the NetVLAD cluster that a component of the audio vector belongs to.

    Examples
    --------
    >>> audio_cluster(100)
    'audio__netvlad_cluster__02'
    """
    return feature_name(AUDIO, "netvlad_cluster", f"{component * NETVLAD_CLUSTERS // NETVLAD_WIDTH:02d}")


_PRESENCE = event_feature(feature_name(QUALITY, "events", "present"), "")
_VECTOR_PREFIXES = tuple(feature_prefix(AUDIO, channel) for channel in VECTOR_CHANNELS)


@lru_cache(maxsize=64)
def vector_layout(names: tuple[str, ...], modality: str = AUDIO) -> VectorLayout | None:
    """Return the layout of a modality's vector that a feature table has the components of; None if it has none.

    Examples
    --------
    >>> vector_layout(("video__AU12_r__mean", "audio__vector__000", "audio__vector__001"))
    VectorLayout(width=2, names=frozenset())
    >>> sorted(vector_layout(("audio__vector__F0", "audio__vector__loudness")).names)
    ['F0', 'loudness']
    """
    components = [parse_name(name).functional for name in names if is_vector_component(name, modality)]
    if not components:
        return None
    is_positional = all(component.isdigit() for component in components)
    return VectorLayout(len(components), frozenset() if is_positional else frozenset(components))


def modality_columns(names: Iterable[str]) -> dict[str, Ints]:
    """Return the column indices of each modality, for the columns that base learners use.

    Examples
    --------
    >>> modality_columns(["video__AU12_r__std", "quality__stream__coverage", "audio__vector__000"])
    {'video': array([0]), 'audio': array([2])}
    """
    indices: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if is_model_input(name):
            indices.setdefault(feature_view(name), []).append(index)
    return {modality: np.array(columns, dtype=np.intp) for modality, columns in indices.items()}
