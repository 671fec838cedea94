"""Further views from the command line: found beside the recordings, or given with --view."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from program import TINY, invoke

from pdmr_classic import DepressionModel

N = 24


def write_split(folder: Path, texts: Path, seed: int) -> None:
    """Write recordings of which only the text tells the class."""
    rng = np.random.default_rng(seed)
    lines = ["data_id,status,subject_id"]
    (folder / "audio").mkdir(parents=True)
    texts.mkdir(parents=True)
    for number in range(N):
        name = f"{number + 100 * seed:03d}"
        lines.append(f"{name},{('Normal', 'Depression')[number % 2]},S{number}")
        np.savetxt(folder / "audio" / f"{name}.csv", rng.normal(size=(1, 10)), delimiter=",")
        np.savetxt(texts / f"{name}.csv", rng.normal(size=(1, 6)) + 3 * (number % 2), delimiter=",")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module", params=["beside", "given"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data and a model whose view text is beside the recordings, or in bert/train."""
    folder = tmp_path_factory.mktemp(request.param)
    is_given = request.param == "given"
    for seed, split in ((0, "train"), (1, "test")):
        data = folder / "data" / split
        write_split(data, folder / "bert" / split if is_given else data / "text", seed)
    (folder / "quick.toml").write_text(TINY)
    options = ["--view", "text=bert"] if is_given else []
    result = invoke("fit", "data", "--config", "quick.toml", "--out", "m.joblib", *options, cwd=folder)
    assert result.exit_code == 0, result.stderr
    assert result.output.count("is read as a further view") == 1
    return folder


def predict(folder: Path, data: str, *options: str) -> tuple[list[str], str]:
    result = invoke("predict", data, "--model", "m.joblib", "--out", "r.jsonl", *options, cwd=folder)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line)["status"] for line in (folder / "r.jsonl").read_text().splitlines()], result.output


def test_predict_reads_the_view_of_the_other_split(folder: Path) -> None:
    statuses, _ = predict(folder, "data")
    assert np.mean([status == ("Normal", "Depression")[n % 2] for n, status in enumerate(statuses)]) > 0.9


def test_an_unreadable_text_is_predicted_from_the_audio(folder: Path) -> None:
    texts = next(path for path in (folder / "bert" / "test", folder / "data/test/text") if path.exists())
    path = sorted(texts.iterdir())[0]
    content = path.read_bytes()
    path.write_text("no,numbers\nat,all\n")
    try:
        statuses, output = predict(folder, "data")
    finally:
        path.write_bytes(content)
    assert len(statuses) == N
    assert path.name in output


def test_the_manifest_has_the_view(folder: Path) -> None:
    manifest = json.loads((folder / "m.json").read_text())
    assert manifest["measurements"]["views"] == {"text": {"frame_rate_hz": []}}
    assert manifest["excluded_channels"] == {"video": [], "audio": [], "text": []}
    assert DepressionModel.load(folder / "m.joblib").stacker_ is not None


def test_evaluate_compares_the_views_and_drops_each(folder: Path) -> None:
    views = ["--view", "text=bert"] if (folder / "bert").exists() else []
    options = ["--config", "quick.toml", "--folds", "2", "--repeats", "1", "--out", "e.json"]
    result = invoke("evaluate", "data/train", *options, *views, cwd=folder)
    assert result.exit_code == 0, result.stderr
    evaluation = json.loads((folder / "e.json").read_text())
    assert {"without text", "without audio", "noise of 10% of the sd"} <= set(evaluation["stress_tests"])
    assert evaluation["systems"].keys() >= {"view audio", "view text", "view both"}


def test_predict_accepts_another_folder_and_refuses_one_of_other_recordings(folder: Path) -> None:
    (folder / "new").mkdir(exist_ok=True)
    for path in (folder / "data/test/audio").iterdir():
        np.savetxt(folder / "new" / path.name, np.full((1, 6), 3.0) + np.arange(6) / 10, delimiter=",")
    statuses, _ = predict(folder, "data", "--view", "text=new", "--allow-overlap")
    assert statuses.count("Depression") == N
    train = next(path for path in ("bert/train", "data/train/text") if (folder / path).exists())
    (folder / "old").mkdir(exist_ok=True)
    for path in (folder / train).iterdir():
        (folder / "old" / path.name).write_bytes(path.read_bytes())
    result = invoke("predict", "data", "--model", "m.joblib", "--out", "x.jsonl", "--view", "text=old", cwd=folder)
    assert result.exit_code == 3
    assert "no file of view text belongs to a recording" in result.stderr
