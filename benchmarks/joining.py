"""How should members be joined? The plain average, the best member, fitted weights and our choice on held-out people.

    PDMR_REAL_DATA=../shared/data python benchmarks/joining.py

Five outer grouped folds of each task of benchmarks/tuning.py; in each, every learner on every view with its default
parameters, joined in each way on out-of-fold scores of the training people. Recordings with all modalities. Figures are
AUC (with several classes: of each against the rest, averaged) and log loss on held-out people, averaged over folds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
from tuning import N_FOLDS, REAL, ROWS, Table, table_of

from pdmr_classic import GroupedFolds, GroupedStacker
from pdmr_classic.models.calibration import cross_fitted
from pdmr_classic.models.calibration import log_loss as inner_loss
from pdmr_classic.models.members import Member, presence
from pdmr_classic.models.meta import Combiner
from pdmr_classic.models.problem import Problem
from pdmr_classic.models.spaces import defaults

CHOSEN, BEST = "our choice", "best member"
LEARNERS = ("lightgbm", "xgboost", "svm", "linear")


class Stack(GroupedStacker):
    """Keeps the out-of-fold scores of its members."""

    def _fit_metas(self, problem: Problem, columns: Any) -> None:
        self.scores_ = columns
        super()._fit_metas(problem, columns)


def run_fold(table: Table, fold: int) -> pd.DataFrame:
    """Return AUC and log loss of each way on one outer fold."""
    features, y, groups = table
    X = features.to_numpy(dtype=float)
    train, test = list(GroupedFolds(N_FOLDS, n_repeats=1, random_state=5).split(X, y, groups))[fold]
    problem = Problem(X[train], list(features.columns), y[train], groups[train], folds=5, repeats=2, seed=0)
    members = [
        Member(view, learner, defaults(learner, has_audio=len(data.audio) > 0))
        for view, data in problem.data.items()
        for learner in LEARNERS
    ]
    stack = Stack(members, folds=5, repeats=2).fit_problem(problem, np.unique(y))
    oof = np.hstack(stack.scores_)
    seen = np.isfinite(oof).all(axis=1)
    number = np.cumsum(seen) - 1
    folds = [(number[a[seen[a]]], number[b[seen[b]]]) for a, b in problem.folds]
    oof, truth = oof[seen], problem.y[seen]
    whole = np.stack(list(presence(X[test], stack.columns_).values())).all(axis=0)
    held_out = np.hstack([stack._member_scores(m, X[test], presence(X[test], stack.columns_)) for m in stack.members_])[
        whole
    ]
    widths, names = [part.shape[1] for part in stack.scores_], [member.name for member in stack.members_]
    ones, n_classes = np.ones(len(truth)), len(stack.classes_)

    def crossed(how: str) -> float:
        probability = cross_fitted(Combiner(widths, how, names).fit, oof, truth, folds, n_classes, ones)
        return inner_loss(probability, truth, ones)

    hows = {"average": "average", BEST: min(names, key=crossed), "weights": "weights"}
    hows[CHOSEN] = stack.choices_[frozenset(name for view in stack.views_.values() for name in view.needs)].how
    found = {}
    for way, how in hows.items():
        probability = Combiner(widths, how, names).fit(oof, truth).predict_proba(held_out)
        found[way] = scored(probability, y[test][whole])
    return pd.DataFrame(found, index=["AUC", "log loss"])


def scored(probability: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    n_classes = probability.shape[1]
    is_class = np.eye(n_classes, dtype=bool)[y]
    mixed = [k for k in range(n_classes) if 0 < is_class[:, k].sum() < len(y)]
    auc = np.mean([roc_auc_score(is_class[:, k], probability[:, k]) for k in mixed]) if mixed else np.nan
    return float(auc), float(log_loss(y, probability, labels=list(range(n_classes))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[*REAL, *ROWS])
    asked = parser.parse_args()
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            data = table_of(name, Path(folder))
            folds = joblib.Parallel(n_jobs=-1)(joblib.delayed(run_fold)(data, k) for k in range(N_FOLDS))
            tables.append(sum(folds) / N_FOLDS)
            print(f"\n{name}\n{tables[-1].round(3).to_string()}", flush=True)
    print(f"\nmean over {len(tables)} tasks\n{(sum(tables) / len(tables)).round(3).to_string()}")


if __name__ == "__main__":
    main()
