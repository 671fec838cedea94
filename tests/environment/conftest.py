"""A set on which the whole workflow takes seconds, and its results in an ordinary environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from surroundings import Run, RunWorkflow, run_process

VERBS = Path(__file__).with_name("verbs.py")
QUICK = """
[learning]
learners = ["lightgbm", "linear"]
trials = 1
repeats = 1
folds = 3
[features]
families = ["distribution", "quality", "audio_vector"]
"""


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ten training and four test recordings; one class has a name that is not ASCII."""
    folder = tmp_path_factory.mktemp("environment")
    rng = np.random.default_rng(0)
    header = "frame,timestamp,confidence,success,AU01_r,AU12_r"
    for split, n in (("train", 10), ("test", 4)):
        for kind in ("video", "audio"):
            (folder / split / kind).mkdir(parents=True)
        for number in range(n):
            name = f"{number:03d}.csv"
            rows = [f"{t + 1},{t / 30:.3f},0.98,1,{a:.2f},{b:.2f}" for t, (a, b) in enumerate(rng.random((60, 2)))]
            (folder / split / "video" / name).write_text("\n".join([header, *rows]) + "\n")
            vector = rng.normal(size=16) + number % 2
            (folder / split / "audio" / name).write_text(",".join(f"{value:.4f}" for value in vector) + "\n")
    labels = [f"{number:03d},{('Depression', 'Gesünder')[number % 2]},S{number}" for number in range(10)]
    (folder / "train" / "labels.csv").write_text("\n".join(["data_id,status,subject_id", *labels, ""]), "utf-8")
    (folder / "quick.toml").write_text(QUICK)
    return folder


@pytest.fixture(scope="session")
def expected(data: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the results of the whole workflow in an ordinary environment."""
    out = tmp_path_factory.mktemp("ordinary")
    run = run_process([sys.executable, VERBS, data, out, "1"], {"HOME": str(out), "LANG": "C.UTF-8"})
    assert run.returncode == 0, run.stderr.decode()
    return (out / "results.jsonl").read_bytes()


@pytest.fixture
def run_workflow(data: Path, expected: bytes, tmp_path: Path) -> RunWorkflow:
    """Return a function that runs the workflow in an environment and checks its results."""

    def run(
        environ: Mapping[str, str | None],
        *,
        jobs: int = 1,  # 2 where the worker processes are what is tested: each imports the libraries again
        prefix: Sequence[str] = (),
        may_warn: bool = False,
        **options: object,
    ) -> Run:
        out = tmp_path / "out"
        out.mkdir()
        environ = {"HOME": str(tmp_path), "LANG": "C.UTF-8"} | environ
        result = run_process([*prefix, sys.executable, VERBS, data, out, str(jobs)], environ, **options)
        messages = (result.stderr or b"").decode(errors="replace")
        assert result.returncode == 0, messages
        assert "Traceback" not in messages
        assert may_warn or "Warning" not in messages
        assert (out / "results.jsonl").read_bytes() == expected
        return result

    return run
