"""A data set in which only the class Normal smiles, for tests of explanations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pdmr_classic import DepressionModel, Settings, fit, load_dataset

RATE = 10
SETTINGS = Settings().override(
    {
        "features.families": ["distribution", "au_activation", "quality", "audio_vector"],
        "learning.learners": ["linear"],
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.folds": 3,
        "learning.importance": False,
    }
)


def make_smile(seconds: tuple[int, int] | None, n_frames: int = 300) -> np.ndarray:
    """Return the intensity of AU12: 3 in these seconds, otherwise 0."""
    smile = np.zeros(n_frames)
    if seconds is not None:
        smile[seconds[0] * RATE : seconds[1] * RATE] = 3.0
    return smile


def write_video(path: Path, smile: np.ndarray, rng: np.random.Generator, *, success: np.ndarray | None = None) -> None:
    """Write a video with this smile, and with a brow and a head that move at random."""
    n = len(smile)
    table = pd.DataFrame(
        {
            "frame": np.arange(1, n + 1),
            "timestamp": np.arange(n) / RATE,
            "confidence": 0.98,
            "success": 1 if success is None else success.astype(int),
            "AU12_r": smile,
            "AU04_r": (3 * rng.random(n)).round(2),
            "pose_Rx": rng.normal(size=n).round(3) / 10,
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


def write_audio(path: Path, level: float, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(",".join(f"{value:.4f}" for value in level + rng.normal(size=4)) + "\n")


def write_smile_set(folder: Path) -> Path:
    """Write 16 training recordings, and three to test: `burst` smiles in seconds 10 to 12, which `hidden` hides."""
    rng = np.random.default_rng(0)
    for number in range(16):
        seconds = (number, number + 3 + number % 4) if number % 2 else None
        write_video(folder / f"train/video/{number:02d}.csv", make_smile(seconds), rng)
        write_audio(folder / f"train/audio/{number:02d}.csv", number % 2, rng)
    labels = [f"{number:02d},{('Depression', 'Normal')[number % 2]},S{number}" for number in range(16)]
    (folder / "train/labels.csv").write_text("\n".join(["data_id,status,subject_id", *labels, ""]))
    is_seen = np.ones(300, dtype=bool)
    is_seen[100:120] = False
    write_video(folder / "test/video/burst.csv", make_smile((10, 12)), rng)
    write_video(folder / "test/video/hidden.csv", make_smile((10, 12)), rng, success=is_seen)
    for name in ("007", "burst", "hidden"):
        write_audio(folder / f"test/audio/{name}.csv", 0.0, rng)
    return folder


def fit_smile_model(folder: Path) -> DepressionModel:
    """Return a linear model that is fitted on the training recordings."""
    return fit(load_dataset(folder, split="train"), settings=SETTINGS)
