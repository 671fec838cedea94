"""Users' own feature families and learners: the modules that register them, and the processes that know them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from pdmr_classic.code_hash import hash_code, hash_module_file
from pdmr_classic.errors import ConfigError

Kind = Literal["family", "learner"]
INTERACTIVE = "__main__"
"""Module of what was defined in a notebook, or in the script that runs."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, eq=False)
class Plugin:
    """A registered feature family or learner.

    Attributes
    ----------
    kind : {"family", "learner"}
    name : str
    function : callable
        The user's own function.
    code : str
        Hash of the function and of `options`, see `hash_code`.
    install : callable
        Adds `content` to the families or learners; importable in any process.
    content : object
    options : tuple of str
        What it was registered with; its version first.
    """

    kind: Kind
    name: str
    function: Callable[..., Any]
    code: str
    install: Callable[[Any], None]
    content: Any
    options: tuple[str, ...]

    @property
    def module(self) -> str:
        """Module that defines the function."""
        return str(getattr(self.function, "__module__", INTERACTIVE))

    def describe(self) -> dict[str, str | None]:
        """Return what a manifest says about it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "module": self.module,
            "version": self.options[0],
            "code": self.code,
            "file_sha256": hash_module_file(self.module),
        }


_PLUGINS: dict[tuple[Kind, str], Plugin] = {}


def check_plugin_name(kind: str, name: str, reserved: Iterable[str]) -> None:
    """Raise a ConfigError if a name cannot be registered."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or "__" in name:
        raise ConfigError(
            f"the name of a {kind} is not valid",
            expected="at most 40 letters, digits and single underscores, starting with a letter",
            found=repr(name),
            hint="rename it where it is registered",
        )
    if name in reserved:
        raise ConfigError(
            f"the name of a {kind} is taken",
            expected=f"a name that no built-in {kind} has",
            found=name,
            hint="rename it where it is registered",
        )


def add_plugin(plugin: Plugin) -> None:
    """Register a plugin; one of the same name is replaced if it comes from the same module.

    Raises
    ------
    ConfigError
        Another module has registered the name.
    """
    earlier = _PLUGINS.get((plugin.kind, plugin.name))
    if earlier is not None and earlier.module != plugin.module:
        raise ConfigError(
            f"two modules register a {plugin.kind} of the same name",
            expected=f"one {plugin.kind} named {plugin.name}",
            found=f"{earlier.module} and {plugin.module}",
            hint="rename one of them",
        )
    plugin.install(plugin.content)
    _PLUGINS[plugin.kind, plugin.name] = plugin


def find_plugin(kind: Kind, name: str) -> Plugin | None:
    """Return a registered plugin, or None."""
    return _PLUGINS.get((kind, name))


def remove_plugin(kind: Kind, name: str) -> Plugin | None:
    """Return a plugin that is no longer registered afterwards, or None; used with what its `kind` keeps."""
    return _PLUGINS.pop((kind, name), None)


def list_plugins(kind: Kind | None = None) -> list[Plugin]:
    """Return the registered plugins, sorted by kind and name."""
    return [plugin for _, plugin in sorted(_PLUGINS.items()) if kind in (None, plugin.kind)]


# --------------------------------------------------------------------------------------------- modules


def load_plugins(modules: Iterable[str]) -> None:
    """Import the modules that register families and learners, from the installed ones or the current folder.

    Raises
    ------
    ConfigError
        A module is missing, cannot be imported, or registers nothing.
    """
    for name in modules:
        before = set(_PLUGINS)
        import_user_module(name)
        is_provider = any(plugin.module == name or plugin.module.startswith(f"{name}.") for plugin in list_plugins())
        if not is_provider and set(_PLUGINS) == before:
            raise ConfigError(
                f"the module {name} registers no feature family and no learner",
                expected="a call of pdmr_classic.register_family or register_learner",
                found="none",
                hint="register them when the module is imported, or correct --plugin",
            )


def import_user_module(name: str, option: str = "--plugin") -> ModuleType:
    """Import a module by its name, from the installed ones or the current folder.

    Raises
    ------
    ConfigError
        Names the option.
    """
    if not _MODULE.fullmatch(name) or name.endswith(".py"):
        raise ConfigError(
            f"{option} requires the name of a Python module",
            expected="a name such as my_features",
            found=repr(name),
            hint="drop .py, and write dots instead of slashes",
        )
    search_current_folder()
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        is_itself = error.name is not None and f"{name}.".startswith(f"{error.name}.")
        raise _missing_module_error(name, None if is_itself else error.name, option) from None
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"the module {name} cannot be imported",
            expected="a module that can be imported without errors",
            found=f"{type(error).__name__}: {error}",
            hint=f"run: python -c 'import {name}'",
        ) from error


