from __future__ import annotations

from pathlib import Path

import pytest

from pdmr_classic.config import ReadingSettings
from pdmr_classic.errors import Finding
from pdmr_classic.io.dataset import load_dataset
from pdmr_classic.io.inspection import FileFacts, find_repeated_contents, inspect_files

VIDEO = "timestamp,confidence,AU12_r\n0,0.9,1\n0.04,0.2,1\n0.08,0.9,2\n0.12,0.9,2\n"


class Recorder:
    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []

    def progress(self, stage: str, done: int, total: int) -> None:
        self.steps.append((stage, done, total))

    def note(self, finding: Finding) -> None:
        raise AssertionError(f"unexpected finding while reading: {finding}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for modality, name, text in [
        ("video", "a", VIDEO),
        ("video", "b", "timestamp,AU12_r\n0,1\n0.04,smile\n"),
        ("video", "c", VIDEO),
        ("audio", "a", "1,2,nan\n"),
        ("audio", "b", ""),
    ]:
        path = tmp_path / modality / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def inspect_folder(folder: Path, **options: object) -> list[FileFacts]:
    return inspect_files(load_dataset(folder), ReadingSettings(), **options)  # type: ignore[arg-type]


def test_every_file_is_reported_in_the_order_of_the_recordings(folder: Path) -> None:
    facts = inspect_folder(folder)
    assert [(fact.data_id, fact.modality) for fact in facts] == [
        ("a", "video"),
        ("a", "audio"),
        ("b", "video"),
        ("b", "audio"),
        ("c", "video"),
    ]


def test_facts_of_a_stream_and_a_vector(folder: Path) -> None:
    video, audio, *_ = inspect_folder(folder)
    assert (video.channels, video.n_frames, video.frame_rate_hz, video.coverage) == (("AU12_r",), 4, 25.0, 0.75)
    assert video.duration_s == pytest.approx(0.16)
    assert (audio.width, audio.channels, [finding.code for finding in audio.findings]) == (3, (), ["nan"])
    assert video.error is audio.error is None


def test_an_unreadable_file_does_not_stop_the_inspection(folder: Path) -> None:
    text, empty = (fact.error for fact in inspect_folder(folder) if fact.data_id == "b")
    assert text is not None
    assert (text.code, text.row, text.column) == ("text-in-number-column", 3, "AU12_r")
    assert empty is not None
    assert (empty.code, empty.file) == ("empty", folder / "audio" / "b.csv")


def test_the_settings_define_valid_frames(folder: Path) -> None:
    fact = inspect_files(load_dataset(folder), ReadingSettings(min_confidence=0.1))[0]
    assert fact.coverage == 1.0


def test_progress_ends_at_the_number_of_files(folder: Path) -> None:
    reporter = Recorder()
    inspect_folder(folder, reporter=reporter)
    assert reporter.steps[-1] == ("reading", 5, 5)


def test_nothing_is_changed(folder: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.csv")}
    inspect_folder(folder)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*.csv")}
    assert after == before
    assert {path for path in folder.rglob("*") if path.is_file()} == set(before)


def test_several_workers_give_the_same_facts_in_the_same_order(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    for number in range(40):
        text = "AU12_r\nbad\n" if number == 7 else f"timestamp,AU12_r\n0,1\n0.04,{number}\n"
        (tmp_path / "video" / f"{number:02d}.csv").write_text(text)
    reporter = Recorder()
    facts = inspect_folder(tmp_path, jobs=2, reporter=reporter)
    assert facts == inspect_folder(tmp_path)
    assert [fact.data_id for fact in facts if fact.error] == ["07"]
    assert reporter.steps == [("reading", done, 40) for done in (16, 32, 40)]


def test_workers_resolve_relative_paths_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, frames in (("first", 2), ("then", 3)):
        folder = tmp_path / name / "set" / "video"
        folder.mkdir(parents=True)
        for number in range(40):
            rows = "".join(f"{frame / 25},{number}\n" for frame in range(frames))
            (folder / f"{number:02d}.csv").write_text("timestamp,AU12_r\n" + rows)
        monkeypatch.chdir(tmp_path / name)
        facts = inspect_folder(Path("set"), jobs=2)  # both calls use the same workers
        assert {fact.n_frames for fact in facts} == {frames}
        assert facts[0].path == Path("set/video/00.csv")


def test_signatures_of_streams_are_computed_on_request(folder: Path) -> None:
    assert all(fact.signature is None for fact in inspect_folder(folder) if fact.modality == "video")
    video, audio, unreadable, *_ = inspect_folder(folder, signatures=True)
    assert video.signature is not None
    assert video.signature.tolist() == pytest.approx([5 / 3, 2**0.5 / 3, 1, 2]), "frame 2 is invalid"
    assert audio.signature is not None
    assert audio.signature.tolist()[:2] == [1, 2]
    assert unreadable.signature is None


def test_recordings_with_identical_content_are_reported_once(folder: Path) -> None:
    (finding,) = find_repeated_contents(inspect_folder(folder))
    assert finding.code == "same-content"
    assert (finding.file, finding.found) == (folder / "video" / "a.csv", str(folder / "video" / "c.csv"))


def test_unreadable_files_are_not_copies_of_each_other(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    for name in ("a", "b"):
        (tmp_path / "video" / f"{name}.csv").touch()
    assert find_repeated_contents(inspect_folder(tmp_path)) == []
