"""How well is learned: pdmr-classic against others, on the same features and the same outer grouped folds.

    python benchmarks/learning.py --sets badrobots-gaze youtubepd-wavlm watch-exercise synthetic
    python benchmarks/learning.py --sets … --autogluon /path/to/python --flaml /path/to/python

AutoGluon and FLAML live in environments of their own (`pip install autogluon.tabular[lightgbm,xgboost] pyarrow`, `pip
install flaml[automl] pyarrow`) and get the feature table of each fold, the subjects of its training rows, and
`--seconds` a fold. F1 and AUC are averaged over folds; differences are paired, their 95% interval is from drawing
subjects anew. Real sets are found where PDMR_REAL_DATA says.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pdmr_classic import DepressionModel, FeatureExtractor, GroupedFolds, Settings, load_dataset, make_synthetic

POSITIVE = {"badrobots-gaze": "Reaction", "youtubepd-wavlm": "PD", "synthetic": "Depression"}
OURS = "pdmr-classic"
BOOTSTRAPS = 300


@dataclass(eq=False)
class Task:
    """One set: its features, labels and subjects, and the outer folds."""

    name: str
    features: pd.DataFrame
    status: pd.Series
    groups: pd.Series
    folds: list[tuple[np.ndarray, np.ndarray]]
    positive: str | None
    said: dict[str, list[tuple[np.ndarray, np.ndarray]]] = field(
        default_factory=dict
    )  # labels and P(positive), by fold
    seconds: dict[str, list[float]] = field(default_factory=dict)


class Quiet:
    def progress(self, stage: str, done: int, total: int) -> None:
        pass

    def tell(self, finding: Any) -> None:
        pass


def load(name: str, folder: Path, folds: int, repeats: int) -> Task:
    if name == "synthetic":
        roots = [folder / "synthetic" / split for split in ("train", "test")]
        make_synthetic(folder / "synthetic", subjects=100, segments=3, seed=11)
    else:
        base = Path(os.environ["PDMR_REAL_DATA"]) / name
        roots = [base / split for split in ("train", "test") if (base / split).is_dir()]
    parts = []
    for root in roots:
        data = load_dataset(root).labelled()
        table = FeatureExtractor(reporter=Quiet()).transform(data)
        about = pd.DataFrame({"status": data.status, "subject": data.groups})
        parts.append(
            pd.concat([table, about], axis=1).rename(index=lambda data_id, root=root: f"{root.name}-{data_id}")
        )
    whole = pd.concat(parts)
    features = whole.drop(columns=["status", "subject"])
    splitter = GroupedFolds(folds, n_repeats=repeats, random_state=5)
    splits = list(splitter.split(features, whole["status"], whole["subject"]))
    return Task(name, features, whole["status"], whole["subject"], splits, POSITIVE.get(name))


def behaviour(features: pd.DataFrame) -> np.ndarray:
    return features[[c for c in features if not c.startswith(("quality__", "material__"))]].to_numpy(dtype=float)


def ours(trials: int) -> Callable[[Task, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def run(task: Task, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked = {"data.positive": task.positive, "learning.trials": trials, "learning.importance": False}
        model = DepressionModel(Settings().override(asked))
        model.fit(task.features.iloc[train], task.status.iloc[train], task.groups.iloc[train], jobs=2, reporter=Quiet())
        said = model.predict_features(task.features.iloc[test])
        probability = said["probability"] if task.positive else pd.Series(np.nan, index=said.index)
        return said["status"].to_numpy(), probability.to_numpy()

    return run


def plain(make: Callable[[Task, np.ndarray], Any]) -> Callable[[Task, np.ndarray, np.ndarray], tuple[Any, Any]]:
    def run(task: Task, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        X, y = behaviour(task.features), task.status.to_numpy(dtype=str)
        model = make(task, train).fit(X[train], y[train])
        said = model.predict(X[test])
        return said, score_of(model, X[test], task.positive)

    return run


def score_of(model: Any, X: np.ndarray, positive: str | None) -> np.ndarray:
    if positive is None:
        return np.full(len(X), np.nan)
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)[:, list(model.classes_).index(positive)]
    margin = model.decision_function(X)
    return margin if model.classes_[1] == positive else -margin


def tuned_svm(task: Task, train: np.ndarray) -> Any:
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), SVC(class_weight="balanced"))
    grid = {"svc__C": [0.1, 0.3, 1, 3, 10, 30], "svc__gamma": [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, "scale"]}
    groups = task.groups.to_numpy(dtype=str)[train]
    codes = task.status.to_numpy(dtype=str)[train]
    cv = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(codes, codes, groups))
    return GridSearchCV(pipeline, grid, cv=cv, scoring="roc_auc" if task.positive else "f1_macro", n_jobs=2)


def logistic(task: Task, train: np.ndarray) -> Any:
    regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), regression)


def lightgbm(task: Task, train: np.ndarray) -> Any:
    return LGBMClassifier(n_jobs=1, verbose=-1, random_state=0)


def elsewhere(python: str, code: str, seconds: int) -> Callable[[Task, np.ndarray, np.ndarray], tuple[Any, Any]]:
    """Fit in another environment: tables go there and labels come back as parquet."""

    def run(task: Task, train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            table = pd.DataFrame(behaviour(task.features)).rename(columns=str)
            table["label"], table["subject"] = task.status.to_numpy(dtype=str), task.groups.to_numpy(dtype=str)
            table.iloc[train].to_parquet(f"{folder}/train.parquet")
            table.iloc[test].drop(columns=["label", "subject"]).to_parquet(f"{folder}/test.parquet")
            asked = json.dumps({"folder": folder, "seconds": seconds, "positive": task.positive})
            environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
            command = [python, "-c", code, asked]
            subprocess.run(command, check=True, capture_output=True, env=environment)
            said = pd.read_parquet(f"{folder}/said.parquet")
        return said["label"].to_numpy(dtype=str), said["probability"].to_numpy(dtype=float)

    return run


AUTOGLUON = """
import json, sys, pandas as pd
from autogluon.tabular import TabularPredictor
asked = json.loads(sys.argv[1]); folder = asked["folder"]
train, test = pd.read_parquet(folder + "/train.parquet"), pd.read_parquet(folder + "/test.parquet")
# Its bagging takes the folds from a column of groups; ours are 5 by subject.
subjects = {s: k % 5 for k, s in enumerate(sorted(train["subject"].unique()))}
train["fold"] = train.pop("subject").map(subjects)
metric = "f1_macro" if asked["positive"] is None else "f1"
extra = {} if asked["positive"] is None else {"positive_class": asked["positive"]}
about = {"label": "label", "groups": "fold", "eval_metric": metric, "path": folder + "/ag"}
predictor = TabularPredictor(**about, verbosity=0, **extra)
predictor.fit(train, presets="best_quality", time_limit=asked["seconds"], dynamic_stacking=False)
p = predictor.predict_proba(test)
out = pd.DataFrame({"label": predictor.predict(test).astype(str)})
out["probability"] = p[asked["positive"]] if asked["positive"] is not None else float("nan")
out.to_parquet(folder + "/said.parquet")
"""

FLAML = """
import json, sys, pandas as pd
from flaml import AutoML
asked = json.loads(sys.argv[1]); folder = asked["folder"]
train, test = pd.read_parquet(folder + "/train.parquet"), pd.read_parquet(folder + "/test.parquet")
y, groups = train.pop("label"), train.pop("subject")
codes = {c: k for k, c in enumerate(sorted(y.unique()))}
automl = AutoML()
metric = "macro_f1" if asked["positive"] is None else "roc_auc"
numbers = {g: k for k, g in enumerate(sorted(groups.unique()))}
automl.fit(train, y.map(codes), task="classification", time_budget=asked["seconds"], metric=metric,
           split_type="group", groups=groups.map(numbers), eval_method="cv", n_splits=5, verbose=0, seed=0)
