from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from pdmr_classic.errors import TargetError
from pdmr_classic.storage.atomic import check_writable, write_atomic, write_text_atomic


def file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_only_the_target_remains_after_a_write(tmp_path: Path) -> None:
    path = write_atomic(str(tmp_path / "a.bin"), lambda file: file.write(b"\x00\r\n"))
    assert path.read_bytes() == b"\x00\r\n"
    assert file_names(tmp_path) == ["a.bin"]


def test_text_is_written_as_utf8_with_unchanged_line_ends(tmp_path: Path) -> None:
    assert write_text_atomic(tmp_path / "a.txt", "é\r\n\n").read_bytes() == b"\xc3\xa9\r\n\n"


def test_missing_folders_are_created(tmp_path: Path) -> None:
    assert write_text_atomic(tmp_path / "a" / "b" / "c.txt", "x").read_text() == "x"


def test_a_file_name_without_a_folder_is_written_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_text_atomic("a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


def test_an_existing_file_is_replaced_completely(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a much longer text")
    write_text_atomic(path, "short")
    assert path.read_text() == "short"


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    contents = []

    def write(file: BinaryIO) -> None:
        file.write(b"ne")
        file.flush()
        contents.append(path.read_text())
        file.write(b"w")

    write_atomic(path, write)
    assert (contents, path.read_text()) == (["old"], "new")


@pytest.mark.parametrize("failure", [ValueError("half-way"), KeyboardInterrupt("half-way"), MemoryError("half-way")])
def test_the_old_file_survives_a_failure_during_the_write(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(file: BinaryIO) -> None:
        file.write(b"new")
        raise failure

    with pytest.raises(type(failure), match="half-way"):
        write_atomic(path, write)
    assert path.read_text() == "old"
    assert file_names(tmp_path) == ["a.txt"]


def test_a_full_disk_raises_a_target_error_with_the_reason(tmp_path: Path) -> None:
    def write(_: BinaryIO) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(TargetError, match="the output file cannot be written") as raised:
        write_atomic(tmp_path / "a.txt", write)
    finding = raised.value.finding
    assert (finding.file, finding.found) == (tmp_path / "a.txt", "No space left on device")
    assert "--out" in str(finding.hint)
    assert file_names(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_has_the_default_permissions(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = write_text_atomic(tmp_path / "a.txt", "x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("action", [check_writable, lambda path: write_text_atomic(path, "x")])
def test_an_impossible_target_is_refused_before_the_work(tmp_path: Path, action: object) -> None:
    (tmp_path / "file").write_text("unchanged")
    with pytest.raises(TargetError, match="the output path is a folder"):
        action(tmp_path)  # type: ignore[operator]
    for target in (tmp_path / "file" / "a.txt", tmp_path / "file" / "deep" / "a.txt"):
        with pytest.raises(TargetError, match="the output file cannot be written") as raised:
            action(target)  # type: ignore[operator]
        assert raised.value.finding.found == f"{tmp_path / 'file'} is a file"
    assert (tmp_path / "file").read_text() == "unchanged"


def test_a_folder_without_write_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root can write anywhere
    with pytest.raises(TargetError, match="the output file cannot be written") as raised:
        check_writable(tmp_path / "new" / "a.txt")
    assert raised.value.finding.found == "no permission to write"


@pytest.mark.parametrize("action", [check_writable, lambda path: write_text_atomic(path, "x")])
def test_a_name_that_is_too_long_raises_a_target_error(tmp_path: Path, action: object) -> None:
    with pytest.raises(TargetError, match="the output file cannot be written"):
        action(tmp_path / ("x" * 300))  # type: ignore[operator]
    assert file_names(tmp_path) == []


def test_a_long_name_of_many_bytes_can_be_written(tmp_path: Path) -> None:
    path = write_text_atomic(tmp_path / ("é" * 120 + ".txt"), "x")
    assert path.read_text() == "x"


def test_check_writable_writes_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "a.txt")
    assert file_names(tmp_path) == []


# ------------------------------------------------------------------------------------------------ killed runs


def test_only_temporary_files_of_killed_runs_for_this_target_are_removed(tmp_path: Path) -> None:
    stale = [".a.txt.k1ll3d__.tmp", ".a.txt.0ther123.tmp"]
    others = [".b.txt.k1ll3d__.tmp", "a.txt.tmp", ".a.txt.tmp", ".a.txt.notes"]
    for name in stale + others:
        (tmp_path / name).write_text("half")
    write_text_atomic(tmp_path / "a.txt", "new")
    assert file_names(tmp_path) == sorted(["a.txt", *others])


def test_the_temporary_file_of_a_running_write_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def write(file: BinaryIO) -> None:
        file.write(b"first")
        write_text_atomic(path, "second")

    write_atomic(path, write)
    assert path.read_text() == "first"
    assert file_names(tmp_path) == ["a.txt"]


def test_the_name_of_a_temporary_file_is_never_read_as_data(tmp_path: Path) -> None:
    written: list[str] = []
    for name in ("a.csv", "labels.json", "m.joblib", "features.parquet"):
        write_atomic(tmp_path / name, lambda file: written.extend(set(file_names(tmp_path)) - set(written)))
    temporary = [name for name in written if name.startswith(".")]
    assert len(temporary) == 4
    assert all(name.endswith(".tmp") for name in temporary)


def test_the_file_is_synced_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def record_replace(*args: str) -> None:
        calls.append("rename")
        replace(*args)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    write_text_atomic(tmp_path / "a.txt", "x")
    assert calls == ["file", "rename", "folder"]


@pytest.mark.parametrize("action", [check_writable, lambda path: write_text_atomic(path, "x")])
def test_a_pipe_is_never_replaced(tmp_path: Path, action: object) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TargetError, match="the output path is not a regular file"):
        action(tmp_path / "pipe")  # type: ignore[operator]
    assert (tmp_path / "pipe").is_fifo()


def test_a_private_file_stays_private(tmp_path: Path) -> None:
    path = write_text_atomic(tmp_path / "a.txt", "old")
    path.chmod(0o600)
    write_text_atomic(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