def search_current_folder() -> None:
    """Let Python search the current folder for modules, after all others."""
    try:
        folder = str(Path.cwd())
    except OSError:
        return
    # The empty name is the current folder, too.
    if folder not in sys.path and "" not in sys.path:
        sys.path.append(folder)


def list_search_folders() -> tuple[str, ...]:
    """Return the folders in which this process looks for modules."""
    # The empty name is the current folder, which may be another one in a worker.
    return tuple(str(Path(folder).absolute()) for folder in sys.path)


def extend_search_folders(folders: Iterable[str]) -> None:
    """Let this process look for modules in folders of another process, after its own."""
    sys.path.extend(folder for folder in folders if folder not in sys.path)
    importlib.invalidate_caches()


def _missing_module_error(name: str, imported: str | None, option: str) -> ConfigError:
    if imported is not None:
        return ConfigError(
            f"the module {name} imports a module that is not installed",
            expected=f"{imported}, in the same Python environment as pdmr-classic",
            found="no such module",
            hint=f"install {imported}",
        )
    return ConfigError(
        f"there is no module {name}",
        expected=f"{name.replace('.', '/')}.py in the current folder, or an installed module",
        found="no such module",
        hint=f"correct {option}, change to the folder of the file, or add that folder to PYTHONPATH",
    )


# ------------------------------------------------------------------------------------------- processes


class _SharedCall:
    """Call a function in a process that knows the same plugins."""

    def __init__(self, function: Callable[..., Any], plugins: list[Plugin]) -> None:
        self.function, self.plugins = function, plugins

    def __call__(self, *args: Any, **options: Any) -> Any:
        for plugin in self.plugins:
            _receive(plugin)
        return self.function(*args, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        # The first argument is received first: unpickling the others may import the modules that register plugins.
        return _SharedCall._restore, (_Preparation(self.plugins), self.function, self.plugins)

    @classmethod
    def _restore(cls, _: object, function: Callable[..., Any], plugins: list[Plugin]) -> _SharedCall:
        return cls(function, plugins)


class _Preparation:
    """What a process does before it receives plugins.

    A worker may have started before the folder of a plugin was searched for modules, and may have worked for a
    process in which another module registered the same names.
    """

    def __init__(self, plugins: list[Plugin]) -> None:
        self.owners = tuple((plugin.kind, plugin.name, plugin.module) for plugin in plugins)

    def __reduce__(self) -> tuple[Any, ...]:
        return _prepare, (list_search_folders(), self.owners)


def _prepare(folders: Iterable[str], owners: Iterable[tuple[Kind, str, str]]) -> None:
    extend_search_folders(folders)
    for kind, name, module in owners:
        known = _PLUGINS.get((kind, name))
        if known is not None and known.module != module:
            del _PLUGINS[kind, name]


def share_plugins(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for worker processes, in which the plugins of this process are registered first."""
    plugins = list_plugins()
    return _SharedCall(function, plugins) if plugins else function


def _receive(plugin: Plugin) -> None:
    known = _PLUGINS.get((plugin.kind, plugin.name))
    if known is not None and known.code == plugin.code:
        return
    # A worker imports the module itself, and may find another version of the file.
    if plugin.module != INTERACTIVE and hash_code(plugin.function, *plugin.options) != plugin.code:
        raise changed_plugin_error(plugin.kind, plugin.name, plugin.module, since="it was imported")
    plugin.install(plugin.content)
    _PLUGINS[plugin.kind, plugin.name] = plugin


def changed_plugin_error(kind: str, name: str, module: str, *, since: str) -> ConfigError:
    """Return the error that the code of a plugin is not what it was."""
    restart = "restart Python, so that all processes use the same version of the file"
    return ConfigError(
        f"the {kind} {name} has changed since {since}",
        code="changed-plugin",
        expected=f"the same code in {module}",
        found="other code",
        hint=restart if since == "it was imported" else "restore the code, or train the model again",
    )
