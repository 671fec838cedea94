"""A model and its manifest change together: after a killed save, the old or the new model can be loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pdmr_classic.errors import ArtifactError, TargetError
from pdmr_classic.models.persistence import artifact
from pdmr_classic.models.persistence.artifact import load_artifact, manifest_path, save_artifact
from pdmr_classic.storage import atomic

_SAVE_SCRIPT = """
import os, sys
from pathlib import Path
from warm import Changes
from test_pair import save
folder, index = Path(sys.argv[1]), 0
while True:
    index += 1
    path = folder / str(index) / "m.joblib"
    if sys.argv[2] == "old":
        save({"age": "old"}, path)
    path.parent.mkdir(exist_ok=True)
    pid = os.fork()
    if pid == 0:
        Changes(os.devnull, "any", index).watch()
        save({"age": "new"}, path)
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        break
"""


def save(model: dict[str, str], path: Path) -> Path:
    return save_artifact(model, path, {"features": ["video__c__mean"], **model})


def read_age(path: Path) -> str:
    """Return the age of the model that can be loaded, or "nothing" if there is no model."""
    if not path.exists() and not manifest_path(path).exists():
        with pytest.raises(ArtifactError, match=r"does not exist|has no manifest"):
            load_artifact(path)
        return "nothing"
    model, manifest, _ = load_artifact(path)
    assert model["age"] == manifest["age"]
    return str(model["age"])


@pytest.mark.parametrize("before", ["old", "nothing"])
def test_a_save_killed_at_any_change_of_the_disk_leaves_a_matching_pair(tmp_path: Path, before: str) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    subprocess.run([sys.executable, "-c", _SAVE_SCRIPT, str(tmp_path), before], env=environ, check=True)
    ages = []
    folders = sorted(tmp_path.iterdir(), key=lambda folder: int(folder.name))
    for folder in folders:
        path = folder / "m.joblib"
        ages.append(read_age(path))
        save({"age": "newest"}, path)
        assert load_artifact(path)[0] == {"age": "newest"}
        assert sorted(file.name for file in folder.iterdir()) == ["m.joblib", "m.json"]
    n_before = ages.count(before)
    assert ages == [before] * n_before + ["new"] * (len(ages) - n_before), "the pair must change at a single point"
    assert n_before > 3
    assert len(ages) - n_before > 2


def test_a_manifest_that_cannot_be_written_leaves_only_the_old_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save({"age": "old"}, tmp_path / "m.joblib")

    def fail(target: Path, text: str) -> None:
        raise TargetError("the output file cannot be written", file=target)

    with monkeypatch.context() as patch:
        patch.setattr(artifact, "write_text_atomic", fail)
        with pytest.raises(TargetError, match="cannot be written"):
            save({"age": "new"}, path)
    assert load_artifact(path)[0] == {"age": "old"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.joblib", "m.json"]


def test_a_staged_model_is_checked_like_any_other(tmp_path: Path) -> None:
    path = save({"age": "old"}, tmp_path / "m.joblib")
    staged = artifact._staging_path(path, artifact.read_manifest(path)["sha256"])
    staged.write_bytes(b"another file under its name")
    with pytest.raises(ArtifactError, match="does not match its manifest and was not opened"):
        load_artifact(path)


def test_staged_models_of_other_targets_are_not_deleted(tmp_path: Path) -> None:
    other = tmp_path / f".other.{'0' * 16}.joblib"
    other.write_text("of another run")
    save({}, tmp_path / "m.joblib")
    assert other.exists()
    assert manifest_path(tmp_path / "m.joblib").exists()


@pytest.mark.parametrize(("end", "error"), [(KeyboardInterrupt, KeyboardInterrupt), (OSError, TargetError)])
def test_a_save_that_fails_while_syncing_the_manifest_leaves_the_new_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: type[BaseException], error: type[BaseException]
) -> None:
    path = save({"age": "old"}, tmp_path / "m.joblib")
    synced: list[Path] = []

    def sync(folder: Path) -> None:
        synced.append(folder)
        if len(synced) == 2:  # first the staged model, then the manifest
            raise end("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "sync_folder", sync)
        with pytest.raises(error, match="the disk is gone"):
            save({"age": "new"}, path)
    assert read_age(path) == "new"
