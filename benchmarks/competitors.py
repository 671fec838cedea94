"""Methods of learning.py: each learns from the training rows of one outer fold and predicts the held-out rows.

Classes are numbers, in sorted order. Methods that handle missing values get them; the others impute the mean. Methods
that tune or stop early use inner folds by subject. Some need libraries that do not fit into one environment: they are
in environment_peers.py, and run with the Python of another environment.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pdmr_classic import DepressionModel, GroupedFolds, Settings
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.splits import count_feasible_folds

Array = np.ndarray
OWN = "pdmr-classic"
N_INNER_FOLDS = 5
SVM_GRID = {"svc__C": [0.1, 0.3, 1, 3, 10, 30], "svc__gamma": [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, "scale"]}


@dataclass(frozen=True, eq=False)
class Problem:
    """One outer fold: training rows with classes [n] and subjects [n], and held-out rows without them."""

    train: pd.DataFrame
    y: Array
    groups: Array
    test: pd.DataFrame
    classes: list[str]

    def inner_folds(self) -> list[tuple[Array, Array]]:
        """Return the inner folds by subject, the same for all methods that need some."""
        n_folds = count_feasible_folds(self.y, self.groups, N_INNER_FOLDS)
        return list(GroupedFolds(n_folds, random_state=0).split(self.y, self.y, self.groups))


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of m held-out rows.

    Attributes
    ----------
    scores : ndarray of float, shape [m, K]
        Probabilities, or scores of which only the order within a column counts.
    predicted : ndarray of int, shape [m]
    is_probability : bool
    """

    scores: Array
    predicted: Array
    is_probability: bool


Learn = Callable[[Problem, int], Predictions]
"""Takes a problem and the number of processes or threads."""


@dataclass(frozen=True)
class Method:
    """How to learn, and from which table: that of the task, or of tasks with video "plain", "tsfel" or "series"."""

    learn: Learn
    table: str = "task"


def read_predictions(model: Any, X: Array) -> Predictions:
    if hasattr(model, "predict_proba"):
        return Predictions(model.predict_proba(X), model.predict(X), is_probability=True)
    margin = model.decision_function(X)
    return Predictions(np.column_stack([-margin, margin]) if margin.ndim == 1 else margin, model.predict(X), False)


def learn_own(problem: Problem, jobs: int) -> Predictions:
    """Fit with the default settings, without permutation importance: predictions do not depend on it."""
    # Ids must be strings; those of some tasks are numbers.
    train, test = (table.rename(index=str).rename_axis("data_id") for table in (problem.train, problem.test))
    # Numbers could be taken for scores.
    classes = [f"class {label}" for label in problem.classes]
    status = pd.Series(np.array(classes, dtype=object)[problem.y], train.index)
    positive = classes[1] if len(classes) == 2 else None
    model = DepressionModel(Settings().override({"data.positive": positive, "learning.importance": False}))
    groups = pd.Series(problem.groups.astype(object), train.index)
    model.fit(train, status, groups, jobs=jobs, reporter=CollectingReporter())
    predictions = model.predict_features(test)
    if positive is None:
        scores = predictions[[f"probability_{label}" for label in classes]].to_numpy(dtype=float)
    else:
        scores = np.column_stack([1 - predictions["probability"], predictions["probability"]])
    number = {label: k for k, label in enumerate(classes)}
    predicted = predictions["status"].map(number).to_numpy(dtype=int)
    return Predictions(scores / scores.sum(axis=1, keepdims=True), predicted, is_probability=True)


def scale(model: Any) -> Any:
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), model)


def make_tuned_svm(problem: Problem, jobs: int) -> Any:
    scoring = "roc_auc" if len(problem.classes) == 2 else "f1_macro"
    model = scale(SVC(class_weight="balanced"))
    return GridSearchCV(model, SVM_GRID, cv=problem.inner_folds(), scoring=scoring, n_jobs=jobs)


MODELS: dict[str, Callable[[Problem, int], Any]] = {
    "svm": lambda problem, jobs: scale(SVC(class_weight="balanced")),
    "svm-tuned": make_tuned_svm,
    "logistic": lambda problem, jobs: scale(LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)),
    "lightgbm": lambda problem, jobs: LGBMClassifier(n_jobs=jobs, verbose=-1, random_state=0),
    "extra-trees": lambda problem, jobs: ExtraTreesClassifier(500, random_state=0, n_jobs=jobs),
}


def learn_model(name: str, problem: Problem, jobs: int) -> Predictions:
    model = MODELS[name](problem, jobs).fit(problem.train.to_numpy(dtype=float), problem.y)
    return read_predictions(model, problem.test.to_numpy(dtype=float))


def run_in_environment(name: str, python: str, seconds: int, problem: Problem, jobs: int) -> Predictions:
    """Run a method of environment_peers.py with another Python; arrays are exchanged as files."""
    fold_of_row = np.zeros(len(problem.train), dtype=int)
    for k, (_, held_out) in enumerate(problem.inner_folds()):
        fold_of_row[held_out] = k
    with tempfile.TemporaryDirectory() as folder:
        np.savez(
            Path(folder) / "problem.npz",
            X=problem.train.to_numpy(dtype=float),
            y=problem.y,
            groups=np.unique(problem.groups, return_inverse=True)[1],
            fold=fold_of_row,
            X_test=problem.test.to_numpy(dtype=float),
            names=problem.train.columns.to_numpy(dtype=str),
        )
        threads = {variable: str(jobs) for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        script = Path(__file__).with_name("environment_peers.py")
        command = [python, "-P", str(script), name, folder, "--seconds", str(seconds), "--jobs", str(jobs)]
        process = subprocess.run(command, check=False, capture_output=True, env=os.environ | threads)
        if process.returncode:
            raise RuntimeError(process.stderr.decode(errors="replace")[-3000:])
        with np.load(Path(folder) / "predictions.npz") as file:
            return Predictions(file["scores"], file["predicted"], bool(file["is_probability"]))


IN_ENVIRONMENT = {
    "realmlp": "task",
    "catboost": "task",
    "ebm": "task",
    "autogluon": "task",
    "quant": "series",
    "multirocket-hydra": "series",
}


def make_methods(python: str | None, seconds: int) -> dict[str, Method]:
    """Return all methods by name; those in another environment only if its Python is given."""
    methods = {OWN: Method(learn_own)}
    methods |= {name: Method(partial(learn_model, name)) for name in MODELS}
    methods["svm-plain"] = Method(partial(learn_model, "svm"), "plain")
    methods |= {f"tsfel-{name}": Method(partial(learn_model, name), "tsfel") for name in MODELS if name != "svm"}
    if python:
        for name, table in IN_ENVIRONMENT.items():
            methods[name] = Method(partial(run_in_environment, name, python, seconds), table)
    return methods
