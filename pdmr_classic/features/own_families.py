"""Users' own feature families: registered by a function call, checked at every use."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from pdmr_classic.arrays import Floats
from pdmr_classic.code_hash import hash_code
from pdmr_classic.config import FeatureSettings
from pdmr_classic.errors import ConfigError
from pdmr_classic.features.names import AUDIO, VECTOR_CHANNELS, VIDEO, own_functional
from pdmr_classic.features.registry import BEHAVIOURAL, Family, add_own_family, load_families, remove_own_family
from pdmr_classic.features.signal import Signal
from pdmr_classic.io.audio.embeddings import Embedding
from pdmr_classic.io.trackers.channels import KINDS
from pdmr_classic.io.video.stream import Stream
from pdmr_classic.plugins import Plugin, add_plugin, check_plugin_name, remove_plugin

Source = Literal["channels", "stream", "vector"]
_SOURCES = ("channels", "stream", "vector")
_PART = re.compile(r"[A-Za-z0-9]+([._+-]?[A-Za-z0-9]+)*")


def register_family(
    name: str,
    function: Callable[..., Any] | None = None,
    *,
    source: Source = "channels",
    kinds: Sequence[str] = BEHAVIOURAL,
    default: bool = True,
    version: str = "",
) -> Any:
    """Make a function of your own a feature family, beside the built-in ones.

    Call it when your module is imported, and name that module with `--plugin` or in the settings
    (`plugins.modules`); in a notebook, a call is enough. The features are named `view__channel__name.functional`.

    Parameters
    ----------
    name : str
        Letters, digits and single underscores; no built-in family has it.
    function : callable, optional
        Takes what `source` says and the settings (`FeatureSettings`); without it, a decorator is returned. Its
        docstring is shown by `pdmr-classic features`: a first line, and optionally paragraphs that start with
        "Formula:", "Unit:" and "Source:". Values may be NaN where they cannot be computed, but not infinite.

        - "channels": a `Signal` with the usable frames of C channels; returns `{functional: values of shape [C]}`.
        - "stream": a `Stream`; returns `{(channel, functional): value}`.
        - "vector": an audio vector (`Embedding`); returns `{(channel, functional): value}`.
    source : {"channels", "stream", "vector"}
    kinds : sequence of str
        Kinds of the channels, for the source "channels": pose, gaze, gaze_vector, au_intensity, au_presence,
        landmark, geometry, other (such as those of further views).
    default : bool
        Whether the family is computed unless the settings name others (`features.families`).
    version : str
        Change it when the result changes although the file of the function does not, for example if another file that
        it imports does. Cached features and models belong to one version of the code.

    Returns
    -------
    callable
        The function, unchanged.

    Raises
    ------
    ConfigError
        A parameter is not valid, or another module has registered the name.

    Examples
    --------
    >>> import numpy as np
    >>> @register_family("stillness", kinds=["pose"])
    ... def stillness(signal, settings):
    ...     '''Share of frames in which a channel moves less than a tenth of its standard deviation.'''
    ...     steps = np.abs(np.diff(signal.values, axis=0))
    ...     return {"share": (steps < signal.values.std(axis=0) / 10).mean(axis=0)}
    >>> from pdmr_classic.features.registry import load_families
    >>> load_families()["stillness"].kinds
    ('pose',)
    >>> unregister_family("stillness")
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _check_registration(name, function, source, kinds)
        code = hash_code(function, version, source, *kinds)
        checked = _CheckedFunction(function, name, source)
        view = AUDIO if source == "vector" else VIDEO
        family = Family(name, view, tuple(kinds) if source == "channels" else (), checked, default, code=code)
        add_plugin(Plugin("family", name, function, code, add_own_family, family, (version, source, *kinds)))
        return function

    return register if function is None else register(function)


def unregister_family(name: str) -> None:
    """Remove a family that `register_family` added, if it is there."""
    remove_plugin("family", name)
    remove_own_family(name)


