"""Registry of feature families; `pdmr-classic features` lists the formula, unit and source in their docstrings."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pdmr_classic.arrays import Floats
from pdmr_classic.config import FeatureSettings, PluginSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.features.names import VIDEO, ViewName
from pdmr_classic.features.signal import Signal
from pdmr_classic.io.audio.embeddings import Embedding
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.plugins import load_plugins

ChannelFunction = Callable[[Signal, FeatureSettings], Mapping[str, Floats]]
StreamFunction = Callable[[Stream, FeatureSettings], Mapping[tuple[str, str], float]]
VectorFunction = Callable[[Embedding, FeatureSettings], Mapping[tuple[str, str], float]]

_FACT = re.compile(r"^(Formula|Unit|Source): (.+?)(?=\n\s*\n|\n[A-Z][a-z]+: |\Z)", re.MULTILINE | re.DOTALL)

CONTINUOUS = ("pose", "gaze", "gaze_vector", "au_intensity", "other")
"""Channels with a continuous level."""
BEHAVIOURAL = ("pose", "gaze", "au_intensity", "other")
"""Continuous channels without the gaze vectors, which duplicate the gaze angles."""


@dataclass(frozen=True)
class Family:
    """A feature family: functionals that are computed together.

    Attributes
    ----------
    name : str
    view : str
        First part of the feature names; defines which columns a base learner uses together. A transformer fitted
        inside each fold turns "material" into features.
    kinds : tuple of str
        Channel kinds for which the family is computed per channel; empty if it uses the whole stream.
    function : callable
    is_default : bool
        Whether the family is computed by default.
    separate_units : bool
        Whether the family receives AU intensity and AU presence as separate signals.
    code : str
        Hash of the code of a user's own family, see `register_family`; empty for the built-in ones.
    """

    name: str
    view: str
    kinds: tuple[str, ...]
    function: Callable[..., Mapping[Any, Any]]
    is_default: bool = True
    separate_units: bool = False
    code: str = ""

    @property
    def cache_key(self) -> str:
        """What the cache knows the family by: the code of the built-in ones is hashed as a whole."""
        return f"{self.name} {self.code}" if self.code else self.name

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").splitlines()[0]

    @property
    def facts(self) -> dict[str, str]:
        """`formula`, `unit` and `source` from the docstring."""
        matches = _FACT.findall(inspect.getdoc(self.function) or "")
        return {name.lower(): " ".join(text.split()) for name, text in matches}


# In column order.
_MODULES = (
    *("distribution", "dynamics", "action_units", "eyes", "movement", "spectral", "coordination", "multiscale"),
    *("quality", "audio", "tangent", "kinemes", "shape"),
)
_FAMILIES: dict[str, Family] = {}
_OWN_FAMILIES: dict[str, Family] = {}


def channel_family(
    name: str, kinds: Sequence[str], *, separate_units: bool = False
) -> Callable[[ChannelFunction], ChannelFunction]:
    """Register a function from a `Signal` to `{functional: values of shape [C]}`, for channels of these kinds."""

    def register(function: ChannelFunction) -> ChannelFunction:
        _FAMILIES[name] = Family(name, "video", tuple(kinds), function, separate_units=separate_units)
        return function

    return register


def stream_family(
    name: str, view: ViewName = VIDEO, *, is_default: bool = True
) -> Callable[[StreamFunction], StreamFunction]:
    """Register a function from a `Stream` to `{(channel, functional): value}`."""

    def register(function: StreamFunction) -> StreamFunction:
        _FAMILIES[name] = Family(name, view, (), function, is_default)
        return function

    return register


def vector_family(name: str) -> Callable[[VectorFunction], VectorFunction]:
    """Register a function from an `Embedding` to `{(channel, functional): value}`."""

    def register(function: VectorFunction) -> VectorFunction:
        _FAMILIES[name] = Family(name, "audio", (), function)
        return function

    return register


def add_own_family(family: Family) -> None:
    """Add a user's own family, or replace an earlier version of it."""
    _OWN_FAMILIES[family.name] = family


def remove_own_family(name: str) -> None:
    """Remove a user's own family, if it is there."""
    _OWN_FAMILIES.pop(name, None)


def load_families() -> dict[str, Family]:
    """Return all families by name, in column order; users' own ones are last, sorted by name."""
    # Importing a module registers its families.
    for module in _MODULES:
        importlib.import_module(f"pdmr_classic.features.families.{module}")
    # Not in registration order: a module may have been imported earlier for another reason.
    module_of = {name: family.function.__module__.rsplit(".", 1)[1] for name, family in _FAMILIES.items()}
    names = sorted(_FAMILIES, key=lambda name: _MODULES.index(module_of[name]))
    return {name: _FAMILIES[name] for name in names} | {name: _OWN_FAMILIES[name] for name in sorted(_OWN_FAMILIES)}


def select_computed(settings: FeatureSettings, plugins: PluginSettings) -> tuple[Family, ...]:
    """Return the families that the settings name, or the default ones, after importing the user's own.

    Raises
    ------
    ConfigError
        A family is unknown, or a plugin cannot be imported.
    """
    load_plugins(plugins.modules)
    families = load_families()
    names = settings.families or tuple(name for name, family in families.items() if family.is_default)
    if unknown := [name for name in names if name not in families]:
        raise ConfigError(
            "unknown feature family",
            expected=", ".join(families),
            found=", ".join(unknown),
            hint="correct the name in the settings: [features] families = [...], or pass the module of your own family "
            "with --plugin",
        )
    return tuple(families[name] for name in families if name in names)
