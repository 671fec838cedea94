"""SIGKILL at moments spread over a run: the files are old or new, and the next run succeeds."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from runs import WarmProcess
from targets import FIT, FIT_S, LONG_FIT, TARGETS, Target, World

# 50 by default; set the variable for a longer search.
_MOMENTS = int(os.environ.get("PDMR_CRASH_MOMENTS", "50"))
_SHARES = {"fit": 0.4, "extract": 0.3, "predict": 0.3}

Moment = dict[str, Any]


def choose_moments(world: World, target: Target, n: int) -> list[Moment]:
    """Return moments for a kill: 40% inside a write, 40% at another change of the disk, the rest at any time."""
    rng = np.random.default_rng(0)
    counts = Counter(world.changes[target])
    writes = _spread_changes(
        {kind: count for kind, count in counts.items() if kind.startswith("write")}, 2 * n // 5, rng
    )
    others = _spread_changes(
        {kind: count for kind, count in counts.items() if not kind.startswith("write")}, 2 * n // 5, rng
    )
    times = (np.arange(n - len(writes) - len(others)) + rng.uniform()) / (n - len(writes) - len(others))
    return [*writes, *others, *({"after_s": float(share * world.seconds[target])} for share in times)]


def _spread_changes(counts: dict[str, int], n: int, rng: np.random.Generator) -> list[Moment]:
    """Return n changes: all kinds in turn, to include rare ones, and each kind spread over the run."""
    kinds = [kind for turn in range(n) for kind in sorted(counts) if turn < counts[kind]][:n]
    # Count from the end, because a run writes its target last.
    positions = {kind: np.linspace(counts[kind], 1, times).round() for kind, times in Counter(kinds).items()}
    return [{"change": (kind, int(position))} for kind, values in positions.items() for position in np.unique(values)]


@contextmanager
def borrow(free: SimpleQueue[WarmProcess]) -> Iterator[WarmProcess]:
    process = free.get()
    try:
        yield process
    finally:
        free.put(process)


def kill_and_rerun(world: World, target: Target, moment: Moment, out: Path, warm: WarmProcess) -> str:
    """Kill a run and run it again; return which files the kill left, or "done" if the run had ended before."""
    args = target.args(world.folder, out)
    killed = warm.run(*args, home=out.parent / "home", **moment)
    assert killed.code in (0, -signal.SIGKILL), killed.err
    left = world.identify_age(target, out, warm)
    assert world.list_unexpected(target, out, finished=killed.code == 0) == []
    again = warm.run(*args, home=out.parent / "home")
    assert again.code == 0, again.err
    assert world.identify_age(target, out, warm) == "new"
    assert world.list_unexpected(target, out, finished=True) == []
    return left if killed.code else "done"


@pytest.mark.slow
@pytest.mark.parametrize("verb", TARGETS)
def test_a_run_killed_at_any_moment_leaves_old_or_new_files_and_the_next_run_succeeds(
    world: World, warm: list[WarmProcess], tmp_path: Path, verb: str, record_property: Any
) -> None:
    target, free = TARGETS[verb], SimpleQueue[WarmProcess]()
    for process in warm:
        free.put(process)
    moments = choose_moments(world, target, round(_SHARES[verb] * _MOMENTS))

    def run_moment(number: int) -> str:
        with borrow(free) as process:
            return kill_and_rerun(world, target, moments[number], world.prepare(tmp_path / str(number)), process)

    with ThreadPoolExecutor(len(warm)) as pool:
        outcomes = list(pool.map(run_moment, range(len(moments))))
    counts = Counter(outcomes)
    n_writes = sum("change" in moment and moment["change"][0].startswith("write") for moment in moments)
    print(f"\n{verb}: {len(moments)} moments, {n_writes} inside a write; outcomes: {dict(counts)}; lost: 0")
    assert counts["old"] + counts["new"] >= 0.8 * len(moments), "too many runs ended before the kill"
    assert counts["old"] > counts["new"] > 0


@pytest.mark.slow
def test_the_killed_fit_takes_long_enough(world: World) -> None:
    assert world.seconds[FIT] > 0.6 * FIT_S, "kills should reach all of its parts"


@pytest.mark.slow
def test_a_fit_killed_several_times_gives_the_same_model(world: World, warm: list[WarmProcess], tmp_path: Path) -> None:
    world.add_long_fit(warm[0])
    out = world.prepare(tmp_path)
    args, home = LONG_FIT.args(world.folder, out), tmp_path / "home"
    n_lines = Counter(world.changes[LONG_FIT])["write.studies"]
    for _ in range(3):
        killed = warm[0].run(*args, home=home, change=("write.studies", int(0.35 * n_lines)))
        assert killed.code == -signal.SIGKILL
    result = warm[0].run_ok(*args, home=home, change=("none", 0))
    assert Counter(result.changes)["write.studies"] < 0.2 * n_lines, "nine of ten rounds were already finished"
    assert world.identify_age(LONG_FIT, out, warm[0]) == "long"
    assert world.list_unexpected(LONG_FIT, out, finished=True) == []