names = {k: c for c, k in codes.items()}
out = pd.DataFrame({"label": [names[k] for k in automl.predict(test)]})
p = automl.predict_proba(test)
out["probability"] = p[:, codes[asked["positive"]]] if asked["positive"] is not None else float("nan")
out.to_parquet(folder + "/said.parquet")
"""


def f1(truth: np.ndarray, said: np.ndarray, positive: str | None) -> float:
    if positive is None:
        return float(f1_score(truth, said, average="macro"))
    return float(f1_score(truth == positive, said == positive))


def scores(task: Task, name: str, rows: list[np.ndarray] | None = None) -> tuple[float, float]:
    """Return F1 and AUC, averaged over folds; `rows` picks held-out rows of each fold (with repetition)."""
    found = []
    for k, (_, test) in enumerate(task.folds):
        pick = np.arange(len(test)) if rows is None else rows[k]
        truth = task.status.to_numpy(dtype=str)[test][pick]
        said, probability = (part[pick] for part in task.said[name][k])
        both = task.positive is not None and len(set(truth)) == 2
        auc = roc_auc_score(truth == task.positive, probability) if both else np.nan
        found.append((f1(truth, said, task.positive) if len(truth) else np.nan, auc))
    columns = np.array(found).T
    return tuple(float(column[~np.isnan(column)].mean()) if (~np.isnan(column)).any() else np.nan for column in columns)


def intervals(task: Task, rival: str) -> list[tuple[float, float]]:
    """Return 95% intervals of (rival less ours) in F1 and AUC, from drawing subjects anew."""
    rng = np.random.default_rng(0)
    subjects = task.groups.to_numpy(dtype=str)
    names = np.unique(subjects)
    places = [{s: np.flatnonzero(subjects[test] == s) for s in np.unique(subjects[test])} for _, test in task.folds]
    differences = []
    for _ in range(BOOTSTRAPS):
        drawn = rng.choice(names, len(names))
        rows = [np.concatenate([np.zeros(0, int), *(of[s] for s in drawn if s in of)]) for of in places]
        differences.append(np.subtract(scores(task, rival, rows), scores(task, OURS, rows)))
    columns = np.array(differences).T
    return [(np.nan, np.nan) if np.isnan(c).all() else tuple(np.nanpercentile(c, (2.5, 97.5))) for c in columns]


def run(task: Task, contenders: dict[str, Any]) -> None:
    for name, contender in contenders.items():
        task.said[name], task.seconds[name] = [], []
        for train, test in task.folds:
            started = time.perf_counter()
            said, probability = contender(task, train, test)
            task.seconds[name].append(time.perf_counter() - started)
            task.said[name].append((np.asarray(said, dtype=str), np.asarray(probability, dtype=float)))
        print(f"  … {name}: {np.mean(task.seconds[name]):.1f} s a fold", file=sys.stderr, flush=True)


def report(task: Task) -> None:
    subjects = task.groups.nunique()
    kind = "macro F1" if task.positive is None else f"F1 of {task.positive}"
    print(f"\n{task.name}: {len(task.status)} recordings, {subjects} subjects, {len(task.folds)} folds; {kind}")
    if task.positive is not None:
        share = (task.status == task.positive).mean()
        print(f"  F1 of calling all positive: {2 * share / (1 + share):.3f}")
    print(f"  {'':<22}{'F1':>7}{'AUC':>7}{'s':>7}   less ours, 95%: F1                AUC")
    for name in task.said:
        one, auc = scores(task, name)
        line = f"  {name:<22}{one:7.3f}{auc:7.3f}{np.mean(task.seconds[name]):7.1f}"
        if name != OURS:
            (low, high), (alow, ahigh) = intervals(task, name)
            line += f"   {low:+.3f} to {high:+.3f}{'  *' if low > 0 else '   '}   "
            line += f"{alow:+.3f} to {ahigh:+.3f}{'  *' if alow > 0 else ''}"
        print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--trials", type=int, default=Settings().learning.trials)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--autogluon", metavar="PYTHON")
    parser.add_argument("--flaml", metavar="PYTHON")
    asked = parser.parse_args()
    contenders: dict[str, Any] = {
        OURS: ours(asked.trials),
        "tuned RBF SVM": plain(tuned_svm),
        "logistic regression": plain(logistic),
        "LightGBM default": plain(lightgbm),
    }
    if asked.autogluon:
        contenders["AutoGluon best_quality"] = elsewhere(asked.autogluon, AUTOGLUON, asked.seconds)
    if asked.flaml:
        contenders["FLAML"] = elsewhere(asked.flaml, FLAML, asked.seconds)
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            task = load(name, Path(folder), asked.folds, asked.repeats)
            run(task, contenders)
            report(task)


if __name__ == "__main__":
    main()
