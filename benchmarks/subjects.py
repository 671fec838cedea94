"""How well `--groups infer` finds out who is whom: pairwise precision and recall against the subject ids of the set.

    PDMR_REAL_DATA=../shared/data python benchmarks/subjects.py

A pair of recordings is right if both are of one subject. Precision is the share of proposed pairs that are right,
recall the share of true pairs that are proposed; a dash where there are no such pairs. "believed" says what the program
would do: "no" means that it keeps own groups, and tells so.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd

from pdmr_classic import Settings, load_dataset, make_synthetic
from pdmr_classic.features.extractor import FeatureExtractor
from pdmr_classic.subjects.inference import InferredSubjects, infer_subjects, with_face_shape

SEEDS = range(5)
# (subjects, segments each): two thirds of the subjects are in train/, which is what is asked about.
SHAPES = ((60, 3), (60, 1))
FAMILIES = ("distribution", "quality", "audio_vector")
SETTINGS = with_face_shape(Settings().override({"features.families": FAMILIES}))
# What a headerless matrix would be, if one called its columns so.
AS_POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")


def extracted(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    data = load_dataset(folder)
    assert data.groups is not None
    extraction = FeatureExtractor(SETTINGS).extract(data)
    return extraction.checked(), extraction.contents, data.groups


def precision_and_recall(found: pd.Series, true: pd.Series) -> tuple[float, float]:
    upper = np.triu_indices(len(true), 1)
    proposed, right = (
        (column.to_numpy()[:, None] == column.to_numpy())[upper] for column in (found.loc[true.index], true)
    )
    n_both, n_proposed, n_right = (proposed & right).sum(), proposed.sum(), right.sum()
    return (
        float(n_both / n_proposed) if n_proposed else float("nan"),
        float(n_both / n_right) if n_right else float("nan"),
    )


def of_one_modality(features: pd.DataFrame, kept: str) -> pd.DataFrame:
    return features[[name for name in features.columns if name.startswith(f"{kept}__")]]


def synthetic() -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, pd.Series]]:
    for subjects, segments in SHAPES:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                made = make_synthetic(
                    f"{folder}/set", subjects=subjects, segments=segments, seed=seed, seconds=(10.0, 20.0)
                )
                features, contents, true = extracted(made.out / "train")
            name = f"synthetic x {segments}, seed {seed}"
            yield name, features, contents, true
            if segments > 1:
                for kept in ("audio", "video"):
                    yield f"{name}, {kept} only", of_one_modality(features, kept), contents, true


def real(folder: Path) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, pd.Series]]:
    features, contents, true = extracted(folder / "watch-exercise" / "train")
    yield "watch-exercise", features, contents, true
    means = [name for name in features.columns if name.endswith("__mean") and name.startswith("video__")]
    renamed = {name: f"video__{channel}__mean" for name, channel in zip(means, AS_POSE, strict=False)}
    yield "watch-exercise, as if it were pose", features.rename(columns=renamed), contents, true
    yield "badrobots-gaze", *extracted(folder / "badrobots-gaze" / "train")
    yield "youtubepd-wavlm (nobody recurs), train", *extracted(folder / "youtubepd-wavlm" / "train")
    yield "youtubepd-wavlm (nobody recurs), test", *extracted(folder / "youtubepd-wavlm" / "test")


def row(name: str, found: InferredSubjects, true: pd.Series, seconds: float) -> str:
    precision, recall = precision_and_recall(found.groups, true)
    shown = [f"{value:.2f}" if np.isfinite(value) else "-" for value in (precision, recall)]
    counts = f"{len(true):5d} {true.nunique():9d} {found.groups.nunique():9d}"
    believed = "yes" if found.recurring else "no"
    return f"{name:<40} {counts} {believed:>9} {found.confidence:11.2f} {shown[0]:>10} {shown[1]:>7} {seconds:5.1f}"


def main() -> None:
    print(f"{'set':<40} {'n':>5} {'subjects':>9} {'proposed':>9} {'believed':>9} {'confidence':>11} ", end="")
    print(f"{'precision':>10} {'recall':>7} {'s':>5}")
    folder = os.environ.get("PDMR_REAL_DATA")
    for sets in (real(Path(folder)) if folder else (), synthetic()):
        for name, features, contents, true in sets:
            started = time.perf_counter()
            found = infer_subjects(features, contents)
            print(row(name, found, true, time.perf_counter() - started), flush=True)
    if not folder:
        print("PDMR_REAL_DATA is not set: the real sets are left out")


if __name__ == "__main__":
    main()
