"""Output of the commands: results on standard output, progress, notes and errors on standard error."""

from __future__ import annotations

import errno
import functools
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from pdmr_classic.cli._interrupt import INTERRUPTED, report_interrupt, stop_workers_on_exit
from pdmr_classic.errors import ConfigError, Finding, PdmrError, TargetError
from pdmr_classic.text import escape_unprintable, to_json

if TYPE_CHECKING:
    from rich.console import RenderableType

P = ParamSpec("P")
BUG = 1


def handle_errors(function: Callable[P, None]) -> Callable[P, None]:
    """Turn an exception of a command into one message and an exit code; with `--debug`, print its traceback too."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        debug = bool(kwargs.get("debug"))
        try:
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
    """Progress as a bar on a terminal, otherwise as plain lines; findings as notes. All on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar: Any = None
        self._stage = ""
        self._printed_tenth = -1
        self.findings: list[Finding] = []

    def __enter__(self) -> ConsoleReporter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_bar()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` steps of a stage are finished."""
        if self.quiet or not total:
            return
        if stage != self._stage:
            self._stop_bar()
            self._stage, self._printed_tenth = stage, -1
        if sys.stderr.isatty():
            self._update_bar(stage, done, total)
        else:
            self._print_progress(stage, done, total)

    def note(self, finding: Finding) -> None:
        """Show a finding, and store it for `--json`."""
        self.findings.append(finding)
        if not self.quiet:
            self._stop_bar()
            print(f"note: {finding}", file=sys.stderr)

    def _update_bar(self, stage: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(stage, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def _print_progress(self, stage: str, done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth != self._printed_tenth:
            self._printed_tenth = tenth
            print(f"{stage} {done}/{total}", file=sys.stderr, flush=True)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._stage = ""
