"""Does tuning help people who were in no study? What the default, the best trial and our rule reach on held-out people.

    PDMR_REAL_DATA=../shared/data python benchmarks/tuning.py

Five outer grouped folds of each task; in each, every learner on every view has its study on the training people, and
what it might return is fitted on all of them: the default parameters, those of the smallest inner loss, and those that
the rule of one standard error takes. Figures are the AUC on held-out people (with several classes: of each against the
rest, averaged), averaged over views, folds and tasks.

The tasks beside the real sets are scikit-learn's breast cancer (120 rows) and eights among threes, eights and nines of
its digits (160 rows), each with noise as large as the signal; every row is a subject.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import joblib
import numpy as np
import pandas as pd
from learning import SEED, behaviour, load
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import roc_auc_score

from pdmr_classic import GroupedFolds, Settings
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.study_storage import Studies
from pdmr_classic.models.ensemble.tuning import MemberStudy, run_round
from pdmr_classic.models.ensemble.views import find_modalities
from pdmr_classic.models.learners.learners import fit_member, raw_scores
from pdmr_classic.models.learners.member import Member, default_members
from pdmr_classic.splits import Fold

REAL = ("badrobots-gaze", "youtubepd-wavlm", "watch-exercise", "synthetic")
ROWS = {"cancer": 120, "digits": 160}
WAYS = ("default", "smallest loss", "one standard error")
N_FOLDS = 5
Table = tuple[pd.DataFrame, np.ndarray, np.ndarray]


def table_of(name: str, folder: Path) -> Table:
    """Return features [n, F], class numbers [n] and subjects [n]."""
    if name in ROWS:
        return bundled(name)
    task = load(name, folder, folds=N_FOLDS, repeats=1, seed=SEED, with_tsfel=False)
    y = np.unique(task.status, return_inverse=True)[1]
    return behaviour(task.features), y, task.groups.to_numpy(dtype=object)


def bundled(name: str) -> Table:
    X, y = load_breast_cancer(return_X_y=True) if name == "cancer" else load_digits(return_X_y=True)
    if name == "digits":
        chosen = np.isin(y, [3, 8, 9])
        X, y = X[chosen], (y[chosen] == 8).astype(int)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(X))[: ROWS[name]]
    X = X[rows] + rng.normal(size=X[rows].shape) * X[rows].std(axis=0)
    features = pd.DataFrame(X, columns=[f"audio__vector__{place:04d}" for place in range(X.shape[1])])
    return features, y[rows], np.arange(len(rows))


def outer_folds(table: Table) -> list[Fold]:
    features, y, groups = table
    return list(GroupedFolds(N_FOLDS, n_repeats=1, random_state=SEED).split(features, y, groups))


def run_fold(table: Table, fold: int, trials: int) -> list[tuple[str, str, float]]:
    """Return (learner, way, AUC) of every member on one outer fold."""
    features, y, groups = table
    X = features.to_numpy(dtype=float)
    train, test = outer_folds(table)[fold]
    learning = Settings().override({"learning.trials": trials}).learning
    asked = {"n_folds": learning.folds, "repeats": learning.repeats, "seed": learning.seed}
    problem = make_fold_data(X[train], list(features.columns), y[train], groups[train], **asked)
    kept, studies = Studies(), []
    for member in default_members(problem.views, learning.learners):
        studies.append(MemberStudy(member, problem.view_data[member.view], learning, kept.open(member.name)))
    with joblib.Parallel(n_jobs=1) as parallel:
        for _ in range(trials):
            run_round(studies, problem.view_data, learning.seed, parallel)
    found = []
    for study in studies:
        first, smallest = (trial.user_attrs["params"] for trial in (study.study.trials[0], study.study.best_trial))
        params = dict(zip(WAYS, (first, smallest, study.chosen.member.params), strict=True))
        known: dict[str, float] = {}
        for way, chosen in params.items():
            key = repr(chosen)
            if key not in known:
                known[key] = auc_on(problem, replace(study.member, params=chosen), X[test], y[test])
            found.append((study.member.learner, way, known[key]))
    return found


def auc_on(problem: FoldData, member: Member, X: np.ndarray, y: np.ndarray) -> float:
    data, view = problem.view_data[member.view], problem.views[member.view]
    known = view.rows(find_modalities(X, problem.columns))
    model = fit_member(member, data.all_rows, data.y, data.audio, 0, data.weights)
    scores = raw_scores(model, X[known][:, view.columns])
    is_class = np.eye(data.n_classes, dtype=bool)[y[known]][:, -scores.shape[1] :]
    mixed = [k for k in range(scores.shape[1]) if 0 < is_class[:, k].sum() < known.sum()]
    return float(np.mean([roc_auc_score(is_class[:, k], scores[:, k]) for k in mixed])) if mixed else np.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=[*REAL, *ROWS])
    parser.add_argument("--trials", type=int, default=Settings().learning.trials)
    asked = parser.parse_args()
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            data = table_of(name, Path(folder))
            folds = joblib.Parallel(n_jobs=-1)(joblib.delayed(run_fold)(data, k, asked.trials) for k in range(N_FOLDS))
            found = pd.DataFrame([row for fold in folds for row in fold], columns=["learner", "way", "AUC"])
            table = found.pivot_table(index="learner", columns="way", values="AUC", sort=False)
            print(f"\n{name}\n{table.round(3).to_string()}", flush=True)
            tables.append(table)
    print(f"\nmean over {len(tables)} tasks\n{(sum(tables) / len(tables)).round(3).to_string()}")


if __name__ == "__main__":
    main()
