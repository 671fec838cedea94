"""Models made elsewhere are opened only on request, and modified model files are never opened."""

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
from pdmr_classic.models.persistence._trust import is_recorded, record_digest, record_folder
from pdmr_classic.models.persistence.artifact import load_artifact, manifest_path, read_manifest, save_artifact
from pdmr_classic.progress import CollectingReporter

DIGEST = "ab" * 32
NOT_MADE_HERE = r"not trained under this account and was not opened[^\0]*--trust \(trust=True\)"


class Payload:
    """Content of a malicious file: unpickling it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Simulate a new process with an empty record."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(_trust, "_session_digests", set())
    return tmp_path / "state/pdmr-classic/models"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Return the file that a payload would write."""
    return tmp_path / "executed"


@pytest.fixture
def forged(fitted_file: Path, tmp_path: Path, mark: Path) -> Path:
    """Return a malicious file with a manifest that is valid in every part."""
    buffer = io.BytesIO()
    joblib.dump(Payload(mark), buffer)
    path = tmp_path / "mine.joblib"
    path.write_bytes(buffer.getvalue())
    manifest = read_manifest(fitted_file) | {"sha256": hashlib.sha256(buffer.getvalue()).hexdigest()}
    manifest_path(path).write_text(json.dumps(manifest))
    return path


def copy_model(fitted_file: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    shutil.copy(manifest_path(fitted_file), folder / "mine.json")
    return Path(shutil.copy(fitted_file, folder / "mine.joblib"))


# ------------------------------------------------------------------------------------------- refusals


@pytest.mark.usefixtures("state")
def test_a_foreign_file_with_a_forged_manifest_is_not_opened(forged: Path, mark: Path) -> None:
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        DepressionModel.load(forged)
    assert not mark.exists()


@pytest.mark.usefixtures("state")
def test_the_forged_file_would_run_if_it_were_opened(forged: Path, mark: Path) -> None:
    with pytest.raises(ArtifactError, match="does not contain a DepressionModel"):
        DepressionModel.load(forged, trust=True)
    assert mark.exists()


def flip_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def append_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("corrupt", [flip_bit, truncate, append_byte])
def test_a_file_that_does_not_match_its_manifest_is_never_opened(
    forged: Path, mark: Path, corrupt: Callable[[Path], None], trust: bool
) -> None:
    record_digest(read_manifest(forged)["sha256"])
    corrupt(forged)
    with pytest.raises(ArtifactError, match="does not match its manifest and was not opened"):
        DepressionModel.load(forged, trust=trust)
    assert not mark.exists()


@pytest.mark.parametrize("trust", [False, True])
def test_swapped_models_are_not_opened(fitted_file: Path, forged: Path, mark: Path, trust: bool) -> None:
    mine = copy_model(fitted_file, forged.parent / "other")
    mine.rename(forged.with_name("aside"))
    forged.rename(mine)
    forged.with_name("aside").rename(forged)
    for path in (mine, forged):
        with pytest.raises(ArtifactError, match="does not match its manifest"):
            DepressionModel.load(path, trust=trust)
    assert not mark.exists()


@pytest.mark.usefixtures("state")
def test_a_link_to_a_foreign_file_is_not_opened(forged: Path, mark: Path, tmp_path: Path) -> None:
    for suffix in (".joblib", ".json"):
        (tmp_path / "link").with_suffix(suffix).symlink_to(forged.with_suffix(suffix))
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        DepressionModel.load(tmp_path / "link.joblib")
    assert not mark.exists()


def test_the_hashed_bytes_are_the_loaded_bytes(
    fitted_file: Path, forged: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replacing the file between check and load has no effect."""
    mine = copy_model(fitted_file, forged.parent / "race")

    def swap_file(digest: str) -> bool:
        forged.replace(mine)
        return True

    monkeypatch.setattr("pdmr_classic.models.persistence.artifact.is_recorded", swap_file)
    assert isinstance(DepressionModel.load(mine), DepressionModel)
    assert not mark.exists()


@pytest.mark.usefixtures("state")
def test_trust_opens_a_foreign_model_without_recording_it(fitted_file: Path) -> None:
    assert isinstance(DepressionModel.load(fitted_file, trust=True), DepressionModel)
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        DepressionModel.load(fitted_file)


# ------------------------------------------------------------------------------------------- the record


def test_a_saved_model_is_recorded_for_later_runs_and_only_for_this_user(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_artifact([1], tmp_path / "a.joblib", {"features": ["a"]})
    assert [entry.name for entry in state.iterdir()] == [read_manifest(path)["sha256"]]
    assert state.stat().st_mode & 0o777 == 0o700
    (entry,) = state.iterdir()
    assert (entry.stat().st_mode & 0o777, entry.read_bytes()) == (0o600, b"")
    monkeypatch.setattr(_trust, "_session_digests", set())
    assert load_artifact(path)[0] == [1]


def test_a_record_that_others_can_write_to_is_ignored(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert record_digest(DIGEST)
    monkeypatch.setattr(_trust, "_session_digests", set())
    assert is_recorded(DIGEST)
    state.chmod(0o777)
    assert not is_recorded(DIGEST)
    assert not record_digest(DIGEST)


def test_a_record_owned_by_another_user_is_ignored(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_digest(DIGEST)
    monkeypatch.setattr(_trust, "_session_digests", set())
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not is_recorded(DIGEST)


def test_a_dangling_link_is_not_a_record(state: Path) -> None:
    state.mkdir(parents=True, mode=0o700)
    (state / DIGEST).symlink_to(state / "nowhere")
    assert not is_recorded(DIGEST)


def test_concurrent_runs_can_record(state: Path) -> None:
    digests = [hashlib.sha256(bytes([place])).hexdigest() for place in range(50)] * 4
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(record_digest, digests))
    assert {entry.name for entry in state.iterdir()} == set(digests)


def test_a_relative_state_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder would be next to someone's data, and others could write to it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert record_folder() == tmp_path / "home/.local/state/pdmr-classic/models"


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("place", ["no home", "a file", "a device"])
def test_without_a_writable_record_a_model_is_saved_with_a_note(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    if place == "no home":
        monkeypatch.delenv("XDG_STATE_HOME")
        monkeypatch.setattr(Path, "home", no_home)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_STATE_HOME", {"a file": str(tmp_path / "file"), "a device": "/dev/null"}[place])
    reporter = CollectingReporter()
    path = save_artifact([1], tmp_path / "a.joblib", {"features": ["a"]}, reporter=reporter)
    assert [finding.code for finding in reporter.findings] == ["not-recorded"]
    assert "--trust" in reporter.findings[0].what
    assert load_artifact(path)[0] == [1], "the same process trusts the models that it made"
    monkeypatch.setattr(_trust, "_session_digests", set())
    with pytest.raises(ArtifactError, match=NOT_MADE_HERE):
        load_artifact(path)
    assert load_artifact(path, trust=True)[0] == [1]
