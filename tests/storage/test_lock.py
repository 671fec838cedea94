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
from pdmr_classic.storage.lock import locked


def test_a_second_run_on_the_same_target_is_refused_with_the_owners_number(tmp_path: Path) -> None:
    target = tmp_path / "model.joblib"
    refused = pytest.raises(TargetError, match=rf"another run works on this target[^\0]*process {os.getpid()}\b")
    with locked(target), refused as caught, locked(target):
        pass
    assert (caught.value.exit_code, caught.value.finding.code) == (5, "in-use")
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_run_is_free(tmp_path: Path) -> None:
    target = tmp_path / "model.joblib"
    holding = "import sys, time; from pathlib import Path; from pdmr_classic.storage.lock import locked\n"
    holding += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    owner = subprocess.Popen([sys.executable, "-c", holding, str(target)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"held\n"
    with pytest.raises(TargetError, match=f"process {owner.pid}"), locked(target):
        pass
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    time.sleep(0.1)
    assert (tmp_path / "model.joblib.lock").exists()
    with locked(target):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("found", [b"", str(os.getppid()).encode(), b"\xff\x00 no number", b"9" * 10_000])
def test_a_lock_that_no_process_holds_is_free_whatever_stands_in_it(tmp_path: Path, found: bytes) -> None:
    place = tmp_path / "model.joblib.lock"
    place.write_bytes(found)
    with locked(tmp_path / "model.joblib"):
        assert place.read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_not_held_by_who_opened_it_before_its_owner_removed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, flock = tmp_path / "model.joblib", lock.fcntl.flock
    outcomes = []

    def after_another_run(descriptor: int, how: int) -> None:
        monkeypatch.setattr(lock.fcntl, "flock", flock)
        (tmp_path / "model.joblib.lock").unlink()
        flock(descriptor, how)
        with locked(target):
            outcomes.append("another")
            with pytest.raises(TargetError, match="another run works"), locked(target):
                pass

    monkeypatch.setattr(lock.fcntl, "flock", after_another_run)
    with locked(target), pytest.raises(TargetError, match="another run works"), locked(target):
        pass
    assert outcomes == ["another"]


def test_a_lock_is_not_followed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("kept")
    (tmp_path / "model.joblib.lock").symlink_to("diary.txt")
    with pytest.raises(TargetError, match="the target cannot be written"), locked(tmp_path / "model.joblib"):
        pass
    assert (tmp_path / "diary.txt").read_text() == "kept"


def test_a_file_system_without_locks_is_worked_on_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", none)
    with locked(tmp_path / "model.joblib"):
        pass
    assert list(tmp_path.iterdir()) == []
