"""`pdmr-classic embed` as users run it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from audio.sounds import write_sounds
from program import invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_sounds(tmp_path / "train_wavs", "001 002 003")
    write_sounds(tmp_path / "test_wavs", "101 102", seed=10)
    return tmp_path


def test_embed_prints_what_it_wrote_and_uses_the_codebook_again(folder: Path) -> None:
    first = invoke("embed", "train_wavs", "--out", "train/audio", "--jobs", "1", cwd=folder)
    assert first.exit_code == 0, first.output
    assert "3 vectors from 0.1 minutes of sound" in first.stdout
    assert "audio_codebook.npz (fitted on these recordings)" in first.stdout
    assert "silence was removed" in first.stderr
    second = invoke("embed", "test_wavs", "--out", "test/audio", "--jobs", "1", "--json", cwd=folder)
    summary = json.loads(second.stdout)
    assert summary["recordings"] == 2
    assert summary["fitted"] is False
    assert summary["skipped"] == []
    assert [finding["code"] for finding in summary["findings"]] == ["silence"]
    checked = invoke("check", ".", "--json", "--jobs", "1", cwd=folder)
    assert checked.exit_code == 0, checked.output


def test_embed_refuses_test_recordings_without_a_codebook(folder: Path) -> None:
    result = invoke("embed", "test_wavs", "--out", "test/audio", cwd=folder)
    assert result.exit_code == 2
    assert "must not be fitted on test recordings" in result.stderr


def test_embed_lists_bad_files_and_skips_them_on_request(folder: Path) -> None:
    (folder / "train_wavs/000.wav").touch()
    result = invoke("embed", "train_wavs", "--out", "train/audio", "--jobs", "1", cwd=folder)
    assert result.exit_code == 3
    assert "the file is empty" in result.stderr
    assert not (folder / "train").exists()
    result = invoke("embed", "train_wavs", "--out", "train/audio", "--jobs", "1", "--skip-bad", cwd=folder)
    assert result.exit_code == 0
    assert "1 skipped" in result.stdout


def test_the_commands_of_the_page_on_formats_work(folder: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ pdmr-classic (.*SOUND.*)$", page, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["embed", "embed", "check"]
    (folder / "SOUND").mkdir()
    for name in ("train_wavs", "test_wavs"):
        (folder / name).rename(folder / "SOUND" / name)
    for command in commands:
        result = invoke(*shlex.split(command), "--jobs", "1", cwd=folder)
        assert result.exit_code == 0, result.output
    assert "768 values" in result.stdout
