"""The options `--backend` and `--scheduler`: where files are read and outer folds are run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Annotated, Any

import typer

from pdmr_classic.cli._console import ConsoleReporter
from pdmr_classic.cli._panels import GENERAL
from pdmr_classic.cli._signature import read_parameters, set_parameters
from pdmr_classic.errors import ConfigError, Finding

Connect = Callable[[], None]
LOCAL, DASK = "local", "dask"

_OPTIONS: dict[str, Any] = {
    "backend": Annotated[
        str | None,
        typer.Option(
            "--backend",
            rich_help_panel=GENERAL,
            metavar="NAME",
            help="Where files are read and outer folds are run: local, or dask, on all workers of a cluster "
            "(default: local).",
        ),
    ],
    "scheduler": Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            rich_help_panel=GENERAL,
            metavar="ADDRESS",
            help="Address of the Dask scheduler, such as tcp://10.0.0.1:8786, or its scheduler file.",
        ),
    ],
}


def with_backend(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--backend` and `--scheduler`, and pass it its keyword-only parameter `connect`.

    The command has the option `--jobs`. It calls `connect` after it has checked its options, above all where it will
    write, and before it reads the data: from then on, it runs on the backend. To ask a cluster may take 40 seconds.
    """

    @wraps(function)
    def run(*args: Any, backend: str | None = None, scheduler: str | None = None, **kwargs: Any) -> None:
        _check_options(backend, scheduler)
        with ExitStack() as stack:

            def connect() -> None:
                stack.enter_context(_open_backend(scheduler, kwargs))

            function(*args, connect=connect, **kwargs)

    parameters = [parameter for parameter in read_parameters(function) if parameter.name != "connect"]
    after_jobs = [parameter.name for parameter in parameters].index("jobs") + 1
    parameters[after_jobs:after_jobs] = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    set_parameters(run, parameters)
    return run


def _check_options(backend: str | None, scheduler: str | None) -> None:
    if backend not in (None, LOCAL, DASK):
        raise ConfigError("--backend is not valid", expected=f"{LOCAL} or {DASK}", found=repr(backend))
    if backend != DASK and scheduler is not None:
        raise ConfigError(
            "--scheduler has no effect without --backend dask", hint="add --backend dask, or remove --scheduler"
        )
    if backend == DASK and scheduler is None:
        raise ConfigError(
            "--backend dask needs the address of a scheduler",
            expected="--scheduler ADDRESS",
            hint="start one with `dask scheduler`, which prints its address",
        )


@contextmanager
def _open_backend(scheduler: str | None, options: dict[str, Any]) -> Iterator[None]:
    if scheduler is None:
        yield
        return
    from pdmr_classic.parallel.dask_cluster import use_dask

    # Not quiet with --json, whose object does not contain these notes.
    reporter = ConsoleReporter()
    if options.get("jobs") is not None:
        what = "the cluster reads the files and runs the outer folds, on all its workers"
        reporter.note(Finding("jobs-and-dask", what, hint="--jobs is the number of processes here for all other work"))
    with use_dask(scheduler, reporter=reporter):
        yield
