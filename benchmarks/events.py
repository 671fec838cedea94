"""Persons with several events: one row per person (`--events`) against pooled single recordings, on simulated tables.

    python benchmarks/events.py --seeds 20

In each study, persons have 4 events, 12 video features and a level of their own in each feature. Classes differ

- difference: in the change from the first to the last event in 3 features, not in their means over events;
- level: in the level of 3 features, the same in all events, so that events tell nothing more;
- spread: in the spread over events in 3 features, not in means or between two given events;
- nothing: not at all.

A share of the recordings is missing. Both systems are evaluated in the same outer folds, as `evaluate` does.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd

from pdmr_classic.config import Settings
from pdmr_classic.evaluation.evaluate_features import evaluate_features
from pdmr_classic.features.events import pivot_events
from pdmr_classic.features.names import feature_name
from pdmr_classic.io.layouts.recordings import Recording
from pdmr_classic.models.training import RecordingTable
from pdmr_classic.progress import CollectingReporter

EVENTS = ("E1", "E2", "E3", "E4")
N_FEATURES, N_INFORMATIVE = 12, 3
QUICK = {
    "learning.learners": ["linear"],
    "learning.trials": 3,
    "learning.repeats": 1,
    "learning.folds": 3,
}


def simulate(
    arm: str, seed: int, n: int, effect: float, missing: float
) -> tuple[pd.DataFrame, list[Recording], pd.Series]:
    """Return features of recordings, the persons with their events, and the status of persons."""
    rng = np.random.default_rng(seed)
    ids = [f"{k:03d}" for k in range(n)]
    status = pd.Series(np.where(np.arange(n) % 2, "Depression", "Normal"), pd.Index(ids, name="data_id"), dtype=object)
    is_case = (status == "Depression").to_numpy().astype(float)
    values = rng.normal(size=(n, 1, N_FEATURES)) + rng.normal(size=(n, len(EVENTS), N_FEATURES))
    if arm == "difference":
        change = np.array([-0.5, 0.0, 0.0, 0.5])
        values[:, :, :N_INFORMATIVE] += effect * is_case[:, None, None] * change[:, None]
    elif arm == "level":
        values[:, :, :N_INFORMATIVE] += effect / 2 * is_case[:, None, None]
    elif arm == "spread":
        middle = values.mean(axis=1, keepdims=True)
        factor = 1 + effect / 2 * is_case[:, None, None]
        values[:, :, :N_INFORMATIVE] = (middle + (values - middle) * factor)[:, :, :N_INFORMATIVE]
    names = [feature_name("video", f"ch{k:03d}", "mean") for k in range(N_FEATURES)]
    is_present = rng.random((n, len(EVENTS))) >= missing
    is_present[np.arange(n), rng.integers(len(EVENTS), size=n)] = True
    rows = {
        f"{person}_{event}": values[k, e]
        for k, person in enumerate(ids)
        for e, event in enumerate(EVENTS)
        if is_present[k, e]
    }
    features = pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("data_id")
    persons = [
        Recording(p, events=tuple((e, Recording(f"{p}_{e}")) for e in EVENTS if f"{p}_{e}" in rows)) for p in ids
    ]
    return features, persons, status


def run_study(arm: str, seed: int, n: int, effect: float, missing: float) -> dict[str, float]:
    """Return AUC and F1 of persons and of pooled recordings in one simulated study."""
    features, persons, status = simulate(arm, seed, n, effect, missing)
    owners = {single.data_id: person.data_id for person in persons for single in person.singles}
    recordings = RecordingTable(features, pd.Series(owners, dtype=object).loc[features.index])
    groups = pd.Series(status.index, status.index, name="subject_id", dtype=object)
    settings = Settings().override({**QUICK, "learning.seed": seed})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = evaluate_features(
            pivot_events(features, persons)[0],
            status,
            groups,
            recordings=recordings,
            settings=settings,
            folds=3,
            repeats=1,
            reporter=CollectingReporter(),
        )
    pooled, differences = result["events"]["pooled_recordings"]["scores"], result["events"]["differences"]
    scores = {f"{name}_persons": result["scores"][name]["mean"] for name in ("auc", "f1")}
    scores |= {f"{name}_pooled": pooled[name]["mean"] for name in ("auc", "f1")}
    return scores | {
        "found": float((differences["auc"]["low"] or 0) > 0),
        "worse": float((differences["auc"]["high"] or 0) < 0),
    }


def main() -> None:
    """Print one row per arm: means over seeds, and the paired difference with its 95% interval."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--persons", type=int, default=80)
    parser.add_argument("--effect", type=float, default=1.5)
    parser.add_argument("--missing", type=float, default=0.1)
    parser.add_argument("--arms", nargs="+", default=["difference", "level", "spread", "nothing"])
    options = parser.parse_args()
    print(
        "arm | AUC persons | AUC pooled | difference (95% CI) | F1 persons | F1 pooled | difference (95% CI) | "
        "found | worse"
    )
    for arm in options.arms:
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        table = pd.DataFrame(
            [run_study(arm, seed, options.persons, options.effect, options.missing) for seed in seeds]
        ).astype(float)
        cells = []
        for name in ("auc", "f1"):
            difference = table[f"{name}_persons"] - table[f"{name}_pooled"]
            half = 1.96 * difference.std(ddof=1) / len(table) ** 0.5
            mean = difference.mean()
            cells += [f"{table[f'{name}_persons'].mean():.3f}", f"{table[f'{name}_pooled'].mean():.3f}"]
            cells += [f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"]
        print(" | ".join([arm, *cells, f"{table['found'].mean():.2f}", f"{table['worse'].mean():.2f}"]), flush=True)


if __name__ == "__main__":
    main()
