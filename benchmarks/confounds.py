"""What the confound audit finds, and what its repair leaves: planted confounds, clean sets, and real recordings.

    python benchmarks/confounds.py --part planted [--seeds 10] [--subjects 60] [--kinds norm decimals ...]
    python benchmarks/confounds.py --part signal [--seeds 10]
    python benchmarks/confounds.py --part shortcut [--sets 200]
    python benchmarks/confounds.py --part audit [--sets 100]
    python benchmarks/confounds.py --part real --data FOLDER

*planted*: synthetic recordings whose labels are permuted between subjects, so that behaviour tells nothing; then the
files of one class are altered. The model must rank far better than chance, its group must be found, and the repaired
model must be at chance. *signal*: the same recordings with their own labels and nothing planted; differences between
raw and repaired are paired. *shortcut*: simulated quality columns, one of which may differ between classes; how often
the shortcut is reported, which does not depend on the model. *audit*: the same for seven groups of five columns, as
with `--confounds`. *real*: raw, each group, and repaired, on the sets of PDMR_REAL_DATA.

The model is a stack of two cheap learners with one trial, on five outer folds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd

from pdmr_classic import Settings, evaluate, load_dataset, make_synthetic
from pdmr_classic.evaluation._permutation import permutation_test
from pdmr_classic.evaluation.baselines import select_shortcut_features
from pdmr_classic.evaluation.confounds._single_columns import examine_conditions
from pdmr_classic.evaluation.confounds.audit import audit_groups, predict_from_conditions
from pdmr_classic.evaluation.confounds.groups import NuisanceGroup
from pdmr_classic.evaluation.join_folds import join_folds
from pdmr_classic.evaluation.outer_folds import make_outer_folds
from pdmr_classic.evaluation.system_scores import summarise_scores
from pdmr_classic.evaluation.table import EvaluationTable
from pdmr_classic.progress import CollectingReporter

CHEAP = {
    "learning.learners": ("lightgbm", "linear"),
    "learning.trials": 1,
    "learning.repeats": 1,
    "learning.folds": 3,
    "learning.importance": False,
    "evaluation.folds": 5,
    "evaluation.repeats": 1,
    "evaluation.stress": False,
    "evaluation.confounds": True,
}
POSITIVE, NEGATIVE = "Depression", "Normal"
Alter = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


# ------------------------------------------------------------------------------------------------ planted in files


def _shift(columns: str, amount: float, limit: float = np.inf) -> Alter:
    def alter(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        names = table.filter(regex=columns).columns
        return table.assign(**{name: (table[name] + amount).clip(upper=limit).round(6) for name in names})

    return alter


def _lose_frames(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    start = rng.integers(len(table) // 2)
    lost = (np.arange(len(table)) >= start) & (np.arange(len(table)) < start + len(table) // 4)
    return table.assign(confidence=table["confidence"].where(~lost, 0.1), success=table["success"].where(~lost, 0))


def _come_near(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(pose_Tz=(table["pose_Tz"] - 200).round(2), pose_Ty=(table["pose_Ty"] + 40).round(3))


VIDEO: dict[str, Alter] = {
    "decimals": lambda table, rng: table.round(2),
    "AU baseline": _shift(r"^AU\d\d_r$", 0.3, 5.0),
    "camera": _come_near,
    "lost frames": _lose_frames,
    "length": lambda table, rng: table.iloc[: int(len(table) * 0.7)],
    "first frame": _shift("^frame$", 1000),
}
AUDIO: dict[str, Alter] = {
    "decimals": lambda table, rng: table.round(2),
    "norm": lambda table, rng: table * 1.15,
    "offset": lambda table, rng: table + 0.02,
}
KINDS = ("nothing", "norm", "offset", "decimals", "AU baseline", "camera", "lost frames", "length", "first frame")


def plant(folder: Path, kind: str, seed: int, subjects: int) -> Path:
    """Write a synthetic training set with labels permuted between subjects, and alter the files of the positives."""
    made = make_synthetic(folder, subjects=subjects, segments=2, seconds=(4, 6), seed=seed, missing=0)
    train, rng = made.out / "train", np.random.default_rng([seed, 1])  # not the stream of the synthetic set
    labels = pd.read_csv(train / "labels.csv", dtype=str)
    people = labels["subject_id"].drop_duplicates().to_numpy()
    classes = dict(zip(people, rng.permutation(np.arange(len(people)) % 2), strict=True))
    labels["status"] = [POSITIVE if classes[person] else NEGATIVE for person in labels["subject_id"]]
    labels.to_csv(train / "labels.csv", index=False)
    for data_id, status in zip(labels["data_id"], labels["status"], strict=True):
        for modality, alterations in (("video", VIDEO), ("audio", AUDIO)):
            path = train / modality / f"{data_id}.csv"
            table = pd.read_csv(path, header="infer" if modality == "video" else None)
            # All files are written again, with numbers of the same length, so that they differ in one thing only.
            table = table if modality == "video" else table * rng.uniform(0.98, 1.02)
            if kind in alterations and status == POSITIVE:
                table = alterations[kind](table, rng)
            table.to_csv(path, index=False, header=modality == "video", float_format="%.6f")
    return train


def run(folder: Path, seed: int, **options: Any) -> dict[str, Any]:
    settings = Settings().override({**CHEAP, "learning.seed": seed, **options})
    return evaluate(load_dataset(folder), settings=settings, reporter=CollectingReporter())


def report_planted(kinds: list[str], seeds: int, subjects: int) -> None:
    print("| planted | raw AUC | group found | repaired AUC, mean (SD) | interval includes .5 |\n|---|---|---|---|---|")
    for kind in kinds:
        results = []
        for seed in range(seeds):
            with TemporaryDirectory() as folder:
                results.append(run(plant(Path(folder) / "set", kind, seed, subjects), seed))
        raw = np.array([result["scores"]["auc"]["mean"] for result in results])
        repaired = [result["confounds"]["repaired"]["scores"]["auc"] for result in results]
        means = np.array([score["mean"] for score in repaired])
        found = [result["confounds"]["found"] for result in results]
        counts = pd.Series([name for names in found for name in names], dtype=object).value_counts()
        included = sum(score["low"] <= 0.5 for score in repaired)
        groups = ", ".join(f"{name} {count}" for name, count in counts.items())
        spread = f"{means.mean():.3f} ({means.std(ddof=1):.3f})" if len(means) > 1 else f"{means[0]:.3f}"
        print(f"| {kind} | {raw.mean():.3f} | {groups} | {spread} | {included} of {seeds} |", flush=True)


def report_signal(seeds: int, subjects: int) -> None:
    differences, found = [], []
    for seed in range(seeds):
        with TemporaryDirectory() as folder:
            made = make_synthetic(Path(folder) / "set", subjects=subjects, segments=2, seconds=(8, 12), seed=seed)
            result = run(made.out / "train", seed)
        raw, repaired = result["scores"]["auc"]["mean"], result["confounds"]["repaired"]["scores"]["auc"]["mean"]
        differences.append(repaired - raw)
        found.append(result["confounds"]["found"])
        print(f"seed {seed}: raw {raw:.3f}, repaired {repaired:.3f}, found {found[-1]}", flush=True)
    values = np.array(differences)
    print(f"repaired - raw: mean {values.mean():+.4f}, SD {values.std(ddof=1):.4f}, {seeds} seeds")


# ------------------------------------------------------------------------------------------------ simulated columns


def simulate(subjects: int, distance: float, rng: np.random.Generator, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of which the first has an AUC of about norm.cdf(distance / sqrt(2)), and labels."""
    y = rng.permutation(np.arange(subjects) % 2)
    X = rng.normal(size=(subjects, columns))
    X[:, 0] += distance * y
    return X, y


