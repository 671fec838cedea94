"""Noise with a column that gives the label away: a clock (labels differ in length), a counter, an id or a score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pdmr_classic import load_dataset
from pdmr_classic.config import Settings
from pdmr_classic.features.names import is_model_input
from pdmr_classic.models.training import prepare_training_set
from pdmr_classic.progress import LogReporter

N = 12
# Families that hardly use the time: a clock may correctly change the others.
TIMELESS = Settings().override({"features.families": ["distribution", "audio_vector"]})
LEAKS = [
    ("counter", "Frame"),
    ("clock", "X.timestamp"),
    ("counter", "frame_idx"),
    ("milliseconds", "timestamp_ms"),
    ("clock", "approx_time"),
    ("clock", "frameTime"),
    ("counter", "bild"),
    ("milliseconds", "zeit"),
    ("score", "PHQ8_Score"),
    ("score", "total"),
    ("id", "Participant"),
    ("id", "kennung"),
]


def leaking_column(leak: str, index: int) -> tuple[int, np.ndarray]:
    """Return the number of rows of a recording, and a column from which its label can be read."""
    positive = index % 2
    n = 90 + 60 * positive if leak in ("clock", "milliseconds", "counter") else 120
    columns = {"clock": np.arange(n) / 30, "milliseconds": (np.arange(n) * 1000 / 30).round(2), "counter": np.arange(n)}
    columns |= {"score": np.full(n, 3 + 11 * positive + index % 3), "id": np.full(n, 300 + index + 100 * positive)}
    return n, columns[leak]


def write_noise(folder: Path, modality: str, leak: str, name: str | None) -> None:
    """Write noise and, with a name, a column that depends on the label."""
    rng = np.random.default_rng(0)
    (folder / modality).mkdir(parents=True)
    for index in range(N):
        n, column = leaking_column(leak, index)
        noise = {channel: rng.normal(2, size=n).round(3) for channel in ("AU12_r", "AU04_r", "loudness")}
        columns = noise if name is None else {name: column} | noise
        pd.DataFrame(columns).to_csv(folder / modality / f"r{index:02d}.csv", index=False)
    status = ["Depression" if index % 2 else "Normal" for index in range(N)]
    table = {"data_id": [f"r{index:02d}" for index in range(N)], "status": status, "subject_id": range(N)}
    pd.DataFrame(table).to_csv(folder / "labels.csv", index=False)


def read_features(folder: Path, settings: Settings) -> pd.DataFrame:
    """Return the columns that learners see."""
    features = prepare_training_set(load_dataset(folder), settings, reporter=LogReporter()).features
    return features[[name for name in features if is_model_input(name)]]


@pytest.mark.parametrize("modality", ["video", "audio"])
@pytest.mark.parametrize(("leak", "name"), LEAKS)
def test_a_column_that_gives_the_label_away_changes_no_feature(
    leak: str, name: str, modality: str, tmp_path: Path
) -> None:
    write_noise(tmp_path / "with", modality, leak, name)
    write_noise(tmp_path / "without", modality, leak, None)
    with_column, without = (read_features(tmp_path / name, TIMELESS) for name in ("with", "without"))
    # A clock in rounded milliseconds changes slopes in the fifth digit.
    pd.testing.assert_frame_equal(with_column, without, rtol=1e-3)


@pytest.mark.parametrize(("leak", "name"), LEAKS)
def test_no_family_describes_a_column_that_gives_the_label_away(leak: str, name: str, tmp_path: Path) -> None:
    write_noise(tmp_path / "set", "video", leak, name)
    assert not [feature for feature in read_features(tmp_path / "set", Settings()) if name in feature]
