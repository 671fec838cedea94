"""Progress without the command line: a bar where somebody can see it, and the log otherwise."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pdmr_classic import _progress_bar, progress
from pdmr_classic.errors import Finding
from pdmr_classic.progress import (
    BarReporter,
    CollectingReporter,
    LogReporter,
    Reporter,
    Stage,
    announce,
    shows_progress,
)

FINDING = Finding("odd", "something is odd", file="secret_id.csv")


class FakeBar:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def update(self, stage: str, done: int, total: int) -> None:
        self.calls.append((stage, done, total))

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> FakeBar:
    bar = FakeBar()
    monkeypatch.setattr(progress, "open_bar", lambda: bar)
    return bar


@shows_progress
def work(n: int, *, reporter: Reporter | None = None) -> Reporter | None:
    if reporter is not None:
        reporter.progress("working", n, 4)
    if n > 2:
        raise ValueError("too much")
    return reporter


@shows_progress
def outer(*, reporter: Reporter | None = None) -> Reporter | None:
    return work(1, reporter=reporter)


# ------------------------------------------------------------------------------------------------------ bars


def test_a_function_without_a_reporter_gets_a_bar_that_is_closed(bar: FakeBar) -> None:
    assert isinstance(work(1), BarReporter)
    assert bar.calls == [("working", 1, 4), "close"]


def test_the_bar_is_closed_after_an_error(bar: FakeBar) -> None:
    with pytest.raises(ValueError, match="too much"):
        work(3)
    assert bar.calls[-1] == "close"


def test_a_given_reporter_is_used(bar: FakeBar) -> None:
    reporter = CollectingReporter()
    assert work(1, reporter=reporter) is reporter
    assert (reporter.steps, bar.calls) == ([("working", 1, 4)], [])


def test_work_inside_of_work_uses_the_same_bar(bar: FakeBar) -> None:
    outer()
    assert bar.calls == [("working", 1, 4), "close"]


def test_a_finding_is_logged_in_place_of_the_bar(caplog: pytest.LogCaptureFixture) -> None:
    bar = FakeBar()
    BarReporter(bar).note(FINDING)
    assert bar.calls == ["close"]
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "something is odd [odd]"
    ]


def test_the_reporter_must_be_a_keyword() -> None:
    def positional(reporter: Reporter | None = None) -> None:
        del reporter

    with pytest.raises(TypeError, match="keyword-only"):
        shows_progress(positional)


def open_with(monkeypatch: pytest.MonkeyPatch, *, terminal: bool = False, notebook: bool = False) -> Any:
    monkeypatch.setattr(_progress_bar, "is_terminal", lambda: terminal)
    monkeypatch.setattr(_progress_bar, "is_notebook", lambda: notebook)
    return _progress_bar.open_bar()


def test_there_is_a_bar_only_where_somebody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_with(monkeypatch) is None
    assert isinstance(open_with(monkeypatch, terminal=True), _progress_bar.TerminalBar)
    assert isinstance(open_with(monkeypatch, terminal=True, notebook=True), _progress_bar.NotebookBar)


def test_threads_have_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[Any] = []
    thread = threading.Thread(target=lambda: bars.append(open_with(monkeypatch, terminal=True)))
    thread.start()
    thread.join()
    assert bars == [None]


def test_workers_have_no_bar() -> None:
    import joblib

    # A nested function is sent to the workers by value: they cannot import this module.
    def sees_a_bar() -> bool:
        from pdmr_classic import _progress_bar as module

        module.is_terminal = lambda: True
        return module.open_bar() is not None

    assert joblib.Parallel(n_jobs=2)(joblib.delayed(sees_a_bar)() for _ in range(2)) == [False, False]


def test_a_notebook_shows_one_line_that_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython import display

    texts: list[str] = []

    class Handle:
        def update(self, content: dict[str, str], *, raw: bool) -> None:
            assert raw
            texts.append(content["text/plain"])

    def show(content: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        assert raw
        assert display_id
        texts.append(content["text/plain"])
        return Handle()

    monkeypatch.setattr(display, "display", show)
    bar = _progress_bar.NotebookBar()
    bar.update("reading", 1, 2)
    bar.update("reading", 2, 2)
    bar.close()
    bar.close()
    assert [text.split(" ")[-1] for text in texts] == ["1/2", "2/2", ""]
    assert texts[0].count("█") == texts[0].count("░")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
def test_a_terminal_shows_a_bar_and_gets_its_cursor_back(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pdmr_classic.progress import shows_progress\n"
        "@shows_progress\n"
        "def work(*, reporter=None):\n"
        "    reporter.progress('reading', 1, 2)\n"
        "    raise KeyboardInterrupt\n"
        "try:\n"
        "    work()\n"
        "except KeyboardInterrupt:\n"
        "    pass\n"
    )
    spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = [sys.executable, "-c", spawn, sys.executable, str(script)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    run = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=True
    )
    assert b"reading" in run.stdout
    assert b"1/2" in run.stdout
    assert run.stdout.rfind(b"\x1b[?25h") > run.stdout.rfind(b"\x1b[?25l") > -1, "the cursor is shown again"


def test_the_import_is_light() -> None:
    code = "import sys, pdmr_classic.progress; sys.exit(any(m in sys.modules for m in ('rich', 'IPython', 'pandas')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=300).returncode == 0


# ------------------------------------------------------------------------------------------- log and estimates


def test_progress_and_costs_are_logged_as_information(caplog: pytest.LogCaptureFixture) -> None:
    reporter = LogReporter()
    with caplog.at_level(logging.INFO, "pdmr_classic"):
        announce(reporter, "to read: 40 files")
        announce(reporter, "secret_id.csv: odd", is_detail=True)
        for done in range(41):
            reporter.progress("reading", done, 40)
        reporter.progress("nothing", 0, 0)
    assert caplog.messages[:3] == ["to read: 40 files", "reading 0/40", "reading 4/40"]
    assert len(caplog.messages) == 12


def test_a_reporter_that_does_not_ask_for_costs_gets_none() -> None:
    reporter = CollectingReporter()
    announce(reporter, "to read: 40 files")
    assert (reporter.steps, reporter.findings) == ([], [])


def test_the_time_left_is_estimated_from_the_steps_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stage = Stage("outer folds", 5, 15)
    assert stage.line(5) == "outer folds 5/15"
    now[0] += 60
    assert stage.line(5) == "outer folds 5/15"
    assert stage.line(7) == "outer folds 7/15, about 4 min left"
    assert stage.line(15) == "outer folds 15/15"
    now[0] -= 58
    assert stage.line(7) == "outer folds 7/15", "two seconds are too short"
