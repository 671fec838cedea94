"""Output of the commands: results on standard output, progress, notes and errors on standard error."""

from __future__ import annotations

import errno
import functools
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from pdmr_classic._progress_bar import ProgressBar, TerminalBar, is_terminal
from pdmr_classic.cli._interrupt import INTERRUPTED, report_interrupt, stop_workers_on_exit
from pdmr_classic.cli._verbosity import QUIET, VERBOSE, get_verbosity, with_verbosity
from pdmr_classic.errors import ConfigError, Finding, PdmrError, TargetError
from pdmr_classic.progress import Stage, format_seconds
from pdmr_classic.storage.location import parse_location
from pdmr_classic.text import escape_unprintable, to_json

if TYPE_CHECKING:
    from rich.console import RenderableType

P = ParamSpec("P")
BUG = 1


def handle_errors(function: Callable[P, None]) -> Callable[P, None]:
    """Turn an exception of a command into one message and an exit code; with `--debug`, print its traceback too.

    Every command also gets the options `--quiet` and `--verbose`.
    """
    function = with_verbosity(function)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        debug = bool(kwargs.get("debug"))
        try:
            # A `Path` of a URL has lost a slash.
            kwargs.update({name: parse_location(value) for name, value in kwargs.items() if isinstance(value, Path)})
            _check_working_directory()
            # Commands without --jobs start no workers.
            with stop_workers_on_exit() if kwargs.get("jobs", 1) != 1 else nullcontext():
                function(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt as interrupt:
            notes = getattr(interrupt, "__notes__", [])
            again = "run the same command again" + (" to resume" if notes else "")
            report_interrupt("; ".join(["interrupted", *notes, again]))
            raise typer.Exit(INTERRUPTED) from None
        except typer.Exit:
            raise
        except PdmrError as error:
            _exit(f"error: {error}", error.exit_code, debug=debug)
        except Exception as error:
            if _is_disk_full(error):
                _exit(f"error: {_disk_full_error()}", TargetError.exit_code, debug=debug)
            if _is_worker_killed(error):
                _exit(f"error: {_worker_killed_error()}", PdmrError.exit_code, debug=debug)
            message = escape_unprintable(f"this is a bug in pdmr-classic: {type(error).__name__}: {error}")
            _exit(f"{message}\n  hint:     run the command with --debug and report its output", BUG, debug=debug)

    return run


def _check_working_directory() -> None:
    """Refuse to run in a deleted directory: workers cannot start there, and relative paths do not resolve."""
    try:
        Path.cwd()
    except OSError:
        raise ConfigError(
            "the current folder no longer exists", hint="change to another folder and run the command again"
        ) from None


def _is_disk_full(error: BaseException | None) -> bool:
    """Return whether a full disk caused an error: workers receive large arrays as files."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__context__ or error.__cause__
    return False


def _is_worker_killed(error: Exception) -> bool:
    from concurrent.futures.process import BrokenProcessPool

    return isinstance(error, BrokenProcessPool)


def _worker_killed_error() -> PdmrError:
    return PdmrError(
        "a worker process was killed, most likely because memory ran out",
        expected="enough memory for all processes",
        hint="run the same command again with fewer --jobs to resume",
    )


def _disk_full_error() -> TargetError:
    return TargetError(
        "there is no space left for the temporary files of the workers",
        expected="free space in the folder for temporary files",
        hint="free some space, set JOBLIB_TEMP_FOLDER to a folder with space, or use --jobs 1",
    )


def _exit(message: str, code: int, *, debug: bool = False) -> None:
    with suppress(OSError):
        if debug:
            print("\n".join(map(escape_unprintable, traceback.format_exc().splitlines())), file=sys.stderr)
        print(message, file=sys.stderr)
    raise typer.Exit(code) from None


def show(summary: Any, as_json: bool, table: Callable[[Any], RenderableType]) -> None:
    """Print a summary as one JSON object, or as a table."""
    if as_json:
        print(to_json(_map_leaves(summary, _nan_to_none), indent=2))
        return
    from rich.console import Console

    # No markup: a label may be "[red]". Unprintable characters are escaped in the whole summary at once.
    console = Console(soft_wrap=False, highlight=False, markup=False, emoji=False)
    console.print(table(_map_leaves(summary, _escape_text)))


def _map_leaves(value: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to every key and every scalar of nested dicts and lists; findings become dicts."""
    if isinstance(value, Finding):
        return _map_leaves(value.as_dict(), function)
    if isinstance(value, dict):
        return {function(key): _map_leaves(part, function) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_map_leaves(part, function) for part in value]
    return function(value)


def _nan_to_none(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def _escape_text(value: Any) -> Any:
    return escape_unprintable(value) if isinstance(value, str) else value


class ConsoleReporter:
    """Progress as a bar on a terminal, otherwise as plain lines; costs and findings as text. All on standard error.

    Parameters
    ----------
    quiet : bool
        Show nothing, as with `--quiet`. Findings are stored all the same.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        level = get_verbosity()
        self.is_verbose = level == VERBOSE
        self.quiet = level == QUIET or (quiet and not self.is_verbose)
        self.findings: list[Finding] = []
        self._bar: ProgressBar = TerminalBar()
        self._stage: Stage | None = None
        self._printed = self._done = -1
        self._started = time.monotonic()

    def __enter__(self) -> ConsoleReporter:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_stage()
        if self.is_verbose:
            self._print(f"all: {format_seconds(time.monotonic() - self._started)}")

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of a stage are finished."""
        if self.quiet or not total:
            return
        if self._stage is None or stage != self._stage.name:
            self._end_stage()
            self._stage, self._printed = Stage(stage, done, total), -1
        self._done = done
        if is_terminal():
            self._bar.update(stage, done, total)
        elif self._printed < 0 or self._stage.is_new_tenth(self._printed, done):
            self._printed = done
            self._print(self._stage.line(done))
        if done >= total:
            self._end_stage()

    def announce(self, text: str, *, is_detail: bool = False) -> None:
        """Show what the work will cost; a detail, if the user wants to see them."""
        if not self.quiet and (self.is_verbose or not is_detail):
            self._bar.close()
            self._print(escape_unprintable(text))

    def note(self, finding: Finding) -> None:
        """Show a finding, and store it for `--json`."""
        self.findings.append(finding)
        if not self.quiet:
            self._bar.close()
            self._print(f"note: {finding}")

    def _end_stage(self) -> None:
        self._bar.close()
        stage, self._stage = self._stage, None
        if stage is not None and self.is_verbose and self._done > stage.first:
            seconds = format_seconds(time.monotonic() - stage.started)
            self._print(f"{stage.name}: {self._done - stage.first} of {stage.total} in {seconds}")

    def _print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
