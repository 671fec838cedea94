"""A full disk, files that may grow no further, a read-only target: the old stays, and the next run finishes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runs import Ended, Warm
from targets import PREDICT, TARGETS, Target, World

_DISK_BYTES = 16 * 2**20


def refused(ended: Ended, found: str) -> None:
    """Expect one message that names the target and the reason."""
    assert ended.code == 5, ended.err
    assert "Traceback" not in ended.err
    _, message = ended.err.split("error: ")
    assert message.startswith("the output file cannot be written\n  where: ")
    assert f"\n  found:    {found}\n" in message


def the_old_stays(world: World, target: Target, place: Path, warm: Warm) -> None:
    assert world.age(target, place, warm) == "old"
    assert world.unexpected(target, place, done=False) == []


def the_next_one_finishes(world: World, target: Target, place: Path, warm: Warm) -> Ended:
    ended = warm.done(*target.args(world.folder, place), home=place.parent / "home", change=("none", 0))
    assert world.age(target, place, warm) == "new"
    assert world.unexpected(target, place, done=True) == []
    return ended


# Nothing, not even a lock; the journal of the studies; the last of what a verb writes.
@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 20_000, 0.9])
@pytest.mark.parametrize("verb", TARGETS)
def test_files_that_may_grow_no_further(world: World, warm: list[Warm], tmp_path: Path, verb: str, most: float) -> None:
    target, place = TARGETS[verb], world.place(tmp_path)
    n_bytes = size(world, target, most)
    ended = warm[0].run(*target.args(world.folder, place), home=tmp_path / "home", file_bytes=n_bytes)
    if n_bytes >= (world.folder / "new" / target.files[0]).stat().st_size:
        assert ended.code == 0
        return
    assert ended.code == 5, ended.err
    if n_bytes:  # else it cannot even say so: standard error is a file here
        refused(ended, "File too large")
    the_old_stays(world, target, place, warm[0])
    the_next_one_finishes(world, target, place, warm[0])


def size(world: World, target: Target, most: float) -> int:
    """Return a number of bytes, given as such or as a share of the target's."""
    return int(most * (world.folder / "new" / target.files[0]).stat().st_size) if isinstance(most, float) else most


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Mount a small disk there."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, left: int) -> Path:
    """Fill the disk until so many bytes are left."""
    filler = folder.parent / "filler"
    free = os.statvfs(folder)
    filler.write_bytes(bytes(max(free.f_bavail * free.f_frsize - left, 0)))
    return filler


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "left"), [("fit", 4096), ("fit", 0.9), ("extract", 0), ("extract", 0.9), ("predict", 0)]
)
def test_a_full_disk(world: World, warm: list[Warm], tmp_path: Path, verb: str, left: float) -> None:
    target = TARGETS[verb]
    with mounted(tmp_path / "disk"):
        place = world.place(tmp_path / "disk", home=tmp_path / "home")
        filler = fill(place, size(world, target, left))
        refused(warm[0].run(*target.args(world.folder, place), home=tmp_path / "home"), "No space left on device")
        the_old_stays(world, target, place, warm[0])
        filler.unlink()
        ended = the_next_one_finishes(world, target, place, warm[0])
    if (verb, left) == ("fit", 0.9):
        lines, before = (changes.count("write.studies") for changes in (ended.changes, world.changes["fit"]))
        assert lines < 0.1 * before, "the model found no room, but its studies were done"


@pytest.mark.slow
def test_a_cache_on_a_full_disk_is_gone_without(world: World, warm: list[Warm], tmp_path: Path) -> None:
    place = world.place(tmp_path)
    with mounted(tmp_path / "home" / "cache"):
        filler = tmp_path / "home" / "cache" / "filler"
        filler.write_bytes(bytes(_DISK_BYTES))
        warm[0].done(*PREDICT.args(world.folder, place), home=tmp_path / "home")
        assert world.age(PREDICT, place, warm[0]) == "new"
        left = [path for path in (tmp_path / "home" / "cache").rglob("*") if path.is_file()]
        assert left == [filler]


@pytest.mark.slow
@pytest.mark.parametrize("verb", TARGETS)
def test_a_read_only_target(world: World, warm: list[Warm], tmp_path: Path, verb: str) -> None:
    target = TARGETS[verb]
    with mounted(tmp_path / "disk"):
        place = world.place(tmp_path / "disk", home=tmp_path / "home")
        remount = ["mount", "-o", "remount,{}", str(tmp_path / "disk")]
        subprocess.run([part.format("ro") for part in remount], check=True)
        ended = warm[0].run(*target.args(world.folder, place), home=tmp_path / "home", cache=world.home / "cache")
        refused(ended, "no permission to write")
        assert "reading" not in ended.err, "before the work"
        assert sorted(path.name for path in place.iterdir()) == sorted(
            path.name for path in (world.folder / "old").iterdir()
        )
        subprocess.run([part.format("rw") for part in remount], check=True)
        the_old_stays(world, target, place, warm[0])
        the_next_one_finishes(world, target, place, warm[0])
