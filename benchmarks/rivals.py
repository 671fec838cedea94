"""The learners that learning.py sets beside ours, each a function (Problem) -> labels, P(positive) of the test rows.

AutoGluon and FLAML bring their own versions of everything, so they run in environments of their own and get the
tables as parquet.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


@dataclass(frozen=True, eq=False)
class Problem:
    """One outer fold: training rows with labels and subjects, and test rows without."""

    train: pd.DataFrame
    status: pd.Series
    groups: pd.Series
    test: pd.DataFrame
    positive: str | None

    def inner_folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The same stratified folds by subject for all rivals that tune."""
        n_subjects = self.groups.groupby(self.status.to_numpy()).nunique().min()
        splitter = StratifiedGroupKFold(int(min(5, n_subjects)), shuffle=True, random_state=0)
        return list(splitter.split(self.train, self.status, self.groups))


Said = tuple[np.ndarray, np.ndarray]
Rival = Callable[[Problem], Said]


def in_process(make: Callable[[Problem], Any]) -> Rival:
    def run(problem: Problem) -> Said:
        model = make(problem).fit(problem.train.to_numpy(dtype=float), problem.status.to_numpy(dtype=str))
        X = problem.test.to_numpy(dtype=float)
        return model.predict(X), probability_of(model, X, problem.positive)

    return run


def probability_of(model: Any, X: np.ndarray, positive: str | None) -> np.ndarray:
    """P(positive), or a margin that ranks like it: only its order is scored."""
    if positive is None:
        return np.full(len(X), np.nan)
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)[:, list(model.classes_).index(positive)]
    margin = model.decision_function(X)
    return margin if model.classes_[1] == positive else -margin


def tuned_svm(problem: Problem) -> Any:
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), SVC(class_weight="balanced"))
    grid = {"svc__C": [0.1, 0.3, 1, 3, 10, 30], "svc__gamma": [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, "scale"]}
    scoring = "roc_auc" if problem.positive else "f1_macro"
    return GridSearchCV(pipeline, grid, cv=problem.inner_folds(), scoring=scoring, n_jobs=2)


def logistic(problem: Problem) -> Any:
    regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), regression)


def lightgbm(problem: Problem) -> Any:
    return LGBMClassifier(n_jobs=1, verbose=-1, random_state=0)


def elsewhere(python: str, code: str, seconds: int) -> Rival:
    def run(problem: Problem) -> Said:
        fold_of_row = np.zeros(len(problem.train), int)
        for k, (_, held_out) in enumerate(problem.inner_folds()):
            fold_of_row[held_out] = k
        with tempfile.TemporaryDirectory() as folder:
            # Short names, as some learners refuse the signs in ours.
            short = [str(place) for place in range(problem.train.shape[1])]
            train = problem.train.set_axis(short, axis=1).astype(float)
            train["label"], train["fold"] = problem.status.to_numpy(dtype=str), fold_of_row
            train.to_parquet(f"{folder}/train.parquet")
            problem.test.set_axis(short, axis=1).astype(float).to_parquet(f"{folder}/test.parquet")
            asked = json.dumps({"folder": folder, "seconds": seconds, "positive": problem.positive})
            environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
            done = subprocess.run([python, "-c", code, asked], check=False, capture_output=True, env=environment)
            if done.returncode:
                raise RuntimeError(done.stderr.decode()[-3000:])
            said = pd.read_parquet(f"{folder}/said.parquet")
        return said["label"].to_numpy(dtype=str), said["probability"].to_numpy(dtype=float)

    return run


# Both take the inner folds by subject from a column; AutoGluon's dynamic stacking would split without it.
AUTOGLUON = """
import json, sys, pandas as pd
from autogluon.tabular import TabularPredictor
asked = json.loads(sys.argv[1]); folder = asked["folder"]
train, test = pd.read_parquet(folder + "/train.parquet"), pd.read_parquet(folder + "/test.parquet")
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
y, groups = train.pop("label"), train.pop("fold")
codes = {c: k for k, c in enumerate(sorted(y.unique()))}
automl = AutoML()
metric = "macro_f1" if asked["positive"] is None else "roc_auc"
automl.fit(train, y.map(codes), task="classification", time_budget=asked["seconds"], metric=metric,
           split_type="group", groups=groups, eval_method="cv", n_splits=int(groups.nunique()), verbose=0, seed=0)
names = {k: c for c, k in codes.items()}
out = pd.DataFrame({"label": [names[k] for k in automl.predict(test)]})
p = automl.predict_proba(test)
out["probability"] = p[:, codes[asked["positive"]]] if asked["positive"] is not None else float("nan")
out.to_parquet(folder + "/said.parquet")
"""


def rivals(autogluon: str | None, flaml: str | None, seconds: int) -> dict[str, Rival]:
    """Return name -> rival; the two that need an environment only where one is given."""
    found = {
        "tuned RBF SVM": in_process(tuned_svm),
        "logistic regression": in_process(logistic),
        "LightGBM default": in_process(lightgbm),
    }
    if autogluon:
        found["AutoGluon best_quality"] = elsewhere(autogluon, AUTOGLUON, seconds)
    if flaml:
        found["FLAML"] = elsewhere(flaml, FLAML, seconds)
    return found
