"""`predict --skip-bad`: two thousand recordings, one in a hundred of them broken."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from program import QUICK, run

from pdmr_classic import DataError, DepressionModel, load_dataset
from pdmr_classic.models._skipped import SkippedRecording, no_usable_data_error

N, WIDTH = 2000, 16
NOTHING = (b"", b"\x1f\x8b packed", b"<html>not found</html>", b"one,two\nthree,four\n", b"1,2\n3\n")
BROKEN = [f"r{place:04d}" for place in range(50, N, 100)]


def write_vectors(folder: Path, n: int) -> list[str]:
    folder.mkdir(parents=True)
    rows = np.random.default_rng(n).normal(size=(n, WIDTH)).round(4)
    rows[: n // 2] += 0.5
    for place, row in enumerate(rows):
        (folder / f"r{place:04d}.csv").write_text(",".join(map(str, row)) + "\n")
    return [f"r{place:04d}" for place in range(n)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model and 2,000 vectors, some broken; one broken video stands beside a good vector."""
    folder = tmp_path_factory.mktemp("many")
    ids = write_vectors(folder / "train/audio", 40)
    labels = [f"{i},{'Depression' if place < 20 else 'Normal'},S{place}\n" for place, i in enumerate(ids)]
    (folder / "train/labels.csv").write_text("data_id,status,subject_id\n" + "".join(labels))
    (folder / "quick.toml").write_text(QUICK)
    done = run("fit", "train", "--config", "quick.toml", "--out", "m.joblib", "--jobs", "1", cwd=folder)
    assert done.returncode == 0, done.stderr
    write_vectors(folder / "test/audio", N)
    for place, data_id in enumerate(BROKEN):
        (folder / f"test/audio/{data_id}.csv").write_bytes(NOTHING[place % len(NOTHING)])
    (folder / "test/video").mkdir()
    (folder / "test/video/r0007.csv").write_bytes(b"")
    return folder


def predict(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run("predict", "test", "--model", "m.joblib", "--jobs", "1", *options, cwd=folder)


def test_without_it_all_are_refused_and_every_broken_one_is_named(folder: Path) -> None:
    done = predict(folder, "--out", "refused.jsonl")
    assert done.returncode == 3
    assert f"{len(BROKEN)} recordings have no data that the model can use" in done.stderr
    for data_id in BROKEN:
        assert f"'{data_id}'" in done.stderr
        assert f"test/audio/{data_id}.csv" in done.stderr
    assert "r0007" not in done.stderr, "it is predicted from its other modality"
    assert "--skip-bad" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("refused*"))


def test_with_it_the_rest_is_written_and_the_skipped_are_noted_and_told(folder: Path) -> None:
    done = predict(folder, "--out", "r.jsonl", "--skip-bad")
    assert done.returncode == 0, done.stderr
    written = [json.loads(line)["data_id"] for line in (folder / "r.jsonl").read_text().splitlines()]
    assert written == [f"r{place:04d}" for place in range(N) if f"r{place:04d}" not in BROKEN]
    notes = json.loads((folder / "r.notes.json").read_text())
    assert list(notes) == ["schema", "skipped"]
    assert [one["data_id"] for one in notes["skipped"]] == BROKEN
    assert all(one["errors"][0]["file"].endswith(f"{one['data_id']}.csv") for one in notes["skipped"])
    assert f"{len(BROKEN)} of {N} recordings have no data that the model can use" in done.stderr
    assert "'r1950'" in done.stderr
    assert f"Skipped, without a usable file: {len(BROKEN)}" in done.stdout
    assert "r.notes.json" in done.stdout


def test_the_json_counts_them(folder: Path) -> None:
    done = predict(folder, "--out", "j.jsonl", "--skip-bad", "--json")
    found = json.loads(done.stdout)
    assert (found["recordings"], found["skipped"], found["notes"]) == (N - len(BROKEN), len(BROKEN), "j.notes.json")


def some(folder: Path, target: Path, ids: list[str]) -> Path:
    (target / "audio").mkdir(parents=True)
    for data_id in ids:
        (target / f"audio/{data_id}.csv").write_bytes((folder / f"test/audio/{data_id}.csv").read_bytes())
    return target


def test_what_is_left_is_predicted_as_if_the_skipped_were_not_there(folder: Path, tmp_path: Path) -> None:
    model = DepressionModel.load(folder / "m.joblib")
    good = [f"r{place:04d}" for place in range(100, 120)]
    mixed = load_dataset(some(folder, tmp_path / "mixed", [*good, *BROKEN[:5]]))
    alone = load_dataset(some(folder, tmp_path / "alone", good))
    for options in ({}, {"prevalence": "estimate"}):
        found, wanted = model.predict(mixed, skip_bad=True, **options), model.predict(alone, **options)
        assert found.equals(wanted)
        assert found.attrs["threshold"] == wanted.attrs["threshold"]
        assert [one["data_id"] for one in found.attrs["skipped"]] == BROKEN[:5]
        assert "skipped" not in wanted.attrs


def test_where_nothing_is_left_it_is_refused_all_the_same(folder: Path, tmp_path: Path) -> None:
    model = DepressionModel.load(folder / "m.joblib")
    with pytest.raises(DataError, match=r"5 recordings have no data that the model can use[^\0]*'r0450'"):
        model.predict(load_dataset(some(folder, tmp_path / "bad", BROKEN[:5])), skip_bad=True)


def test_recordings_without_a_refused_file_are_all_named_too() -> None:
    ids = [f"recording_{place:05d}" for place in range(600)] + [f"{k:03d}" + 252 * "\x1b" for k in range(40)]
    shown = str(no_usable_data_error([SkippedRecording(data_id, ()) for data_id in ids]))
    assert all(repr(data_id) in shown for data_id in ids)
    assert "…" not in shown
