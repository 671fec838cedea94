"""`predict --skip-bad` on 2,000 recordings, of which 1% cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from program import QUICK, Result, invoke

from pdmr_classic import DataError, DepressionModel, load_dataset
from pdmr_classic.models._skipped import SkippedRecording, no_usable_data_error

N, WIDTH = 2000, 16
UNREADABLE = (b"", b"\x1f\x8b packed", b"<html>not found</html>", b"one,two\nthree,four\n", b"1,2\n3\n")
BAD_IDS = [f"r{index:04d}" for index in range(50, N, 100)]


def write_vectors(folder: Path, n: int) -> list[str]:
    folder.mkdir(parents=True)
    rows = np.random.default_rng(n).normal(size=(n, WIDTH)).round(4)
    rows[: n // 2] += 0.5
    for index, row in enumerate(rows):
        (folder / f"r{index:04d}.csv").write_text(",".join(map(str, row)) + "\n")
    return [f"r{index:04d}" for index in range(n)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model and 2,000 vectors, some unreadable; one unreadable video has a readable vector."""
    folder = tmp_path_factory.mktemp("many")
    ids = write_vectors(folder / "train/audio", 40)
    labels = [f"{i},{'Depression' if index < 20 else 'Normal'},S{index}\n" for index, i in enumerate(ids)]
    (folder / "train/labels.csv").write_text("data_id,status,subject_id\n" + "".join(labels))
    (folder / "quick.toml").write_text(QUICK)
    result = invoke("fit", "train", "--config", "quick.toml", "--out", "m.joblib", "--jobs", "1", cwd=folder)
    assert result.exit_code == 0, result.stderr
    write_vectors(folder / "test/audio", N)
    for index, data_id in enumerate(BAD_IDS):
        (folder / f"test/audio/{data_id}.csv").write_bytes(UNREADABLE[index % len(UNREADABLE)])
    (folder / "test/video").mkdir()
    (folder / "test/video/r0007.csv").write_bytes(b"")
    return folder


def predict(folder: Path, *options: str) -> Result:
    return invoke("predict", "test", "--model", "m.joblib", "--jobs", "1", *options, cwd=folder)


def test_without_skip_bad_predict_fails_and_names_every_unreadable_recording(folder: Path) -> None:
    result = predict(folder, "--out", "refused.jsonl")
    assert result.exit_code == 3
    assert f"{len(BAD_IDS)} recordings have no data that the model can use" in result.stderr
    for data_id in BAD_IDS:
        assert f"'{data_id}'" in result.stderr
        assert f"test/audio/{data_id}.csv" in result.stderr
    assert "r0007" not in result.stderr, "it can be predicted from its other modality"
    assert "--skip-bad" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(folder.glob("refused*"))


def test_skip_bad_writes_the_other_predictions_and_reports_skipped_recordings(folder: Path) -> None:
    result = predict(folder, "--out", "r.jsonl", "--skip-bad")
    assert result.exit_code == 0, result.stderr
    written = [json.loads(line)["data_id"] for line in (folder / "r.jsonl").read_text().splitlines()]
    assert written == [f"r{index:04d}" for index in range(N) if f"r{index:04d}" not in BAD_IDS]
    notes = json.loads((folder / "r.notes.json").read_text())
    assert list(notes) == ["schema", "positive", "threshold", "model_sha256", "seed", "skipped"]
    assert [entry["data_id"] for entry in notes["skipped"]] == BAD_IDS
    assert all(entry["errors"][0]["file"].endswith(f"{entry['data_id']}.csv") for entry in notes["skipped"])
    assert f"{len(BAD_IDS)} of {N} recordings have no data that the model can use" in result.stderr
    assert "'r0450' and 15 more" in result.stderr
    assert f"Skipped, without a usable file: {len(BAD_IDS)}" in result.stdout
    assert "r.notes.json" in result.stdout


def test_json_counts_skipped_recordings(folder: Path) -> None:
    result = predict(folder, "--out", "j.jsonl", "--skip-bad", "--json")
    report = json.loads(result.stdout)
    assert (report["recordings"], report["skipped"], report["notes"]) == (
        N - len(BAD_IDS),
        len(BAD_IDS),
        "j.notes.json",
    )


def copy_recordings(folder: Path, target: Path, ids: list[str]) -> Path:
    (target / "audio").mkdir(parents=True)
    for data_id in ids:
        (target / f"audio/{data_id}.csv").write_bytes((folder / f"test/audio/{data_id}.csv").read_bytes())
    return target


def test_skipped_recordings_do_not_change_other_predictions(folder: Path, tmp_path: Path) -> None:
    model = DepressionModel.load(folder / "m.joblib")
    valid_ids = [f"r{index:04d}" for index in range(100, 120)]
    mixed = load_dataset(copy_recordings(folder, tmp_path / "mixed", [*valid_ids, *BAD_IDS[:5]]))
    valid_only = load_dataset(copy_recordings(folder, tmp_path / "alone", valid_ids))
    for options in ({}, {"prevalence": "estimate"}):
        predictions, expected = model.predict(mixed, skip_bad=True, **options), model.predict(valid_only, **options)
        assert predictions.equals(expected)
        assert predictions.attrs["threshold"] == expected.attrs["threshold"]
        assert [entry["data_id"] for entry in predictions.attrs["skipped"]] == BAD_IDS[:5]
        assert "skipped" not in expected.attrs


def test_skip_bad_fails_if_every_recording_is_unreadable(folder: Path, tmp_path: Path) -> None:
    model = DepressionModel.load(folder / "m.joblib")
    with pytest.raises(DataError, match=r"5 recordings have no data that the model can use[^\0]*'r0450'"):
        model.predict(load_dataset(copy_recordings(folder, tmp_path / "bad", BAD_IDS[:5])), skip_bad=True)


def test_the_error_names_all_recordings_without_file_errors() -> None:
    ids = [f"recording_{index:05d}" for index in range(600)] + [f"{k:03d}" + 252 * "\x1b" for k in range(40)]
    shown = str(no_usable_data_error([SkippedRecording(data_id, ()) for data_id in ids]))
    assert all(repr(data_id) in shown for data_id in ids)
    assert "…" not in shown
