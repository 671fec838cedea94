"""Ways to combine base learners on held-out people: plain average, best learner, fitted weights, and our rule.

    PDMR_REAL_DATA=../shared/data python benchmarks/joining.py

Each task of benchmarks/tuning.py has five outer grouped folds. In each, every learner is fitted on every view with its
default hyperparameters, and the learners are combined on out-of-fold scores of the training people. Only recordings
with all modalities are used. Scores are AUC (several classes: one vs rest, averaged) and log loss on held-out people,
averaged over folds.
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
from tuning import N_FOLDS, REAL, ROWS, Table, load_table, outer_folds

from pdmr_classic import GroupedStacker
from pdmr_classic.metrics import log_loss as inner_loss
from pdmr_classic.models.ensemble._combiner import Combiner
from pdmr_classic.models.ensemble.calibration import cross_fit
from pdmr_classic.models.ensemble.fold_data import make_fold_data
from pdmr_classic.models.ensemble.tuning import compute_oof_scores
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.learners.learners import LEARNERS, raw_scores
from pdmr_classic.models.learners.member import default_members


def run_fold(table: Table, fold: int) -> pd.DataFrame:
    """Return AUC and log loss of each combination method on one outer fold."""
    features, y, groups = table
    X = features.to_numpy(dtype=float)
    train, test = outer_folds(table)[fold]
    fold_data = make_fold_data(X[train], list(features.columns), y[train], groups[train], n_folds=5, repeats=2, seed=0)
    members = default_members(fold_data.views, LEARNERS)
    oof_scores = compute_oof_scores(members, fold_data, 0, jobs=1)
    stack = GroupedStacker(members, folds=5, repeats=2).fit_oof_scores(members, oof_scores, fold_data, np.unique(y))
    complete = np.stack(list(fold_data.present.values())).all(axis=0)
    columns = [column[complete] for column in oof_scores]
    positions = np.cumsum(complete) - 1
    folds = [(positions[a[complete[a]]], positions[b[complete[b]]]) for a, b in fold_data.folds]
    oof, truth, subjects = np.hstack(columns), fold_data.y[complete], fold_data.groups[complete]
    widths, names = [part.shape[1] for part in columns], [member.name for member in members]

    ones = np.ones(len(truth))

    def out_of_fold_loss(method: str) -> float:
        def fit(rows: np.ndarray) -> Combiner:
            return Combiner(widths, method, names).fit(oof[rows], truth[rows], ones[rows], subjects[rows])

        return inner_loss(cross_fit(fit, oof, truth, folds, len(stack.classes_), ones), truth, ones)

    methods = {"average": "average", "best learner": min(names, key=out_of_fold_loss), "weights": "weighted_average"}
    modalities = frozenset[str]().union(*(view.needs for view in fold_data.views.values()))
    methods["our rule"] = stack.choices_[modalities].method
    test_rows = test[np.stack(list(find_modalities(X[test], fold_data.columns).values())).all(axis=0)]
    held_out = [
        raw_scores(stack.models_[member.name], X[test_rows][:, fold_data.views[member.view].columns])
        for member in members
    ]
    scores = {}
    for label, method in methods.items():
        combiner = Combiner(widths, method, names).fit(oof, truth, ones, subjects)
        scores[label] = score(combiner.predict_proba(np.hstack(held_out)), y[test_rows])
    return pd.DataFrame(scores, index=["AUC", "log loss"])


def score(probability: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    n_classes = probability.shape[1]
    is_class = np.eye(n_classes, dtype=bool)[y]
    mixed = [k for k in range(n_classes) if 0 < is_class[:, k].sum() < len(y)]
    auc = np.mean([roc_auc_score(is_class[:, k], probability[:, k]) for k in mixed]) if mixed else np.nan
    return float(auc), float(log_loss(y, probability, labels=list(range(n_classes))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[*REAL, *ROWS])
    arguments = parser.parse_args()
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.sets:
            table = load_table(name, Path(folder))
            folds = joblib.Parallel(n_jobs=-1)(joblib.delayed(run_fold)(table, k) for k in range(N_FOLDS))
            tables.append(sum(folds) / N_FOLDS)
            print(f"\n{name}\n{tables[-1].round(3).to_string()}", flush=True)
    print(f"\nmean over {len(tables)} tasks\n{(sum(tables) / len(tables)).round(3).to_string()}")


if __name__ == "__main__":
    main()
