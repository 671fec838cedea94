"""Models are code: what was not made on this account is opened on request only, and what was tampered with never."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import pytest

from pdmr_classic import DepressionModel
from pdmr_classic.errors import ArtifactError
from pdmr_classic.models.persistence import _trust
from pdmr_classic.models.persistence._trust import is_recorded, record, record_folder
from pdmr_classic.models.persistence.artifact import load_artifact, manifest_path, read_manifest, save_artifact
from pdmr_classic.progress import CollectingReporter

DIGEST = "ab" * 32
NOT_MADE_HERE = r"not made on this account; it was not opened[^\0]*--trust \(trust=True\)"


class Payload:
    """What a hostile file would hold: unpickling it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand for a process of its own, with an empty record."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(_trust, "_made_here", set())
    return tmp_path / "state/pdmr-classic/models"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Return the file that a payload would write."""
    return tmp_path / "executed"


@pytest.fixture
def forged(fitted_file: Path, tmp_path: Path, mark: Path) -> Path:
    """Return a hostile file beside a manifest that is right in every part."""
    buffer = io.BytesIO()
    joblib.dump(Payload(mark), buffer)
    path = tmp_path / "mine.joblib"
    path.write_bytes(buffer.getvalue())
    manifest = read_manifest(fitted_file) | {"sha256": hashlib.sha256(buffer.getvalue()).hexdigest()}
    manifest_path(path).write_text(json.dumps(manifest))
    return path


def copied(fitted_file: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    shutil.copy(manifest_path(fitted_file), folder / "mine.json")
    return Path(shutil.copy(fitted_file, folder / "mine.joblib"))


# ----------------------------------------------------------------------------------- what is not opened


@pytest.mark.usefixtures("state")
def test_a_foreign_file_under_a_forged_manifest_is_not_opened(forged: Path, mark: Path) -> None:
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        DepressionModel.load(forged)
    assert not mark.exists()


@pytest.mark.usefixtures("state")
def test_the_forged_file_would_run_if_it_were_opened(forged: Path, mark: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no DepressionModel"):
        DepressionModel.load(forged, trust=True)
    assert mark.exists()


def tampered(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def appended(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("spoil", [tampered, truncated, appended])
def test_bytes_that_are_not_those_of_the_manifest_are_never_opened(
    forged: Path, mark: Path, spoil: Callable[[Path], None], trust: bool
) -> None:
    record(read_manifest(forged)["sha256"])
    spoil(forged)
    with pytest.raises(ArtifactError, match="not the one that its manifest describes; it was not opened"):
        DepressionModel.load(forged, trust=trust)
    assert not mark.exists()


@pytest.mark.parametrize("trust", [False, True])
def test_two_models_that_changed_places_are_not_opened(
    fitted_file: Path, forged: Path, mark: Path, trust: bool
) -> None:
    mine = copied(fitted_file, forged.parent / "other")
    mine.rename(forged.with_name("aside"))
    forged.rename(mine)
    forged.with_name("aside").rename(forged)
    for path in (mine, forged):
        with pytest.raises(ArtifactError, match="not the one that its manifest describes"):
            DepressionModel.load(path, trust=trust)
    assert not mark.exists()


@pytest.mark.usefixtures("state")
def test_a_link_to_a_foreign_file_is_a_foreign_file(forged: Path, mark: Path, tmp_path: Path) -> None:
    for suffix in (".joblib", ".json"):
        (tmp_path / "link").with_suffix(suffix).symlink_to(forged.with_suffix(suffix))
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        DepressionModel.load(tmp_path / "link.joblib")
    assert not mark.exists()


def test_the_bytes_that_are_hashed_are_the_bytes_that_are_loaded(
    fitted_file: Path, forged: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes the file between check and load changes nothing."""
    mine = copied(fitted_file, forged.parent / "race")

    def exchanged(digest: str) -> bool:
        forged.replace(mine)
        return True

    monkeypatch.setattr("pdmr_classic.models.persistence.artifact.is_recorded", exchanged)
    assert isinstance(DepressionModel.load(mine), DepressionModel)
    assert not mark.exists()


@pytest.mark.usefixtures("state")
def test_trust_opens_a_model_from_elsewhere_and_records_nothing(fitted_file: Path) -> None:
    assert isinstance(DepressionModel.load(fitted_file, trust=True), DepressionModel)
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        DepressionModel.load(fitted_file)


# ------------------------------------------------------------------------------------------- the record


def test_what_is_saved_is_recorded_for_later_runs_and_for_nobody_else(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_artifact([1], tmp_path / "a.joblib", {"features": ["a"]})
    assert [entry.name for entry in state.iterdir()] == [read_manifest(path)["sha256"]]
    assert state.stat().st_mode & 0o777 == 0o700
    (entry,) = state.iterdir()
    assert (entry.stat().st_mode & 0o777, entry.read_bytes()) == (0o600, b"")
    monkeypatch.setattr(_trust, "_made_here", set())
    assert load_artifact(path)[0] == [1]


def test_a_record_that_others_can_write_to_counts_for_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert record(DIGEST)
    monkeypatch.setattr(_trust, "_made_here", set())
    assert is_recorded(DIGEST)
    state.chmod(0o777)
    assert not is_recorded(DIGEST)
    assert not record(DIGEST)


def test_a_record_of_somebody_else_counts_for_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(DIGEST)
    monkeypatch.setattr(_trust, "_made_here", set())
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not is_recorded(DIGEST)


def test_a_dangling_link_is_no_record(state: Path) -> None:
    state.mkdir(parents=True, mode=0o700)
    (state / DIGEST).symlink_to(state / "nowhere")
    assert not is_recorded(DIGEST)


def test_many_runs_record_at_once(state: Path) -> None:
    digests = [hashlib.sha256(bytes([place])).hexdigest() for place in range(50)] * 4
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(record, digests))
    assert {entry.name for entry in state.iterdir()} == set(digests)


def test_a_relative_state_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a folder beside somebody's data, and hold whatever they put there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert record_folder() == tmp_path / "home/.local/state/pdmr-classic/models"


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("place", ["no home", "a file", "a device"])
def test_without_a_place_for_the_record_a_model_is_saved_and_it_is_told(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place == "no home":
        monkeypatch.delenv("XDG_STATE_HOME")
        monkeypatch.setattr(Path, "home", no_home)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_STATE_HOME", {"a file": str(tmp_path / "file"), "a device": "/dev/null"}[place])
    told = CollectingReporter()
    path = save_artifact([1], tmp_path / "a.joblib", {"features": ["a"]}, reporter=told)
    assert [finding.code for finding in told.findings] == ["not-recorded"]
    assert "--trust" in told.findings[0].what
    assert load_artifact(path)[0] == [1], "the same process knows what it made"
    monkeypatch.setattr(_trust, "_made_here", set())
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        load_artifact(path)
    assert load_artifact(path, trust=True)[0] == [1]
