"""Candidates for the lite model on the same outer folds: small members, and students of the full stack.

    PDMR_REAL_DATA=../shared/data python benchmarks/light_candidates.py --sets badrobots-gaze

Nothing is tuned. Each candidate chooses its threshold on its own out-of-fold probabilities. A student is a ridge
regression of the full stack's out-of-fold log-probabilities on all scaled columns, one per set of modalities. Three
repeats of five outer folds, grouped by subject; F1 (several classes: macro F1) and log loss, as differences to the full
stack.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from light import N_FOLDS, POSITIVE, REPEATS, f1, make_settings
from recordings import SETS, LabelledTable, read_table
from scipy.special import softmax
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from pdmr_classic.models.decision.decision import Decision
from pdmr_classic.models.ensemble.fold_data import FoldData, make_fold_data
from pdmr_classic.models.ensemble.oof_scores import compute_oof_scores
from pdmr_classic.models.ensemble.stacking import GroupedStacker
from pdmr_classic.models.ensemble.views import View, find_modalities
from pdmr_classic.models.learners.learners import LEARNERS
from pdmr_classic.models.learners.member import Member
from pdmr_classic.models.learners.preprocessing import DropUninformative, RobustScale
from pdmr_classic.models.learners.search_spaces import default_params
from pdmr_classic.models.target_checks import Target, check_target
from pdmr_classic.splits import GroupedFolds

CANDIDATES = {
    "full": tuple(LEARNERS),
    "lite_ridge, lite_trees": ("lite_ridge", "lite_trees"),
    "lite_ridge": ("lite_ridge",),
    "linear": ("linear",),
    "linear, lite_trees": ("linear", "lite_trees"),
}
STUDENTS = (0.3, 1.0, 3.0)
Array = np.ndarray


def make_stack(learners: tuple[str, ...], data: FoldData, classes: Array) -> GroupedStacker:
    members = [
        Member(view, name, default_params(name, data.view_data[view].has_audio, data.view_data[view].is_joint))
        for view in data.views
        for name in learners
    ]
    scores = compute_oof_scores(members, data, 0, jobs=1).scores
    return GroupedStacker(members).fit_oof_scores(members, scores, data, classes)


def has_exactly(view: View, X: Array, data: FoldData) -> Array:
    present = find_modalities(X, data.columns)
    return np.all([present[name] == (name in view.needs) for name in data.columns], axis=0)


def teach(soft: Array, data: FoldData, held_out: Array, penalty: float) -> tuple[Array, Array]:
    """Return out-of-fold and held-out probabilities of a student of the probabilities `soft`."""
    target = np.log(np.clip(soft, 1e-3, 1))
    target -= target.mean(axis=1, keepdims=True)
    known = np.isfinite(soft).all(axis=1)
    oof, predicted = np.full(soft.shape, np.nan), np.full((len(held_out), soft.shape[1]), np.nan)

    def predict(view: View, train: Array, X: Array) -> Array:
        scaler = make_pipeline(DropUninformative(), RobustScale())
        columns = scaler.fit_transform(data.X[train][:, view.columns])
        student = Ridge(penalty * columns.shape[1]).fit(columns, target[train])
        return softmax(student.predict(scaler.transform(X[:, view.columns])), axis=1)

    for view in data.views.values():
        rows, exact = view.rows(data.present) & known, has_exactly(view, data.X, data) & known
        total, count = np.zeros(soft.shape), np.zeros((len(soft), 1))
        for train, test in data.folds:
            chosen = test[exact[test]]
            if len(chosen):
                total[chosen] += predict(view, train[rows[train]], data.X[chosen])
                count[chosen] += 1
        oof[exact] = total[exact] / count[exact]
        new = has_exactly(view, held_out, data)
        if new.any():
            predicted[new] = predict(view, np.flatnonzero(rows), held_out[new])
    return oof, predicted


def classify(oof: Array, predicted: Array, target: Target, settings: Any) -> Array:
    known = np.isfinite(oof).all(axis=1)
    status, groups = (values.to_numpy(dtype=object)[known] for values in (target.status, target.groups))
    decision = Decision(target.classes, target.positive, settings.learning)
    decision.fit(oof[known], status, groups, target.weights[known])
    index = pd.RangeIndex(len(predicted))
    return decision.assign_classes(predicted, index, decision.threshold_)["status"].to_numpy(dtype=str)


def run_fold(name: str, table: LabelledTable, train: Array, test: Array) -> dict[str, tuple[float, float]]:
    """Return F1 and log loss of each candidate."""
    settings = make_settings(name, 1, lite=False)
    target = check_target(table.status.iloc[train], table.groups.iloc[train], settings, None)
    X, names = table.features.to_numpy(dtype=float), list(table.features.columns)
    groups = target.groups.to_numpy(dtype=object)
    data = make_fold_data(X[train], names, target.codes, groups, n_folds=target.n_folds, repeats=2, seed=0)
    truth = table.status.iloc[test].to_numpy(dtype=str)
    stacks = {key: make_stack(learners, data, np.array(target.classes)) for key, learners in CANDIDATES.items()}
    results = {
        key: (stack.oof_probability_, stack.predict_proba(table.features.iloc[test])) for key, stack in stacks.items()
    }
    for penalty in STUDENTS:
        results[f"student, penalty {penalty}"] = teach(stacks["full"].oof_probability_, data, X[test], penalty)
    number = np.array([target.classes.index(label) for label in truth])
    return {
        key: (
            f1(name, truth, classify(oof, predicted, target, settings)),
            float(-np.log(np.clip(predicted[np.arange(len(truth)), number], 1e-6, 1)).mean()),
        )
        for key, (oof, predicted) in results.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(POSITIVE))
    arguments = parser.parse_args()
    print("| set | candidate | F1 | difference | log loss | difference |\n|---|---|---|---|---|---|")
    for name in arguments.sets:
        table = read_table(name)
        truth, groups = table.status.to_numpy(dtype=str), table.groups.to_numpy()
        folds = [
            fold
            for k in range(REPEATS)
            for fold in GroupedFolds(N_FOLDS, random_state=100 + k).split(truth, truth, groups)
        ]
        results = [run_fold(name, table, train, test) for train, test in folds]
        full = np.array([result["full"] for result in results]).mean(axis=0)
        for key in results[0]:
            mean = np.array([result[key] for result in results]).mean(axis=0)
            gap = mean - full
            print(f"| {name} | {key} | {mean[0]:.3f} | {gap[0]:+.3f} | {mean[1]:.3f} | {gap[1]:+.3f} |", flush=True)


if __name__ == "__main__":
    main()
