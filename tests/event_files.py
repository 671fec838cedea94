"""A synthetic data set whose recordings are renamed to person and event, such as 007_E1."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from pdmr_classic import make_synthetic

PATTERN = r"re:^(\d+)_(E\d+)$"


def make_event_set(folder: Path, subjects: int = 24, events: int = 3, *, per_person: bool = False) -> Path:
    """Write a synthetic set whose segments are the events of a person, with a column `event` or one row per person."""
    made = make_synthetic(folder / "synthetic", subjects=subjects, segments=events, seconds=(2, 3))
    for split in ("train", "test"):
        source, target = Path(made.out) / split, folder / "set" / split
        table = pd.read_csv(source / "labels.csv", dtype=str)
        table["event"] = [f"E{number + 1}" for number in table.groupby("subject_id").cumcount()]
        table["new_id"] = table["subject_id"].str.removeprefix("S") + "_" + table["event"]
        for modality in ("video", "audio"):
            (target / modality).mkdir(parents=True)
            for old, new in zip(table["data_id"], table["new_id"], strict=True):
                file = source / modality / f"{old}.csv"
                if file.exists():
                    shutil.copy(file, target / modality / f"{new}.csv")
        table["data_id"] = table["new_id"]
        if per_person:
            table["data_id"] = table["subject_id"].str.removeprefix("S")
            table = table.drop_duplicates("data_id")[["data_id", "status"]]
        table.drop(columns="new_id", errors="ignore").to_csv(target / "labels.csv", index=False)
    return folder / "set"
