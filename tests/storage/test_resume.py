"""What is finished is on the disk, whole lines only, and one run at a time goes on with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pdmr_classic.errors import ConfigError, TargetError
from pdmr_classic.storage.resume import Journal, in_progress, open_journal, other_work


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.mark.parametrize(
    ("text", "kept", "lines"),
    [(b"", b"", []), (b"[1", b"", []), (b"[1]\n2\n[3", b"[1]\n2\n", [[1], 2]), (b"[1]\n", b"[1]\n", [[1]])],
)
def test_a_line_that_was_not_written_to_its_end_is_cut_off(
    path: Path, text: bytes, kept: bytes, lines: list[object]
) -> None:
    path.write_bytes(text)
    assert Journal(path).lines == lines
    assert path.read_bytes() == kept


def test_a_missing_journal_is_made(path: Path) -> None:
    assert Journal(path).lines == []
    assert names(path.parent) == ["journal"]


def test_lines_are_on_the_disk_when_append_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path)
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(path.read_bytes()), fsync(descriptor)))
    journal.append({"a": 1}, {"b": 2})
    assert synced == [path.read_bytes()] == [b'{"a":1}\n{"b":2}\n']


def test_this_run_sees_the_lines_as_a_later_run_will(path: Path) -> None:
    path.write_text('{"first": 0.1}\n')
    journal = Journal(path)
    journal.append({1: (0.1 + 0.2, None)}, "é\n")
    assert journal.lines == Journal(path).lines == [{"first": 0.1}, {"1": [0.1 + 0.2, None]}, "é\n"]


def test_what_is_no_journal_is_told_and_left_alone(path: Path) -> None:
    path.write_text("my notes\n")
    with open_journal(path) as journal, pytest.raises(ValueError, match="Expecting value"):
        journal.lines  # noqa: B018
    assert path.read_text() == "my notes\n"


def test_a_full_disk_is_a_target_error_and_the_line_does_not_count(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    journal = Journal(path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TargetError, match="No space left on device"):
        journal.append(1)
    assert journal.lines == []


def test_a_journal_is_held_by_one_run_and_stays(path: Path) -> None:
    with open_journal(path), pytest.raises(TargetError, match="another run works on this target") as caught:
        open_journal(path).__enter__()
    assert caught.value.finding.code == "in-use"
    assert names(path.parent) == ["journal"]


def test_work_on_other_data_is_refused_with_what_to_do_about_it(path: Path) -> None:
    error = other_work(path, "fit", "studies")
    assert isinstance(error, ConfigError)
    assert (error.exit_code, error.finding.code, error.finding.file) == (2, "error", path)
    assert "an unfinished fit with other data or settings left its studies here" in str(error)


# ------------------------------------------------------------------------------------------- beside a target


def test_parts_go_once_the_target_is_written(tmp_path: Path) -> None:
    target = tmp_path / "new" / "m.joblib"
    with in_progress(target, ".studies") as parts:
        parts.write_text("1\n")
        target.write_text("done")
        assert names(target.parent) == ["m.joblib", "m.joblib.lock", "m.joblib.studies"]
    assert names(target.parent) == ["m.joblib"]


def interrupted(target: Path, *, finished: bool) -> None:
    with in_progress(target, ".studies") as parts:
        if finished:
            parts.touch()
        raise KeyboardInterrupt


@pytest.mark.parametrize(("finished", "left"), [(True, ["m.studies"]), (False, [])])
def test_an_interrupt_leaves_the_parts_and_says_where_if_there_are_any(
    tmp_path: Path, finished: bool, left: list[str]
) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted(tmp_path / "m", finished=finished)
    notes = getattr(caught.value, "__notes__", [])
    assert notes == [f"what is finished is kept in {tmp_path / name}" for name in left]
    assert names(tmp_path) == left
