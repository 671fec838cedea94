"""Give a command one option per setting, and pass it the settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from copy import copy
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args

from pdmr_classic.cli._options import SETTINGS, Config
from pdmr_classic.cli._panels import PANELS
from pdmr_classic.cli._signature import read_parameters, set_parameters

# Settings given on the command line, by their dotted names.
Changes = dict[str, Any]
_CODE_SETTINGS = ("plugins.modules", "evaluation.estimators")
_DEFAULT = re.compile(r" \(default: [^()]*\)")


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options for settings, and pass it all settings as its keyword-only parameter `settings`.

    On the command line, that parameter is replaced by one option per name and `--config`. Options override the file,
    and the file overrides the defaults.

    Parameters
    ----------
    *names : str
        Keys of `SETTINGS`.
    """

    def load(changes: Changes, config: Path | None = None) -> Any:
        from pdmr_classic.config import Settings

        code = [name for key in _CODE_SETTINGS for name in changes.get(key) or ()]
        return (Settings.load(config, allowed_code=code) if config else Settings()).override(changes)

    return _replace_parameter("settings", names, {name: SETTINGS[name] for name in names}, load, config=Config)


def with_changes(*names: str, own: Sequence[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options for settings, and pass it those that are given as its keyword-only parameter `changes`.

    For commands whose other settings come from a model.

    Parameters
    ----------
    *names : str
        Keys of `SETTINGS`.
    own : sequence of str
        More of these, whose defaults are not those of the model.
    """

    def check(changes: Changes) -> Changes:
        from pdmr_classic.config import Settings

        Settings().override(changes)  # invalid values are reported before the model is loaded
        return {name: value for name, value in changes.items() if value is not None}

    options = {name: _as_in_training(SETTINGS[name]) for name in names} | {name: SETTINGS[name] for name in own}
    return _replace_parameter("changes", (*names, *own), options, check)


def _as_in_training(annotation: Any) -> Any:
    """Return the same option with another default in its help."""
    kind, option = get_args(annotation)
    option = copy(option)
    option.help = f"{_DEFAULT.sub('', option.help).rstrip('.')} (default: as in training)."
    option.show_default = False  # older versions of typer add "[default: None]"
    return Annotated[kind, option]


def _replace_parameter(
    parameter: str,
    names: Sequence[str],
    annotations: dict[str, Any],
    build: Callable[..., Any],
    **more_options: Any,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that replaces a parameter of a command by options; `build` makes its value from these."""
    keys = {name.rpartition(".")[2]: name for name in names}
    options = {option: annotations[name] for option, name in keys.items()} | more_options

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def with_options(*args: Any, **values: Any) -> None:
            changes = {name: values.pop(option, None) for option, name in keys.items()}
            more = {option: values.pop(option, None) for option in more_options}
            function(*args, **{parameter: build(changes, **more)}, **values)

        set_parameters(with_options, sorted(_list_parameters(function, parameter, options), key=_panel_rank))
        return with_options

    return decorate


def _list_parameters(function: Callable[..., None], replaced: str, options: dict[str, Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function, with one of them replaced by options that are None by default."""
    parameters: list[inspect.Parameter] = []
    for parameter in read_parameters(function):
        if parameter.name == replaced:
            parameters += [
                inspect.Parameter(option, parameter.KEYWORD_ONLY, default=None, annotation=annotation)
                for option, annotation in options.items()
            ]
        else:
            # Keyword-only, because parameters that are sorted by panel have no meaningful position.
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
    return parameters


def _panel_rank(parameter: inspect.Parameter) -> int:
    option = next(iter(getattr(parameter.annotation, "__metadata__", ())), None)
    return PANELS.index(getattr(option, "rich_help_panel", None))
