"""What `evaluate` says that views add to covariates alone, in simulated studies of which that is known.

    python benchmarks/covariates.py [--seeds 20] [--first 100]

Feature tables of 100 (or 200) people with two recordings each: age and gender, eight video and eight audio columns.
*covariates*: only age differs between the classes. *video*: age and three video columns do. *nothing*: no column does.
The model is a stack of one cheap learner with one trial; 5 outer folds, 1 repeat. For each view, the table says in how
many studies the 95% interval of the difference in AUC contains 0, lies above or below it, and how often the permutation
p is at most .05; `p quantiles` are those of the p-values over all studies and views (.25, .5 and .75 if uniform).
*swapped*: the permutation test alone, on simulated predictions of two equally good systems for one held-out set.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd

from pdmr_classic import Settings
from pdmr_classic.evaluation._added_value import class_differences
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.evaluation.swap_test import swap_test
from pdmr_classic.progress import CollectingReporter

CHEAP = {
    "learning.learners": ("linear",),
    "learning.trials": 1,
    "learning.repeats": 1,
    "learning.folds": 3,
    "learning.importance": False,
    "evaluation.folds": 5,
    "evaluation.repeats": 1,
}
SCENARIOS = {
    "covariates": (1.2, 0.0, 100),
    "video": (0.8, 1.2, 100),
    "video, 200": (0.8, 1.2, 200),
    "nothing": (0.0, 0.0, 100),
}
"""Differences in age and in video, and number of people."""
RECORDINGS, COLUMNS, SUBJECTS_SWAPPED = 2, 8, 100
CLASSES = ("Depression", "Normal")


def simulate(seed: int, in_age: float, in_video: float, subjects: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Return features, classes and subjects; the differences between classes are in standard deviations."""
    rng = np.random.default_rng([14, seed])
    subject = np.repeat(np.arange(subjects), RECORDINGS)
    code = np.arange(subjects) % 2
    index = pd.Index([f"{row:04d}" for row in range(len(subject))], name="data_id")
    age, gender = rng.normal(size=subjects) + in_age * code, rng.integers(2, size=subjects)
    table = {"covariates__age__value": age[subject], "covariates__gender__f": gender[subject]}
    for view, shift in (("video", in_video), ("audio", 0.0)):
        means = rng.normal(size=(subjects, COLUMNS))
        means[:, :3] += shift * code[:, None]
        values = means[subject] + 0.7 * rng.normal(size=(len(subject), COLUMNS))
        table |= {f"{view}__c{k}__mean": values[:, k] for k in range(COLUMNS)}
    status = pd.Series(np.array(CLASSES)[code[subject]], index)
    return pd.DataFrame(table, index).astype(float), status, pd.Series([f"S{k}" for k in subject], index)


def study(seed: int, scenario: tuple[float, float, int]) -> dict[str, Any]:
    settings = Settings().override({**CHEAP, "learning.seed": seed})
    features, status, groups = simulate(seed, *scenario)
    evaluation = evaluate_features(features, status, groups, settings=settings, reporter=CollectingReporter())
    return dict(evaluation["added_value"]["views"])


def report(name: str, studies: list[dict[str, Any]]) -> None:
    p_values = []
    for view in studies[0]:
        parts = [part[view]["differences"]["auc"] for part in studies]
        low, high, p = (np.array([part[key] for part in parts]) for key in ("low", "high", "p"))
        mean, sd = (float(f([part["difference"] for part in parts])) for f in (np.mean, np.std))
        p_values += p.tolist()
        print(
            f"{name:11} {view:10} mean {mean:+.3f} (sd {sd:.3f})  contains 0: {np.sum((low <= 0) & (high >= 0)):2}  "
            f"above: {np.sum(low > 0):2}  below: {np.sum(high < 0):2}  p <= .05: {np.sum(p <= 0.05):2}  of {len(p)}",
            flush=True,
        )
    print(f"{name:11} p quantiles {np.round(np.quantile(p_values, (0.25, 0.5, 0.75)), 2).tolist()}", flush=True)


def swapped(seeds: range) -> None:
    """Test two systems that rank equally well, each on its own scale; recordings of a subject are alike."""
    p_values = []
    for seed in seeds:
        rng = np.random.default_rng([15, seed])
        subject = np.repeat(np.arange(SUBJECTS_SWAPPED), RECORDINGS)
        truth = (subject % 2).astype(np.intp)
        shared, noise = rng.normal(size=SUBJECTS_SWAPPED), rng.normal(size=(2, SUBJECTS_SWAPPED))
        systems = []
        for k, scale in enumerate((0.3, 2.0)):
            z = (truth + (shared + noise[k])[subject] + 0.5 * rng.normal(size=len(subject)) - 0.5) * scale
            p = 1 / (1 + np.exp(-z))
            zeros = np.zeros(len(truth), dtype=np.intp)
            parts = (subject.astype(str).astype(object), subject, zeros, zeros)
            systems.append(
                Predictions(
                    *parts,
                    truth,
                    (z > 0).astype(np.intp),
                    np.column_stack([1 - p, p]),
                    CLASSES,
                    CLASSES[1],
                    is_one_way=True,
                )
            )
        p_values.append(swap_test(systems[0], class_differences(*systems), seed=seed))
    for score in ("auc", "f1"):
        p = np.array([part[score] for part in p_values])
        quantiles = np.round(np.quantile(p, (0.25, 0.5, 0.75)), 2).tolist()
        print(
            f"swapped     {score:10} p <= .05: {np.mean(p <= 0.05):.3f} of {len(p)}  p quantiles {quantiles}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--scenarios", nargs="*", default=["swapped", *SCENARIOS])
    parser.add_argument("--first", type=int, default=100, help="first seed")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    for name in options.scenarios:
        if name == "swapped":
            swapped(range(options.first, options.first + 20 * options.seeds))
        else:
            report(name, [study(seed, SCENARIOS[name]) for seed in seeds])


if __name__ == "__main__":
    main()
