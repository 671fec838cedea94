"""Invalid calls, missing models and unwritable output: one error message, and nothing is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from program import invoke

USAGE, DATA, MODEL, TARGET = 2, 3, 4, 5


def snapshot_folder(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and modification time of every file and folder."""
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def expect_error(*args: str | Path, cwd: Path, code: int) -> str:
    """Run the program, expect one error message and no other output, and return the message."""
    before = snapshot_folder(cwd)
    result = invoke(*args, cwd=cwd)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.lower().count("error") == 1, result.stderr
    assert snapshot_folder(cwd) == before, "nothing may be written or changed"
    return result.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with ten subjects in train/ and two in test/, each with one video and one audio file."""
    rng = np.random.default_rng(0)
    header = ",".join(["frame", "timestamp", "confidence", "success", "AU01_r", "AU12_r"])
    for split, n in (("train", 10), ("test", 2)):
        for kind in ("video", "audio"):
            (tmp_path / split / kind).mkdir(parents=True)
        for number in range(n):
            rows = [f"{t + 1},{t / 30:.3f},0.98,1,{a:.2f},{b:.2f}" for t, (a, b) in enumerate(rng.random((60, 2)))]
            (tmp_path / split / "video" / f"{number:03d}.csv").write_text("\n".join([header, *rows]) + "\n")
            vector = ",".join(f"{value:.4f}" for value in rng.normal(size=16))
            (tmp_path / split / "audio" / f"{number:03d}.csv").write_text(vector + "\n")
    write_labels(tmp_path, ["Depression", "Normal"] * 5)
    return tmp_path


def write_labels(data: Path, status: list[str], subjects: list[str] | None = None) -> None:
    ids = [f"{number:03d}" for number in range(len(status))]
    table = pd.DataFrame({"data_id": ids, "status": status, "subject_id": subjects or [f"S{i}" for i in ids]})
    table.to_csv(data / "train" / "labels.csv", index=False)


# ------------------------------------------------------------------------------------------- usage: 2


@pytest.mark.parametrize(
    ("args", "fragment"),
    [
        (("fit", "--trails", "3"), "--trails"),
        (("fit", "--trials", "many"), "--trials"),
        (("fit", "--jobs", "0"), "--jobs"),
        (("train",), "train"),
        (("score", "results.jsonl"), "LABELS"),
    ],
)
def test_wrong_usage_is_reported(tmp_path: Path, args: tuple[str, ...], fragment: str) -> None:
    assert fragment in expect_error(*args, cwd=tmp_path, code=USAGE)


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (("--positive", "Sad"), ("--positive must be one of the classes", "Depression or Normal", "'Sad'")),
        (("--groups", "person"), ("--groups names a column that is not in the label table", "subject_id", "'person'")),
        (("--groups", "re:(S"), ("the --groups pattern is not a valid regular expression",)),
        (("--trials", "0"), ("the setting", "learning.trials")),
        (("--timeout", "-1"), ("the setting", "learning.timeout")),
        (("--fps", "0"), ("the setting", "reading.fps")),
        (("--config", "none.toml"), ("the settings file cannot be read", "none.toml")),
        (("--out", "model.pkl"), ("the name of a model file must end in .joblib", "model.joblib")),
    ],
)
def test_invalid_option_values_are_reported(data: Path, args: tuple[str, ...], parts: tuple[str, ...]) -> None:
    message = expect_error("fit", *args, cwd=data, code=USAGE)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("[learning]\ntrails = 3\n", "learning.trails"),
        ("[learning]\ntrials = 'many'\n", "learning.trials"),
        ("[learning\n", "cannot be parsed"),
        ('[learning]\nlearners = ["catboost"]\n', "catboost"),
        ('[features]\nfamilies = ["opensmile"]\n', "opensmile"),
    ],
)
def test_an_invalid_settings_file_is_reported_with_the_setting(data: Path, text: str, fragment: str) -> None:
    (data / "mine.toml").write_text(text)
    assert fragment in expect_error("fit", "--config", "mine.toml", cwd=data, code=USAGE)


def test_classes_without_depression_require_the_positive_option(data: Path) -> None:
    write_labels(data, ["PD", "Control"] * 5)
    message = expect_error("fit", cwd=data, code=USAGE)
    assert "Control or PD" in message
    assert "--positive" in message


# ------------------------------------------------------------------------------------------- results: 3


@pytest.mark.parametrize(
    ("results", "fragment"),
    [
        ("", "empty"),
        ("hello\n", "not valid JSON"),
        ('{"data_id": "000"}\n', "no column status"),
        ('{"data_id": "777", "status": "Normal"}\n', "results and label table have no data_id in common"),
        ('{"data_id": "000", "status": "Sad"}\n', "unknown label"),
    ],
)
def test_invalid_results_are_reported(data: Path, results: str, fragment: str) -> None:
    (data / "results.jsonl").write_text(results)
    assert fragment in expect_error("score", "results.jsonl", "train/labels.csv", cwd=data, code=DATA)


# ------------------------------------------------------------------------------------------- model: 4


def test_a_missing_model_is_reported(data: Path) -> None:
    message = expect_error("predict", cwd=data, code=MODEL)
    assert "the model file does not exist" in message
    assert "pdmr-classic fit" in message


def test_a_file_that_is_not_a_model_is_reported(data: Path) -> None:
    (data / "notes.joblib").write_text("call the laboratory back\n")
    assert "no manifest" in expect_error("predict", "--model", "notes.joblib", cwd=data, code=MODEL)


def test_a_modified_model_file_is_reported(data: Path, fitted_file: Path) -> None:
    shutil.copy(fitted_file.with_suffix(".json"), data / "mine.json")
    (data / "mine.joblib").write_bytes(fitted_file.read_bytes()[:-1])
    message = expect_error("predict", "--model", "mine.joblib", cwd=data, code=MODEL)
    assert "and was not opened" in message


# ------------------------------------------------------------------------------------------ target: 5


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("fit", "--out", "folder.joblib"), "the output path is a folder"),
        (("predict", "--out", "folder.joblib"), "the output path is a folder"),
        (("fit", "--out", "file/m.joblib"), "cannot be written"),
    ],
)
def test_unwritable_output_is_reported_before_the_work_starts(data: Path, args: tuple[str, ...], reason: str) -> None:
    (data / "folder.joblib").mkdir()
    (data / "file").write_text("")
    message = expect_error(*args, cwd=data, code=TARGET)
    assert reason in message
    assert "reading" not in message


@pytest.mark.parametrize(
    ("args", "fragment", "code"),
    [
        (("extract", "train", "--out", "mine.csv"), "the feature table would overwrite another file", TARGET),
        (("extract", "train", "--out", "mine.xlsx"), "does not end in .parquet or .csv or .tsv", USAGE),
        (("extract", "train", "--out", "new.csv", "--labels", "x.csv"), "--labels has no effect without", USAGE),
        (("evaluate", "--out", "mine.csv"), "the evaluation would overwrite another file", TARGET),
    ],
)
def test_a_file_of_another_kind_is_not_overwritten(data: Path, args: tuple[str, ...], fragment: str, code: int) -> None:
    (data / "mine.csv").write_text("kept")
    assert fragment in expect_error(*args, cwd=data, code=code)
    assert (data / "mine.csv").read_text() == "kept"


def test_extract_refuses_a_folder_as_output_before_the_work_starts(data: Path) -> None:
    (data / "folder").mkdir()
    (data / "folder" / "notes.txt").touch()
    message = expect_error("extract", "train", "--out", "folder", cwd=data, code=TARGET)
    assert "the output path is a folder" in message
    assert "reading" not in message


def test_fit_refuses_an_unwritable_manifest_before_the_work_starts(data: Path) -> None:
    (data / "mine.json").mkdir()
    message = expect_error("fit", "--trials", "1", "--out", "mine.joblib", cwd=data, code=TARGET)
    assert "the output path is a folder" in message
    assert "reading" not in message


def test_a_synthetic_set_is_not_written_into_a_folder_with_files(data: Path) -> None:
    assert "not empty" in expect_error("synth", "train", cwd=data, code=TARGET)


def test_the_traceback_is_shown_only_with_debug(tmp_path: Path) -> None:
    assert "Traceback" in invoke("fit", "nowhere", "--debug", cwd=tmp_path).stderr
    assert "Traceback" not in invoke("fit", "nowhere", cwd=tmp_path).stderr
