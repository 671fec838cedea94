"""Accuracy of `--groups infer`: pairwise precision and recall against the subject ids of the data set.

    PDMR_REAL_DATA=../shared/data python benchmarks/subjects.py

A pair of recordings is correct if both belong to the same subject. Precision is the share of proposed pairs that are
correct, recall the share of correct pairs that are proposed; a dash means that there are no such pairs. If "accepted"
is "no", the program treats each recording as its own subject and says so.
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
from pdmr_classic.subjects.inference import InferredSubjects, add_face_shape, infer_subjects

SEEDS = range(5)
# (subjects, segments per subject); two thirds of the subjects are in train/, which is tested.
SHAPES = ((60, 3), (60, 1))
FAMILIES = ("distribution", "quality", "audio_vector")
SETTINGS = add_face_shape(Settings().override({"features.families": FAMILIES}))
# Column names that turn a matrix without header into head pose.
POSE_NAMES = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")


def extract_features(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    data = load_dataset(folder)
    assert data.groups is not None
    extraction = FeatureExtractor(SETTINGS).extract(data)
    return extraction.require_features(), extraction.content_hashes, data.groups


def precision_and_recall(inferred: pd.Series, true: pd.Series) -> tuple[float, float]:
    upper = np.triu_indices(len(true), 1)
    proposed, correct = (
        (column.to_numpy()[:, None] == column.to_numpy())[upper] for column in (inferred.loc[true.index], true)
    )
    n_both, n_proposed, n_correct = (proposed & correct).sum(), proposed.sum(), correct.sum()
    return (
        float(n_both / n_proposed) if n_proposed else float("nan"),
        float(n_both / n_correct) if n_correct else float("nan"),
    )


def select_modality(features: pd.DataFrame, modality: str) -> pd.DataFrame:
    return features[[name for name in features.columns if name.startswith(f"{modality}__")]]


def make_synthetic_sets() -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, pd.Series]]:
    for subjects, segments in SHAPES:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                dataset = make_synthetic(
                    f"{folder}/set", subjects=subjects, segments=segments, seed=seed, seconds=(10.0, 20.0)
                )
                features, contents, true = extract_features(dataset.out / "train")
            name = f"synthetic x {segments}, seed {seed}"
            yield name, features, contents, true
            if segments > 1:
                for modality in ("audio", "video"):
                    yield f"{name}, {modality} only", select_modality(features, modality), contents, true


def load_real_sets(folder: Path) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, pd.Series]]:
    features, contents, true = extract_features(folder / "watch-exercise" / "train")
    yield "watch-exercise", features, contents, true
    means = [name for name in features.columns if name.endswith("__mean") and name.startswith("video__")]
    renamed = {name: f"video__{channel}__mean" for name, channel in zip(means, POSE_NAMES, strict=False)}
    yield "watch-exercise, renamed to head pose", features.rename(columns=renamed), contents, true
    yield "badrobots-gaze", *extract_features(folder / "badrobots-gaze" / "train")
    yield "youtubepd-wavlm (one recording per subject), train", *extract_features(folder / "youtubepd-wavlm" / "train")
    yield "youtubepd-wavlm (one recording per subject), test", *extract_features(folder / "youtubepd-wavlm" / "test")


def format_row(name: str, inferred: InferredSubjects, true: pd.Series, seconds: float) -> str:
    precision, recall = precision_and_recall(inferred.groups, true)
    scores = [f"{value:.2f}" if np.isfinite(value) else "-" for value in (precision, recall)]
    counts = f"{len(true):5d} {true.nunique():9d} {inferred.groups.nunique():9d}"
    accepted = "yes" if inferred.is_accepted else "no"
    return (
        f"{name:<40} {counts} {accepted:>9} {inferred.confidence:11.2f} {scores[0]:>10} {scores[1]:>7} {seconds:5.1f}"
    )


def main() -> None:
    print(f"{'set':<40} {'n':>5} {'subjects':>9} {'proposed':>9} {'accepted':>9} {'confidence':>11} ", end="")
    print(f"{'precision':>10} {'recall':>7} {'s':>5}")
    folder = os.environ.get("PDMR_REAL_DATA")
    for sets in (load_real_sets(Path(folder)) if folder else (), make_synthetic_sets()):
        for name, features, contents, true in sets:
            started = time.perf_counter()
            inferred = infer_subjects(features, contents)
            print(format_row(name, inferred, true, time.perf_counter() - started), flush=True)
    if not folder:
        print("PDMR_REAL_DATA is not set: the real data sets are skipped")


if __name__ == "__main__":
    main()
