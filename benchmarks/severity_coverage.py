"""Coverage of severity intervals and label sets for the new subjects of synthetic studies.

python benchmarks/severity_coverage.py [--seeds 50] [--depressed 0.5] [--cache FOLDER] [--out FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from synthetic_studies import Recordings, read_study

from pdmr_classic import DepressionModel, Settings
from pdmr_classic.io.labels.scales import SCALES, Scale
from pdmr_classic.models.decision._subject_quantile import subject_shares
from pdmr_classic.progress import CollectingReporter

# Severities of synthetic sets are between 0 and 24, with the classes of the PHQ-8.
SCALE: Scale = SCALES["phq8"]
CHEAP = Settings().override(
    {
        "data.target": "both",
        "learning.learners": ["svm", "linear"],
        "severity.learners": ["svr", "ridge"],
        "learning.trials": 1,
        "learning.repeats": 1,
        "learning.importance": False,
    }
)
# Sixty subjects to train on; thirty of the same set and thirty of another one to test on.
STUDY = {"subjects": 90, "segments": 3, "seconds": (8.0, 12.0)}
N_MORE = 30


def fit(train: Recordings, seed: int) -> DepressionModel:
    settings = CHEAP.override({"learning.seed": seed})
    labels = train.labels
    return DepressionModel(settings).fit(
        train.features,
        labels["status"],
        labels["subject_id"],
        severity=labels["severity"].astype(float),
        scale=SCALE,
        reporter=CollectingReporter(),
    )


def measure(model: DepressionModel, test: Recordings, *, pool: bool) -> dict[str, float]:
    """Return coverage and size of intervals and label sets; each subject has the same weight."""
    labels = test.labels
    subjects = labels["subject_id"] if pool else None
    predicted = model.predict_features(test.features, pool_subjects=subjects, reporter=CollectingReporter())
    weights = subject_shares(labels["subject_id"].to_numpy())
    truth = labels["severity"].to_numpy(dtype=float)
    codes = SCALE.class_codes(truth)
    low, high = (predicted[f"severity_{end}"].to_numpy() for end in ("low", "high"))
    is_in = (low <= truth) & (truth <= high)
    sets = predicted["label_set"]
    is_in_set = np.array([status in found for status, found in zip(labels["status"], sets, strict=True)])
    by_class = {
        f"coverage, {name}": float(np.average(is_in[codes == k], weights=weights[codes == k]))
        for k, name in enumerate(SCALE.class_names)
        if (codes == k).any()
    }
    by_status = {
        f"label sets, {name}": float(np.average(is_in_set[rows], weights=weights[rows]))
        for name in ("Normal", "Depression")
        for rows in [(labels["status"] == name).to_numpy()]
    }
    return {
        "coverage": float(weights @ is_in),
        "width": float(weights @ (high - low)),
        "mae": float(weights @ np.abs(predicted["severity"] - truth)),
        **by_class,
        "label sets": float(weights @ is_in_set),
        "labels": float(weights @ sets.map(len)),
        **by_status,
    }


def run(seed: int, depressed: float, cache: Path | None) -> list[dict[str, object]]:
    train, test = read_study(seed, N_MORE, cache, **STUDY, depressed=depressed)
    singles = fit(train.first_of_each_subject(), seed)
    repeated = fit(train, seed)
    rows = {
        "one recording": measure(singles, test.first_of_each_subject(), pool=False),
        "three recordings": measure(repeated, test, pool=False),
        "three, pooled": measure(repeated, test, pool=True),
    }
    return [{"seed": seed, "setting": name, **row} for name, row in rows.items()]


def print_table(results: pd.DataFrame) -> None:
    names = [name for name in results if name not in ("seed", "setting")]
    settings = list(dict.fromkeys(results["setting"]))
    print("| mean (SD; SE) over seeds |", " | ".join(settings), "|\n" + "|---" * (1 + len(settings)) + "|")
    for name in names:
        cells = []
        for setting in settings:
            values = results.loc[results["setting"] == setting, name].dropna()
            unit, digits = (1, 2) if name in ("width", "mae", "labels") else (100, 1)
            mean, sd = unit * values.mean(), unit * values.std()
            cells.append(f"{mean:.{digits}f} ({sd:.{digits}f}; {sd / len(values) ** 0.5:.{digits}f})")
        print(f"| {name} |", " | ".join(cells), "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--depressed", type=float, default=0.5, help="share of depressed subjects; 0.3 is skewed")
    parser.add_argument("--cache", type=Path, help="folder for feature tables")
    parser.add_argument("--out", type=Path, help="CSV file for the results of each seed")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for seed in range(options.first, options.first + options.seeds):
        rows += run(seed, options.depressed, options.cache)
        if options.out:
            pd.DataFrame(rows).to_csv(options.out, index=False)
        print(", ".join(f"{row['setting']} {row['coverage']:.3f}" for row in rows[-3:]), flush=True)
    print_table(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
