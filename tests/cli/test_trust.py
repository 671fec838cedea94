"""Whose model is opened, and which learners are left out of one that is passed on, as their users meet it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from program import QUICK, run

from pdmr_classic import DepressionModel, load_dataset


@pytest.fixture(scope="module")
def folder(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model that was fitted where no record can be kept, and what was told."""
    folder = tmp_path_factory.mktemp("trust")
    (folder / "quick.toml").write_text(QUICK.replace('["linear"]', '["linear", "svm"]'))
    # /proc can be written to by nobody, root included.
    done = run("fit", small_set, "--config", "quick.toml", "--no-training-rows", "--out", "m.joblib", "--jobs", "1",
               cwd=folder, XDG_STATE_HOME="", XDG_CACHE_HOME="", HOME="/proc/nobody")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "stderr.txt").write_text(done.stderr)
    return folder


def test_with_a_home_that_cannot_be_written_to_fit_succeeds_and_tells(folder: Path) -> None:
    told = (folder / "stderr.txt").read_text()
    assert "the model could not be recorded as yours: later runs will open it only with --trust" in told
    assert "/proc/nobody/.local/state/pdmr-classic/models" in told
    assert "Traceback" not in told


def test_a_model_that_is_not_recorded_needs_trust(folder: Path, small_set: Path, tmp_path: Path) -> None:
    asked = ("predict", small_set, "--model", folder / "m.joblib", "--out", tmp_path / "r.jsonl", "--jobs", "1")
    done = run(*asked)
    assert done.returncode == 4
    assert "the model was not made on this account and was not opened" in done.stderr
    assert "pass --trust" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    trusted = run(*asked, "--trust")
    assert trusted.returncode == 0, trusted.stderr
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == len(load_dataset(small_set / "test"))


def test_trust_does_not_open_what_was_tampered_with(folder: Path, small_set: Path, tmp_path: Path) -> None:
    for suffix in (".joblib", ".json"):
        shutil.copy(folder / f"m{suffix}", tmp_path)
    with (tmp_path / "m.joblib").open("ab") as file:
        file.write(b"\0")
    done = run("predict", small_set, "--model", tmp_path / "m.joblib", "--out", tmp_path / "r.jsonl", "--trust")
    assert done.returncode == 4
    assert "does not match its manifest and was not opened" in done.stderr


def test_learners_that_keep_training_rows_are_left_out(folder: Path) -> None:
    manifest = json.loads((folder / "m.json").read_text())
    assert manifest["contains_training_rows"] is False
    assert {member["learner"] for member in manifest["base_learners"]} == {"linear"}
    assert manifest["settings"]["learning"]["training_rows"] is False
    assert manifest["settings"]["learning"]["learners"] == ["linear", "svm"]


def test_leaving_every_learner_out_is_wrong_usage(small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "svm.toml").write_text('[learning]\nlearners = ["svm"]\n')
    done = run("fit", small_set, "--config", "svm.toml", "--no-training-rows", "--out", "m.joblib", cwd=tmp_path)
    assert done.returncode == 2
    assert "--no-training-rows leaves no learner to train" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["svm.toml"]


def test_the_frame_rate_is_of_one_prediction_and_not_of_the_model(
    folder: Path, small_set: Path, tmp_path: Path
) -> None:
    model = DepressionModel.load(folder / "m.joblib", trust=True)
    (tmp_path / "video").mkdir()
    for path in (small_set / "test/video").iterdir():
        lines = [line.split(",") for line in path.read_text().splitlines()]
        place = [name.strip() for name in lines[0]].index("timestamp")
        rows = [",".join(cell for k, cell in enumerate(line) if k != place) for line in lines]
        (tmp_path / "video" / path.name).write_text("\n".join(rows) + "\n")
    data, before = load_dataset(tmp_path), model.settings
    as_trained, slow = model.predict(data), model.predict(data, fps=10.0)
    assert model.settings == before
    assert model.predict(data).equals(as_trained)
    assert model.predict(data, fps=30.0).equals(as_trained)
    assert not slow["probability"].equals(as_trained["probability"])
