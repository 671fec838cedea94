"""Coverage of conformal intervals, class probabilities and label sets, in simulated studies whose truth is known.

python benchmarks/conformal.py intervals|spread|classes|labels [--studies 500]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from pdmr_classic.arrays import Floats, Ints, Mask
from pdmr_classic.models.decision import _residuals
from pdmr_classic.models.decision._subject_quantile import subject_shares
from pdmr_classic.models.decision.conformal import LabelSets, SeverityIntervals, subject_quantile

LEVEL = 0.9
N_FEATURES = 8
N_FOLDS = 5
N_NEW = 300
CUTOFFS = (5, 10, 15, 20)
MORE_IF_MILD = "5 if score < 10, else 1"


@dataclass(frozen=True)
class Classes:
    """The classes of the PHQ-8."""

    n_classes: int = len(CUTOFFS) + 1

    def class_codes(self, scores: Floats) -> Ints:
        return np.searchsorted(CUTOFFS, np.floor(scores + 0.5), side="right")


@dataclass(frozen=True)
class Sample:
    features: Floats
    score: Floats
    subjects: Ints


@dataclass(frozen=True)
class Setting:
    n_subjects: int
    recordings: str
    residuals: str

    def draw(self, n_subjects: int, rng: np.random.Generator) -> Sample:
        """Draw subjects with a score each; their recordings share the residual, so they are no independent evidence."""
        traits = rng.normal(size=(n_subjects, N_FEATURES))
        signal = traits[:, :3].sum(axis=1) / 3**0.5
        if self.residuals == "constant":
            score = 9 + 4 * signal + rng.normal(0, 3, n_subjects)
        else:  # as the PHQ-8: skewed, and more variable where it is high
            score = np.clip(np.round(rng.gamma(4, 6 * np.exp(0.5 * signal) / 4)), 0, 24)
        subjects = np.repeat(np.arange(n_subjects), self.count_recordings(score, rng))
        features = traits[subjects] + rng.normal(0, 0.7, (len(subjects), N_FEATURES))
        return Sample(features, score[subjects], subjects)

    def count_recordings(self, score: Floats, rng: np.random.Generator) -> Ints:
        if self.recordings == "1 to 5":
            return rng.integers(1, 6, len(score))
        if self.recordings == MORE_IF_MILD:
            return np.where(score < CUTOFFS[1], 5, 1)
        return np.full(len(score), int(self.recordings))


SETTINGS = [
    *(Setting(*parts) for parts in product((20, 50, 100), ("1", "3", "1 to 5"), ("constant", "PHQ-8"))),
    *(Setting(n_subjects, MORE_IF_MILD, "PHQ-8") for n_subjects in (20, 50, 100)),
]


def fit_ridge(x: Floats, y: Floats, penalty: float = 10.0) -> Floats:
    design = np.column_stack([np.ones(len(x)), x])
    ridge = penalty * np.diag([0.0] + [1.0] * x.shape[1])
    return np.linalg.solve(design.T @ design + ridge, design.T @ y)


def predict_ridge(coefficients: Floats, x: Floats) -> Floats:
    return coefficients[0] + x @ coefficients[1:]


def cross_predict(sample: Sample) -> Floats:
    """Return out-of-fold predictions; subjects are drawn at random, so their number decides the fold."""
    oof = np.empty(len(sample.score))
    for fold in range(N_FOLDS):
        is_out = sample.subjects % N_FOLDS == fold
        coefficients = fit_ridge(sample.features[~is_out], sample.score[~is_out])
        oof[is_out] = predict_ridge(coefficients, sample.features[is_out])
    return oof


@dataclass(frozen=True)
class Study:
    oof: Floats
    train: Sample
    predicted: Floats
    new: Sample


def run_studies(setting: Setting, n_studies: int) -> Iterator[Study]:
    for number in range(n_studies):
        rng = np.random.default_rng([number, setting.n_subjects])
        train, new = setting.draw(setting.n_subjects, rng), setting.draw(N_NEW, rng)
        predicted = predict_ridge(fit_ridge(train.features, train.score), new.features)
        yield Study(cross_predict(train), train, predicted, new)


def average(studies: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the means over studies, and the SD of the first figure."""
    rows = pd.DataFrame(studies)
    return rows.mean().to_dict() | {f"SD of {rows.columns[0]}": rows.iloc[:, 0].std()}


