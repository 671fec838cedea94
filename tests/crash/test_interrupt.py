"""Ctrl-C, SIGTERM, and two runs with one output file, with real processes and workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import WarmProcess
from targets import EXTRACT, LONG_FIT, World

PROGRAM = Path(sys.executable).parent / "pdmr-classic"
# The promise for an idle machine, and the limit for a busy one.
_PROMISED_S, _ALLOWED_S = 2.0, 30.0
_SILENCE_S = 300.0
needs_proc = pytest.mark.skipif(not Path("/proc/thread-self/children").exists(), reason="looks into /proc")


class Run:
    """The program in its own process group, as a shell starts it."""

    def __init__(self, *args: str | Path, home: Path) -> None:
        environ = {"XDG_CACHE_HOME": str(home / "cache"), "XDG_STATE_HOME": str(home / "state"), "COLUMNS": "80"}
        self.process = subprocess.Popen(
            [str(PROGRAM), *map(str, args)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environ},
            start_new_session=True,
        )
        self.lines: list[str] = []

    def wait_for_line(self, start: str) -> None:
        """Wait until the program prints a line that begins with `start`."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith(start):
                return
        raise AssertionError("".join(self.lines))

    def send_signal(self, number: int) -> float:
        """Send a signal to the group, as a terminal does; return the seconds until the program ends."""
        started = time.monotonic()
        os.killpg(self.process.pid, number)
        _, rest = self.process.communicate(timeout=_SILENCE_S)
        self.lines += rest.splitlines(keepends=True)
        return time.monotonic() - started

    @property
    def group_pids(self) -> list[int]:
        """Live processes of the group."""
        pids = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == self.process.pid and _state(folder) not in "ZX":
                    pids.append(int(folder.name))
            except OSError:
                continue
        return pids

    def wait_for_empty_group(self) -> None:
        deadline = time.monotonic() + _ALLOWED_S
        while self.group_pids and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.group_pids == []


