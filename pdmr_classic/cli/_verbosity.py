"""The options `--quiet` and `--verbose`, which every command has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Annotated, Any, ParamSpec, cast, get_type_hints

import typer

from pdmr_classic.cli._panels import GENERAL
from pdmr_classic.errors import ConfigError

P = ParamSpec("P")
QUIET, NORMAL, VERBOSE = "quiet", "normal", "verbose"
_verbosity = ContextVar("verbosity", default=NORMAL)

_OPTIONS: dict[str, Any] = {
    QUIET: Annotated[
        bool,
        typer.Option(
            "--quiet", "-q", rich_help_panel=GENERAL, metavar="", help="Show only the result, and errors; no notes."
        ),
    ],
    VERBOSE: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            rich_help_panel=GENERAL,
            metavar="",
            help="Also show which files are read or skipped, and how long each stage takes.",
        ),
    ],
}


def get_verbosity() -> str:
    """Return what the running command shows: QUIET, NORMAL or VERBOSE."""
    return _verbosity.get()


def with_verbosity(function: Callable[P, None]) -> Callable[P, None]:
    """Give a command the options `--quiet` and `--verbose`; `ConsoleReporter` obeys them."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        chosen = [name for name in _OPTIONS if kwargs.pop(name, False)]
        if len(chosen) > 1:
            raise ConfigError("--quiet and --verbose exclude each other", hint="remove one of them")
        # A command that another one runs, as demo does, shows as much as that one.
        token = _verbosity.set(chosen[0] if chosen else get_verbosity())
        try:
            function(*args, **kwargs)
        finally:
            _verbosity.reset(token)

    # Commands import `Settings` only when they run, because the import would slow down `--help`.
    hints = get_type_hints(function, localns={"Settings": object}, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    # Typer reads both attributes.
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    return cast("Callable[P, None]", run)
