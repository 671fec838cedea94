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

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score
from tuning import N_FOLDS, REAL, ROWS, Table, outer_folds, table_of

from pdmr_classic import GroupedStacker
from pdmr_classic.metrics import log_loss as inner_loss
from pdmr_classic.models.ensemble._combiner import Combiner
from pdmr_classic.models.ensemble.calibration import cross_fit
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.models.ensemble.tuning import oof_columns
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.learners.learners import LEARNERS, raw_scores
from pdmr_classic.models.learners.member import default_members


def run_fold(table: Table, fold: int) -> pd.DataFrame:
    """Return AUC and log loss of each way on one outer fold."""
    features, y, groups = table
    X = features.to_numpy(dtype=float)
    train, test = outer_folds(table)[fold]
    problem = make_fold_data(X[train], list(features.columns), y[train], groups[train], n_folds=5, repeats=2, seed=0)
    members = default_members(problem.views, LEARNERS)
    every = oof_columns(members, problem, 0, jobs=1)
    stack = GroupedStacker(members, folds=5, repeats=2).fit_columns(members, every, problem, np.unique(y))
    whole = np.stack(list(problem.present.values())).all(axis=0)
    columns = [column[whole] for column in every]
    number = np.cumsum(whole) - 1
    folds = [(number[a[whole[a]]], number[b[whole[b]]]) for a, b in problem.folds]
    known, truth, who = np.hstack(columns), problem.y[whole], problem.groups[whole]
    widths, names = [part.shape[1] for part in columns], [member.name for member in members]

    ones = np.ones(len(truth))

    def inner(how: str) -> float:
        def fit(rows: np.ndarray) -> Combiner:
            return Combiner(widths, how, names).fit(known[rows], truth[rows], ones[rows], who[rows])

        return inner_loss(cross_fit(fit, known, truth, folds, len(stack.classes_), ones), truth, ones)

    hows = {"average": "average", "best member": min(names, key=inner), "weights": "weights"}
    hows["our choice"] = stack.choices_[frozenset[str]().union(*(view.needs for view in problem.views.values()))].how
    unseen = test[np.stack(list(find_modalities(X[test], problem.columns).values())).all(axis=0)]
    held_out = [
        raw_scores(stack.models_[member.name], X[unseen][:, problem.views[member.view].columns]) for member in members
    ]
    found = {}
    for way, how in hows.items():
        meta = Combiner(widths, how, names).fit(known, truth, ones, who)
        found[way] = scored(meta.predict_proba(np.hstack(held_out)), y[unseen])
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
