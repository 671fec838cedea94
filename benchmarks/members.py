"""Scores of base learners on the tasks of tasks.py, computed once and cached, to compare ways of joining them.

    python benchmarks/members.py --tasks FOLDER --cache FOLDER --seeds 5 6 [--part design]

In each outer grouped fold, every candidate is fitted on every view with its default hyperparameters: on the inner
grouped folds of the training people (five, two repeats) for out-of-fold scores, and on all of them for scores of the
held-out people. One file per fold.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.svm import SVC
from tasks import read_tasks

from pdmr_classic import GroupedFolds
from pdmr_classic.features.catalog import find_families
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.learners.learners import LEARNERS, fit_member, log_odds
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.preprocessing import DropUninformative, RobustScale
from pdmr_classic.models.learners.search_spaces import default_params

N_FOLDS, INNER_FOLDS, INNER_REPEATS = 5, 5, 2
PLAIN_SVM = "all/plain-svm"
Array = np.ndarray
Candidate = Callable[[Array, Array, Array, Array], Array]
"""Maps training rows, their classes, other rows and the block of each column to scores of the other rows."""


def raw(model: object, X: Array) -> Array:
    if hasattr(model, "decision_function"):
        scores = model.decision_function(X)
        return scores[:, None] if scores.ndim == 1 else scores
    return log_odds(model.predict_proba(X))


def own(learner: str) -> Candidate:
    def run(X: Array, y: Array, Z: Array, blocks: Array) -> Array:
        return raw(fit_member(Member("", learner, default_params(learner, has_audio=False)), X, y, {}, 0), Z)

    return run


def rank_svm(X: Array, y: Array, Z: Array, blocks: Array) -> Array:
    ranks = QuantileTransformer(n_quantiles=len(X), output_distribution="normal")
    steps = make_pipeline(DropUninformative(), ranks, RobustScale())
    A = steps.fit_transform(X, y)
    model = SVC(C=2.0, gamma=1 / A.shape[1], class_weight="balanced").fit(A, y)
    return raw(model, steps.transform(Z))


def plain_svm(X: Array, y: Array, Z: Array, blocks: Array) -> Array:
    model = SVC(class_weight="balanced")
    return raw(make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), model).fit(X, y), Z)


def balanced(learner: str, power: float) -> Candidate:
    """Give each block a share of the squared distance that is proportional to (its columns) ** (1 - power)."""

    def run(X: Array, y: Array, Z: Array, blocks: Array) -> Array:
        train, test = [], []
        for block in np.unique(blocks):
            steps = make_pipeline(DropUninformative(), RobustScale())
            A = steps.fit_transform(X[:, blocks == block], y)
            weight = A.shape[1] ** (-power / 2)
            train.append(weight * A)
            test.append(weight * steps.transform(Z[:, blocks == block]))
        A, B = np.hstack(train), np.hstack(test)
        factor = np.sqrt(A.shape[1] / sum(part.shape[1] * (part.shape[1] ** -power) for part in train))
        A, B = factor * A, factor * B
        if learner == "svm":
            return raw(SVC(C=2.0, gamma=1 / A.shape[1], class_weight="balanced").fit(A, y), B)
        from sklearn.linear_model import LogisticRegression

        return raw(LogisticRegression(C=3.0 / A.shape[1], max_iter=300, tol=1e-3).fit(A, y), B)

    return run


PER_VIEW: dict[str, Candidate] = {name: own(name) for name in LEARNERS}
PER_VIEW["rank_svm"] = rank_svm
JOINT: dict[str, Candidate] = {
    f"{name}_{label}": balanced(name, power)
    for name in ("svm", "linear")
    for label, power in (("balanced", 1.0), ("half", 0.5))
}


@dataclass(frozen=True)
class Job:
    """One candidate on one set of columns, with the block of each column."""

    name: str
    columns: Array
    run: Candidate
    blocks: Array


def make_jobs(fold_data: FoldData, names: list[str]) -> list[Job]:
    modality = np.array([name.split("__")[0] for name in names])
    family = np.char.add(modality.astype(str), np.array(find_families(names)).astype(str))
    jobs = []
    for view in fold_data.views.values():
        columns = view.columns
        jobs += [Job(f"{view.name}/{name}", columns, run, modality[columns]) for name, run in PER_VIEW.items()]
        if view.name == "both":
            jobs += [Job(f"both/{name}", columns, run, modality[columns]) for name, run in JOINT.items()]
        if len(set(family[columns])) > len(set(modality[columns])):
            jobs.append(Job(f"{view.name}/svm_families", columns, balanced("svm", 1.0), family[columns]))
    everything = np.concatenate(list(fold_data.columns.values()))
    return [*jobs, Job(PLAIN_SVM, everything, plain_svm, modality[everything])]


def outer_folds(y: Array, groups: Array, seed: int) -> list[tuple[Array, Array]]:
    return list(GroupedFolds(N_FOLDS, random_state=seed).split(y, y, groups))


def compute_fold(frame: pd.DataFrame, train: Array, test: Array) -> dict[str, Array]:
    """Return `oof <member>` [repeats, n, S] and `test <member>` [m, S], and `seconds <member>` of one fit."""
    features = frame.drop(columns=["status", "subject"])
    X, names = features.to_numpy(dtype=float), list(features.columns)
    y, groups = np.unique(frame["status"], return_inverse=True)[1], frame["subject"].to_numpy(dtype=str)
    options = {"n_folds": INNER_FOLDS, "repeats": INNER_REPEATS, "seed": 0}
    fold_data = make_fold_data(X[train], names, y[train], groups[train], **options)
    result = {"y": y[train], "y_test": y[test], "groups": groups[train], "groups_test": groups[test]}
    width = 1 if y.max() == 1 else y.max() + 1
    for job in make_jobs(fold_data, names):
        A, B = X[train][:, job.columns], X[test][:, job.columns]
        oof = np.full((INNER_REPEATS, len(train), width), np.nan)
        started = time.perf_counter()
        for k, (rows, held_out) in enumerate(fold_data.folds):
            oof[k // INNER_FOLDS, held_out] = job.run(A[rows], y[train][rows], A[held_out], job.blocks)
        result[f"oof {job.name}"] = oof
        result[f"test {job.name}"] = job.run(A, y[train], B, job.blocks)
        result[f"seconds {job.name}"] = np.array((time.perf_counter() - started) / (len(fold_data.folds) + 1))
    return result


def fold_path(cache: Path, name: str, seed: int, fold: int) -> Path:
    return cache / f"{name}-{seed}-{fold}.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, required=True, help="folder that tasks.py wrote")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6])
    parser.add_argument("--part", choices=("design", "exam"), default="design")
    parser.add_argument("--skip", nargs="*", default=[], help="tasks to leave out")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    tasks = {k: frame for k, frame in read_tasks(arguments.tasks, arguments.part).items() if k not in arguments.skip}
    for seed, k in product(arguments.seeds, range(N_FOLDS)):
        started = time.perf_counter()
        for name, frame in tasks.items():
            path = fold_path(arguments.cache, name, seed, k)
            if not path.exists():
                y, groups = frame["status"].to_numpy(dtype=str), frame["subject"].to_numpy(dtype=str)
                train, test = outer_folds(y, groups, seed)[k]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    np.savez_compressed(path, **compute_fold(frame, train, test))
        print(f"seed {seed}, fold {k}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
