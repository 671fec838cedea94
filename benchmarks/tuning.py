"""Does tuning help on new people? AUC of the default, the best trial and our rule on held-out people.

    PDMR_REAL_DATA=../shared/data python benchmarks/tuning.py

Each task has five outer grouped folds. In each, every learner on every view is tuned on the training people, and three
choices of hyperparameters are fitted on all of them: the default, the trial with the smallest inner loss, and the
choice of the one-standard-error rule. Scores are the AUC on held-out people (several classes: one vs rest, averaged),
averaged over views, folds and tasks.

Besides the real sets, the tasks are scikit-learn's breast cancer (120 rows) and, from its digits, eights among threes,
eights and nines (160 rows), each with noise as large as the signal; every row is a subject.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import joblib
import numpy as np
import pandas as pd
from recordings import SETS, read_table
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score

from pdmr_classic import GroupedFolds, Settings
from pdmr_classic.models.ensemble._member_study import MemberStudy
from pdmr_classic.models.ensemble._tuning import run_round
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.study_storage import Studies
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.models.learners.search_spaces import is_tuned
from pdmr_classic.splits import Fold

SEED = 5
ROWS = {"cancer": 120, "digits": 160}
CHOICES = ("default", "smallest loss", "one standard error")
N_FOLDS = 5
Table = tuple[pd.DataFrame, np.ndarray, np.ndarray]


def load_table(name: str) -> Table:
    """Return features [n, F], class numbers [n] and subjects [n]."""
    if name in ROWS:
        return load_sklearn_table(name)
    table = read_table(name)
    y = np.unique(table.status, return_inverse=True)[1]
    return table.features, y, table.groups.to_numpy(dtype=object)


def load_sklearn_table(name: str) -> Table:
    X, y = load_breast_cancer(return_X_y=True) if name == "cancer" else load_digits(return_X_y=True)
    if name == "digits":
        selected = np.isin(y, [3, 8, 9])
        X, y = X[selected], (y[selected] == 8).astype(int)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(X))[: ROWS[name]]
    X = X[rows] + rng.normal(size=X[rows].shape) * X[rows].std(axis=0)
    features = pd.DataFrame(X, columns=[f"audio__vector__{place:04d}" for place in range(X.shape[1])])
    return features, y[rows], np.arange(len(rows))


def outer_folds(table: Table) -> list[Fold]:
    features, y, groups = table
    return list(GroupedFolds(N_FOLDS, n_repeats=1, random_state=SEED).split(features, y, groups))


def run_fold(table: Table, fold: int, trials: int) -> list[tuple[str, str, float]]:
    """Return (learner, choice, AUC) of every base learner on one outer fold."""
    features, y, groups = table
    X = features.to_numpy(dtype=float)
    train, test = outer_folds(table)[fold]
    learning = Settings().override({"learning.trials": trials}).learning
    options = {"n_folds": learning.folds, "repeats": learning.repeats, "seed": learning.seed}
    fold_data = make_fold_data(X[train], list(features.columns), y[train], groups[train], **options)
    storage, studies = Studies(), []
    for member in default_members(fold_data.views, [name for name in learning.learners if is_tuned(name)]):
        studies.append(MemberStudy(member, fold_data.view_data[member.view], learning, storage.open(member.name)))
    with joblib.Parallel(n_jobs=1) as parallel:
        for _ in range(trials):
            run_round(studies, fold_data.view_data, learning.seed, parallel)
    rows = []
    for study in studies:
        first, smallest = (trial.user_attrs["params"] for trial in (study.study.trials[0], study.study.best_trial))
        params = dict(zip(CHOICES, (first, smallest, study.tuned_member.params), strict=True))
        cached_auc: dict[str, float] = {}
        for choice, values in params.items():
            key = repr(values)
            if key not in cached_auc:
                cached_auc[key] = held_out_auc(fold_data, replace(study.member, params=values), X[test], y[test])
            rows.append((study.member.learner, choice, cached_auc[key]))
    return rows


def held_out_auc(fold_data: FoldData, member: Member, X: np.ndarray, y: np.ndarray) -> float:
    data, view = fold_data.view_data[member.view], fold_data.views[member.view]
    usable = view.rows(find_modalities(X, fold_data.columns))
    model = fit_member(member, data.final_features, data.y, data.blocks, 0, data.weights)
    scores = raw_scores(model, X[usable][:, view.columns])
    is_class = np.eye(data.n_classes, dtype=bool)[y[usable]][:, -scores.shape[1] :]
    mixed = [k for k in range(scores.shape[1]) if 0 < is_class[:, k].sum() < usable.sum()]
    return float(np.mean([roc_auc_score(is_class[:, k], scores[:, k]) for k in mixed])) if mixed else np.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[*SETS, *ROWS])
    parser.add_argument("--trials", type=int, default=Settings().learning.trials)
    arguments = parser.parse_args()
    tables = []
    for name in arguments.sets:
        data = load_table(name)
        folds = joblib.Parallel(n_jobs=-1)(joblib.delayed(run_fold)(data, k, arguments.trials) for k in range(N_FOLDS))
        rows = pd.DataFrame([row for fold in folds for row in fold], columns=["learner", "choice", "AUC"])
        table = rows.pivot_table(index="learner", columns="choice", values="AUC", sort=False)
        print(f"\n{name}\n{table.round(3).to_string()}", flush=True)
        tables.append(table)
    print(f"\nmean over {len(tables)} tasks\n{(sum(tables) / len(tables)).round(3).to_string()}")


if __name__ == "__main__":
    main()
