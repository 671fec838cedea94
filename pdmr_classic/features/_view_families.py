"""The feature families of each modality: all of video and audio, and the general ones of a further view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.families.audio import vector_components
from pdmr_classic.features.names import AUDIO, QUALITY, VIDEO
from pdmr_classic.features.registry import Family, StreamFunction
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.io.view_files import VECTOR, FileKind

# In a further view, nothing is known about channels with such names either: all are described by the same families.
_GENERAL, _FACE_KINDS = "other", ("landmark", "geometry")


def select_families(families: Sequence[Family], modality: str, kind: FileKind) -> tuple[Family, ...]:
    """Return the families to compute for a modality, with its name as the view of the features.

    A further view of streams has the families that are computed per channel, and `quality`; one of vectors has its
    components.

    Parameters
    ----------
    families : sequence of Family
        The selected ones.
    modality : str
    kind : {"stream", "vector"}
        What the files of the modality are.
    """
    if modality == VIDEO:
        return tuple(family for family in families if family.view != AUDIO)
    if modality == AUDIO:
        return tuple(family for family in families if family.view == AUDIO)
    if kind == VECTOR:
        chosen = [family for family in families if family.name == "audio_vector"]
        return tuple(replace(family, view=modality, function=vector_components) for family in chosen)
    return tuple(
        replace(family, view=modality, kinds=_add_kinds(family.kinds))
        if family.kinds
        else replace(family, function=partial(_rename_quality, function=family.function, modality=modality))
        for family in families
        if family.kinds or family.view == QUALITY
    )


def _add_kinds(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return (*kinds, *_FACE_KINDS) if _GENERAL in kinds else kinds


def _rename_quality(
    stream: Stream, settings: FeatureSettings, *, function: StreamFunction, modality: str
) -> Mapping[tuple[str, str], float]:
    """Return the quality of a stream under the name of its view instead of `stream`, which is the video."""
    return {(modality, functional): value for (_, functional), value in function(stream, settings).items()}
