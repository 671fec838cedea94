"""Full disks, file size limits and read-only folders: old files remain, and the next run succeeds."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from runs import RunResult, WarmProcess
from targets import FIT, PREDICT, TARGETS, Target, World

_DISK_BYTES = 16 * 2**20


def check_error(result: RunResult, reason: str) -> None:
    """Check that there is one error message, which names the output file and the reason."""
    assert result.code == 5, result.err
    assert "Traceback" not in result.err
    _, message = result.err.split("error: ")
    assert message.startswith("the output file cannot be written\n  where: ")
    assert f"\n  found:    {reason}\n" in message


def check_old_files(world: World, target: Target, out: Path, warm: WarmProcess) -> None:
    assert world.identify_age(target, out, warm) == "old"
    assert world.list_unexpected(target, out, finished=False) == []


def check_next_run(world: World, target: Target, out: Path, warm: WarmProcess) -> RunResult:
    result = warm.run_ok(*target.args(world.folder, out), home=out.parent / "home", change=("none", 0))
    assert world.identify_age(target, out, warm) == "new"
    assert world.list_unexpected(target, out, finished=True) == []
    return result


# Limits that prevent any file (even a lock), the journal of the studies, and the end of the output file.
@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 20_000, 0.9])
@pytest.mark.parametrize("verb", TARGETS)
def test_a_file_size_limit_leaves_the_old_files_and_the_next_run_succeeds(
    world: World, warm: list[WarmProcess], tmp_path: Path, verb: str, limit: float
) -> None:
    target, out = TARGETS[verb], world.prepare(tmp_path)
    n_bytes = compute_bytes(world, target, limit)
    result = warm[0].run(*target.args(world.folder, out), home=tmp_path / "home", file_bytes=n_bytes)
    if n_bytes >= (world.folder / "new" / target.files[0]).stat().st_size:
        assert result.code == 0
        return
    assert result.code == 5, result.err
    if n_bytes:  # with 0, there is no message either, because standard error is a file here
        check_error(result, "File too large")
    check_old_files(world, target, out, warm[0])
    check_next_run(world, target, out, warm[0])


def compute_bytes(world: World, target: Target, limit: float) -> int:
    """Return a number of bytes, given directly or as a fraction of the size of the target."""
    return int(limit * (world.folder / "new" / target.files[0]).stat().st_size) if isinstance(limit, float) else limit


@contextmanager
def mount_small_disk(folder: Path) -> Iterator[None]:
    """Mount a small disk on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_disk(folder: Path, n_free: int) -> Path:
    """Fill the disk of a folder until `n_free` bytes are free."""
    filler = folder.parent / "filler"
    free = os.statvfs(folder)
    filler.write_bytes(bytes(max(free.f_bavail * free.f_frsize - n_free, 0)))
    return filler


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "n_free"), [("fit", 4096), ("fit", 0.9), ("extract", 0), ("extract", 0.9), ("predict", 0)]
)
def test_a_full_disk_leaves_the_old_files_and_the_next_run_succeeds(
    world: World, warm: list[WarmProcess], tmp_path: Path, verb: str, n_free: float
) -> None:
    target = TARGETS[verb]
    with mount_small_disk(tmp_path / "disk"):
        out = world.prepare(tmp_path / "disk", home=tmp_path / "home")
        filler = fill_disk(out, compute_bytes(world, target, n_free))
        check_error(warm[0].run(*target.args(world.folder, out), home=tmp_path / "home"), "No space left on device")
        check_old_files(world, target, out, warm[0])
        filler.unlink()
        result = check_next_run(world, target, out, warm[0])
    if (verb, n_free) == ("fit", 0.9):
        n_writes, n_before = (changes.count("write.studies") for changes in (result.changes, world.changes[FIT]))
        assert n_writes < 0.1 * n_before, "only the model did not fit on the disk: its studies were finished"


@pytest.mark.slow
def test_predict_works_without_a_cache_on_a_full_disk(world: World, warm: list[WarmProcess], tmp_path: Path) -> None:
    out = world.prepare(tmp_path)
    with mount_small_disk(tmp_path / "home" / "cache"):
        filler = tmp_path / "home" / "cache" / "filler"
        filler.write_bytes(bytes(_DISK_BYTES))
        warm[0].run_ok(*PREDICT.args(world.folder, out), home=tmp_path / "home")
        assert world.identify_age(PREDICT, out, warm[0]) == "new"
        files = [path for path in (tmp_path / "home" / "cache").rglob("*") if path.is_file()]
        assert files == [filler]


@pytest.mark.slow
@pytest.mark.parametrize("verb", TARGETS)
def test_a_read_only_folder_is_refused_before_the_work_starts(
    world: World, warm: list[WarmProcess], tmp_path: Path, verb: str
) -> None:
    target = TARGETS[verb]
    with mount_small_disk(tmp_path / "disk"):
        out = world.prepare(tmp_path / "disk", home=tmp_path / "home")
        remount = ["mount", "-o", "remount,{}", str(tmp_path / "disk")]
        subprocess.run([part.format("ro") for part in remount], check=True)
        result = warm[0].run(*target.args(world.folder, out), home=tmp_path / "home", cache=world.home / "cache")
        check_error(result, "no permission to write")
        assert "reading" not in result.err, "must be refused before the work starts"
        assert sorted(path.name for path in out.iterdir()) == sorted(
            path.name for path in (world.folder / "old").iterdir()
        )
        subprocess.run([part.format("rw") for part in remount], check=True)
        check_old_files(world, target, out, warm[0])
        check_next_run(world, target, out, warm[0])
