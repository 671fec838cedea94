"""Intervals with other learners and with an official split, and p-values without signal; see intervals.py.

python benchmarks/interval_checks.py learners|split|permutation [--studies 100]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pandas as pd
from intervals import (
    FULL_THRESHOLD,
    N_NEW,
    SETTINGS,
    Learner,
    People,
    Sample,
    Setting,
    Trainer,
    true_auc,
    true_scores,
)
from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neighbors import KNeighborsClassifier

from pdmr_classic.evaluation import _permutation as permutation
from pdmr_classic.evaluation.inflation import estimate_inflation
from pdmr_classic.evaluation.intervals import bootstrap_scores, count_rarest_class_subjects, score_interval
from pdmr_classic.splits import count_feasible_folds, make_nestable_folds

LEARNERS = {
    "neighbours": lambda: KNeighborsClassifier(9),
    "LightGBM": lambda: LGBMClassifier(n_estimators=30, num_leaves=7, min_child_samples=5, verbose=-1, n_jobs=1),
    "extra trees": lambda: ExtraTreesClassifier(40, min_samples_leaf=3, random_state=0),
}
LEARNER_SETTINGS = [
    Setting(40, 2, "two", "none", "linear"),
    Setting(80, 1, "two", "moderate", "linear"),
    Setting(40, 2, "two", "strong", "linear"),
]
SPLIT_SETTINGS = [
    Setting(80, 1, "two", "none", "linear", 1),
    Setting(80, 3, "two", "moderate", "linear", 1),
    Setting(160, 1, "two", "strong", "linear", 1),
    Setting(200, 1, "two, 10%", "strong", "linear", 1),
    Setting(120, 1, "three", "moderate", "linear", 1),
]


def check_learners(n_studies: int) -> None:
    for name, make in LEARNERS.items():
        for setting in LEARNER_SETTINGS:
            new = People.draw(setting, 3000, 1, np.random.default_rng(99))
            rows = pd.DataFrame([run_learner(make, setting, number, new) for number in range(n_studies)])
            ratio = rows["error"].std() / (rows["bootstrap"] ** 2).mean() ** 0.5
            print(f"{name}, {setting.label}: {rows.mean().round(3).to_dict()}, ratio {ratio:.2f}", flush=True)


def run_learner(make: object, setting: Setting, number: int, new: People) -> dict[str, float]:
    people = People.draw(setting, setting.subjects, setting.each, np.random.default_rng([77, number]))
    parts, aucs = [], []
    for k, (train, test) in enumerate(make_nestable_folds(people.y, people.subject, 5, setting.repeats, number)):
        model = make().fit(people.X[train], people.y[train])  # type: ignore[operator]
        p, p_new = model.predict_proba(people.X[test]), model.predict_proba(new.X)[:, 1]
        # Ties count half.
        order = np.random.default_rng(0).permutation(len(p_new))
        aucs.append(true_auc(p_new[order], new.y[order] == 1, np.ones(len(order))))
        parts.append((k // 5, k % 5, test, (p, (p[:, 1] >= 0.5).astype(int), p[:, 1])))
    trainer = Trainer(people, Learner("linear", people.X, len(people.y)), people.targets(), FULL_THRESHOLD)
    predictions = trainer.join(parts).predictions
    drawn, factor, truth = bootstrap_scores(predictions, 300)["auc"], estimate_inflation(predictions), np.mean(aucs)
    low, high = score_interval(drawn, count_rarest_class_subjects(predictions), factor) or (np.nan, np.nan)
    row = {"covers": low <= truth <= high, "width": high - low, "factor": factor, "auc": truth}
    return {key: float(value) for key, value in row.items()} | {
        "error": float(drawn[0] - truth),
        "bootstrap": float(np.nanstd(drawn[1:])),
    }


def check_split(n_studies: int) -> None:
    for setting in SPLIT_SETTINGS:
        new = People.draw(setting, N_NEW, 1, np.random.default_rng(99))
        rows = [row for number in range(n_studies) for row in run_split(setting, number, new)]
        print(setting.label, pd.DataFrame(rows).groupby("score").mean().round(3).to_dict(), flush=True)


def run_split(setting: Setting, number: int, new: People) -> list[dict[str, object]]:
    """Hold out half of the subjects; studies in which a class is too rare on one side are left out."""
    people = People.draw(setting, setting.subjects, setting.each, np.random.default_rng([55, number]))
    is_test = people.subject < setting.subjects // 2
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    counts = [
        [len(set(people.subject[rows][people.y[rows] == k])) for k in range(people.n_classes)] for rows in (train, test)
    ]
    if min(counts[0]) < 3 or min(counts[1]) < 2:
        return []
    learner = Learner(setting.learner, np.vstack([people.X, new.X]), len(people.y))
    trainer = Trainer(people, learner, people.targets(), FULL_THRESHOLD)
    fitted = trainer.fit(train, 0)
    predictions = replace(trainer.join([(0, 0, test, trainer.predict(fitted, test))]).predictions, is_one_way=True)
    shares = np.bincount(people.y[test], minlength=people.n_classes) / len(test)
    truth = true_scores(new, [trainer.predict(fitted, slice(len(people.y), None))], shares)
    drawn, n_rarest = bootstrap_scores(predictions, 500), count_rarest_class_subjects(predictions)
    rows = []
    for name in (name for name in ("f1", "auc", "macro_f1") if name in drawn):
        interval = score_interval(drawn[name], n_rarest, estimate_inflation(predictions, name))
        if interval is not None:
            covers = interval[0] - 1e-6 <= truth[name] <= interval[1] + 1e-6
            rows.append({"score": name, "covers": covers, "width": interval[1] - interval[0]})
    return rows


def check_permutation(n_studies: int) -> None:
    for place, setting in enumerate(SETTINGS):
        if setting.signal == "none":
            p = {inflation: [] for inflation in (1.0, permutation.SD_INFLATION)}
            for number in range(9000, 9000 + n_studies):
                predictions = null_sample(place, number).predictions
                for inflation, values in p.items():
                    with patch.object(permutation, "SD_INFLATION", inflation):
                        values.append(permutation.permutation_test(predictions, n=199)["p_fixed_predictions"])
            shares = {
                f"{key:.2f}": (pd.DataFrame(values) <= 0.05).mean().round(3).to_dict() for key, values in p.items()
            }
            print(setting.label, shares, flush=True)


def null_sample(place: int, number: int) -> Sample:
    setting = SETTINGS[place]
    people = People.draw(setting, setting.subjects, setting.each, np.random.default_rng([place, number]))
    learner = Learner(setting.learner, people.X, len(people.y))
    trainer = Trainer(people, learner, people.targets(), FULL_THRESHOLD)
    k = count_feasible_folds(people.y, people.subject, 5)
    folds = make_nestable_folds(people.y, people.subject, k, setting.repeats, number)
    return trainer.join(
        [(j // k, j % k, test, trainer.predict(trainer.fit(train, j), test)) for j, (train, test) in enumerate(folds)]
    )


CHECKS = {"learners": check_learners, "split": check_split, "permutation": check_permutation}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--studies", type=int, default=100)
    arguments = parser.parse_args()
    CHECKS[arguments.check](arguments.studies)
