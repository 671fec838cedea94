"""Experts by condition beside the plain model, for new subjects of synthetic studies with two interviewers.

python benchmarks/experts.py [--seeds 20] [--cache FOLDER] [--out FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student
from sklearn.metrics import f1_score, log_loss, roc_auc_score
from synthetic_studies import Recordings, read_study

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.io.labels.classes import POSITIVE
from pdmr_classic.io.labels.scales import SCALES
from pdmr_classic.metrics import concordance
from pdmr_classic.progress import CollectingReporter
from pdmr_classic.synthetic.conditions import CONDITION_COLUMN

CHEAP = Settings().override(
    {
        "learning.learners": ["svm", "linear"],
        "severity.learners": ["svr", "ridge"],
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.importance": False,
    }
)
# Eighty subjects to train on; forty of the same set and 120 of another one to test on.
STUDY = {"subjects": 120, "segments": 2, "seconds": (20.0, 40.0), "condition": True}
N_MORE = 120
PRESENCE, SEVERITY = "presence", "severity"
LOWER_IS_BETTER = ("log loss", "MAE")
KNOWN, UNKNOWN, SHUFFLED, ONE = "experts", "experts, condition unknown", "experts, shuffled", "experts, one condition"


def fit(train: Recordings, target: str, conditions: pd.Series | None, seed: int) -> DepressionModel:
    labels = train.labels
    scores = {"severity": labels["severity"].astype(float), "scale": SCALES["phq8"]} if target == SEVERITY else {}
    return DepressionModel(CHEAP.override({"learning.seed": seed})).fit(
        train.features,
        labels["status"] if target == PRESENCE else None,
        labels["subject_id"],
        conditions=conditions,
        reporter=CollectingReporter(),
        **scores,
    )


def predict(model: DepressionModel, test: Recordings, conditions: pd.Series | None = None) -> pd.DataFrame:
    return model.predict_features(test.features, conditions=conditions, reporter=CollectingReporter())


def score(predicted: pd.DataFrame, test: Recordings, target: str) -> dict[str, float]:
    if target == SEVERITY:
        truth = test.labels["severity"].astype(float)
        error = (predicted["severity"] - truth).abs().mean()
        return {"CCC": concordance(truth, predicted["severity"]), "MAE": float(error)}
    is_positive = test.labels["status"] == POSITIVE
    return {
        "AUC": float(roc_auc_score(is_positive, predicted["probability"])),
        "log loss": float(log_loss(is_positive, predicted["probability"])),
        "F1": float(f1_score(is_positive, predicted["status"] == POSITIVE)),
    }


def shuffle(conditions: pd.Series, rng: np.random.Generator) -> pd.Series:
    return pd.Series(rng.permutation(conditions.to_numpy()), conditions.index)


def run(seed: int, target: str, train: Recordings, test: Recordings) -> Iterator[dict[str, object]]:
    """Yield the scores of the plain model, and of models with experts."""
    known, known_test = train.labels[CONDITION_COLUMN], test.labels[CONDITION_COLUMN]
    rng = np.random.default_rng([seed, 7])  # not the stream of the synthetic set
    shuffled, shuffled_test = shuffle(known, rng), shuffle(known_test, rng)
    model = fit(train, target, known, seed)
    plain = predict(fit(train, target, None, seed), test)
    one = predict(fit(train, target, known.map(lambda _: "one"), seed), test, known_test.map(lambda _: "one"))
    predictions = {
        "plain": plain,
        KNOWN: predict(model, test, known_test),
        UNKNOWN: predict(model, test),
        SHUFFLED: predict(fit(train, target, shuffled, seed), test, shuffled_test),
        ONE: one,
    }
    for name, predicted in predictions.items():
        # Whatever is predicted, from labels to intervals.
        is_equal = predicted.equals(plain)
        yield {"seed": seed, "target": target, "model": name, "equal": is_equal, **score(predicted, test, target)}
    part = model.severity_.experts_ if target == SEVERITY else model.predictor_.presence.experts
    weights = {f"weight {name}": weight for name, weight in part.combination_.weights_.items()}
    yield {"seed": seed, "target": target, "model": "weights", **weights}


def describe(gain: pd.Series) -> str:
    """Return mean and paired t interval, SD, and the number of seeds above 0."""
    half = student.ppf(0.975, len(gain) - 1) * gain.std() / len(gain) ** 0.5
    interval = f"{gain.mean():+.4f}, {gain.mean() - half:+.4f} to {gain.mean() + half:+.4f}"
    return f"{interval} | {gain.std():.4f} | {(gain > 0).sum()} of {len(gain)}"


def print_table(results: pd.DataFrame) -> None:
    print(
        "| score | model | mean | better than | by, 95% interval | SD | seeds better |\n|---|---|---|---|---|---|---|"
    )
    table = results.set_index(["model", "seed"])
    pairs = [(name, "plain") for name in (KNOWN, UNKNOWN, SHUFFLED, ONE)] + [(KNOWN, SHUFFLED)]
    for metric in ("AUC", "log loss", "F1", "CCC", "MAE"):
        scores = table[metric].dropna().unstack("model")
        print(f"| {metric} | plain | {scores['plain'].mean():.3f} | | | | |")
        for name, other in pairs:
            gain = (scores[name] - scores[other]) * (-1 if metric in LOWER_IS_BETTER else 1)
            print(f"| {metric} | {name} | {scores[name].mean():.3f} | {other} | {describe(gain)} |")
    equal = results[results["model"] == ONE].groupby("target")["equal"].sum()
    print("\nWith one condition, all predictions are identical to those of the plain model:", dict(equal))
    print("Mean weights of the experts:")
    weights = results[results["model"] == "weights"]
    print(weights.groupby("target")[[name for name in results if name.startswith("weight ")]].agg(["mean", "std"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--cache", type=Path, help="folder for feature tables")
    parser.add_argument("--out", type=Path, help="CSV file for the results of each seed")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for seed in range(options.first, options.first + options.seeds):
        train, test = read_study(seed, N_MORE, options.cache, **STUDY)
        for target in (PRESENCE, SEVERITY):
            rows += run(seed, target, train, test)
        print("seed", seed, flush=True)
        if options.out:
            pd.DataFrame(rows).to_csv(options.out, index=False)
    print_table(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
