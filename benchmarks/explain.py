"""Explanations: how long they take, whether they agree with removing features, and how they vary between seeds.

    python benchmarks/explain.py speed
    PDMR_REAL_DATA=../shared/data python benchmarks/explain.py fidelity --seeds 3
    PDMR_REAL_DATA=../shared/data python benchmarks/explain.py stability

`speed` fits the default stack on synthetic recordings and explains 100 others: seconds, and as a multiple of predicting
them. `--train` sets the number of training recordings, on which support vectors and trees depend.

`fidelity` trains on two thirds of the subjects and explains the others. Each feature family (the audio vector counts as
one; with a single family, each tenth of the columns) is set to the training median, and the recording predicted again.
Per recording, the Spearman correlation between the contributions of the families and the changes of the log-odds; means
over recordings, and their spread over splits. "missing" sets the family to missing values instead.

`stability` compares the contributions of families of several classes, whose support vector machines are sampled,
between seeds, by the number of permutations.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from recordings import LabelledTable, read_table
from scipy.stats import spearmanr

from pdmr_classic import DepressionModel, FeatureExtractor, Settings, load_dataset, make_synthetic
from pdmr_classic.features.names import is_model_input
from pdmr_classic.models.explanation.explain import explain_features
from pdmr_classic.models.feature_ranges import summarise_ranges
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.reporting.explanation._recordings import explain_recordings
from pdmr_classic.splits import GroupedFolds

POSITIVE = {"badrobots-gaze": "Reaction", "youtubepd-wavlm": "PD", "synthetic": "Depression", "watch-exercise": None}


def make_table(subjects: int, seed: int) -> LabelledTable:
    """Return features, labels and subjects of a synthetic set with two recordings per subject."""
    with tempfile.TemporaryDirectory() as folder:
        make_synthetic(Path(folder) / "set", subjects=subjects, segments=2, seconds=(8, 12), seed=seed)
        data = load_dataset(Path(folder) / "set", split="train")
        features = FeatureExtractor(reporter=CollectingReporter()).transform(data)
        return LabelledTable(features, data.status, data.groups)


def fit_model(table: LabelledTable, name: str, rows: Any = slice(None), **learning: Any) -> DepressionModel:
    changes = {"trials": 1, "importance": False} | learning
    settings = Settings().override({"data.positive": POSITIVE[name]})
    settings = settings.override({f"learning.{key}": value for key, value in changes.items()})
    parts = (table.features.iloc[rows], table.status.iloc[rows], table.groups.iloc[rows])
    model = DepressionModel(settings).fit(*parts, reporter=CollectingReporter())
    model.metadata_["feature_ranges"] = summarise_ranges(table.features.iloc[rows])
    return model


# ------------------------------------------------------------------------------------------------- speed


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Return wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure_speed(n_train: int) -> None:
    table = make_table(round((n_train + 100) * 0.75), 0)
    model = fit_model(table, "synthetic", slice(0, n_train), repeats=1, folds=3)
    rows = table.features.iloc[n_train : n_train + 100]
    rows = rows if len(rows) == 100 else table.features.iloc[-100:]
    for name, call in (
        ("predict", lambda: model.predict_features(rows)),
        ("contributions", lambda: explain_features(model, rows)),
        ("dict with sentences", lambda: explain_recordings(model, rows)),
    ):
        runs = np.array([timed(call) for _ in range(3)])
        wall, cpu = np.median(runs, axis=0)
        print(
            f"{n_train} training recordings, {len(rows)} explained, {name}: "
            f"{wall:.2f} s ({runs[:, 0].min():.2f} to {runs[:, 0].max():.2f}), CPU {cpu:.2f} s"
        )


# ----------------------------------------------------------------------------------------------- fidelity


def log_odds(model: DepressionModel, table: pd.DataFrame, chosen: np.ndarray | None = None) -> np.ndarray:
    """Return the log-odds of the positive class; of several, of the `chosen` one minus the mean over classes."""
    predictions = model.predict_features(table, reporter=CollectingReporter())
    if "probability" in predictions:
        p = predictions["probability"].to_numpy()
        return np.log(p / (1 - p))
    logs = np.log(predictions[[f"probability_{name}" for name in model.classes_]].to_numpy())
    chosen = logs.argmax(axis=1) if chosen is None else chosen
    return logs[np.arange(len(logs)), chosen] - logs.mean(axis=1)


def group_columns(families: list[str]) -> dict[str, list[int]]:
    """Return the columns of each family; with fewer than three families, ten parts of the columns."""
    groups = {name: [k for k, family in enumerate(families) if family == name] for name in dict.fromkeys(families)}
    if len(groups) >= 3:
        return groups
    return {str(k): part.tolist() for k, part in enumerate(np.array_split(np.arange(len(families)), 10))}


def compare_with_removal(table: LabelledTable, name: str, seed: int) -> tuple[float, float, float]:
    """Return the mean rank correlation with removal (median, missing), and that of the mean absolute values."""
    train, test = next(GroupedFolds(3, random_state=seed).split(table.features, table.status, table.groups))
    model = fit_model(table, name, train, seed=seed, repeats=1)
    rows = table.features.iloc[test]
    explanation = explain_features(model, rows)
    names = [column for column in explanation.names if column in rows]
    families = dict(zip(explanation.names, explanation.families, strict=True))
    groups = group_columns([families[column] for column in names])
    median = table.features.iloc[train].median()
    chosen = None if model.positive_ else np.array([model.classes_.index(target) for target in explanation.targets])
    whole = log_odds(model, rows, chosen)
    contributions, drops = [], {"median": [], "missing": []}
    for columns in groups.values():
        own = [names[k] for k in columns if is_model_input(names[k])]
        contributions.append(explanation.contributions[own].sum(axis=1).to_numpy())
        for kind, value in (("median", median[own].to_numpy()), ("missing", np.nan)):
            changed = rows.copy()
            # What is missing stays missing: a modality must not appear.
            changed[own] = np.where(rows[own].notna(), value, np.nan)
            drops[kind].append(whole - log_odds(model, changed, chosen))
    found = np.array(contributions)
    correlations = []
    for kind in drops:
        removed = np.array(drops[kind])
        usable = np.isfinite(removed).all(axis=0) & np.isfinite(found).all(axis=0)
        correlations.append(
            float(
                np.nanmean([spearmanr(a, b).statistic for a, b in zip(found.T[usable], removed.T[usable], strict=True)])
            )
        )
    overall = spearmanr(np.abs(found).mean(axis=1), np.abs(np.array(drops["median"])).mean(axis=1)).statistic
    return correlations[0], correlations[1], float(overall)


def measure_fidelity(names: list[str], seeds: int) -> None:
    for name in names:
        results = []
        for seed in range(seeds):
            table = make_table(36, seed) if name == "synthetic" else read_table(name)
            results.append(compare_with_removal(table, name, seed))
            print(f"  {name}, seed {seed}: {', '.join(f'{value:.2f}' for value in results[-1])}", flush=True)
        columns = np.array(results).T
        told = [f"{column.mean():.2f} ({column.min():.2f} to {column.max():.2f})" for column in columns]
        print(f"| {name} | {' | '.join(told)} |", flush=True)


# ---------------------------------------------------------------------------------------------- stability


def measure_stability(seeds: int) -> None:
    table = read_table("watch-exercise")
    model = fit_model(table, "watch-exercise", repeats=1)
    rows = table.features.iloc[::4]
    for n_permutations in (10, 20, 40):
        stability = explain_recordings(model, rows, seeds=seeds, n_permutations=n_permutations)["stability"]
        exact = explain_features(model, rows, n_permutations=n_permutations)
        print(
            f"{n_permutations} permutations, {seeds} seeds, {len(rows)} recordings: rank correlation "
            f"{stability['rank_correlation']:.3f}, largest SD {stability['max_sd']:.3f}, standard error "
            f"{exact.error.to_numpy().mean():.3f} (largest {exact.error.to_numpy().max():.3f}), share of exact "
            f"members {exact.exact_share.mean():.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "fidelity", "stability"])
    parser.add_argument("--train", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--sets", nargs="+", default=["synthetic", "badrobots-gaze", "youtubepd-wavlm", "watch-exercise"]
    )
    arguments = parser.parse_args()
    if arguments.what == "speed":
        for n_train in arguments.train:
            measure_speed(n_train)
    elif arguments.what == "fidelity":
        measure_fidelity(arguments.sets, arguments.seeds)
    else:
        measure_stability(max(arguments.seeds, 2))


if __name__ == "__main__":
    main()