def _state(process: Path) -> str:
    return (process / "stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.fixture(autouse=True)
def _enable_sigint() -> Iterator[None]:
    """Let child processes receive SIGINT, even if the tests were started with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def active_runs() -> Iterator[list[Run]]:
    runs: list[Run] = []
    yield runs
    for run in runs:
        if run.process.poll() is None or run.group_pids:
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.wait()
        assert run.process.stderr is not None
        run.process.stderr.close()


def use_two_jobs(args: list[str | Path]) -> list[str | Path]:
    return [*args[:-1], "2"]


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(
    ("number", "at", "after_s", "saved"),
    [
        (signal.SIGINT, "reading", 0.0, False),
        (signal.SIGINT, "tuning 0/", 0.0, True),  # before any worker starts
        (signal.SIGINT, "tuning 4/", 0.5, True),
        (signal.SIGTERM, "tuning 4/", 0.5, True),
        (signal.SIGINT, "training", 0.5, True),
    ],
)
def test_an_interrupted_fit_stops_quickly_and_can_be_resumed(
    world: World,
    warm: list[WarmProcess],
    tmp_path: Path,
    active_runs: list[Run],
    number: int,
    at: str,
    after_s: float,
    saved: bool,
) -> None:
    world.add_long_fit(warm[0])
    out, home = world.prepare(tmp_path), tmp_path / "home"
    run = Run(*use_two_jobs(LONG_FIT.args(world.folder, out)), home=home)
    active_runs.append(run)
    run.wait_for_line(at)
    time.sleep(after_s)
    seconds = run.send_signal(number)
    print(f"\n{signal.Signals(number).name} at {at!r}: ended after {seconds:.2f} s (promised {_PROMISED_S} s)")
    assert seconds < _ALLOWED_S
    run.wait_for_empty_group()
    assert run.process.returncode == 130, "".join(run.lines)
    # Notes may come first: where everything was trained before the signal arrived, fit had already told its notes.
    messages = [line for line in run.lines if line.startswith("interrupted")]
    assert len(messages) == 1, "".join(messages)
    (message,) = messages
    journal = out / "m.joblib.studies"
    hint = f"finished work is saved in {journal}; run the same command again to resume"
    assert message == (f"interrupted; {hint}\n" if saved else "interrupted; run the same command again\n")
    assert journal.exists() == saved
    assert world.identify_age(LONG_FIT, out, warm[0]) == "old"
    assert sorted(world.list_unexpected(LONG_FIT, out, finished=True)) == [journal.name] * saved, (
        "no locks or partial files may remain"
    )
    if at.startswith("tuning 4/"):
        n_all = world.changes[LONG_FIT].count("write.studies")
        result = warm[0].run_ok(*LONG_FIT.args(world.folder, out), home=home, change=("none", 0))
        assert result.changes.count("write.studies") < 0.7 * n_all, "four of ten rounds were already finished"
        assert world.identify_age(LONG_FIT, out, warm[0]) == "long"
        assert world.list_unexpected(LONG_FIT, out, finished=True) == []


@pytest.mark.slow
def test_an_interrupted_evaluation_resumes_from_its_finished_folds(
    world: World, warm: list[WarmProcess], tmp_path: Path, active_runs: list[Run]
) -> None:
    out = tmp_path / "evaluation.json"
    args = ["evaluate", world.folder / "data", "--config", world.folder / "long.toml", "--trials", "1"]
    args += ["--folds", "4", "--repeats", "1", "--no-stress", "--out", out, "--jobs", "2"]
    run = Run(*args, home=world.home)
    active_runs.append(run)
    run.wait_for_line("outer folds 2/4")
    assert run.send_signal(signal.SIGINT) < _ALLOWED_S
    run.wait_for_empty_group()
    assert run.process.returncode == 130
    assert f"finished work is saved in {out}.folds; run the same command again" in run.lines[-1]
    resumed = warm[0].run_ok(*args[:-1], "1", home=world.home)
    assert "resuming: an earlier run finished" in resumed.err
    uninterrupted = warm[0].run_ok(*args[:-3], tmp_path / "whole.json", "--jobs", "1", home=world.home)
    assert "resuming: an earlier run finished" not in uninterrupted.err
    assert out.read_text() == (tmp_path / "whole.json").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.json", "whole.json"]


@pytest.mark.slow
def test_a_second_run_is_refused_until_the_first_one_is_killed(
    world: World, warm: list[WarmProcess], tmp_path: Path, active_runs: list[Run]
) -> None:
    world.add_long_fit(warm[0])
    out, home = world.prepare(tmp_path), tmp_path / "home"
    owner = Run(*use_two_jobs(LONG_FIT.args(world.folder, out)), home=home)
    active_runs.append(owner)
    owner.wait_for_line("tuning 1/")
    second = warm[0].run(*LONG_FIT.args(world.folder, out), home=home)
    assert second.code == 5
    assert "another run is using this output file" in second.err
    assert f"found:    process {owner.process.pid}\n" in second.err
    assert owner.process.poll() is None
    owner.process.kill()
    owner.process.wait()
    owner.wait_for_empty_group()  # its workers must stop too
    assert (out / "m.joblib.lock").read_text() == str(owner.process.pid)
    (out / "m.joblib.lock").write_text(str(os.getpid()))  # as if the process id had been reused
    warm[0].run_ok(*LONG_FIT.args(world.folder, out), home=home)
    assert world.identify_age(LONG_FIT, out, warm[0]) == "long"
    assert world.list_unexpected(LONG_FIT, out, finished=True) == []


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["extract", "predict", "evaluate"])
def test_other_verbs_refuse_an_output_file_in_use(
    world: World, warm: list[WarmProcess], tmp_path: Path, verb: str
) -> None:
    args: dict[str, list[str | Path]] = {
        "extract": EXTRACT.args(world.folder, tmp_path),
        "predict": ["predict", world.folder / "data", "--model", world.folder / "new" / "m.joblib"],
        "evaluate": ["evaluate", world.folder / "data"],
    }
    out = tmp_path / {"extract": "f.parquet", "predict": "r.jsonl", "evaluate": "out"}[verb]
    script = "import sys; from pathlib import Path; from pdmr_classic.storage.lock import hold_lock\n"
    script += "with hold_lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        result = warm[0].run(*args[verb], "--out", out, home=world.home)
        assert result.code == 5
        assert f"another run is using this output file\n  where:    {out}\n" in result.err
        assert f"process {owner.pid}\n" in result.err
        assert not out.exists()
        owner.communicate()


# ------------------------------------------------------------------------------------ code that Python cannot interrupt


def interrupt_script(body: str, tmp_path: Path) -> tuple[int, float, str]:
    """Interrupt a script once it prints "now"; return its exit code, the seconds until it ended, and its messages."""
    script = tmp_path / "script.py"
    script.write_text(
        "import hashlib, sys, time\nfrom pdmr_classic.cli._interrupt import interruptible\n"
        f"with interruptible():\n    try:\n{textwrap.indent(textwrap.dedent(body), ' ' * 8)}\n"
        "    except KeyboardInterrupt:\n        sys.exit(130)\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=_SILENCE_S)
        return process.returncode, time.monotonic() - started, messages


def test_an_interrupt_does_not_wait_for_a_long_c_call(tmp_path: Path) -> None:
    long = "print('now', flush=True)\nhashlib.pbkdf2_hmac('sha256', b'', b'', 300_000_000)"
    code, seconds, messages = interrupt_script(long, tmp_path)
    assert code == 130
    assert seconds < _ALLOWED_S
    assert messages == "interrupted; run the same command again to resume\n"


def test_an_interrupt_swallowed_by_a_finalizer_is_repeated(tmp_path: Path) -> None:
    body = """
        class Slow:
            def __del__(self):
                print("now", flush=True)
                time.sleep(60)

        Slow()
        time.sleep(60)
        """
    code, seconds, messages = interrupt_script(body, tmp_path)
    assert code == 130
    assert seconds < _ALLOWED_S
    assert messages == "interrupted\n"


@needs_proc
def test_starting_the_trackers_starts_no_worker_and_unblocks_no_signal(tmp_path: Path) -> None:
    body = """
        import multiprocessing
        import signal
        from pathlib import Path
        from pdmr_classic.cli._interrupt import stop_workers_on_exit

        with stop_workers_on_exit():
            children = Path("/proc/thread-self/children").read_text().split()
            # Between fork and exec, a child has the command line of its parent.
            for _ in range(50):
                commands = [Path("/proc", pid, "cmdline").read_text() for pid in children]
                if all("resource_tracker" in command for command in commands):
                    break
                time.sleep(0.1)
            assert len(commands) == 2 and all("resource_tracker" in command for command in commands), commands
            assert multiprocessing.active_children() == []
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= {signal.SIGINT, signal.SIGTERM}
            print("now", flush=True)
            time.sleep(60)
        """
    code, _, messages = interrupt_script(body, tmp_path)
    assert (code, messages) == (130, "interrupted\n")


def test_idle_workers_are_stopped_too(tmp_path: Path) -> None:
    body = """
        import joblib
        from pdmr_classic.cli._interrupt import stop_workers_on_exit

        with stop_workers_on_exit():
            joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(k) for k in range(8))
            print("now", flush=True)
            time.sleep(60)
        """
    # Workers hold standard error open, so it reaches its end only after they have stopped.
    code, seconds, messages = interrupt_script(body, tmp_path)
    assert (code, messages) == (130, "interrupted\n")
    assert seconds < _ALLOWED_S
