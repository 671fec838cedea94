"""What the program says when it cannot do what it is asked: one message, the right exit code, nothing written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PROGRAM = Path(sys.executable).parent / "pdmr-classic"
USAGE, DATA, MODEL, TARGET = 2, 3, 4, 5


def run(*args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(
        [str(PROGRAM), *map(str, args)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file and folder with its size and time of change."""
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def refused(*args: str | Path, cwd: Path, code: int) -> str:
    """Run the program, expect one message and nothing else, and return the message."""
    before = listing(cwd)
    result = run(*args, cwd=cwd)
    assert result.returncode == code, result.stdout + result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert "Warning" not in result.stderr
    assert result.stderr.lower().count("error") == 1, result.stderr
    assert listing(cwd) == before, "nothing is written, and nothing is touched"
    return result.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with train/ and test/: ten subjects with a video and an audio file each, quickly made."""
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
    ("args", "said"),
    [
        (("fit", "--trails", "3"), "--trails"),
        (("fit", "--trials", "many"), "--trials"),
        (("fit", "--jobs", "0"), "--jobs"),
        (("train",), "train"),
        (("score", "results.jsonl"), "LABELS"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    assert said in refused(*args, cwd=tmp_path, code=USAGE)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--positive", "Sad"), ("--positive names no class", "Depression or Normal", "'Sad'")),
        (("--groups", "person"), ("--groups names no column", "subject_id", "'person'")),
        (("--groups", "re:(S"), ("--groups is no regular expression",)),
        (("--trials", "0"), ("the setting", "learning.trials")),
        (("--timeout", "-1"), ("the setting", "learning.timeout")),
        (("--fps", "0"), ("the setting", "reading.fps")),
        (("--config", "none.toml"), ("the settings file cannot be read", "none.toml")),
        (("--out", "model.pkl"), ("a model file ends in .joblib", "model.joblib")),
    ],
)
def test_options_that_cannot_be_meant_are_told(data: Path, args: tuple[str, ...], said: tuple[str, ...]) -> None:
    message = refused("fit", *args, cwd=data, code=USAGE)
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[learning]\ntrails = 3\n", "learning.trails"),
        ("[learning]\ntrials = 'many'\n", "learning.trials"),
        ("[learning\n", "cannot be parsed"),
        ('[learning]\nlearners = ["catboost"]\n', "catboost"),
        ('[features]\nfamilies = ["opensmile"]\n', "opensmile"),
    ],
)
def test_a_wrong_settings_file_is_told_with_the_setting(data: Path, text: str, said: str) -> None:
    (data / "mine.toml").write_text(text)
    result = run("fit", "--config", "mine.toml", cwd=data)
    assert result.returncode == USAGE, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (data / "models").exists()


def test_classes_without_a_depression_need_a_positive_one(data: Path) -> None:
    write_labels(data, ["PD", "Control"] * 5)
    message = refused("fit", cwd=data, code=USAGE)
    assert "Control or PD" in message
    assert "--positive" in message


# -------------------------------------------------------------------------------------------- data: 3


def empty_csv(data: Path) -> None:
    (data / "train/video/003.csv").write_bytes(b"")


def a_text_file(data: Path) -> None:
    (data / "train/video/003.csv").write_text("Dear all,\nplease find the recordings attached.\nBest wishes\n")


def a_column_of_words(data: Path) -> None:
    path = data / "train/video/003.csv"
    table = pd.read_csv(path, dtype=str)
    table["AU12_r"] = "smiling"
    table.to_csv(path, index=False)


def a_web_page(data: Path) -> None:
    (data / "train/audio/003.csv").write_text("<!DOCTYPE html>\n<html><body>Log in</body></html>\n")


def no_labels(data: Path) -> None:
    (data / "train/labels.csv").unlink()


def unknown_label(data: Path) -> None:
    write_labels(data, ["Depression", "Normal"] * 4 + ["Depression", "Sad"])


def one_class(data: Path) -> None:
    write_labels(data, ["Depression"] * 10)


def one_subject(data: Path) -> None:
    write_labels(data, ["Depression", "Normal"] * 5, ["S1"] * 10)


def a_class_of_one_subject(data: Path) -> None:
    write_labels(data, ["Depression"] * 8 + ["Normal"] * 2, [*"abcdefgh", "i", "i"])


def labels_of_other_recordings(data: Path) -> None:
    path = data / "train/labels.csv"
    path.write_text(path.read_text().replace("\n0", "\nX"))


def contradicting_labels(data: Path) -> None:
    with (data / "train/labels.csv").open("a") as file:
        file.write("003,Depression,S003\n")


def nothing_at_all(data: Path) -> None:
    shutil.rmtree(data / "train")
    shutil.rmtree(data / "test")


def no_recordings(data: Path) -> None:
    for path in [*(data / "train/video").iterdir(), *(data / "train/audio").iterdir()]:
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_labels, ("there are no labels", "labels.csv", "--labels FILE")),
        (empty_csv, ("empty", "003.csv")),
        (a_text_file, ("003.csv",)),
        (a_column_of_words, ("003.csv", "AU12_r", "smiling")),
        (a_web_page, ("003.csv",)),
        (unknown_label, ("unknown label", "'Sad'", "Depression or Normal")),
        (one_class, ("there is a single class", "'Depression'")),
        (one_subject, ("fewer than two subjects",)),
        (a_class_of_one_subject, ("class 'Normal' has a single subject",)),
        (labels_of_other_recordings, ("no label matches a recording", "'000'", "'X00'")),
        (contradicting_labels, ("'003'", "two labels that disagree", "row 12")),
        (nothing_at_all, ("there are no recordings here",)),
        (no_recordings, ("there are no recordings here",)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_data_that_cannot_be_used_is_told(data: Path, spoil: Callable[[Path], None], said: tuple[str, ...]) -> None:
    spoil(data)
    before = listing(data)
    result = run("fit", "--trials", "1", cwd=data)
    assert result.returncode == DATA, result.stderr
    assert result.stdout == ""
    assert result.stderr.count("error:") == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert listing(data) == before
    message = result.stderr[result.stderr.index("error:") :]
    for part in said:
        assert part in message


def test_every_broken_file_is_named_at_once(data: Path) -> None:
    empty_csv(data)
    a_web_page(data)
    (data / "train/video/007.csv").write_text("frame,AU12_r\n1,0.5\n2\n")
    result = run("fit", cwd=data)
    assert result.returncode == DATA
    assert {"video/003.csv", "audio/003.csv", "video/007.csv"} <= {
        name for name in ("video/003.csv", "audio/003.csv", "video/007.csv") if name in result.stderr
    }


def test_check_says_what_fit_would_refuse(data: Path) -> None:
    empty_csv(data)
    before = listing(data)
    result = run("check", cwd=data)
    assert result.returncode == DATA
    assert "003.csv" in result.stdout
    assert "empty" in result.stdout
    assert listing(data) == before


@pytest.mark.parametrize("verb", ["check", "extract", "fit", "predict"])
def test_a_folder_that_is_not_there_is_told(tmp_path: Path, verb: str) -> None:
    message = refused(verb, "nowhere", cwd=tmp_path, code=DATA)
    assert "the data folder does not exist" in message
    assert "nowhere" in message


def test_a_file_in_place_of_the_folder_is_told(data: Path) -> None:
    assert "found:    a file" in refused("fit", "train/labels.csv", cwd=data, code=DATA)


def test_the_traceback_is_shown_on_request_only(tmp_path: Path) -> None:
    result = run("fit", "nowhere", "--debug", cwd=tmp_path)
    assert result.returncode == DATA
    assert "Traceback" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ("", "empty"),
        ("hello\n", "not valid JSON"),
        ('{"data_id": "000"}\n', "no status"),
        ('{"data_id": "777", "status": "Normal"}\n', "no result matches a label"),
        ('{"data_id": "000", "status": "Sad"}\n', "unknown label"),
    ],
)
def test_results_that_are_none_are_told(data: Path, results: str, said: str) -> None:
    (data / "results.jsonl").write_text(results)
    assert said in refused("score", "results.jsonl", "train/labels.csv", cwd=data, code=DATA)


# ------------------------------------------------------------------------------------------- model: 4


def test_a_model_that_is_not_there_is_told(data: Path) -> None:
    message = refused("predict", cwd=data, code=MODEL)
    assert "there is no model" in message
    assert "pdmr-classic fit" in message


def test_a_file_that_is_no_model_is_told(data: Path) -> None:
    (data / "notes.joblib").write_text("call the laboratory back\n")
    assert "no manifest" in refused("predict", "--model", "notes.joblib", cwd=data, code=MODEL)


def test_a_model_file_that_was_changed_is_told(data: Path, fitted_file: Path) -> None:
    shutil.copy(fitted_file.with_suffix(".json"), data / "mine.json")
    (data / "mine.joblib").write_bytes(fitted_file.read_bytes()[:-1])
    message = refused("predict", "--model", "mine.joblib", cwd=data, code=MODEL)
    assert "it was not opened" in message


# ------------------------------------------------------------------------------------------ target: 5


@pytest.mark.parametrize(
    "args",
    [("fit", "--out", "folder.joblib"), ("predict", "--out", "folder.joblib"), ("fit", "--out", "file/m.joblib")],
)
def test_a_target_that_cannot_be_written_is_told_before_the_work(data: Path, args: tuple[str, ...]) -> None:
    (data / "folder.joblib").mkdir()
    (data / "file").write_text("")
    message = refused(*args, cwd=data, code=TARGET)
    assert "target" in message
    assert "reading" not in message


def test_features_are_not_written_over_a_folder_and_that_is_told_before_the_work(data: Path) -> None:
    (data / "folder").mkdir()
    message = refused("extract", "train", "--out", "folder", cwd=data, code=TARGET)
    assert "the target is a folder" in message
    assert "reading" not in message


def test_a_model_whose_manifest_cannot_be_written_is_refused_before_the_work(data: Path) -> None:
    (data / "mine.json").mkdir()
    message = refused("fit", "--trials", "1", "--out", "mine.joblib", cwd=data, code=TARGET)
    assert "the target is a folder" in message
    assert "reading" not in message


def test_a_synthetic_set_is_not_written_into_a_folder_with_files(data: Path) -> None:
    assert "not empty" in refused("synth", "train", cwd=data, code=TARGET)


def test_older_results_stay_when_a_prediction_fails(data: Path, fitted_file: Path) -> None:
    (data / "results.jsonl").write_text("precious\n")
    for kind in ("video", "audio"):
        (data / "test" / kind / "001.csv").write_bytes(b"")
    result = run("predict", "--model", fitted_file, cwd=data)
    assert result.returncode == DATA, result.stderr
    assert "'001'" in result.stderr
    assert (data / "results.jsonl").read_text() == "precious\n"
