"""Data in other places and under other names, from `fit` to `score`: patterns, lists of ids, label columns, notes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from program import TINY, Result, invoke

from pdmr_classic import load_dataset


def run(folder: Path, *args: object) -> Result:
    result = invoke(*map(str, args), "--jobs", "1", cwd=folder)
    assert result.exit_code == 0, result.output
    return result


def read_ids(results: Path) -> list[str]:
    return [json.loads(line)["data_id"] for line in results.read_text().splitlines()]


@pytest.fixture
def predict(small_set: Path, fitted_file: Path, tmp_path: Path) -> Any:
    def predict(*options: object, data: Path = small_set, code: int = 0) -> Result:
        result = invoke(
            *("predict", data, "--model", fitted_file, "--out", "r.jsonl", "--jobs", "1", *map(str, options)),
            cwd=tmp_path,
        )
        assert result.exit_code == code, result.output
        return result

    return predict


# ------------------------------------------------------------------------------------------- predict


def test_the_recordings_of_a_list_are_predicted(predict: Any, small_set: Path, tmp_path: Path) -> None:
    ids = load_dataset(small_set, split="test").data_ids
    (tmp_path / "ids.txt").write_text("\n".join(reversed(ids[2:5])))
    predict("--ids", "ids.txt")
    assert read_ids(tmp_path / "r.jsonl") == ids[2:5]
    pd.DataFrame({"Participant_ID": ids[:2], "PHQ8_Score": [3, 12]}).to_csv(tmp_path / "test_split.csv", index=False)
    predict("--labels", "test_split.csv")
    assert read_ids(tmp_path / "r.jsonl") == ids[:2]
    pd.DataFrame({"id": ["x", "y"], "code": ids[3:5]}).to_csv(tmp_path / "own.csv", index=False)
    predict("--labels", "own.csv", "--id-column", "code")
    assert read_ids(tmp_path / "r.jsonl") == ids[3:5]


def test_ids_without_a_recording_are_refused_or_noted(predict: Any, small_set: Path, tmp_path: Path) -> None:
    first = load_dataset(small_set, split="test").data_ids[0]
    (tmp_path / "ids.txt").write_text(f"{first}\nnobody\n")
    assert "1 of 2 ids has no recording" in predict("--ids", "ids.txt", code=3).stderr
    assert not (tmp_path / "r.jsonl").exists()
    result = predict("--ids", "ids.txt", "--skip-bad")
    assert "1 of 2 ids has no recording" in result.stderr
    assert "Skipped, without a recording: 1" in result.stdout
    assert json.loads((tmp_path / "r.notes.json").read_text())["ids_without_recording"] == ["nobody"]


def test_subjects_to_pool_are_read_from_the_table_of_the_recordings(
    predict: Any, small_set: Path, tmp_path: Path
) -> None:
    ids = load_dataset(small_set, split="test").data_ids
    pd.DataFrame({"data_id": ids, "subject_id": ["one", "two"] * 4}).to_csv(tmp_path / "mine.csv", index=False)
    report = json.loads(predict("--labels", "mine.csv", "--pool-subjects", "--json").stdout)
    assert report["n_subjects"] == 2


def test_files_in_another_arrangement_give_the_same_predictions(predict: Any, small_set: Path, tmp_path: Path) -> None:
    predict("--proba")
    expected = (tmp_path / "r.jsonl").read_text()
    for modality, name in (("video", "{}_face.csv"), ("audio", "{}_voice.csv")):
        for path in (small_set / "test" / modality).iterdir():
            target = tmp_path / "other" / path.stem / name.format(path.stem)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    patterns = ("--video-pattern", "{id}/{id}_face.csv", "--audio-pattern", "{id}/{id}_voice.csv")
    predict("--proba", *patterns, data=tmp_path / "other")
    assert (tmp_path / "r.jsonl").read_text() == expected


def test_a_given_frame_rate_needs_no_hint_to_give_it(predict: Any, small_set: Path, tmp_path: Path) -> None:
    shutil.copytree(small_set / "test", tmp_path / "test")
    for path in (tmp_path / "test/video").iterdir():
        pd.read_csv(path, dtype=str).rename(columns=str.strip).drop(columns="timestamp").to_csv(path, index=False)
    assert "pass --fps" in predict(data=tmp_path / "test").stderr
    assert "pass --fps" not in predict("--fps", "30", data=tmp_path / "test").stderr


# --------------------------------------------------------------------------------------------- score


@pytest.fixture
def renamed(small_set: Path, tmp_path: Path) -> Path:
    """Return a copy of the set with labels of other names in columns of other names."""
    shutil.copytree(small_set, tmp_path / "data")
    for split in ("train", "test"):
        labels = pd.read_csv(small_set / split / "labels.csv", dtype=str)
        table = labels.assign(status=labels["status"].map({"Depression": "1", "Normal": "0"}))
        table = table.rename(columns={"data_id": "code", "status": "group"})
        table.to_csv(tmp_path / "data" / split / "labels.csv", index=False)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def test_score_remembers_the_positive_class_of_fit(renamed: Path) -> None:
    columns = ("--id-column", "code", "--label-column", "group", "--map", "0=HC,1=PD")
    run(renamed, "fit", "data", "--config", "tiny.toml", *columns, "--positive", "PD", "--out", "m.joblib")
    run(renamed, "predict", "data", "--model", "m.joblib", "--out", "r.jsonl")
    notes = json.loads((renamed / "r.notes.json").read_text())
    assert (notes["positive"], set(notes)) == ("PD", {"schema", "positive", "threshold", "model_sha256", "seed"})
    scored = invoke("score", "r.jsonl", "data/test/labels.csv", *columns, cwd=renamed)
    assert "F1 of PD" in scored.stdout
    assert "F1 is that of 'PD', the model's positive class" in scored.stderr
    other = invoke("score", "r.jsonl", "data/test/labels.csv", *columns, "--positive", "HC", cwd=renamed)
    assert "F1 of HC" in other.stdout
    assert "the model's positive class is 'PD'" in other.stderr


def test_scores_of_training_recordings_carry_a_warning(predict: Any, small_set: Path, tmp_path: Path) -> None:
    assert "! 16 recordings are also in the training set" in predict("--allow-overlap", data=small_set / "train").stdout
    labels = small_set / "train/labels.csv"
    assert "! 16 recordings were in the training data" in invoke("score", "r.jsonl", labels, cwd=tmp_path).stdout
    report = json.loads(invoke("score", "r.jsonl", labels, "--json", cwd=tmp_path).stdout)
    assert report["overlap"] == 16
    assert report["warnings"][0]["code"] == "scored-overlap"


# ------------------------------------------------------------------------------------------- extract


def test_extract_writes_labels_beside_the_features(renamed: Path) -> None:
    columns = ("--id-column", "code", "--label-column", "group", "--map", "0=Normal,1=Depression")
    result = run(renamed, "extract", "data/test", "--out", "f.csv", "--with-labels", *columns)
    assert "label__status" in result.stdout
    table = pd.read_csv(renamed / "f.csv", dtype=str)
    assert table.columns[0] == "data_id"
    assert set(table["label__status"]) == {"Normal", "Depression"}
    assert table["label__subject_id"].nunique() == 4
    run(renamed, "extract", "data/test", "--out", "f.parquet", *columns)
    plain = pd.read_parquet(renamed / "f.parquet")
    assert [name for name in plain if name.startswith("label")] == []
    features = plain.columns[1:]
    # Converted from text, because pandas before 3 reads numbers with an error in the last digit.
    numbers = table[features].astype(float).to_numpy()
    assert (numbers == plain[features].to_numpy())[plain[features].notna().to_numpy()].all()
