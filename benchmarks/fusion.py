"""Joined views and the gate (--join-views) beside the plain stack, for new subjects of planted feature tables.

python benchmarks/fusion.py [--seeds 20] [--first-seed 0] [--scenarios NAME …]
PDMR_REAL_DATA=FOLDER python benchmarks/fusion.py --real
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.metrics import log_loss, roc_auc_score

from pdmr_classic import DepressionModel, FeatureExtractor, Settings, load_dataset
from pdmr_classic.io.dataset import Dataset
from pdmr_classic.progress import CollectingReporter

CHEAP = Settings().override(
    {
        "learning.learners": ["lightgbm", "svm", "linear"],
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.importance": False,
    }
)
N_TRAIN, N_TEST, SEGMENTS = 100, 300, 2
WIDTHS = {"video__c": 100, "audio__vector": 60, "text__vector": 40}
N_NUISANCE = 10
LOW_QUALITY = 0.3
SCENARIOS = ("shared", "incongruence", "low quality", "separate", "one", "extremes", "shared, three")


def make_latents(scenario: str, n_views: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the class of each subject, and what each modality shows of it, shape [subjects, modalities]."""
    n = N_TRAIN + N_TEST
    latent = rng.normal(size=n)
    if scenario == "incongruence":
        contrast = rng.normal(size=n)
        shown = latent[:, None] + 0.4 * contrast[:, None] * np.where(np.arange(n_views) % 2, -1, 1)
        return (contrast > 0).astype(int), shown
    if scenario == "extremes":
        return (np.abs(latent) > 0.67).astype(int), np.tile(latent[:, None], n_views)
    if scenario in ("separate", "one"):
        y = (latent > 0).astype(int)
        shown = 0.7 * (2 * y[:, None] - 1) * (np.arange(n_views) < (1 if scenario == "one" else n_views))
        return y, shown + rng.normal(size=(n, n_views))
    return (latent + 0.5 * rng.normal(size=n) > 0).astype(int), np.tile(latent[:, None], n_views)


