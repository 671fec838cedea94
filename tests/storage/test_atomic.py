from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from pdmr_classic.errors import TargetError
from pdmr_classic.storage.atomic import check_writable, write_atomic, write_text_atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = write_atomic(str(tmp_path / "a.bin"), lambda file: file.write(b"\x00\r\n"))
    assert path.read_bytes() == b"\x00\r\n"
    assert names(tmp_path) == ["a.bin"]


def test_text_is_utf8_with_its_own_line_ends(tmp_path: Path) -> None:
    assert write_text_atomic(tmp_path / "a.txt", "é\r\n\n").read_bytes() == b"\xc3\xa9\r\n\n"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    assert write_text_atomic(tmp_path / "a" / "b" / "c.txt", "x").read_text() == "x"


def test_a_bare_name_is_written_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_text_atomic("a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_an_older_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a much longer text")
    write_text_atomic(path, "short")
    assert path.read_text() == "short"


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    seen = []

    def write(file: BinaryIO) -> None:
        file.write(b"ne")
        file.flush()
        seen.append(path.read_text())
        file.write(b"w")

    write_atomic(path, write)
    assert (seen, path.read_text()) == (["old"], "new")


@pytest.mark.parametrize("failure", [ValueError("half-way"), KeyboardInterrupt("half-way"), MemoryError("half-way")])
def test_the_old_file_survives_a_failure_half_way(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(file: BinaryIO) -> None:
        file.write(b"new")
        raise failure

    with pytest.raises(type(failure), match="half-way"):
        write_atomic(path, write)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_is_a_target_error_with_the_reason(tmp_path: Path) -> None:
    def write(_: BinaryIO) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(TargetError, match="the target cannot be written") as caught:
        write_atomic(tmp_path / "a.txt", write)
    finding = caught.value.finding
    assert (finding.file, finding.found) == (tmp_path / "a.txt", "No space left on device")
    assert "--out" in str(finding.hint)
    assert names(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_file_has_the_rights_of_any_other(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = write_text_atomic(tmp_path / "a.txt", "x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("act", [check_writable, lambda path: write_text_atomic(path, "x")])
def test_a_target_that_cannot_be_is_refused_before_the_work(tmp_path: Path, act: object) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(TargetError, match="the target is a folder"):
        act(tmp_path)  # type: ignore[operator]
    for target in (tmp_path / "file" / "a.txt", tmp_path / "file" / "deep" / "a.txt"):
        with pytest.raises(TargetError, match="the target cannot be written") as caught:
            act(target)  # type: ignore[operator]
        assert caught.value.finding.found == f"{tmp_path / 'file'} is a file"
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(TargetError, match="the target cannot be written") as caught:
        check_writable(tmp_path / "new" / "a.txt")
    assert caught.value.finding.found == "no permission to write"


@pytest.mark.parametrize("act", [check_writable, lambda path: write_text_atomic(path, "x")])
def test_a_name_that_is_too_long_is_a_target_error(tmp_path: Path, act: object) -> None:
    with pytest.raises(TargetError, match="the target cannot be written"):
        act(tmp_path / ("x" * 300))  # type: ignore[operator]
    assert names(tmp_path) == []


def test_a_long_name_of_many_bytes_can_be_written(tmp_path: Path) -> None:
    path = write_text_atomic(tmp_path / ("é" * 120 + ".txt"), "x")
    assert path.read_text() == "x"


def test_checking_writes_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "a.txt")
    assert names(tmp_path) == []


# ------------------------------------------------------------------------------------------- killed, and after


def test_what_a_killed_run_left_of_this_target_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = [".a.txt.k1ll3d__.tmp", ".a.txt.0ther123.tmp"]
    others = [".b.txt.k1ll3d__.tmp", "a.txt.tmp", ".a.txt.tmp", ".a.txt.notes"]
    for name in left + others:
        (tmp_path / name).write_text("half")
    write_text_atomic(tmp_path / "a.txt", "new")
    assert names(tmp_path) == sorted(["a.txt", *others])


def test_what_another_run_is_writing_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write(file: BinaryIO) -> None:
        file.write(b"first")
        write_text_atomic(path, "second")

    write_atomic(path, write)
    assert path.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_the_name_of_a_part_is_never_read_as_data(tmp_path: Path) -> None:
    seen: list[str] = []
    for name in ("a.csv", "labels.json", "m.joblib", "features.parquet"):
        write_atomic(tmp_path / name, lambda file: seen.extend(set(names(tmp_path)) - set(seen)))
    parts = [name for name in seen if name.startswith(".")]
    assert len(parts) == 4
    assert all(name.endswith(".tmp") for name in parts)


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def replaced(*args: str) -> None:
        done.append("rename")
        replace(*args)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    write_text_atomic(tmp_path / "a.txt", "x")
    assert done == ["file", "rename", "folder"]


@pytest.mark.parametrize("act", [check_writable, lambda path: write_text_atomic(path, "x")])
def test_a_pipe_is_never_replaced(tmp_path: Path, act: object) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TargetError, match="the target is no regular file"):
        act(tmp_path / "pipe")  # type: ignore[operator]
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_was_made_private_stays_so(tmp_path: Path) -> None:
    path = write_text_atomic(tmp_path / "a.txt", "old")
    path.chmod(0o600)
    write_text_atomic(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
