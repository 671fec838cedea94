"""Finished parts are on disk as complete lines, and only one run at a time resumes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.storage.resume import Journal, hold_target, open_journal, resume_mismatch_error


def file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.mark.parametrize(
    ("text", "complete", "lines"),
    [(b"", b"", []), (b"[1", b"", []), (b"[1]\n2\n[3", b"[1]\n2\n", [[1], 2]), (b"[1]\n", b"[1]\n", [[1]])],
)
def test_an_incomplete_last_line_is_removed(path: Path, text: bytes, complete: bytes, lines: list[object]) -> None:
    path.write_bytes(text)
    assert Journal(path).lines == lines
    assert path.read_bytes() == complete


def test_a_missing_journal_is_created(path: Path) -> None:
    assert Journal(path).lines == []
    assert file_names(path.parent) == ["journal"]


def test_lines_are_on_disk_when_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path)
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(path.read_bytes()), fsync(descriptor)))
    journal.append({"a": 1}, {"b": 2})
    assert synced == [path.read_bytes()] == [b'{"a":1}\n{"b":2}\n']


def test_appended_lines_are_the_same_as_in_a_later_run(path: Path) -> None:
    path.write_text('{"first": 0.1}\n')
    journal = Journal(path)
    journal.append({1: (0.1 + 0.2, None)}, "é\n")
    assert journal.lines == Journal(path).lines == [{"first": 0.1}, {"1": [0.1 + 0.2, None]}, "é\n"]


def test_a_file_that_is_not_a_journal_is_refused_and_not_changed(path: Path) -> None:
    path.write_text("my notes\n")
    with open_journal(path) as journal, pytest.raises(ValueError, match="Expecting value"):
        journal.lines  # noqa: B018
    assert path.read_text() == "my notes\n"


def test_a_full_disk_raises_a_target_error_and_the_line_is_not_added(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(path)
    monkeypatch.setattr(os, "fsync", raise_disk_full)
    with pytest.raises(TargetError, match="No space left on device"):
        journal.append(1)
    assert journal.lines == []


def test_a_journal_is_locked_by_one_run_and_not_removed(path: Path) -> None:
    with open_journal(path), pytest.raises(TargetError, match="another run is using this output file") as raised:
        open_journal(path).__enter__()
    assert raised.value.finding.code == "in-use"
    assert file_names(path.parent) == ["journal"]


def test_work_with_different_data_is_refused_with_the_path(path: Path) -> None:
    error = resume_mismatch_error(path, "fit", "studies")
    assert isinstance(error, ConfigError)
    assert (error.exit_code, error.finding.code, error.finding.file) == (2, "error", path)
    assert (
        "the file contains the studies of an unfinished fit with different data, settings or library versions"
        in str(error)
    )


# ------------------------------------------------------------------------------------------- next to a target


def test_the_parts_are_removed_once_the_target_is_written(tmp_path: Path) -> None:
    target = tmp_path / "new" / "m.joblib"
    with hold_target(target, ".studies") as parts:
        parts.write_text("1\n")
        target.write_text("done")
        assert file_names(target.parent) == ["m.joblib", "m.joblib.lock", "m.joblib.studies"]
    assert file_names(target.parent) == ["m.joblib"]


def interrupt(target: Path, *, has_parts: bool) -> None:
    with hold_target(target, ".studies") as parts:
        if has_parts:
            parts.touch()
        raise KeyboardInterrupt


@pytest.mark.parametrize(("has_parts", "remaining"), [(True, ["m.studies"]), (False, [])])
def test_an_interrupt_keeps_the_parts_and_reports_their_path(
    tmp_path: Path, has_parts: bool, remaining: list[str]
) -> None:
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupt(tmp_path / "m", has_parts=has_parts)
    notes = getattr(raised.value, "__notes__", [])
    assert notes == [f"finished work is saved in {tmp_path / name}" for name in remaining]
    assert file_names(tmp_path) == remaining
