"""The check for overlap with the training set, and `--groups infer`, as users run them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from program import QUICK, Result, invoke


@pytest.fixture
def leaky(small_set: Path, fitted_file: Path, tmp_path: Path) -> Path:
    """Return a folder with a model and its set, whose test/ contains a training recording under another name."""
    for path in fitted_file.parent.iterdir():
        shutil.copy(path, tmp_path)
    shutil.copytree(small_set, tmp_path / "data")
    source = sorted((tmp_path / "data/train/video").iterdir())[0]
    shutil.copy(source, tmp_path / "data/test/video/zz.csv")
    return tmp_path


def predict(leaky: Path, *options: str) -> Result:
    return invoke("predict", "data", "--model", "small.joblib", "--out", "results.jsonl", *options, cwd=leaky)


def test_predict_refuses_a_training_recording_and_writes_nothing(leaky: Path) -> None:
    before = {path.name for path in leaky.iterdir()}
    result = predict(leaky)
    assert result.exit_code == 3
    assert "1 recording is also in the training set" in result.stderr
    assert "'zz' (video: same content as" in result.stderr
    assert "--allow-overlap" in result.stderr
    assert "Traceback" not in result.stderr
    assert {path.name for path in leaky.iterdir()} == before


def test_a_training_recording_is_refused_without_a_train_folder(leaky: Path) -> None:
    shutil.rmtree(leaky / "data" / "train")
    result = predict(leaky)
    assert result.exit_code == 3
    assert "'zz' (video: same content)" in result.stderr


def test_allowed_overlap_is_reported_and_written_to_the_notes(leaky: Path) -> None:
    result = predict(leaky, "--allow-overlap")
    assert result.exit_code == 0, result.stderr
    assert "note: 1 recording is also in the training set" in result.stderr
    lines = [json.loads(line) for line in (leaky / "results.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [["data_id", "status"]] * len(lines)
    notes = json.loads((leaky / "results.notes.json").read_text())
    assert notes["schema"] == "pdmr-classic/notes/3"
    assert [note["data_id"] for note in notes["overlap"]] == ["zz"]


def test_no_notes_are_written_without_overlap(leaky: Path) -> None:
    (leaky / "data/test/video/zz.csv").unlink()
    result = predict(leaky)
    assert result.exit_code == 0, result.stderr
    assert not (leaky / "results.notes.json").exists()


def test_an_unreadable_train_folder_is_reported_because_near_copies_are_not_detected(leaky: Path) -> None:
    (leaky / "data/test/video/zz.csv").unlink()
    audio = sorted((leaky / "data/train/audio").iterdir())[0]
    rounded = ",".join(f"{float(value):.4f}" for value in audio.read_text().split(","))
    (leaky / "data/test/audio/near.csv").write_text(rounded + "\n")
    refused = predict(leaky)
    assert refused.exit_code == 3
    assert f"'near' (audio: near-identical to '{audio.stem}')" in refused.stderr
    shutil.rmtree(leaky / "data/train")
    (leaky / "data/train").mkdir()
    passed = predict(leaky, "--json")
    assert passed.exit_code == 0, passed.stderr
    (finding,) = [note for note in json.loads(passed.stdout)["findings"] if note["code"] == "train-unread"]
    assert finding["file"] == str(leaky / "data/train")
    assert finding["found"] == "there are no recordings in this folder (an empty folder)"
    assert "note: train/ cannot be read" in predict(leaky).stderr


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "out"), [("fit", "mine.joblib"), ("evaluate", "mine.json")])
def test_inferred_groups_are_reported_and_written_and_can_be_passed_back(
    small_set: Path, tmp_path: Path, verb: str, out: str
) -> None:
    shutil.copytree(small_set / "train", tmp_path / "train")
    labels = tmp_path / "train" / "labels.csv"
    pd.read_csv(labels, dtype=str).drop(columns="subject_id").to_csv(labels, index=False)
    (tmp_path / "quick.toml").write_text(QUICK)
    options = ["--config", "quick.toml", "--out", out, "--jobs", "1"]
    if verb == "evaluate":
        options += ["--folds", "2", "--repeats", "1", "--no-stress"]
    result = invoke(verb, "train", "--groups", "infer", *options, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "subjects are proposed" in result.stderr or "no subjects could be inferred" in result.stderr
    table = pd.read_csv(tmp_path / "mine.groups.csv", dtype=str)
    assert list(table.columns) == ["data_id", "subject_id"]
    assert len(table) == len(pd.read_csv(labels))
    again = invoke(verb, "train", "--groups", "mine.groups.csv", *options, cwd=tmp_path)
    assert again.exit_code == 0, again.stderr
    assert "proposed" not in again.stderr
    table.assign(subject_id="S1").to_csv(tmp_path / "mine.groups.csv", index=False)
    refused = invoke(verb, "train", "--groups", "infer", *options, cwd=tmp_path)
    assert refused.exit_code == 5
    assert "it may have been edited by hand\n  where:    mine.groups.csv\n" in refused.stderr
