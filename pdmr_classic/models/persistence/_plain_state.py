"""Models as dicts, lists, numbers, texts, arrays and bytes, and back: what a `.skops` file contains.

An object becomes a dict with its type and its attributes. Back, only types in `_allowed_types.py` are created, without
calling their constructors, and everything that compiled code later uses as an index is checked (`_native_state.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from pdmr_classic.config import Settings
from pdmr_classic.models.persistence._allowed_types import import_type, is_allowed, name_type
from pdmr_classic.models.persistence._native_state import InconsistentStateError, get_state, make_object

_OBJECT, _STATE = "$object", "$state"
_JSON, _TUPLE, _SET, _ITEMS, _TEXTS, _SCALAR, _TABLE = (
    *("$json", "$tuple", "$set", "$items"),
    *("$texts", "$scalar", "$table"),
)
_MIN_JSON = 8
# Only needed to fit; functions are not stored.
_DROPPED = {"pdmr_classic.models.learners.canonical.CanonicalVariates": ("make_suppressor",)}


class StateError(ValueError):
    """The state contains something that is not allowed, or that does not fit together."""


def to_plain(value: Any) -> Any:
    """Return a model, or a part of one, without objects.

    Raises
    ------
    StateError
        A part has a type that is not on the list.
    """
    return _Encoder().encode(value)


def from_plain(value: Any) -> Any:
    """Return what `to_plain` was given.

    Raises
    ------
    StateError
        A type is not on the list, or the arrays of a tree ensemble or of a support vector machine do not fit together.
    """
    return _Decoder().decode(value)


class _Encoder:
    def encode(self, value: Any) -> Any:
        if _is_json(value):
            return {_JSON: json.dumps(value)} if _is_long(value) else value
        if type(value) is np.ndarray:
            return _encode_array(value)
        if isinstance(value, np.generic):
            return {_SCALAR: np.asarray(value)}
        if type(value) is list:
            return self._encode_all(value)
        if type(value) is tuple:
            return {_TUPLE: self._encode_all(value)}
        if type(value) is frozenset:
            return {_SET: sorted(value)}
        if isinstance(value, dict):
            return self._encode_dict(value)
        return self._encode_object(value)

    def _encode_all(self, values: Iterable[Any]) -> list[Any]:
        return [self.encode(value) for value in values]

    def _encode_dict(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        if all(type(key) is str and not key.startswith("$") for key in values):
            return {key: self.encode(value) for key, value in values.items()}
        return {_ITEMS: [[self.encode(key), self.encode(value)] for key, value in values.items()]}

    def _encode_object(self, value: Any) -> dict[str, Any]:
        if isinstance(value, pd.DataFrame) and value.empty:  # out-of-fold predictions that were removed
            return {_TABLE: [str(name) for name in value.columns]}
        name = name_type(type(value))
        if not is_allowed(name):
            raise StateError(name)
        if isinstance(value, Settings):
            value = _without_code(value)
        if isinstance(value, BaseModel):
            return {_OBJECT: name, _STATE: {_JSON: json.dumps(value.model_dump(mode="json"))}}
        state = get_state(value)
        for attribute in _DROPPED.get(name, ()):
            state[attribute] = None
        return {_OBJECT: name, _STATE: {key: self.encode(part) for key, part in state.items()}}


class _Decoder:
    """Decodes each container once, however often it is shared: shared containers can expand exponentially."""

    def __init__(self) -> None:
        self._decoded: dict[int, tuple[Any, Any]] = {}

    def decode(self, value: Any) -> Any:
        if type(value) not in (dict, list):
            return value
        if id(value) not in self._decoded:
            # The container is kept as well, so that its id is not used again.
            self._decoded[id(value)] = value, self._decode_container(value)
        return self._decoded[id(value)][1]

    def _decode_container(self, value: Any) -> Any:
        if type(value) is list:
            return [self.decode(part) for part in value]
        special = [key for key in value if key.startswith("$")]
        if not special:
            return {key: self.decode(part) for key, part in value.items()}
        return self._decode_object(value) if _OBJECT in value else self._decode_special(special[0], value)

    def _decode_special(self, key: str, value: Mapping[str, Any]) -> Any:
        content = value[key]
        decoders: dict[str, Callable[[Any], Any]] = {
            _JSON: json.loads,
            _TUPLE: lambda parts: tuple(self.decode(list(parts))),
            _SET: frozenset,
            _ITEMS: lambda items: {self.decode(name): self.decode(part) for name, part in items},
            _TEXTS: lambda texts: np.array(json.loads(texts), dtype=object),
            _SCALAR: lambda array: array[()],
            _TABLE: lambda columns: pd.DataFrame(columns=columns),
        }
        if key not in decoders or len(value) > 1:
            raise StateError(key)
        return decoders[key](content)

    def _decode_object(self, value: Mapping[str, Any]) -> Any:
        name = value[_OBJECT]
        if type(name) is not str or not is_allowed(name) or set(value) != {_OBJECT, _STATE}:
            raise StateError(str(name))
        state = self.decode(value[_STATE])
        kind = import_type(name)
        if issubclass(kind, Settings):
            return _require_no_code(Settings.from_manifest(state))
        if issubclass(kind, BaseModel):
            return kind.model_validate(state)
        try:
            return make_object(kind, state)
        except InconsistentStateError as error:
            raise StateError(f"{name} with {error}") from None


def _without_code(settings: Settings) -> Settings:
    """Return settings without the estimators of an evaluation, which a model does not use."""
    evaluation = settings.evaluation.model_copy(update={"estimators": ()})
    return _require_no_code(settings.model_copy(update={"evaluation": evaluation}))


def _require_no_code(settings: Settings) -> Settings:
    """Refuse settings that name modules: these would be imported, also from the current folder."""
    if named := (*settings.plugins.modules, *settings.evaluation.estimators):
        raise StateError(f"settings that import code: {', '.join(named)}"[:200])
    return settings


def _encode_array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.kind in "biuf":
        return array
    texts = array.tolist()
    if array.ndim != 1 or not all(type(text) is str for text in texts):
        raise StateError(f"numpy.ndarray of {array.dtype}")
    return {_TEXTS: json.dumps(texts)}


def _is_json(value: Any) -> bool:
    """Return whether JSON restores a value exactly; NaN is allowed, as in Python's JSON."""
    if type(value) is list:
        return all(_is_json(part) for part in value)
    if type(value) is dict:
        return all(type(key) is str and not key.startswith("$") and _is_json(part) for key, part in value.items())
    return value is None or type(value) in (bool, int, float, str)


def _is_long(value: Any) -> bool:
    return type(value) in (list, dict) and len(value) >= _MIN_JSON
