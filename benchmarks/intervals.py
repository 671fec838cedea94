"""Coverage and width of 95% intervals in simulated studies, against Nadeau-Bengio and nested cross-validation.

    python benchmarks/intervals.py --out FOLDER [--studies 400] [--first 5000]
    python benchmarks/intervals.py --out FOLDER --report

The first command simulates studies and stores intervals and true values, setting by setting (a second run continues);
the second prints the tables. The rule was chosen on studies with numbers below 400.

*Study*: people have a normal severity, and one class or another above given cutoffs; recordings are ten columns with a
person effect (70% of the variance). A ridge regression, linear or with a Gaussian kernel, is fitted in the package's
nested grouped folds, and the threshold chosen by `choose_threshold` on inner grouped folds (with fewer bootstrap
samples than in the package, to save time).

*True value*: the same statistic as the estimate (F1 from the pooled folds of a repeat, AUC as the mean over folds, mean
over repeats) for 6,000 new people, each predicted by every model of the study, with the class shares of the study. The
second true value is its mean over all studies of the setting, that is, over training sets.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, softmax

from pdmr_classic.errors import DataError
from pdmr_classic.evaluation.inflation import estimate_inflation, shared_variance
from pdmr_classic.evaluation.intervals import (
    SD_INFLATION,
    bootstrap_scores,
    count_rarest_class_subjects,
    difference_interval,
    score_interval,
    weighted_concordance,
    weighted_scores,
)
from pdmr_classic.evaluation.predictions import Predictions
from pdmr_classic.metrics import concordance
from pdmr_classic.models.decision import threshold as package_threshold
from pdmr_classic.splits import count_feasible_folds, make_nestable_folds

Array = np.ndarray
N_COLUMNS, N_NEW, N_FOLDS, N_DRAWS, N_DIFFERENCES, BLOCK = 10, 6000, 5, 500, 200, 100
PERSON_SHARE, KERNEL_RIDGE, LINEAR_RIDGE = 0.7, 1.0, 5.0
SIGNALS = {"none": 0.0, "moderate": 0.65, "strong": 1.2}
CUTOFFS = {"two": [0.0], "two, 10%": [1.2816], "three": [-0.43, 0.43]}
SCORES = {"f1": "F1", "auc": "AUC", "macro_f1": "macro F1", "ccc": "CCC"}
FULL_THRESHOLD, QUICK_THRESHOLD = 50, 10


@dataclass(frozen=True)
class Setting:
    subjects: int
    each: int
    classes: str
    signal: str
    learner: str
    repeats: int = 3

    @property
    def label(self) -> str:
        label = f"{self.subjects} x {self.each}, {self.classes}, {self.signal}, {self.learner}"
        return label + (", one repeat" if self.repeats == 1 else "")


SETTINGS = [
    Setting(20, 1, "two", "none", "linear"),
    Setting(20, 3, "two", "moderate", "kernel"),
    Setting(20, 10, "two", "strong", "linear"),
    Setting(40, 1, "two", "strong", "kernel"),
    Setting(40, 1, "two", "moderate", "linear", repeats=1),
    Setting(40, 3, "two", "none", "kernel"),
    Setting(40, 10, "two", "moderate", "linear", repeats=1),
    Setting(100, 1, "two", "moderate", "kernel"),
    Setting(100, 3, "two", "none", "linear"),
    Setting(100, 10, "two", "strong", "linear", repeats=1),
    Setting(100, 1, "two, 10%", "moderate", "linear"),
    Setting(100, 3, "two, 10%", "none", "linear", repeats=1),
    Setting(100, 3, "two, 10%", "strong", "linear"),
    Setting(40, 3, "three", "moderate", "kernel"),
    Setting(100, 1, "three", "none", "linear"),
    Setting(100, 3, "three", "strong", "linear"),
]


@dataclass(frozen=True)
class People:
    """One row per recording."""

    X: Array
    severity: Array
    y: Array
    subject: Array
    n_classes: int

    @classmethod
    def draw(cls, setting: Setting, subjects: int, each: int, rng: np.random.Generator) -> People:
        """Draw people at random, at least three per class."""
        n_classes, y = len(CUTOFFS[setting.classes]) + 1, np.zeros(0, dtype=int)
        while not len(y) or np.bincount(y, minlength=n_classes).min() < 3:
            severity = rng.normal(size=subjects)
            y = np.searchsorted(CUTOFFS[setting.classes], severity)
        subject = np.repeat(np.arange(subjects), each)
        effect = SIGNALS[setting.signal] * np.r_[1, 0.5, np.zeros(N_COLUMNS - 2)]
        person = rng.normal(size=(subjects, N_COLUMNS))[subject] * PERSON_SHARE**0.5
        noise = rng.normal(size=(len(subject), N_COLUMNS)) * (1 - PERSON_SHARE) ** 0.5
        return cls(severity[subject, None] * effect + person + noise, severity[subject], y[subject], subject, n_classes)

    def targets(self) -> Array:
        return np.column_stack([np.eye(self.n_classes)[self.y], self.severity])


@dataclass(frozen=True)
class Sample:
    """Predictions of classes and of severity, row by row."""

    predictions: Predictions
    severity: Array
    estimate: Array

    def subset(self, rows: Array) -> Sample:
        return Sample(self.predictions.subset(rows), self.severity[rows], self.estimate[rows])

    def score(self, weights: Array | None = None) -> dict[str, Array]:
        weights = np.ones((len(self.severity), 1)) if weights is None else weights
        repeats = [
            weighted_concordance(self.severity[rows], self.estimate[rows], weights[rows])
            for rows in self.predictions.repeat_rows()
        ]
        return weighted_scores(self.predictions, weights) | {"ccc": np.mean(repeats, axis=0)}


class Learner:
    """Ridge regression of class indicators and severity on columns, or in the space of a Gaussian kernel."""

    def __init__(self, kind: str, X: Array, n_study: int) -> None:
        self.is_kernel = kind == "kernel"
        squares = (X**2).sum(axis=1)
        distances = squares[:, None] + squares[:n_study] - 2 * X @ X[:n_study].T if self.is_kernel else X
        self.design = np.exp(-distances / (2 * N_COLUMNS)) if self.is_kernel else X

    def fit(self, rows: Array, targets: Array) -> tuple[Array, Array]:
        mean = targets[rows].mean(axis=0)
        if self.is_kernel:
            coefficients = np.zeros((self.design.shape[1], targets.shape[1]))
            gram = self.design[np.ix_(rows, rows)] + KERNEL_RIDGE * np.eye(len(rows))
            coefficients[rows] = np.linalg.solve(gram, targets[rows] - mean)
            return coefficients, mean
        centre = self.design[rows].mean(axis=0)
        design = self.design[rows] - centre
        gram = design.T @ design + LINEAR_RIDGE * np.eye(N_COLUMNS)
        coefficients = np.linalg.solve(gram, design.T @ (targets[rows] - mean))
        return coefficients, mean - centre @ coefficients

    def predict(self, model: tuple[Array, Array], rows: Array | slice) -> Array:
        return self.design[rows] @ model[0] + model[1]


def to_probability(scores: Array) -> Array:
    """Return class probabilities from the scores of the classes and of severity (last column)."""
    if scores.shape[1] > 3:
        return softmax(6 * scores[:, :-1], axis=1)
    p = expit(6 * (scores[:, 1] - 0.5))
    return np.column_stack([1 - p, p])


def assign_folds(people: People, rows: Array, n_folds: int, rng: np.random.Generator) -> list[Array]:
    """Return the rows of each fold, grouped by subject and stratified (faster than `GroupedFolds`, which is not)."""
    subjects, first = np.unique(people.subject[rows], return_index=True)
    order = rng.permutation(len(subjects))
    order = order[np.argsort(people.y[rows][first][order], kind="stable")]
    home = np.empty(len(subjects), dtype=int)
    home[order] = np.arange(len(subjects)) % n_folds
    fold = home[np.searchsorted(subjects, people.subject[rows])]
    return [rows[fold == number] for number in range(n_folds)]


@dataclass(frozen=True)
class Trainer:
    people: People
    learner: Learner
    targets: Array
    n_bootstraps: int

    def fit(self, rows: Array, seed: int) -> tuple[tuple[Array, Array], float]:
        """Return a model and its threshold, chosen on inner grouped folds."""
        model = self.learner.fit(rows, self.targets)
        if self.people.n_classes > 2:
            return model, np.nan
        n_folds = count_feasible_folds(self.people.y[rows], self.people.subject[rows], N_FOLDS)
        p = np.empty(len(self.people.y))
        for test in assign_folds(self.people, rows, n_folds, np.random.default_rng(seed)):
            inner = self.learner.fit(np.setdiff1d(rows, test, assume_unique=True), self.targets)
            p[test] = to_probability(self.learner.predict(inner, test))[:, 1]
        is_positive, subjects = self.people.y[rows] == 1, self.people.subject[rows]
        with patch.object(package_threshold, "_N_BOOTSTRAPS", self.n_bootstraps):
            return model, package_threshold.choose_threshold(p[rows], is_positive, subjects, seed=seed)

    def predict(self, fitted: tuple[tuple[Array, Array], float], rows: Array | slice) -> tuple[Array, Array, Array]:
        """Return probabilities, classes and severity."""
        scores = self.learner.predict(fitted[0], rows)
        p = to_probability(scores)
        return p, p.argmax(axis=1) if self.people.n_classes > 2 else (p[:, 1] >= fitted[1]).astype(int), scores[:, -1]

    def join(self, parts: list[tuple[int, int, Array, tuple[Array, Array, Array]]]) -> Sample:
        """Return the predictions of several folds: repeat, fold, rows, and what `predict` returned."""
        rows = np.concatenate([part[2] for part in parts])
        p, predicted, severity = (np.concatenate([part[3][k] for part in parts]) for k in range(3))
        predictions = Predictions(
            recording=rows.astype(str).astype(object),
            subject=self.people.subject[rows],
            repeat=np.concatenate([np.full(len(part[2]), part[0]) for part in parts]),
            fold=np.concatenate([np.full(len(part[2]), part[1]) for part in parts]),
            truth=self.people.y[rows],
            predicted=predicted,
            probability=p,
            classes=("a", "b", "c")[: self.people.n_classes],
            positive="b" if self.people.n_classes == 2 else None,
        )
        return Sample(predictions, self.people.severity[rows], severity)


def true_scores(new: People, predictions: list[tuple[Array, Array, Array]], shares: Array) -> dict[str, float]:
    """Return the scores of the models of one repeat on new people, weighted to class shares."""
    k = new.n_classes
    weights = (shares / np.bincount(new.y, minlength=k))[new.y]
    cells = sum(np.bincount(new.y * k + predicted, weights, k * k) for _, predicted, _ in predictions)
    confusion = np.reshape(cells, (k, k))
    f1 = 2 * np.diag(confusion) / (confusion.sum(axis=0) + confusion.sum(axis=1))
    aucs = [true_auc(p[:, c], new.y == c, weights) for p, _, _ in predictions for c in ([1] if k == 2 else range(k))]
    severity = np.concatenate([part[2] for part in predictions])
    scores = {"auc": float(np.mean(aucs)), "macro_f1": float(f1.mean())}
    scores["ccc"] = concordance(np.tile(new.severity, len(predictions)), severity)
    return scores | ({"f1": float(f1[1])} if k == 2 else {})


def true_auc(p: Array, positive: Array, weights: Array) -> float:
    order = np.argsort(p)
    above, below = (weights * positive)[order], (weights * ~positive)[order]
    return float((above * np.cumsum(below)).sum() / (above.sum() * below.sum()))


def plain_draws(sample: Sample, rng: np.random.Generator) -> dict[str, Array]:
    """Return scores under bootstrap samples of subjects, without any weights."""
    _, subject = np.unique(sample.predictions.subject, return_inverse=True)
    n = int(subject.max()) + 1
    times = np.column_stack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), N_DRAWS).T])
    return sample.score(times[subject])


def concordance_share(sample: Sample) -> float:
    """Return the variance that the bootstrap omits for CCC, from the contributions to the covariance."""
    _, subject = np.unique(sample.predictions.subject, return_inverse=True)
    contributions, means = [], []
    for rows in sample.predictions.repeat_rows():
        x, y = sample.severity[rows], sample.estimate[rows]
        products = (x - x.mean()) * (y - y.mean())
        means.append(products.mean())
        contributions.append(np.bincount(subject[rows], (products - means[-1]) / len(rows), int(subject.max()) + 1))
    return shared_variance(np.mean(contributions, axis=0), float(np.mean(means)))


Interval = tuple[float, float]


def package_intervals(sample: Sample, plain: dict[str, Array]) -> dict[str, dict[str, Interval | None]]:
    """Return the intervals of the package: as they are, without inflation, and as they were before."""
    n_rarest = count_rarest_class_subjects(sample.predictions)
    n_half = len(np.unique(sample.predictions.subject)) // 2
    drawn = {name: values for name, values in bootstrap_scores(sample.predictions, N_DRAWS).items() if name in SCORES}
    new = {
        name: score_interval(values, n_rarest, estimate_inflation(sample.predictions, name))
        for name, values in drawn.items()
    }
    bare = {name: score_interval(values, n_rarest, 1.0) for name, values in drawn.items()}
    ccc = (plain["ccc"] + 1) / 2
    new["ccc"] = from_unit(score_interval(ccc, n_half, (1 + concordance_share(sample)) ** 0.5))
    bare["ccc"] = from_unit(score_interval(ccc, n_half, 1.0))
    # Student's t had n - 1 degrees of freedom.
    t = stats.t.ppf(0.975, n_rarest - 1) / stats.t.ppf(0.975, 2 * n_rarest - 2)
    old = {name: score_interval(plain[name], n_rarest, t * SD_INFLATION) for name in drawn}
    old["ccc"] = from_unit(score_interval(ccc, n_rarest, t * SD_INFLATION))
    return {"package": new, "no inflation": bare, "before": old}


def from_unit(interval: Interval | None) -> Interval | None:
    return None if interval is None else (2 * interval[0] - 1, 2 * interval[1] - 1)


def fold_scores(sample: Sample) -> pd.DataFrame:
    """Return the scores of each fold, shape [folds of all repeats, scores]."""
    keys = sample.predictions.repeat * 1000 + sample.predictions.fold
    rows = [sample.subset(np.flatnonzero(keys == key)).score() for key in np.unique(keys)]
    return pd.DataFrame([{name: float(values[0]) for name, values in row.items() if name in SCORES} for row in rows])


def nadeau_bengio(sample: Sample, estimates: dict[str, float], n_folds: int) -> dict[str, Interval | None]:
    """Nadeau and Bengio 2003: the variance between folds times 1 / J + n_test / n_train."""
    folds = fold_scores(sample)
    intervals: dict[str, Interval | None] = {}
    for name, values in folds.items():
        values = values.dropna()
        error = (values.var() * (1 / len(values) + 1 / (n_folds - 1))) ** 0.5
        half = float(stats.t.ppf(0.975, len(values) - 1) * error)
        intervals[str(name)] = (estimates[str(name)] - half, estimates[str(name)] + half)
    return intervals


def nested_intervals(trainer: Trainer, estimates: dict[str, float], n_folds: int, seed: int) -> dict[str, Interval]:
    """Bates, Hastie and Tibshirani 2024, with scores of folds for the mean loss and bootstrap variances of these."""
    rng, n = np.random.default_rng([9, seed]), len(trainer.people.y)
    squares, inner_means, outer_means = [], [], []
    for repeat in range(3):
        folds = assign_folds(trainer.people, np.arange(n), n_folds, rng)
        inner = dict(inner_predictions(trainer, folds))
        for number, test in enumerate(folds):
            parts = [(0, other, folds[other], inner[number, other]) for other in range(n_folds) if other != number]
            inside = trainer.join(parts).score()
            train = np.concatenate([part[2] for part in parts])
            outside = trainer.join([(0, 0, test, trainer.predict(trainer.fit(train, repeat), test))])
            drawn = outside.score(_fold_weights(outside, rng))
            differences = {name: (inside[name][0] - drawn[name][0]) ** 2 for name in estimates}
            with np.errstate(all="ignore"):
                squares.append({name: differences[name] - np.nanvar(drawn[name][1:]) for name in estimates})
            inner_means.append({name: inside[name][0] for name in estimates})
            outer_means.append({name: drawn[name][0] for name in estimates})
    mse, inside_mean = pd.DataFrame(squares).mean(), pd.DataFrame(inner_means).mean()
    variances = pd.DataFrame(outer_means).var() / len(outer_means) * 3
    intervals = {}
    for name, estimate in estimates.items():
        # Restricted as in the article: between the naive standard error and sqrt(k) times it.
        naive = variances[name] ** 0.5
        error = np.clip(max(mse[name], 0) ** 0.5 * ((n_folds - 1) / n_folds) ** 0.5, naive, naive * n_folds**0.5)
        centre = inside_mean[name] - (1 + (n_folds - 2) / n_folds) * (inside_mean[name] - estimate)
        intervals[name] = (float(centre - 1.96 * error), float(centre + 1.96 * error))
    return intervals


def inner_predictions(trainer: Trainer, folds: list[Array]) -> Iterator[tuple[tuple[int, int], tuple]]:
    """Yield the predictions for fold j by the model trained without folds i and j, keyed by (i, j)."""
    for i in range(len(folds)):
        for j in range(i):
            rows = np.concatenate([fold for number, fold in enumerate(folds) if number not in (i, j)])
            fitted = trainer.fit(rows, 0)
            yield (i, j), trainer.predict(fitted, folds[j])
            yield (j, i), trainer.predict(fitted, folds[i])


def _fold_weights(sample: Sample, rng: np.random.Generator) -> Array:
    _, subject = np.unique(sample.predictions.subject, return_inverse=True)
    n = int(subject.max()) + 1
    return np.column_stack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), 100).T])[subject]


def difference_intervals(a: Sample, b: Sample) -> dict[str, dict[str, Interval | None]]:
    """Return the intervals of the score differences b - a, of the package and without inflation."""
    n_rarest = count_rarest_class_subjects(a.predictions)
    drawn_a, drawn_b = (bootstrap_scores(sample.predictions, N_DRAWS) for sample in (a, b))
    drawn = {name: drawn_b[name] - drawn_a[name] for name in SCORES if name in drawn_a}
    return {
        f"difference, {rule}": {name: difference_interval(d, n_rarest, factor) for name, d in drawn.items()}
        for rule, factor in {"package": SD_INFLATION, "no inflation": 1.0}.items()
    }


@dataclass(frozen=True)
class System:
    """A learner in the outer folds of a study: its sample, and its scores in truth."""

    trainer: Trainer
    sample: Sample
    truth: dict[str, float]

    @classmethod
    def run(cls, trainer: Trainer, new: People, folds: list[tuple[Array, Array]], n_folds: int) -> System:
        n = len(trainer.people.y)
        parts, on_new = [], []
        for k, (train, test) in enumerate(folds):
            fitted = trainer.fit(train, k)
            parts.append((k // n_folds, k % n_folds, test, trainer.predict(fitted, test)))
            on_new.append(trainer.predict(fitted, slice(n, None)))
        shares = np.bincount(trainer.people.y) / n
        repeats = [true_scores(new, on_new[k : k + n_folds], shares) for k in range(0, len(on_new), n_folds)]
        truth = {name: float(np.mean([repeat[name] for repeat in repeats])) for name in repeats[0]}
        return cls(trainer, trainer.join(parts), truth)


def run_study(
    place: int, number: int, new: People, *, with_nested: bool, with_difference: bool
) -> list[dict[str, object]]:
    """Return a row for each score and rule."""
    setting = SETTINGS[place]
    people = People.draw(setting, setting.subjects, setting.each, np.random.default_rng([place, number]))
    n_folds = count_feasible_folds(people.y, people.subject, N_FOLDS)
    folds = make_nestable_folds(people.y, people.subject, n_folds, setting.repeats, number)
    X = np.vstack([people.X, new.X])

    def run_system(columns: Array) -> System:
        learner = Learner(setting.learner, columns, len(people.y))
        return System.run(Trainer(people, learner, people.targets(), FULL_THRESHOLD), new, folds, n_folds)

    a = run_system(X)
    estimates = {name: float(values[0]) for name, values in a.sample.score().items() if name in SCORES}
    rules = package_intervals(a.sample, plain_draws(a.sample, np.random.default_rng([1, number])))
    if n_folds > 2:
        rules["Nadeau-Bengio"] = nadeau_bengio(a.sample, estimates, n_folds)
    if n_folds > 2 and with_nested:
        # With three subjects of a class, too few of them are left without two folds.
        with contextlib.suppress(DataError):
            quick = replace(a.trainer, n_bootstraps=QUICK_THRESHOLD)
            rules["nested CV"] = nested_intervals(quick, estimates, n_folds, number)
    rows = make_rows(place, number, rules, a.truth)
    if not with_difference:
        return rows
    # The second system does not see the column with most of the signal.
    b = run_system(X * (np.arange(N_COLUMNS) > 0))
    differences = {name: b.truth[name] - a.truth[name] for name in estimates}
    return rows + make_rows(place, number, difference_intervals(a.sample, b.sample), differences)


def make_rows(
    place: int, number: int, rules: dict[str, dict[str, Interval | None]], truth: dict[str, float]
) -> list[dict[str, object]]:
    return [
        {"setting": place, "study": number, "score": name, "rule": rule, "truth": truth[name]}
        | dict(zip(("low", "high"), interval or (np.nan, np.nan), strict=True))
        for rule, intervals in rules.items()
        for name, interval in intervals.items()
    ]


def run_blocks(out: Path, first: int, studies: int, n_nested: int) -> None:
    for start in range(0, studies, BLOCK):
        for place, setting in enumerate(SETTINGS):
            path = out / f"{place}-{first + start}.json"
            if path.exists():
                continue
            new = People.draw(setting, N_NEW, 1, np.random.default_rng(99))
            rows = [
                row
                for k in range(start, min(start + BLOCK, studies))
                for row in run_study(place, first + k, new, with_nested=k < n_nested, with_difference=k < N_DIFFERENCES)
            ]
            path.write_text(json.dumps(rows))


def read_rows(out: Path) -> pd.DataFrame:
    rows = pd.DataFrame([row for path in sorted(out.glob("*-*.json")) for row in json.loads(path.read_text())])
    # Degenerate intervals, such as those of always predicting positive, contain their own value.
    rows["covers"] = (rows["low"] <= rows["truth"] + 1e-6) & (rows["truth"] <= rows["high"] + 1e-6)
    mean = rows.groupby(["setting", "score", "rule"])["truth"].transform("mean")
    rows["covers mean"] = (rows["low"] <= mean + 1e-6) & (mean <= rows["high"] + 1e-6)
    rows["width"] = rows["high"] - rows["low"]
    return rows.dropna(subset=["low"])


RULES = ["package", "before", "no inflation", "Nadeau-Bengio", "nested CV"]


def report(out: Path) -> None:
    rows = read_rows(out)
    cells = rows.groupby(["score", "setting", "rule"])[["covers", "width", "covers mean", "truth"]].mean()
    spread = rows.groupby(["score", "setting", "rule"])["truth"].std()
    for score, label in SCORES.items():
        print(f"\n| {label} | true value (sd) | {' | '.join(RULES)} | over training sets |")
        print("|---" * (len(RULES) + 3) + "|")
        for place in cells.loc[score].index.unique("setting"):
            package = cells.loc[(score, place, "package")]
            truth = f"{package['truth']:.3f} ({spread.loc[(score, place, 'package')]:.3f})"
            texts = [format_cell(cells, (score, place, rule)) for rule in RULES]
            print(f"| {SETTINGS[place].label} | {truth} | {' | '.join(texts)} | {package['covers mean']:.3f} |")
    print("\n| difference | " + " | ".join(f"{label}, {rule}" for label in LABELS for rule in DIFFERENCES) + " |")
    print("|---" * (1 + len(LABELS) * len(DIFFERENCES)) + "|")
    for place, setting in enumerate(SETTINGS):
        keys = [(score, place, f"difference, {rule}") for score in LABELS.values() for rule in DIFFERENCES]
        print(f"| {setting.label} | {' | '.join(format_cell(cells, key) for key in keys)} |")
    means = cells.groupby(["score", "rule"])[["covers", "width"]].agg(["min", "mean", "max"])
    print(means.round(3).to_string())
    n_studies = rows.groupby(["setting", "rule"])["study"].nunique().unstack()
    print("Studies per setting:", n_studies.agg(["min", "max"]).astype(int).to_dict())


DIFFERENCES = ["package", "no inflation"]
LABELS = {"F1": "f1", "AUC": "auc", "macro F1": "macro_f1"}


def format_cell(cells: pd.DataFrame, key: tuple[str, int, str]) -> str:
    return f"{cells.loc[key, 'covers']:.3f} ({cells.loc[key, 'width']:.2f})" if key in cells.index else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--first", type=int, default=5000, help="number (seed) of the first study")
    parser.add_argument("--nested", type=int, default=100, help="number of studies with nested cross-validation")
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if not arguments.report:
        run_blocks(arguments.out, arguments.first, arguments.studies, arguments.nested)
    report(arguments.out)


if __name__ == "__main__":
    main()