def make_table(scenario: str, seed: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return features of recordings, their classes and subjects."""
    rng = np.random.default_rng([seed, SCENARIOS.index(scenario)])
    n_views = 3 if "three" in scenario else 2
    y, shown = make_latents(scenario, n_views, rng)
    subject = np.repeat(np.arange(len(y)), SEGMENTS)
    coverage = rng.uniform(0.9, 1.0, len(subject))
    if scenario.startswith("low quality"):
        is_low = rng.random(len(subject)) < LOW_QUALITY
        coverage[is_low] = rng.uniform(0.1, 0.5, int(is_low.sum()))
    parts = []
    for k, width in enumerate(list(WIDTHS.values())[:n_views]):
        signal = shown[subject, k]
        if k == 0:
            # Without a face, the features show something else.
            signal = np.where(coverage < 0.6, 1.5 * rng.normal(size=len(subject)), signal)
        nuisance = rng.normal(size=(len(y), N_NUISANCE))[subject] @ rng.normal(size=(N_NUISANCE, width))
        noise = 1.5 * rng.normal(size=(len(subject), width))
        # A modality that may be useless is worth a gate if it is otherwise the better one.
        loading = 0.7 if not scenario.startswith("low quality") else (1.2 if k == 0 else 0.4)
        parts.append(loading * np.outer(signal, rng.normal(size=width)) + 0.5 * nuisance + noise)
    names = [f"{view}__{k:03d}" for view, width in list(WIDTHS.items())[:n_views] for k in range(width)]
    index = pd.Index([f"r{k}" for k in range(len(subject))], name="data_id")
    table = pd.DataFrame(np.hstack(parts), index, names).assign(quality__stream__coverage=coverage)
    status = pd.Series(np.where(y[subject] == 1, "Depression", "Normal"), index)
    return table, status, pd.Series(subject.astype(str), index)


def run(scenario: str, seed: int) -> dict[str, float]:
    """Return scores of new subjects with joined views minus those without, and what was kept."""
    table, status, groups = make_table(scenario, seed)
    train = np.arange(len(table)) < N_TRAIN * SEGMENTS
    truth = (status[~train] == "Depression").to_numpy()
    scores = []
    for joined in (False, True):
        settings = CHEAP.override({"learning.seed": seed, "learning.join_views": joined})
        model = DepressionModel(settings).fit(table[train], status[train], groups[train], reporter=CollectingReporter())
        probability = model.predict_features(table[~train], reporter=CollectingReporter())["probability"]
        scores.append((roc_auc_score(truth, probability), log_loss(truth, probability)))
    metadata = model.metadata_
    # The same model without its gate.
    ungated = model.stacker_.predict_proba(table[~train])[:, model.classes_.index("Depression")]
    return {
        "AUC": scores[0][0],
        "AUC change": scores[1][0] - scores[0][0],
        "log loss": scores[0][1],
        "log loss change": scores[1][1] - scores[0][1],
        "gate: AUC change": scores[1][0] - roc_auc_score(truth, ungated),
        "gate: log loss change": scores[1][1] - log_loss(truth, ungated),
        "joined": float(len(metadata["joined_views"]) > 0),
        "gate": float(metadata["view_gate"]["kept"]),
    }


def with_interval(values: pd.Series) -> str:
    """Return the mean and its 95% interval over seeds."""
    half = student.ppf(0.975, len(values) - 1) * values.std() / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():+.3f} ({values.mean() - half:+.3f} to {values.mean() + half:+.3f})"


def describe(scenario: str, rows: pd.DataFrame) -> str:
    return " | ".join(
        [
            f"| {scenario}",
            f"{rows['AUC'].mean():.3f}",
            with_interval(rows["AUC change"]),
            f"{rows['log loss'].mean():.3f}",
            with_interval(rows["log loss change"]),
            with_interval(rows["gate: AUC change"]),
            with_interval(rows["gate: log loss change"]),
            f"{rows['joined'].mean():.0%}",
            f"{rows['gate'].mean():.0%} |",
        ]
    )


def read_halves() -> tuple[dict[str, pd.DataFrame], dict[str, Dataset]]:
    """Return the audio vectors of youtubepd-wavlm as two views: the even and the odd components."""
    root = Path(os.environ["PDMR_REAL_DATA"]) / "youtubepd-wavlm"
    sets = {split: load_dataset(root, split=split) for split in ("train", "test")}
    tables = {}
    for split, data in sets.items():
        table = FeatureExtractor(Settings().override({"features.families": ["audio_vector"]})).extract(data).features
        names = {name: name.replace("audio__", "odd__") for name in [*table.columns[1::2]]}
        tables[split] = table.rename(columns=names)
    return tables, sets


def run_real(seeds: range) -> None:
    tables, sets = read_halves()
    train, test = sets["train"], sets["test"]
    truth = (test.status.loc[tables["test"].index] == "PD").to_numpy()
    for seed in seeds:
        for joined in (False, True):
            changes = {"learning.seed": seed, "learning.join_views": joined, "data.positive": "PD"}
            model = DepressionModel(CHEAP.override(changes)).fit(
                tables["train"], train.status, train.groups, reporter=CollectingReporter()
            )
            probability = model.predict_features(tables["test"], reporter=CollectingReporter())["probability"]
            auc, loss = roc_auc_score(truth, probability), log_loss(truth, probability)
            kept = {name: model.metadata_.get(name) for name in ("joined_views", "view_gate")}
            print(f"seed {seed}, joined {joined}: AUC {auc:.3f}, log loss {loss:.3f}", kept, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    if options.real:
        run_real(range(options.first_seed, options.first_seed + options.seeds))
        return
    print("| planted | AUC without | change | log loss without | change | AUC, gate | log loss, gate | joined | gate |")
    print("|---|---|---|---|---|---|---|---|---|")
    for scenario in options.scenarios:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        print(describe(scenario, pd.DataFrame([run(scenario, seed) for seed in seeds])), flush=True)


if __name__ == "__main__":
    main()
