"""The options `--quiet` and `--verbose`, which every command has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Annotated, Any, ParamSpec, cast

import typer

from pdmr_classic.cli._panels import GENERAL
from pdmr_classic.cli._signature import read_parameters, set_parameters
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

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    set_parameters(run, [*read_parameters(function), *added])
    return cast("Callable[P, None]", run)
