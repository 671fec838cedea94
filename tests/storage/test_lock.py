from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pdmr_classic.errors import TargetError
from pdmr_classic.storage import lock
from pdmr_classic.storage.lock import hold_lock


def test_a_second_run_on_the_same_target_is_refused_with_the_process_id_of_the_first(tmp_path: Path) -> None:
    target = tmp_path / "model.joblib"
    raises_in_use = pytest.raises(
        TargetError, match=rf"another run is using this output file[^\0]*process {os.getpid()}\b"
    )
    with hold_lock(target), raises_in_use as raised, hold_lock(target):
        pass
    assert (raised.value.exit_code, raised.value.finding.code) == (5, "in-use")
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_run_is_released(tmp_path: Path) -> None:
    target = tmp_path / "model.joblib"
    code = "import sys, time; from pathlib import Path; from pdmr_classic.storage.lock import hold_lock\n"
    code += "with hold_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    owner = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"held\n"
    with pytest.raises(TargetError, match=f"process {owner.pid}"), hold_lock(target):
        pass
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    time.sleep(0.1)
    assert (tmp_path / "model.joblib.lock").exists()
    with hold_lock(target):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", str(os.getppid()).encode(), b"\xff\x00 not a number", b"9" * 10_000])
def test_a_leftover_lock_file_is_not_locked_whatever_it_contains(tmp_path: Path, content: bytes) -> None:
    lock_file = tmp_path / "model.joblib.lock"
    lock_file.write_bytes(content)
    with hold_lock(tmp_path / "model.joblib"):
        assert lock_file.read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_its_owner_removed_is_not_locked_by_a_waiting_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, flock = tmp_path / "model.joblib", lock.fcntl.flock
    finished_runs = []

    def flock_after_another_run(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(lock.fcntl, "flock", flock)
        (tmp_path / "model.joblib.lock").unlink()
        flock(descriptor, operation)
        with hold_lock(target):
            finished_runs.append("another")
            with pytest.raises(TargetError, match="another run is using"), hold_lock(target):
                pass

    monkeypatch.setattr(lock.fcntl, "flock", flock_after_another_run)
    with hold_lock(target), pytest.raises(TargetError, match="another run is using"), hold_lock(target):
        pass
    assert finished_runs == ["another"]


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("unchanged")
    (tmp_path / "model.joblib.lock").symlink_to("diary.txt")
    with pytest.raises(TargetError, match="the output file cannot be written"), hold_lock(tmp_path / "model.joblib"):
        pass
    assert (tmp_path / "diary.txt").read_text() == "unchanged"


def test_a_file_system_without_locks_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", raise_no_locks)
    with hold_lock(tmp_path / "model.joblib"):
        pass
    assert list(tmp_path.iterdir()) == []
