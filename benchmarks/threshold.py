"""What thresholds lose against the best threshold on new people (regret), by number of recordings and prevalence.

    python benchmarks/threshold.py [--metric f1] [--cases 2500] [--sizes 50 100 200 400 600]
    python benchmarks/threshold.py --cache FOLDER

The first command simulates scores: the AUC is .6 to .95, subjects have one or four recordings, and classes are normal,
of unequal variance or heavy-tailed. Half of the models are calibrated as in the package; the others are too flat, too
steep, biased or right. *Regret* is against the best threshold on the population. *Apparent* regret is against the best
threshold on a test set of n / 4 recordings (at least 20), chosen with its labels: even the best threshold on the
population ("best") has some.

The second command reads the scores that members.py cached, and joins them as the package does (tasks with two classes).
Apparent regret is against the best threshold of a test fold; regret, against the best single threshold for all
held-out people of a seed. "best" is the best threshold of a population with drawn labels, on the same folds.

Differences are to the package; their standard errors are over simulated sets or tasks.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from joining import MEMBERS, RULES, CachedFold, Calibration, Method, count_evidence
from scipy import stats
from scipy.special import expit, logit

from pdmr_classic.models.decision import threshold as package

Array = np.ndarray
PREVALENCES, AUCS = (0.1, 0.2, 0.3, 0.5, 0.7), (0.6, 0.7, 0.8, 0.9, 0.95)
# Standard deviation of the positive class relative to the negative class, and distribution of the noise.
SHAPES = [(1.0, stats.norm()), (1.5, stats.norm()), (0.67, stats.norm()), (1.0, stats.t(3, scale=3**-0.5))]
METRICS = package._EXPECTED_METRICS
N_DRAWS = 20


def find_best(p: Array, expected: Array, metric: str) -> float:
    """Return the best threshold for labels, or for the true probabilities (F1: Lipton et al. 2014)."""
    return float(package._find_thresholds(p, expected[:, None], np.ones((len(p), 1)), METRICS[metric])[0])


def find_largest(p: Array, y: Array, groups: Array, metric: str) -> float:
    return find_best(p, y.astype(float), metric)


def score(true: Array, false: Array, prevalence: float, metric: str) -> Array:
    """Return the metric for shares of true and of false positives among all recordings."""
    # The metrics of the package expect the first row to predict no positives, and the last row only positives.
    true_positives, positives = np.r_[0, true, prevalence], np.r_[0, true + false, 1]
    return METRICS[metric](true_positives[:, None], positives[:, None])[1:-1, 0]


def score_labels(y: Array, is_predicted: Array, metric: str) -> float:
    return float(score(np.mean(y & is_predicted), np.mean(~y & is_predicted), y.mean(), metric)[0])


def choose(p: Array, y: Array, groups: Array, metric: str, ridge: float = package._RIDGE, unit: str = "pairs") -> float:
    evidence = count_evidence(y, groups, "pairs") / count_evidence(y, groups, unit)
    with patch.object(package, "_RIDGE", ridge * evidence):
        return package.choose_threshold(p, y, groups, metric=metric)


CANDIDATES: dict[str, Callable[[Array, Array, Array, str], float]] = {
    "package": choose,
    "evidence by row": partial(choose, unit="rows"),
    "ridge 4": partial(choose, ridge=4.0),
    "ridge 16": partial(choose, ridge=16.0),
    "3/4 package, 1/4 largest": lambda *arguments: expit(
        0.75 * logit(choose(*arguments)) + 0.25 * logit(find_largest(*arguments))
    ),
    "at most 90% positive": lambda p, y, groups, metric: max(choose(p, y, groups, metric), np.quantile(p, 0.1)),
    "expected, not recalibrated": lambda p, y, groups, metric: find_best(p, p, metric),
    "largest on the labels": find_largest,
    "0.5": lambda p, y, groups, metric: 0.5,
}


def simulate(case: int, sizes: list[int], metric: str) -> Iterator[dict[str, object]]:
    rng = np.random.default_rng(case)
    n, prevalence, auc = (rng.choice(values) for values in (sizes, PREVALENCES, AUCS))
    spread, noise = SHAPES[rng.choice(4, p=[0.55, 0.15, 0.15, 0.15])]
    difference = np.hypot(1, spread) * stats.norm.ppf(auc)
    per_subject, factor, shift = rng.choice([1, 4]), rng.choice([0.5, 1.0, 2.0]), rng.choice([-0.5, 0.0, 0.5])

    def draw(size: int) -> tuple[Array, Array, Array]:
        subjects = np.repeat(np.arange(size // per_subject), per_subject)
        y = np.zeros(size // per_subject, dtype=bool)
        while not 2 <= y.sum() <= len(y) - 2:
            y = rng.random(len(y)) < prevalence
        share = 0.5 if per_subject > 1 else 0.0
        z = np.sqrt(share) * rng.normal(size=len(y))[subjects] + np.sqrt(1 - share) * rng.normal(size=len(subjects))
        e = noise.ppf(stats.norm.cdf(z))
        return np.where(y[subjects], difference + spread * e, e), y[subjects], subjects

    def score_population(cuts: Array) -> Array:
        true, false = prevalence * noise.sf((cuts - difference) / spread), (1 - prevalence) * noise.sf(cuts)
        return score(true, false, prevalence, metric)

    (scores, y, subjects), (test_scores, y_test, _) = draw(n), draw(max(n // 4, 20))
    # Log-odds of normal classes with equal variance, then distorted.
    slope, intercept = factor * difference, factor * (logit(prevalence) - difference**2 / 2) + shift
    if rng.random() < 0.5:
        raw = slope * scores[:, None] + intercept
        a, b = Calibration(Method(), is_final=True).fit(raw, y.astype(int), subjects).parameters
        slope, intercept = max(a, 1e-6) * slope, a * intercept + b
    p, p_test = (expit(slope * values + intercept) for values in (scores, test_scores))
    thresholds = {name: rule(p, y, subjects, metric) for name, rule in CANDIDATES.items()}
    cuts = np.append(np.linspace(-8, 12, 4001), -np.inf)
    values = score_population(cuts)
    thresholds["best"] = expit(slope * cuts[values.argmax()] + intercept)
    best = score_labels(y_test, p_test >= find_best(p_test, y_test.astype(float), metric), metric)
    for name, threshold in thresholds.items():
        regret = values.max() - score_population((logit(threshold) - intercept) / slope)[0]
        apparent = best - score_labels(y_test, p_test >= threshold, metric)
        about = {"n": n, "prevalence": prevalence, "task": case, "case": case, "rule": name}
        yield about | {"regret": regret, "apparent": apparent}


def compare_folds(labels: list[Array], held_out: list[Array], thresholds: list[float], metric: str) -> dict[str, float]:
    """Return regret against one threshold for all folds, and mean apparent regret against the best of each fold."""

    def score_all(values: list[float]) -> tuple[float, float]:
        predicted = [p >= value for p, value in zip(held_out, values, strict=True)]
        by_fold = [score_labels(*pair, metric) for pair in zip(labels, predicted, strict=True)]
        return score_labels(np.concatenate(labels), np.concatenate(predicted), metric), float(np.mean(by_fold))

    best = find_best(np.concatenate(held_out), np.concatenate(labels).astype(float), metric)
    best_by_fold = [find_best(p, y.astype(float), metric) for p, y in zip(held_out, labels, strict=True)]
    together, by_fold = score_all(thresholds)
    return {"regret": score_all([best] * len(labels))[0] - together, "apparent": score_all(best_by_fold)[1] - by_fold}


def read_seed(paths: list[Path], metric: str) -> Iterator[dict[str, object]]:
    """Yield rows for the outer folds of one task and seed."""
    folds = [CachedFold(path, Method(), with_f1=False) for path in paths]
    names = folds[0].select(MEMBERS["five, half"])
    predictions = [fold.predict(names, RULES["ridge 2 to votes"](fold.inner(names))) for fold in folds]
    labels, held_out = [fold.y_test == 1 for fold in folds], [p[:, 1] for _, p in predictions]
    y, p = np.concatenate(labels), np.concatenate(held_out)
    task, seed, _ = paths[0].stem.rsplit("-", 2)
    about = {"n": len(folds[0].y), "prevalence": y.mean(), "task": task, "case": seed}
    for name, rule in CANDIDATES.items():
        pairs = zip(folds, predictions, strict=True)
        thresholds = [rule(oof[:, 1], fold.y == 1, fold.groups, metric) for fold, (oof, _) in pairs]
        yield about | {"rule": name} | compare_folds(labels, held_out, thresholds, metric)
    # The best threshold of a population whose labels are drawn from the recalibrated probabilities.
    true_p = package._recalibrate(p, y, np.ones((len(p), 1)))[:, 0]
    best, rng, ends = find_best(p, true_p, metric), np.random.default_rng(0), np.cumsum([len(part) for part in labels])
    for _ in range(N_DRAWS):
        drawn = np.split(rng.random(len(p)) < true_p, ends[:-1])
        if all(0 < part.sum() < len(part) for part in drawn):
            yield about | {"rule": "best"} | compare_folds(drawn, held_out, [best] * len(folds), metric)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    regret = rows.pivot_table("regret", ["task", "case"], "rule")
    difference = regret.sub(regret["package"], axis=0).groupby("task").mean()
    columns = {"regret": regret.mean(), "difference": difference.mean(), "se": difference.sem()}
    columns |= {"largest": difference.max()} | {f"{q:.0%} below": regret.quantile(q) for q in (0.9, 0.95, 0.99)}
    return pd.DataFrame(columns | {"apparent": rows.groupby("rule")["apparent"].mean()}).sort_values("regret")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metric", choices=METRICS, default="f1")
    parser.add_argument("--cache", type=Path, help="folder that members.py wrote")
    parser.add_argument("--cases", type=int, default=2500, help="number of simulated sets")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 100, 200, 400, 600], help="recordings per set")
    arguments = parser.parse_args()
    if arguments.cache:
        seeds = [path.stem[:-2] for path in sorted(arguments.cache.glob("*-0.npz")) if np.load(path)["y"].max() == 1]
        paths = [sorted(arguments.cache.glob(f"{seed}-?.npz")) for seed in seeds]
        rows = pd.DataFrame([row for part in paths for row in read_seed(part, arguments.metric)])
        rows["n"] = pd.cut(rows["n"], [0, 99, 199, 600])
        rows["prevalence"] = pd.cut(rows["prevalence"], [0, 0.25, 0.45, 0.55, 1])
    else:
        rows = pd.DataFrame(
            [row for case in range(arguments.cases) for row in simulate(case, arguments.sizes, arguments.metric)]
        )
    with pd.option_context("display.width", 200, "display.max_columns", None):
        print((summarise(rows).round(4) + 0.0).to_string())
        table = rows[rows["rule"].isin(["package", "evidence by row", "largest on the labels", "best"])]
        cells = table.groupby(["rule", "n", "prevalence"], observed=True)[["regret", "apparent"]].mean()
        print((cells.unstack().round(3) + 0.0).to_string())


if __name__ == "__main__":
    main()
