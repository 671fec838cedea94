"""Families by name. What `pdmr-classic features` lists is read off the families' own docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings
from pdmr_classic.features.names import VIDEO, View
from pdmr_classic.features.signal import Signal
from pdmr_classic.io.stream import Stream

ChannelFunction = Callable[[Signal, FeatureSettings], Mapping[str, Floats]]
StreamFunction = Callable[[Stream, FeatureSettings], Mapping[tuple[str, str], float]]
VectorFunction = Callable[[Floats, FeatureSettings], Mapping[tuple[str, str], float]]

_FACT = re.compile(r"^(Formula|Unit|Source): (.+?)(?=\n\s*\n|\n[A-Z][a-z]+: |\Z)", re.MULTILINE | re.DOTALL)

CONTINUOUS = ("pose", "gaze", "gaze_vector", "au_intensity", "other")
"""Channels whose level is a measurement."""
BEHAVIOURAL = ("pose", "gaze", "au_intensity", "other")
"""The same without the gaze vectors, which say what the gaze angles say."""


@dataclass(frozen=True)
class Family:
    """Functionals that are computed together.

    Attributes
    ----------
    name : str
    view : {"video", "audio", "quality", "material"}
        The first part of its features' names, and so the columns that a base learner sees together. A material is no
        feature yet: a transformer that is fitted inside each fold makes features of it.
    kinds : tuple of str
        The kinds of channel that it is computed for, one by one; empty for a family that sees the stream as a whole.
    function : callable
    by_default : bool
        Whether it is computed where no families are named.
    units_apart : bool
        Whether it asks other things of action units than of other channels, and gets them in signals of their own.
    """

    name: str
    view: View
    kinds: tuple[str, ...]
    function: Callable[..., Mapping[Any, Any]]
    by_default: bool = True
    units_apart: bool = False

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").splitlines()[0]

    @property
    def facts(self) -> dict[str, str]:
        """`formula`, `unit` and `source`, as the docstring gives them."""
        found = _FACT.findall(inspect.getdoc(self.function) or "")
        return {name.lower(): " ".join(text.split()) for name, text in found}


# In the order of the columns.
_MODULES = (
    *("distribution", "dynamics", "action_units", "eyes", "movement", "spectral", "coordination", "multiscale"),
    *("quality", "audio", "tangent", "kinemes", "shape"),
)
_FAMILIES: dict[str, Family] = {}


def channel_family(
    name: str, kinds: Sequence[str], *, units_apart: bool = False
) -> Callable[[ChannelFunction], ChannelFunction]:
    """Register a function from a `Signal` to `{functional: values of shape [C]}`, for channels of these kinds."""

    def register(function: ChannelFunction) -> ChannelFunction:
        _FAMILIES[name] = Family(name, "video", tuple(kinds), function, units_apart=units_apart)
        return function

    return register


def stream_family(
    name: str, view: View = VIDEO, *, by_default: bool = True
) -> Callable[[StreamFunction], StreamFunction]:
    """Register a function from a `Stream` to `{(channel, functional): value}`."""

    def register(function: StreamFunction) -> StreamFunction:
        _FAMILIES[name] = Family(name, view, (), function, by_default)
        return function

    return register


def vector_family(name: str) -> Callable[[VectorFunction], VectorFunction]:
    """Register a function from an audio vector, shape [D], to `{(channel, functional): value}`."""

    def register(function: VectorFunction) -> VectorFunction:
        _FAMILIES[name] = Family(name, "audio", (), function)
        return function

    return register


def families() -> dict[str, Family]:
    """Return every family by name, in the order in which features are laid out."""
    # Importing a family's module registers it.
    for module in _MODULES:
        importlib.import_module(f"pdmr_classic.features.families.{module}")
    # Not in the order of registration: a module may have been imported for something else before.
    module_of = {name: family.function.__module__.rsplit(".", 1)[1] for name, family in _FAMILIES.items()}
    return {name: _FAMILIES[name] for name in sorted(_FAMILIES, key=lambda name: _MODULES.index(module_of[name]))}