def _check_registration(name: str, function: Any, source: str, kinds: Sequence[str]) -> None:
    check_plugin_name("feature family", name, [family.name for family in load_families().values() if not family.code])
    if source not in _SOURCES:
        raise _bad_family_error(name, "has an unknown source", ", ".join(_SOURCES), repr(source))
    if not callable(function):
        raise _bad_family_error(name, "is not a function", "a function of two parameters", type(function).__name__)
    if isinstance(kinds, str) or not set(kinds) <= set(KINDS) or not kinds:
        raise _bad_family_error(name, "has unknown kinds of channels", f"a list of: {', '.join(KINDS)}", repr(kinds))
    if not (inspect.getdoc(function) or "").strip():
        hint = "say in one line what the family computes"
        raise _bad_family_error(name, "has no docstring", "a docstring, for `pdmr-classic features`", "none", hint)


class _CheckedFunction:
    """Call a user's function, check what it returns, and put the family's name in front of each functional."""

    def __init__(self, function: Callable[..., Any], name: str, source: str) -> None:
        self.function, self.name, self.source = function, name, source
        self.__doc__, self.__module__ = function.__doc__, function.__module__

    def __call__(self, data: Signal | Stream | Embedding, settings: FeatureSettings) -> dict[Any, Any]:
        if isinstance(data, Signal) and not data.n_frames:
            return {}  # nothing to compute: the features are missing
        try:
            with _protect_arrays(data):
                result = self.function(data, settings)
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
            raise _bad_family_error(
                self.name, "raised an error", "a function that accepts every recording", found
            ) from error
        if not isinstance(result, Mapping):
            raise _bad_family_error(self.name, "returned no dict", "a dict of features", type(result).__name__)
        if isinstance(data, Signal):
            shape = (len(data.channels),)
            return {self._rename(key): self._check_values(key, values, shape) for key, values in result.items()}
        return {self._rename_pair(key): float(self._check_values(key, value, ())) for key, value in result.items()}

    def _rename(self, functional: Any) -> str:
        self._check_part(functional, functional)
        return own_functional(self.name, functional)

    def _rename_pair(self, key: Any) -> tuple[str, str]:
        if not isinstance(key, tuple) or len(key) != 2:
            raise _bad_family_error(self.name, "returned a bad key", "pairs (channel, functional)", repr(key))
        for part in key:
            self._check_part(part, key)
        if key[0] in VECTOR_CHANNELS:
            expected = f"channels other than {' and '.join(VECTOR_CHANNELS)}, which hold the vector itself"
            raise _bad_family_error(self.name, "returned a bad key", expected, repr(key))
        return key[0], self._rename(key[1])

    def _check_part(self, part: Any, key: Any) -> None:
        if not isinstance(part, str) or not _PART.fullmatch(part):
            expected = "letters and digits, with single '_', '.', '-' or '+' between them"
            raise _bad_family_error(self.name, "returned a bad name", expected, repr(key))

    def _check_values(self, key: Any, values: Any, shape: tuple[int, ...]) -> Floats:
        try:
            numbers = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            found = f"{key!r}: {type(values).__name__} {values!r}"[:200]
            raise _bad_family_error(self.name, "returned something other than numbers", "numbers", found) from None
        if numbers.shape != shape or isinstance(values, str):
            expected = f"one value per channel, shape {list(shape)}" if shape else "a single number"
            raise _bad_family_error(self.name, "returned a wrong shape", expected, f"{key!r}: {_describe(values)}")
        if np.isinf(numbers).any():
            raise _bad_family_error(
                self.name, "returned an infinite value", "finite numbers, or NaN where there is none", repr(key)
            )
        return numbers


@contextmanager
def _protect_arrays(data: Signal | Stream | Embedding) -> Iterator[None]:
    """Make the arrays read-only for a while: the families that follow are computed from the same ones."""
    arrays = [value for value in vars(data).values() if isinstance(value, np.ndarray) and value.flags.writeable]
    for array in arrays:
        array.flags.writeable = False
    try:
        yield
    finally:
        for array in arrays:
            array.flags.writeable = True


def _describe(values: Any) -> str:
    return f"shape {list(np.shape(values))}" if not isinstance(values, str) else repr(values)[:200]


def _bad_family_error(name: Any, what: str, expected: str, found: str, hint: str = "") -> ConfigError:
    hint = hint or "correct the function that is registered under this name"
    return ConfigError(
        f"the feature family {name} {what}", code="bad-family", expected=expected, found=found, hint=hint
    )