def make_table(X: np.ndarray, y: np.ndarray) -> EvaluationTable:
    index = pd.Index([f"r{place:04d}" for place in range(len(y))], name="data_id")
    names = [f"quality__stream__c{k}" for k in range(X.shape[1])]
    features = pd.DataFrame(X, index=index, columns=names).assign(audio__vector__000=1.0)
    status = pd.Series(np.where(y == 1, POSITIVE, NEGATIVE), index=index, dtype=object)
    groups = pd.Series(index, index=index, dtype=object)
    return EvaluationTable(features, status, groups, (POSITIVE, NEGATIVE), POSITIVE)


def predict_columns(X: np.ndarray, table: EvaluationTable, outer: list[Any], settings: Settings) -> Any:
    return join_folds(table, outer, [predict_from_conditions(X, table, settings, fold) for fold in outer])


def make_folds(table: EvaluationTable, seed: int, repeats: int) -> list[Any]:
    options: dict[str, Any] = {"folds": 5, "repeats": repeats, "seed": seed, "reporter": CollectingReporter()}
    return make_outer_folds(table.status, table.groups, None, **options)[0]


def report_shortcut(sets: int, repeats: int) -> None:
    print("| AUC of one of nine columns | subjects | AUC of the shortcut, mean (SD) | interval | its p | reported |")
    print("|---|---|---|---|---|---|")
    for subjects in (40, 100):
        for auc in (0.5, 0.75, 0.8):
            aucs, by_interval, by_p, reported = [], 0, 0, 0
            for seed in range(sets):
                rng = np.random.default_rng([seed, subjects, int(100 * auc)])
                X, y = simulate(subjects, distance_of(auc), rng, 9)
                table = make_table(X, y)
                shortcut = predict_columns(X, table, make_folds(table, seed, repeats), Settings())
                score = summarise_scores(shortcut, seed)["scores"]["auc"]
                aucs.append(score["mean"])
                by_interval += score["low"] > 0.5
                by_p += permutation_test(shortcut, seed=seed)["p_fixed_predictions"]["auc"] <= 0.05
                reported += examine_conditions(select_shortcut_features(table.features), shortcut, seed)[1] <= 0.05
            spread = f"{np.mean(aucs):.3f} ({np.std(aucs, ddof=1):.3f})"
            rates = " | ".join(f"{count / sets:.2f}" for count in (by_interval, by_p, reported))
            print(f"| {auc} | {subjects} | {spread} | {rates} |", flush=True)


