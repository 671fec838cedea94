"""`--events` through the commands, on a set named by person and event."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from event_files import PATTERN, make_event_set
from program import TINY, invoke


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a set and a model of persons with events."""
    folder = tmp_path_factory.mktemp("events")
    make_event_set(folder, 24, 3)
    (folder / "quick.toml").write_text(TINY + "[evaluation]\nfolds = 2\nrepeats = 1\nstress = false\n")
    result = invoke("fit", "set", "--config", "quick.toml", "--events", PATTERN, "--out", "m.joblib", cwd=folder)
    assert result.exit_code == 0, result.output
    return folder


def read_results(path: Path) -> dict[str, str]:
    return {row["data_id"]: row["status"] for row in map(json.loads, path.read_text().splitlines())}


def test_check_tells_persons_and_events(workspace: Path) -> None:
    result = invoke("check", "set", "--events", PATTERN, "--json", cwd=workspace)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["splits"]["train"]["recordings"] == summary["splits"]["train"]["with_video"] == 16
    assert "48 recordings of 16 persons: one row per person" in [finding["what"] for finding in summary["findings"]]


def test_predict_writes_a_row_per_person(workspace: Path) -> None:
    result = invoke("predict", "set", "--model", "m.joblib", "--out", "r.jsonl", cwd=workspace)
    assert result.exit_code == 0, result.output
    people = {path.stem.partition("_")[0] for path in (workspace / "set/test/video").iterdir()}
    assert set(read_results(workspace / "r.jsonl")) == people


def test_persons_are_explained_without_a_strip_chart(workspace: Path) -> None:
    options = ("--seeds", "1", "--json", "--out", "e.html", "--jobs", "1")
    result = invoke("explain", "set", "--model", "m.joblib", *options, cwd=workspace)
    assert result.exit_code == 0, result.output
    recordings = json.loads(result.stdout)["recordings"]
    assert len(recordings) > 1
    assert all("several recordings" in own["strip"]["reason"] for own in recordings)


def test_a_person_with_one_event_and_an_unknown_event_are_predicted(workspace: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (workspace / "set/test/video").iterdir())
    person = names[0].partition("_")[0]
    for modality in ("video", "audio"):
        (tmp_path / "new" / modality).mkdir(parents=True)
        shutil.copy(workspace / "set/test" / modality / names[0], tmp_path / "new" / modality)
        shutil.copy(workspace / "set/test" / modality / names[1], tmp_path / "new" / modality / f"{person}_E77.csv")
    result = invoke("predict", "new", "--model", workspace / "m.joblib", "--out", "r.jsonl", "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.output
    assert set(read_results(tmp_path / "r.jsonl")) == {person}
    unknown = [f for f in json.loads(result.stdout)["findings"] if f["code"] == "unknown-events"]
    assert "ignored: E77 (1 recording)" in unknown[0]["what"]


def test_training_recordings_are_recognised_under_another_person(workspace: Path, tmp_path: Path) -> None:
    for modality in ("video", "audio"):
        (tmp_path / "new" / modality).mkdir(parents=True)
        source = min((workspace / "set/train" / modality).iterdir())
        shutil.copy(source, tmp_path / "new" / modality / "999_E2.csv")
    result = invoke("predict", "new", "--model", workspace / "m.joblib", "--out", "r.jsonl", cwd=tmp_path)
    assert result.exit_code != 0
    assert "1 recording is also in the training set" in " ".join(result.output.split())


def test_pooling_persons_is_refused(workspace: Path) -> None:
    result = invoke("predict", "set", "--model", "m.joblib", "--pool-subjects", "--out", "p.jsonl", cwd=workspace)
    assert result.exit_code != 0
    assert "--pool-subjects has no effect" in result.output


@pytest.mark.parametrize("options", [("--events", PATTERN), ("--model", "m.joblib")])
def test_auditing_persons_is_refused(workspace: Path, options: tuple[str, str]) -> None:
    result = invoke("audit", "set", *options, cwd=workspace)
    assert result.exit_code == 2
    assert "audit does not support persons with several events" in result.stderr


def test_recordings_shared_by_two_persons_are_told(workspace: Path, tmp_path: Path) -> None:
    shutil.copytree(workspace / "set", tmp_path / "set")
    first, *_, last = sorted((tmp_path / "set/train/audio").iterdir())
    shutil.copy(first, last)
    result = invoke(
        *("fit", "set", "--config", workspace / "quick.toml", "--events", PATTERN, "--out", "m.joblib", "--json"),
        cwd=tmp_path,
    )
    assert result.exit_code == 0, result.output
    copies = [f for f in json.loads(result.stdout)["findings"] if f["code"] == "copies-between-subjects"]
    assert first.stem in copies[0]["found"]
    assert last.stem in copies[0]["found"]


def test_extract_writes_a_row_per_person(workspace: Path) -> None:
    result = invoke("extract", "set/test", "--events", "event", "--out", "f.csv", cwd=workspace)
    assert result.exit_code == 0, result.output
    lines = (workspace / "f.csv").read_text().splitlines()
    assert "@E3-E1" in lines[0]
    assert len(lines) == 9


def test_a_column_of_the_label_table_serves_for_fit_and_predict(workspace: Path, tmp_path: Path) -> None:
    options = ["--config", "quick.toml", "--events", "event", "--out", "c.joblib"]
    assert invoke("fit", "set", *options, cwd=workspace).exit_code == 0
    result = invoke("predict", "set", "--model", "c.joblib", "--out", "c.jsonl", cwd=workspace)
    assert result.exit_code == 0, result.output
    expected = read_results(workspace / "c.jsonl")
    assert all(name.startswith("S") for name in expected)
    # The label table may be elsewhere, and named.
    shutil.copytree(workspace / "set/test", tmp_path / "new")
    shutil.move(tmp_path / "new/labels.csv", tmp_path / "table.csv")
    options = ["--model", workspace / "c.joblib", "--labels", "table.csv", "--out", "r.jsonl"]
    result = invoke("predict", "new", *options, cwd=tmp_path)
    assert result.exit_code == 0, result.output
    assert read_results(tmp_path / "r.jsonl") == expected


@pytest.mark.parametrize("column", ["session", "event"])
def test_leaving_out_recordings_of_a_person_is_refused(workspace: Path, tmp_path: Path, column: str) -> None:
    shutil.copytree(workspace / "set", tmp_path / "set")
    table = pd.read_csv(tmp_path / "set/train/labels.csv", dtype=str)
    table.assign(session=table["event"].str[1:]).to_csv(tmp_path / "set/train/labels.csv", index=False)
    result = invoke("evaluate", "set", "--events", PATTERN, "--leave", column, cwd=tmp_path)
    assert result.exit_code == 2
    assert f"--leave {column} holds out some recordings of a person" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_evaluate_compares_persons_with_pooled_recordings(workspace: Path) -> None:
    options = ["--config", "quick.toml", "--events", PATTERN]
    result = invoke("evaluate", "set", *options, cwd=workspace)
    assert result.exit_code == 0, result.output
    assert "recordings, pooled per person" in result.output
    evaluation = json.loads((workspace / "evaluation.json").read_text())
    assert evaluation["events"]["n_persons"] == evaluation["n_recordings"] == 16
    assert evaluation["events"]["n_recordings"] == 48
