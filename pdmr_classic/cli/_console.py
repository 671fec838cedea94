"""What a verb prints: results to standard output, progress and findings to standard error."""

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

from pdmr_classic.cli._interrupt import INTERRUPTED, mortal_workers, tell_interrupted
from pdmr_classic.errors import ConfigError, Finding, PdmrError, TargetError
from pdmr_classic.text import escape_unprintable, to_json

if TYPE_CHECKING:
    from rich.console import RenderableType

P = ParamSpec("P")
BUG = 1


def verb(function: Callable[P, None]) -> Callable[P, None]:
    """Turn what a verb raises into one message and an exit code; with `--debug`, its traceback too."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            _check_working_folder()
            # Verbs without --jobs start no workers.
            with mortal_workers() if kwargs.get("jobs", 1) != 1 else nullcontext():
                function(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt as interrupt:
            kept = getattr(interrupt, "__notes__", [])
            goes_on = ": it goes on from there" if kept else ""
            tell_interrupted("; ".join(["interrupted", *kept, f"run the same command again{goes_on}"]))
            raise typer.Exit(INTERRUPTED) from None
        except typer.Exit:
            raise
        except PdmrError as error:
            _exit(f"error: {error}", error.exit_code, debug=bool(kwargs.get("debug")))
        except Exception as error:
            if _for_want_of_room(error):
                _exit(f"error: {_no_room()}", TargetError.exit_code, debug=bool(kwargs.get("debug")))
            if _for_want_of_a_worker(error):
                _exit(f"error: {_worker_killed()}", PdmrError.exit_code, debug=bool(kwargs.get("debug")))
            what = escape_unprintable(f"this is a bug of pdmr-classic: {type(error).__name__}: {error}")
            _exit(f"{what}\n  hint:     report it, with what --debug shows", BUG, debug=bool(kwargs.get("debug")))

    return guarded


def _check_working_folder() -> None:
    """Refuse to work in a folder that was deleted: no worker can be started there, and no relative path found."""
    try:
        Path.cwd()
    except OSError:
        raise ConfigError(
            "the working folder does not exist any more", hint="change to another one, and run the command again"
        ) from None


def _for_want_of_room(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error: workers are handed large arrays in files."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__context__ or error.__cause__
    return False


def _for_want_of_a_worker(error: Exception) -> bool:
    from concurrent.futures.process import BrokenProcessPool

    return isinstance(error, BrokenProcessPool)


def _worker_killed() -> PdmrError:
    return PdmrError(
        "a worker process was killed, most likely by the system for want of memory",
        expected="memory enough for all processes",
        hint="run the same command again with fewer --jobs: it goes on from what is finished",
    )


def _no_room() -> TargetError:
    return TargetError(
        "there is no room left for what the workers share",
        expected="some free space in the folder of temporary files",
        hint="free some, name a folder with room in JOBLIB_TEMP_FOLDER, or use --jobs 1",
    )


def _exit(message: str, code: int, *, debug: bool = False) -> None:
    with suppress(OSError):
        if debug:
            print("\n".join(map(escape_unprintable, traceback.format_exc().splitlines())), file=sys.stderr)
        print(message, file=sys.stderr)
    raise typer.Exit(code) from None


def show(summary: Any, as_json: bool, table: Callable[[Any], RenderableType]) -> None:
    """Print a summary: as one JSON object, or as the table made from it."""
    if as_json:
        print(to_json(_mapped(summary, _for_json), indent=2))
        return
    from rich.console import Console

    # No markup: a label [red] is a label. What it may hold besides is escaped in all of the summary at once.
    console = Console(soft_wrap=False, highlight=False, markup=False, emoji=False)
    console.print(table(_mapped(summary, _for_table)))


def _mapped(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """Replace every key and every value that holds no others; findings become objects."""
    if isinstance(value, Finding):
        return _mapped(value.as_dict(), leaf)
    if isinstance(value, dict):
        return {leaf(key): _mapped(part, leaf) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(part, leaf) for part in value]
    return leaf(value)


def _for_json(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value


def _for_table(value: Any) -> Any:
    return escape_unprintable(value) if isinstance(value, str) else value


class ConsoleReporter:
    """Progress as a bar on a terminal and as plain lines elsewhere; findings as notes. All of it on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar: Any = None
        self._stage = ""
        self._tenth = -1
        self.findings: list[Finding] = []

    def __enter__(self) -> ConsoleReporter:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        if self.quiet or not total:
            return
        if stage != self._stage:
            self._close()
            self._stage, self._tenth = stage, -1
        if sys.stderr.isatty():
            self._on_terminal(stage, done, total)
        else:
            self._plain_line(stage, done, total)

    def note(self, finding: Finding) -> None:
        """Show a finding, and keep it for `--json`."""
        self.findings.append(finding)
        if not self.quiet:
            self._close()
            print(f"note: {finding}", file=sys.stderr)

    def _on_terminal(self, stage: str, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(stage, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def _plain_line(self, stage: str, done: int, total: int) -> None:
        tenth = 10 * done // total
        if tenth != self._tenth:
            self._tenth = tenth
            print(f"{stage} {done}/{total}", file=sys.stderr, flush=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._stage = ""