def print_table(settings: Iterable[Any], measure: Callable[[Any], dict[str, float]]) -> None:
    for number, setting in enumerate(settings):
        row = asdict(setting) | measure(setting)
        if number == 0:
            print("|", " | ".join(row).replace("n_", ""), "|\n" + "|---" * len(row) + "|")
        print("|", " | ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()), "|", flush=True)


def by_subject(values: Floats | Mask, subjects: Ints) -> float:
    return float(subject_shares(subjects) @ values)


def naive_quantile(scores: Floats, level: float) -> float:
    """Return the quantile that takes recordings as exchangeable."""
    return float(np.sort(scores)[min(int(np.ceil(level * (len(scores) + 1))), len(scores)) - 1])


# ------------------------------------------------------------------------------------------ intervals


def measure_intervals(study: Study) -> dict[str, float]:
    train, new = study.train, study.new
    intervals = SeverityIntervals(LEVEL).fit(study.oof, train.score, train.subjects)
    low, high = intervals.predict(study.predicted)
    pooled_low, pooled_high = intervals.predict(study.predicted, new.subjects)
    spread = intervals.recordings_.spread
    scores = np.abs(train.score - study.oof) / spread(study.oof)
    naive = naive_quantile(scores, LEVEL) * spread(study.predicted)
    is_in, is_in_tails = covers(study, low, high), covers(study, *equal_tails(study, spread))
    is_high = new.score >= CUTOFFS[1]
    return {
        "coverage": by_subject(is_in, new.subjects),
        "width": by_subject(high - low, new.subjects),
        "pooled coverage": by_subject(covers(study, pooled_low, pooled_high), new.subjects),
        "pooled width": by_subject(pooled_high - pooled_low, new.subjects),
        "naive coverage": by_subject(covers(study, study.predicted - naive, study.predicted + naive), new.subjects),
        "coverage, score < 10": float(is_in[~is_high].mean()),
        "coverage, score >= 10": float(is_in[is_high].mean()),
        "equal tails": by_subject(is_in_tails, new.subjects),
        "width of these": by_subject(np.subtract(*equal_tails(study, spread)[::-1]), new.subjects),
        "these, score >= 10": float(is_in_tails[is_high].mean()),
    }


def equal_tails(study: Study, spread: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Return intervals from separate quantiles of negative and positive residuals, 5% each."""
    signed, tail = (study.train.score - study.oof) / spread(study.oof), (1 + LEVEL) / 2
    below, above = (subject_quantile(sign * signed, study.train.subjects, tail) for sign in (-1, 1))
    return study.predicted - below * spread(study.predicted), study.predicted + above * spread(study.predicted)


def covers(study: Study, low: Floats, high: Floats) -> Mask:
    return np.asarray((low <= study.new.score) & (study.new.score <= high))


def report_intervals(n_studies: int) -> None:
    print_table(SETTINGS, lambda setting: average(map(measure_intervals, run_studies(setting, n_studies))))


# --------------------------------------------------------------------------------------------- spread


def report_spread(n_studies: int) -> None:
    """Compare shrinkages of the slope of the spread; with infinity, the spread is constant."""
    for shrinkage in (0.0, 1.0, 2.0, 4.0, 9.0, np.inf):
        print(f"\nshrinkage {shrinkage:g}\n")
        with patch.object(_residuals, "_SHRINKAGE", shrinkage):
            report_intervals(n_studies)


# ------------------------------------------------------------------------------------------- classes


def measure_classes(study: Study) -> dict[str, float]:
    """Compare class probabilities with what happened; the reference is the frequency of classes in training."""
    train, new, classes = study.train, study.new, Classes()
    intervals = SeverityIntervals(LEVEL).fit(study.oof, train.score, train.subjects)
    probability = intervals.class_probabilities(study.predicted, classes)
    codes = classes.class_codes(new.score)
    counts = np.bincount(classes.class_codes(train.score), subject_shares(train.subjects), classes.n_classes)
    frequency = (counts * len(np.unique(train.subjects)) + 1 / classes.n_classes) / (len(np.unique(train.subjects)) + 1)
    at_least_10 = probability[:, 2:].sum(axis=1)
    is_high, is_low_p, is_high_p = codes >= 2, at_least_10 < 0.25, at_least_10 >= 0.5
    everyone = np.ones(len(codes), dtype=bool)

    def mean(values: Floats | Mask, rows: Mask = everyone) -> float:
        return float(np.average(values[rows], weights=subject_shares(new.subjects)[rows])) if rows.any() else np.nan

    return {
        "log loss": mean(-np.log(probability[np.arange(len(codes)), codes])),
        "of frequencies": mean(-np.log(frequency[codes])),
        "p(>= 10)": mean(at_least_10),
        "observed": mean(is_high),
        "p below .25": mean(at_least_10, is_low_p),
        "observed there": mean(is_high, is_low_p),
        "p above .5": mean(at_least_10, is_high_p),
        "observed here": mean(is_high, is_high_p),
    }


def report_classes(n_studies: int) -> None:
    settings = [setting for setting in SETTINGS if setting.residuals == "PHQ-8"]
    print_table(settings, lambda setting: average(map(measure_classes, run_studies(setting, n_studies))))


# --------------------------------------------------------------------------------------------- labels


@dataclass(frozen=True)
class LabelSetting:
    n_subjects: int
    recordings: int
    n_classes: int

    def draw(self, n_subjects: int, rng: np.random.Generator) -> tuple[Floats, Ints, Ints]:
        codes = rng.integers(self.n_classes, size=n_subjects)
        means = 1.6 * np.eye(self.n_classes, N_FEATURES)
        traits = means[codes] + rng.normal(size=(n_subjects, N_FEATURES))
        subjects = np.repeat(np.arange(n_subjects), self.recordings)
        features = traits[subjects] + rng.normal(0, 0.7, (len(subjects), N_FEATURES))
        return features, codes[subjects], subjects


def fit_discriminant(x: Floats, codes: Ints, n_classes: int) -> tuple[Floats, float]:
    """Return class means, shrunk to the overall mean, and the variance within classes, the same for all features."""
    counts = np.bincount(codes, minlength=n_classes)[:, None]
    totals = np.stack([x[codes == k].sum(axis=0) for k in range(n_classes)])
    means = (totals + 2 * x.mean(axis=0)) / (counts + 2)
    return means, float(((x - means[codes]) ** 2).mean())


def predict_discriminant(model: tuple[Floats, float], x: Floats) -> Floats:
    means, variance = model
    distance = ((x[:, None] - means) ** 2).sum(axis=2) / variance
    odds = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / 2)
    return odds / odds.sum(axis=1, keepdims=True)


def adaptive_scores(probability: Floats, jitter: Floats) -> Floats:
    """Return the score of each label [n, K]: probabilities of all labels before it, and `jitter` [n] of its own."""
    order = np.argsort(-probability, axis=1)
    ordered = np.take_along_axis(probability, order, axis=1)
    cumulated = np.cumsum(ordered, axis=1) - (1 - jitter[:, None]) * ordered
    return np.take_along_axis(cumulated, np.argsort(order, axis=1), axis=1)


def measure_labels(setting: LabelSetting, number: int) -> dict[str, float]:
    rng = np.random.default_rng([number, setting.n_subjects, setting.n_classes])
    x, codes, subjects = setting.draw(setting.n_subjects, rng)
    x_new, codes_new, subjects_new = setting.draw(N_NEW, rng)
    oof = np.empty((len(x), setting.n_classes))
    for fold in range(N_FOLDS):
        is_out = subjects % N_FOLDS == fold
        oof[is_out] = predict_discriminant(fit_discriminant(x[~is_out], codes[~is_out], setting.n_classes), x[is_out])
    new = predict_discriminant(fit_discriminant(x, codes, setting.n_classes), x_new)
    sets = LabelSets(LEVEL).fit(oof, codes, subjects)
    found = {"": sets.predict(new), "pooled": sets.predict(new, subjects_new)}
    rows = np.arange(len(codes))
    for name, draw in {"APS": rng.random, "APS, not randomised": np.ones}.items():
        quantile = subject_quantile(adaptive_scores(oof, draw(len(x)))[rows, codes], subjects, LEVEL)
        is_most_probable = new == new.max(axis=1, keepdims=True)
        found[name] = (adaptive_scores(new, draw(len(x_new))) <= quantile) | is_most_probable
    columns = {}
    for name, is_in in found.items():
        columns[f"{name} coverage".strip()] = float(is_in[np.arange(len(codes_new)), codes_new].mean())
        columns[f"{name} labels".strip()] = float(is_in.sum(axis=1).mean())
    return columns


def report_labels(n_studies: int) -> None:
    settings = [LabelSetting(*parts) for parts in product((20, 50, 100), (1, 3), (2, 3, 5))]
    print_table(settings, lambda setting: average(measure_labels(setting, number) for number in range(n_studies)))


REPORTS = {"intervals": report_intervals, "spread": report_spread, "classes": report_classes, "labels": report_labels}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=REPORTS)
    parser.add_argument("--studies", type=int, default=500)
    arguments = parser.parse_args()
    REPORTS[arguments.part](arguments.studies)
