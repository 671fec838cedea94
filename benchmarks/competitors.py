"""Competing methods for learning.py: each is a function (Problem) -> labels and P(positive) of the test rows.

AutoGluon and FLAML need their own library versions, so they run in separate environments and exchange tables as parquet
files.
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
    """One outer fold: training rows with labels and subjects, and test rows without labels."""

    train: pd.DataFrame
    status: pd.Series
    groups: pd.Series
    test: pd.DataFrame
    positive: str | None

    def inner_folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the inner folds by subject, the same for all competitors that tune."""
        n_subjects = self.groups.groupby(self.status.to_numpy()).nunique().min()
        splitter = StratifiedGroupKFold(int(min(5, n_subjects)), shuffle=True, random_state=0)
        return list(splitter.split(self.train, self.status, self.groups))


Predictions = tuple[np.ndarray, np.ndarray]
Competitor = Callable[[Problem], Predictions]


def run_in_process(make: Callable[[Problem], Any]) -> Competitor:
    def run(problem: Problem) -> Predictions:
        model = make(problem).fit(problem.train.to_numpy(dtype=float), problem.status.to_numpy(dtype=str))
        X = problem.test.to_numpy(dtype=float)
        return model.predict(X), positive_scores(model, X, problem.positive)

    return run


def positive_scores(model: Any, X: np.ndarray, positive: str | None) -> np.ndarray:
    """Return P(positive), or a margin with the same order, because only the order is scored."""
    if positive is None:
        return np.full(len(X), np.nan)
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)[:, list(model.classes_).index(positive)]
    margin = model.decision_function(X)
    return margin if model.classes_[1] == positive else -margin


def make_tuned_svm(problem: Problem) -> Any:
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), SVC(class_weight="balanced"))
    grid = {"svc__C": [0.1, 0.3, 1, 3, 10, 30], "svc__gamma": [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, "scale"]}
    scoring = "roc_auc" if problem.positive else "f1_macro"
    return GridSearchCV(pipeline, grid, cv=problem.inner_folds(), scoring=scoring, n_jobs=2)


def make_logistic(problem: Problem) -> Any:
    regression = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), regression)


def make_lightgbm(problem: Problem) -> Any:
    return LGBMClassifier(n_jobs=1, verbose=-1, random_state=0)


def run_in_environment(python: str, code: str, seconds: int) -> Competitor:
    def run(problem: Problem) -> Predictions:
        fold_of_row = np.zeros(len(problem.train), int)
        for k, (_, held_out) in enumerate(problem.inner_folds()):
            fold_of_row[held_out] = k
        with tempfile.TemporaryDirectory() as folder:
            # Short names, because some learners reject special characters in feature names.
            column_names = [str(place) for place in range(problem.train.shape[1])]
            train = problem.train.set_axis(column_names, axis=1).astype(float)
            train["label"], train["fold"] = problem.status.to_numpy(dtype=str), fold_of_row
            train.to_parquet(f"{folder}/train.parquet")
            problem.test.set_axis(column_names, axis=1).astype(float).to_parquet(f"{folder}/test.parquet")
            request = json.dumps({"folder": folder, "seconds": seconds, "positive": problem.positive})
            environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
            process = subprocess.run([python, "-c", code, request], check=False, capture_output=True, env=environment)
            if process.returncode:
                raise RuntimeError(process.stderr.decode()[-3000:])
            predictions = pd.read_parquet(f"{folder}/predictions.parquet")
        return predictions["label"].to_numpy(dtype=str), predictions["probability"].to_numpy(dtype=float)

    return run


# Both read the inner folds by subject from a column; AutoGluon's dynamic stacking would ignore that column.
AUTOGLUON = """
import json, sys, pandas as pd
from autogluon.tabular import TabularPredictor
request = json.loads(sys.argv[1]); folder = request["folder"]
train, test = pd.read_parquet(folder + "/train.parquet"), pd.read_parquet(folder + "/test.parquet")
metric = "f1_macro" if request["positive"] is None else "f1"
extra = {} if request["positive"] is None else {"positive_class": request["positive"]}
about = {"label": "label", "groups": "fold", "eval_metric": metric, "path": folder + "/ag"}
predictor = TabularPredictor(**about, verbosity=0, **extra)
predictor.fit(train, presets="best_quality", time_limit=request["seconds"], dynamic_stacking=False)
p = predictor.predict_proba(test)
out = pd.DataFrame({"label": predictor.predict(test).astype(str)})
out["probability"] = p[request["positive"]] if request["positive"] is not None else float("nan")
out.to_parquet(folder + "/predictions.parquet")
"""

FLAML = """
import json, sys, pandas as pd
from flaml import AutoML
request = json.loads(sys.argv[1]); folder = request["folder"]
train, test = pd.read_parquet(folder + "/train.parquet"), pd.read_parquet(folder + "/test.parquet")
y, groups = train.pop("label"), train.pop("fold")
codes = {c: k for k, c in enumerate(sorted(y.unique()))}
automl = AutoML()
metric = "macro_f1" if request["positive"] is None else "roc_auc"
automl.fit(train, y.map(codes), task="classification", time_budget=request["seconds"], metric=metric,
           split_type="group", groups=groups, eval_method="cv", n_splits=int(groups.nunique()), verbose=0, seed=0)
names = {k: c for c, k in codes.items()}
out = pd.DataFrame({"label": [names[k] for k in automl.predict(test)]})
p = automl.predict_proba(test)
out["probability"] = p[:, codes[request["positive"]]] if request["positive"] is not None else float("nan")
out.to_parquet(folder + "/predictions.parquet")
"""


def make_competitors(autogluon: str | None, flaml: str | None, seconds: int) -> dict[str, Competitor]:
    """Return name -> competitor; AutoGluon and FLAML only if a Python with them is given."""
    competitors = {
        "tuned RBF SVM": run_in_process(make_tuned_svm),
        "logistic regression": run_in_process(make_logistic),
        "LightGBM default": run_in_process(make_lightgbm),
    }
    if autogluon:
        competitors["AutoGluon best_quality"] = run_in_environment(autogluon, AUTOGLUON, seconds)
    if flaml:
        competitors["FLAML"] = run_in_environment(flaml, FLAML, seconds)
    return competitors
