"""Which models are opened, and which learners are left out of a model to be shared, as users see it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from program import QUICK, run

from pdmr_classic import DepressionModel, load_dataset


@pytest.fixture(scope="module")
def folder(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model that could not be recorded as trusted, and the messages of the fit."""
    folder = tmp_path_factory.mktemp("trust")
    (folder / "quick.toml").write_text(QUICK.replace('["linear"]', '["linear", "svm"]'))
    # Even root cannot write to /proc.
    result = run("fit", small_set, "--config", "quick.toml", "--no-training-rows", "--out", "m.joblib", "--jobs", "1",
               cwd=folder, XDG_STATE_HOME="", XDG_CACHE_HOME="", HOME="/proc/nobody")  # fmt: skip
    assert result.returncode == 0, result.stderr
    (folder / "stderr.txt").write_text(result.stderr)
    return folder


def test_fit_succeeds_with_a_warning_if_home_is_not_writable(folder: Path) -> None:
    messages = (folder / "stderr.txt").read_text()
    assert "could not record that you trained this model; predict will need --trust to open it" in messages
    assert "/proc/nobody/.local/state/pdmr-classic/models" in messages
    assert "Traceback" not in messages


@pytest.mark.slow
def test_an_unrecorded_model_requires_trust(folder: Path, small_set: Path, tmp_path: Path) -> None:
    command = ("predict", small_set, "--model", folder / "m.joblib", "--out", tmp_path / "r.jsonl", "--jobs", "1")
    result = run(*command)
    assert result.returncode == 4
    assert "the model was not trained under this account and was not opened" in result.stderr
    assert "pass --trust" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []
    trusted = run(*command, "--trust")
    assert trusted.returncode == 0, trusted.stderr
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == len(load_dataset(small_set / "test"))


def test_trust_does_not_open_a_modified_model(folder: Path, small_set: Path, tmp_path: Path) -> None:
    for suffix in (".joblib", ".json"):
        shutil.copy(folder / f"m{suffix}", tmp_path)
    with (tmp_path / "m.joblib").open("ab") as file:
        file.write(b"\0")
    result = run("predict", small_set, "--model", tmp_path / "m.joblib", "--out", tmp_path / "r.jsonl", "--trust")
    assert result.returncode == 4
    assert "does not match its manifest and was not opened" in result.stderr


def test_learners_that_store_training_rows_are_left_out(folder: Path) -> None:
    manifest = json.loads((folder / "m.json").read_text())
    assert manifest["contains_training_rows"] is False
    assert {member["learner"] for member in manifest["base_learners"]} == {"linear"}
    assert manifest["settings"]["learning"]["training_rows"] is False
    assert manifest["settings"]["learning"]["learners"] == ["linear", "svm"]


def test_leaving_out_every_learner_is_a_usage_error(small_set: Path, tmp_path: Path) -> None:
    (tmp_path / "svm.toml").write_text('[learning]\nlearners = ["svm"]\n')
    result = run("fit", small_set, "--config", "svm.toml", "--no-training-rows", "--out", "m.joblib", cwd=tmp_path)
    assert result.returncode == 2
    assert "--no-training-rows leaves no learner to train" in result.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["svm.toml"]


def test_the_frame_rate_of_a_prediction_does_not_change_the_model(
    folder: Path, small_set: Path, tmp_path: Path
) -> None:
    model = DepressionModel.load(folder / "m.joblib", trust=True)
    (tmp_path / "video").mkdir()
    for path in (small_set / "test/video").iterdir():
        lines = [line.split(",") for line in path.read_text().splitlines()]
        column = [name.strip() for name in lines[0]].index("timestamp")
        rows = [",".join(cell for k, cell in enumerate(line) if k != column) for line in lines]
        (tmp_path / "video" / path.name).write_text("\n".join(rows) + "\n")
    data, before = load_dataset(tmp_path), model.settings
    as_trained, slower = model.predict(data), model.predict(data, fps=10.0, allow_mismatch=True)
    assert model.settings == before
    assert model.predict(data).equals(as_trained)
    assert model.predict(data, fps=30.0).equals(as_trained)
    assert not slower["probability"].equals(as_trained["probability"])
