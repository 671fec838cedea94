"""Feature tables of synthetic studies: recordings to train on, and recordings of new subjects to test on."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pdmr_classic import FeatureExtractor, load_dataset, make_synthetic
from pdmr_classic.progress import CollectingReporter

# Recordings of more new subjects come from a set with another seed; no set of a study has a seed that large.
_MORE_SUBJECTS = 10_000


@dataclass(frozen=True, eq=False)
class Recordings:
    """Features of recordings with their labels; `labels` has the columns of labels.csv, and the same index."""

    features: pd.DataFrame
    labels: pd.DataFrame

    def select(self, rows: Any) -> Recordings:
        return Recordings(self.features[rows], self.labels[rows])

    def first_of_each_subject(self) -> Recordings:
        return self.select(~self.labels["subject_id"].duplicated())


def read_study(seed: int, new_subjects: int, cache: Path | None, **options: Any) -> tuple[Recordings, Recordings]:
    """Return train/ of a set, and test/ of it with all subjects of another set.

    Parameters
    ----------
    seed : int
    new_subjects : int
        Number of subjects in the other set.
    cache : Path or None
        Folder for the tables.
    **options
        Of `make_synthetic`.
    """
    own = _read_set(seed, cache, **options)
    more = _read_set(seed + _MORE_SUBJECTS, cache, **(options | {"subjects": new_subjects}))
    is_train = own.labels["split"] == "train"
    test = own.select(~is_train)
    both = Recordings(pd.concat([test.features, more.features]), pd.concat([test.labels, more.labels]))
    return own.select(is_train), both


def _read_set(seed: int, cache: Path | None, **options: Any) -> Recordings:
    name = "-".join([f"seed{seed}", *(f"{key}{value}" for key, value in sorted(options.items()))]).replace(" ", "")
    if cache is not None and (cache / f"{name}-labels.parquet").exists():
        tables = (pd.read_parquet(cache / f"{name}-{part}.parquet") for part in ("features", "labels"))
        return Recordings(*tables)
    made = _make_set(seed, **options)
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        made.features.to_parquet(cache / f"{name}-features.parquet")
        made.labels.to_parquet(cache / f"{name}-labels.parquet")
    return made


def _make_set(seed: int, **options: Any) -> Recordings:
    features, labels = [], []
    with tempfile.TemporaryDirectory() as folder:
        made = make_synthetic(Path(folder) / "set", seed=seed, **options)
        for split in ("train", "test"):
            data = load_dataset(made.out / split)
            table = pd.read_csv(made.out / split / "labels.csv", dtype={"data_id": str}).set_index("data_id")
            names = {data_id: f"{seed}-{split}-{data_id}" for data_id in table.index}
            subjects = f"{seed}-" + table["subject_id"]
            labels.append(table.assign(split=split, subject_id=subjects).rename(index=names))
            extractor = FeatureExtractor(reporter=CollectingReporter())
            features.append(extractor.transform(data).rename(index=names))
    return Recordings(pd.concat(features), pd.concat(labels).loc[pd.concat(features).index])
