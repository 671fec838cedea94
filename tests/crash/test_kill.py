"""SIGKILL at moments spread over a run: what stood there before, or what should stand there then, and the way on."""

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
from runs import Warm
from targets import FIT, FIT_S, TARGETS, Target, World

# 50 as a rule; more for a search that may take its time.
_MOMENTS = int(os.environ.get("PDMR_CRASH_MOMENTS", "50"))
_SHARES = {"fit": 0.4, "extract": 0.3, "predict": 0.3}

Moment = dict[str, Any]


def moments(world: World, target: Target, n: int) -> list[Moment]:
    """Return moments for a kill: two fifths inside a write, two at another change of the disk, the rest at any time."""
    rng = np.random.default_rng(0)
    counts = Counter(world.changes[target.verb])
    writes = _spread({kind: count for kind, count in counts.items() if kind.startswith("write")}, 2 * n // 5, rng)
    others = _spread({kind: count for kind, count in counts.items() if not kind.startswith("write")}, 2 * n // 5, rng)
    times = (np.arange(n - len(writes) - len(others)) + rng.uniform()) / (n - len(writes) - len(others))
    return [*writes, *others, *({"after_s": float(share * world.seconds[target.verb])} for share in times)]


def _spread(counts: dict[str, int], n: int, rng: np.random.Generator) -> list[Moment]:
    """Return n of the changes: each kind in turn, so that rare ones are among them, each spread over the run."""
    kinds = [kind for turn in range(n) for kind in sorted(counts) if turn < counts[kind]][:n]
    # From the end: what a run does last, it does to its target.
    places = {kind: np.linspace(counts[kind], 1, times).round() for kind, times in Counter(kinds).items()}
    return [{"change": (kind, int(place))} for kind, found in places.items() for place in np.unique(found)]


@contextmanager
def lent(free: SimpleQueue[Warm]) -> Iterator[Warm]:
    one = free.get()
    try:
        yield one
    finally:
        free.put(one)


def tried(world: World, target: Target, moment: Moment, place: Path, warm: Warm) -> str:
    """Kill a run at a moment and run it again; return what it had left, or "done" if it was done before."""
    args = target.args(world.folder, place)
    killed = warm.run(*args, home=place.parent / "home", **moment)
    assert killed.code in (0, -signal.SIGKILL), killed.err
    left = world.age(target, place, warm)
    assert world.unexpected(target, place, done=killed.code == 0) == []
    again = warm.run(*args, home=place.parent / "home")
    assert again.code == 0, again.err
    assert world.age(target, place, warm) == "new"
    assert world.unexpected(target, place, done=True) == []
    return left if killed.code else "done"


@pytest.mark.slow
@pytest.mark.parametrize("verb", TARGETS)
def test_killed_at_any_moment_a_run_leaves_the_old_or_the_new_and_the_next_one_finishes(
    world: World, warm: list[Warm], tmp_path: Path, verb: str, record_property: Any
) -> None:
    target, free = TARGETS[verb], SimpleQueue[Warm]()
    for one in warm:
        free.put(one)
    chosen = moments(world, target, round(_SHARES[verb] * _MOMENTS))

    def outcome(number: int) -> str:
        with lent(free) as one:
            return tried(world, target, chosen[number], world.place(tmp_path / str(number)), one)

    with ThreadPoolExecutor(len(warm)) as pool:
        left = list(pool.map(outcome, range(len(chosen))))
    counts = Counter(left)
    n_writes = sum("change" in moment and moment["change"][0].startswith("write") for moment in chosen)
    print(f"\n{verb}: {len(chosen)} moments, {n_writes} inside a write; left: {dict(counts)}; lost: 0")
    assert counts["old"] + counts["new"] >= 0.8 * len(chosen), "too many kills came after the end"
    assert counts["old"] > counts["new"] > 0


@pytest.mark.slow
def test_the_fit_that_is_killed_is_a_long_one(world: World) -> None:
    assert world.seconds["fit"] > 0.6 * FIT_S, "kills should fall on all parts of it"


@pytest.mark.slow
def test_a_fit_that_is_killed_again_and_again_ends_with_the_same(
    world: World, warm: list[Warm], tmp_path: Path
) -> None:
    place = world.place(tmp_path)
    args, home = FIT.args(world.folder, place), tmp_path / "home"
    n_lines = Counter(world.changes["fit"])["write.studies"]
    for _ in range(3):
        killed = warm[0].run(*args, home=home, change=("write.studies", int(0.35 * n_lines)))
        assert killed.code == -signal.SIGKILL
    ended = warm[0].done(*args, home=home, change=("none", 0))
    assert Counter(ended.changes)["write.studies"] < 0.2 * n_lines, "nine of ten rounds were done"
    assert world.age(FIT, place, warm[0]) == "new"
    assert world.unexpected(FIT, place, done=True) == []
