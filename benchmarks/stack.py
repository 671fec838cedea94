"""The whole default `fit`, with tuning, against simple peers on the tasks of tasks.py.

    python benchmarks/stack.py --tasks FOLDER --rows FILE [--part design] [--seeds 5] [--folds 0 1 2 3 4]

All methods get the same feature table and the same outer grouped folds. Scores on held-out people: AUC (several
classes: one vs rest, averaged), log loss, and F1 of predicted classes (several classes: macro F1). Finished folds are
read from FILE, and not computed again. With PYTHONPATH, another version of the package can be measured under another
`--name`.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tasks import read_tasks

from pdmr_classic import DepressionModel, GroupedFolds, Settings
from pdmr_classic.progress import CollectingReporter

Array = np.ndarray
N_FOLDS = 5


def score(y: Array, predicted: Array, scores: Array, is_probability: bool) -> dict[str, float]:
    """Return AUC, log loss and F1 from class numbers and one column of scores per class."""
    n_classes = scores.shape[1]
    is_class = np.eye(n_classes, dtype=bool)[y]
    mixed = [k for k in range(n_classes) if 0 < is_class[:, k].sum() < len(y)]
    auc = np.mean([roc_auc_score(is_class[:, k], scores[:, k]) for k in mixed]) if mixed else np.nan
    loss = log_loss(y, scores, labels=range(n_classes)) if is_probability else np.nan
    f1 = f1_score(y, predicted, average="binary" if n_classes == 2 else "macro", zero_division=0)
    return {"AUC": float(auc), "loss": float(loss), "F1": float(f1)}


def run_own(table: pd.DataFrame, train: Array, test: Array, jobs: int) -> dict[str, float]:
    features = table.drop(columns=["status", "subject"])
    features.index = pd.Index([f"r{k:04d}" for k in range(len(features))], name="data_id")
    status = pd.Series(table["status"].to_numpy(dtype=object), features.index)
    groups = pd.Series(table["subject"].to_numpy(dtype=object), features.index)
    classes = sorted(status.unique())
    positive = classes[1] if len(classes) == 2 else None
    model = DepressionModel(Settings().override({"data.positive": positive, "learning.importance": False}))
    reporter = CollectingReporter()
    model.fit(features.iloc[train], status.iloc[train], groups.iloc[train], jobs=jobs, reporter=reporter)
    predictions = model.predict_features(features.iloc[test])
    if positive is not None:
        scores = np.column_stack([1 - predictions["probability"], predictions["probability"]])
    else:
        scores = predictions[[f"probability_{label}" for label in classes]].to_numpy()
    number = {label: k for k, label in enumerate(classes)}
    y, predicted = status.iloc[test].map(number).to_numpy(), predictions["status"].map(number).to_numpy()
    return score(y, predicted, scores / scores.sum(axis=1, keepdims=True), is_probability=True)


PEERS: dict[str, Callable[[], object]] = {
    "plain RBF SVM": lambda: SVC(class_weight="balanced"),
    "logistic regression": lambda: LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000),
    "LightGBM default": lambda: LGBMClassifier(n_jobs=1, verbose=-1, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(500, random_state=0, n_jobs=1),
}


def run_peer(name: str, table: pd.DataFrame, train: Array, test: Array) -> dict[str, float]:
    X = table.drop(columns=["status", "subject"]).to_numpy(dtype=float)
    y = np.unique(table["status"], return_inverse=True)[1]
    model = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), PEERS[name]())
    model.fit(X[train], y[train])
    has_probability = hasattr(model[-1], "predict_proba") and "SVM" not in name
    scores = model.predict_proba(X[test]) if has_probability else model.decision_function(X[test])
    scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    return score(y[test], model.predict(X[test]), scores, has_probability)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means over tasks of each method, on the folds that all methods have."""
    keys = ["task", "seed", "fold"]
    complete = rows.groupby(keys)["method"].transform("nunique") == rows["method"].nunique()
    by_task = rows[complete].groupby(["method", "task"])[["AUC", "loss", "F1", "seconds"]].mean()
    means = by_task.groupby("method").mean()
    auc = by_task["AUC"].unstack(0)
    means["worst AUC to the best of the task"] = auc.sub(auc.max(axis=1), axis=0).min()
    return means.assign(tasks=len(auc), folds=int(complete.sum() / rows["method"].nunique()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, required=True, help="folder that tasks.py wrote")
    parser.add_argument("--rows", type=Path, required=True, help="parquet file of the scores of each fold")
    parser.add_argument("--part", choices=("design", "exam"), default="design")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5])
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(N_FOLDS)))
    parser.add_argument("--name", default="pdmr-classic")
    parser.add_argument("--only", nargs="*", help="only these tasks")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = pd.read_parquet(arguments.rows).to_dict("records") if arguments.rows.exists() else []
    finished = {(row["task"], row["seed"], row["fold"], row["method"]) for row in rows}
    tasks = read_tasks(arguments.tasks, arguments.part)
    for seed, fold, name in product(arguments.seeds, arguments.folds, arguments.only or list(tasks)):
        y, groups = (tasks[name][column].to_numpy(dtype=str) for column in ("status", "subject"))
        train, test = list(GroupedFolds(N_FOLDS, random_state=seed).split(y, y, groups))[fold]
        for method in (arguments.name, *PEERS):
            if (name, seed, fold, method) in finished:
                continue
            started = time.perf_counter()
            if method == arguments.name:
                scores = run_own(tasks[name], train, test, arguments.jobs)
            else:
                scores = run_peer(method, tasks[name], train, test)
            about = {"task": name, "seed": seed, "fold": fold, "method": method}
            rows.append(about | scores | {"seconds": time.perf_counter() - started})
            print(name, seed, fold, method, {key: round(value, 3) for key, value in scores.items()}, flush=True)
        pd.DataFrame(rows).to_parquet(arguments.rows)
    print(summarise(pd.DataFrame(rows)).round(3).to_string())


if __name__ == "__main__":
    main()