def distance_of(auc: float) -> float:
    from scipy.stats import norm

    return float(np.sqrt(2) * norm.ppf(auc))


def report_audit(sets: int, repeats: int) -> None:
    print("| AUC of one column of the first group | subjects | any group found | the first group found |")
    print("|---|---|---|---|")
    for auc in (0.5, 0.85):
        for subjects in (40, 100):
            any_found = first_found = 0
            for seed in range(sets):
                rng = np.random.default_rng([seed, subjects, int(100 * auc)])
                X, y = simulate(subjects, distance_of(auc), rng, 35)
                table = make_table(X, y)
                parts = np.split(np.arange(35), 7)
                index = table.features.index
                groups = [NuisanceGroup(f"g{k}", pd.DataFrame(X[:, part], index)) for k, part in enumerate(parts)]
                found = audit_groups(table, groups, make_folds(table, seed, repeats), Settings()).found
                any_found += bool(found)
                first_found += "g0" in found
            print(f"| {auc} | {subjects} | {any_found / sets:.2f} | {first_found / sets:.2f} |", flush=True)


# ------------------------------------------------------------------------------------------------ real recordings


def report_real(data: Path) -> None:
    for name, positive in (("badrobots-gaze", "Reaction"), ("youtubepd-wavlm", "PD"), ("watch-exercise", None)):
        folder = data / name / "train" if (data / name / "train").exists() else data / name
        settings = Settings().override({**CHEAP, "data.positive": positive, "evaluation.repeats": 3})
        result = evaluate(load_dataset(folder), settings=settings, reporter=CollectingReporter())
        print(f"\n{name}: raw AUC {describe(result['scores']['auc'])}")
        for group, part in result["confounds"]["groups"].items():
            line = part["problem"] or f"{describe(part['scores']['auc'])}, adjusted p {part['p_adjusted']:.3f}"
            print(f"  {group}: {line}")
        print(f"  repaired: {describe(result['confounds']['repaired']['scores'].get('auc', {}))}")
        print("\n".join(f"  > {sentence}" for sentence in result["conclusion"]), flush=True)


def describe(score: dict[str, Any]) -> str:
    return f"{score['mean']:.3f} ({score['low']:.2f} to {score['high']:.2f})" if score.get("low") is not None else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--part", choices=("planted", "signal", "shortcut", "audit", "real"), required=True)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--subjects", type=int, default=60)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("PDMR_REAL_DATA", "../shared/data")))
    options = parser.parse_args()
    if options.part == "planted":
        report_planted(options.kinds, options.seeds, options.subjects)
    elif options.part == "signal":
        report_signal(options.seeds, options.subjects)
    elif options.part == "shortcut":
        report_shortcut(options.sets, options.repeats)
    elif options.part == "audit":
        report_audit(options.sets, options.repeats)
    else:
        report_real(options.data)


if __name__ == "__main__":
    main()
