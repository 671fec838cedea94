"""Hash of a user's code, so that results of an earlier version of it are never used."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

_INTERACTIVE = "__main__"
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# Specification and content by module. The file may change later, but the process goes on with what it has imported.
_read_files: dict[str, tuple[Any, bytes]] = {}


def hash_code(function: Any, *more: str) -> str:
    """Return a hash of a function or a class, and of what it depends on.

    That is the file of its module, the values that it is bound to (defaults, closures), and, if it was defined in a
    notebook or in the script that runs, all functions, classes and constants there that it uses. Other files that the
    module imports are not hashed. A file is read once per import, so that the hash is that of the code that runs.

    Parameters
    ----------
    function : callable
    *more : str
        Other parts of the hash, such as a version.

    Examples
    --------
    >>> def double(x): return 2 * x
    >>> first = hash_code(double)
    >>> def double(x): return 3 * x
    >>> first == hash_code(double), first == hash_code(double, "2")
    (False, False)
    """
    digest = hashlib.sha256()
    for part in (*map(str.encode, more), *_list_parts(function, set())):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def hash_module_file(module: str) -> str | None:
    """Return the SHA-256 of the file of an imported module; None if it has none, or is the script that runs."""
    data = _read_module_file(module)
    return None if data is None else hashlib.sha256(data).hexdigest()


def hash_source_files(values: Iterable[Any]) -> dict[str, str | None]:
    """Return the SHA-256 of the Python files that define functions, or the classes of objects and their bases.

    Parameters
    ----------
    values : iterable
        Objects, classes and functions.

    Returns
    -------
    dict of str to str or None
        By module; see `hash_module_file`. Compiled modules and what was defined in a notebook are left out.
    """
    modules = {module for value in values for module in _list_modules(value)} - {_INTERACTIVE}
    files = {module: str(getattr(sys.modules.get(module), "__file__", None)) for module in sorted(modules)}
    return {module: hash_module_file(module) for module, file in files.items() if file.endswith(".py")}


def list_changed_modules(hashes: Mapping[str, str | None]) -> list[str]:
    """Return the modules that this process has imported from other files than those of `hash_source_files`."""
    return [module for module, sha in hashes.items() if module in sys.modules and hash_module_file(module) != sha]


def _list_modules(value: Any) -> list[str]:
    if isinstance(value, FunctionType):
        return [value.__module__]
    return [kind.__module__ for kind in (value if isinstance(value, type) else type(value)).__mro__]


def _read_module_file(name: str) -> bytes | None:
    module = sys.modules.get(name)
    file, spec = getattr(module, "__file__", None), getattr(module, "__spec__", None)
    if name == _INTERACTIVE or file is None:
        return None
    earlier_spec, data = _read_files.get(name, (None, b""))
    if spec is not None and spec is earlier_spec:  # a reload makes a new one
        return data
    try:
        data = Path(file).read_bytes()
    except OSError:
        return None  # in an archive, or no longer there
    _read_files[name] = spec, data
    return data


def _list_parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield what a value consists of, each object once."""
    if isinstance(value, _PLAIN):
        yield repr(value).encode()
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, partial):
        for part in (value.func, *value.args, *value.keywords.items()):
            yield from _list_parts(part, seen)
    elif isinstance(value, FunctionType):
        yield from _list_function_parts(value, seen)
    elif isinstance(value, type):
        yield from _list_class_parts(value, seen)
    elif isinstance(value, ModuleType):
        yield value.__name__.encode()
    elif isinstance(value, np.ndarray | np.generic):
        yield repr((value.dtype, value.shape)).encode() + value.tobytes()
    elif isinstance(value, dict):
        for item in value.items():
            yield from _list_parts(item, seen)
    elif isinstance(value, set | frozenset):
        yield repr(sorted(map(repr, value))).encode()
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _list_parts(item, seen)
    else:
        yield from _list_object_parts(value, seen)


def _list_function_parts(function: FunctionType, seen: set[int]) -> Iterator[bytes]:
    yield function.__qualname__.encode()
    is_typed_in = function.__code__.co_filename.startswith("<")
    data = None if is_typed_in else _read_module_file(function.__module__)
    bound = [cell.cell_contents for cell in function.__closure__ or ()]
    for value in (*bound, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()):
        yield from _list_parts(value, seen)
    if data is not None:
        yield data
        return
    for code in _list_codes(function.__code__):
        yield code.co_code
        yield from (repr(value).encode() for value in code.co_consts if not isinstance(value, CodeType))
        for name in code.co_names:
            yield name.encode()
            if name in function.__globals__:
                yield from _list_parts(function.__globals__[name], seen)


def _list_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _list_codes(value)


def _list_class_parts(kind: type, seen: set[int]) -> Iterator[bytes]:
    yield f"{kind.__module__}.{kind.__qualname__}".encode()
    data = _read_module_file(kind.__module__)
    if data is not None:
        yield data
    elif kind.__module__ == _INTERACTIVE:
        members = (value for name, value in sorted(vars(kind).items()) if not name.startswith("__") or callable(value))
        for part in (*kind.__bases__, *members):
            yield from _list_parts(getattr(part, "__func__", part), seen)


def _list_object_parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    yield from _list_parts(type(value), seen)
    if not hasattr(value, "__dict__"):  # such as a date, a path or a range
        yield _pickle(value)
    for name, part in sorted(getattr(value, "__dict__", {}).items()):
        yield name.encode()
        yield from _list_parts(part, seen)


def _pickle(value: Any) -> bytes:
    try:
        return pickle.dumps(value, protocol=4)
    except Exception:
        return b""  # such as a lock, which has no value
