"""Is the best of k as good as it looks? Apparent and corrected scores of the best, and alarms among equal systems.

    python benchmarks/compare.py

Simulated studies of 60 subjects (half positive, one recording each, five folds): k systems see the same noisy signal,
each with noise of its own, so that all are equally good. Nothing is trained. The true score is that of each system on
2,000 new subjects. Apparent: the best of k. Corrected: BBC-CV, as `pdmr-classic compare` prints it. Alarms: studies in
which any simultaneous interval of a difference excludes 0; single: if each pair had its own 95% interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from pdmr_classic.evaluation._winner import describe_winners
from pdmr_classic.evaluation.intervals import (
    bootstrap_scores,
    count_rarest_class_subjects,
    difference_interval,
    simultaneous_intervals,
    weighted_scores,
)
from pdmr_classic.evaluation.predictions import Predictions

SUBJECTS, FOLDS, NEW_SUBJECTS = 60, 5, 2000
OWN_NOISE = 1.5
SCORES = ("f1", "auc")


def draw_systems(k: int, distance: float, subjects: int, rng: np.random.Generator) -> list[Predictions]:
    """Return the predictions of k equally good systems for the same subjects."""
    positive = np.arange(subjects) % 2 == 0
    common = distance * (positive - 0.5) + rng.normal(size=subjects)
    fold = np.arange(subjects) // 2 % FOLDS
    systems = []
    for _ in range(k):
        p = expit(common + OWN_NOISE * rng.normal(size=subjects))
        systems.append(
            Predictions(
                recording=np.array([f"{row:04d}" for row in range(subjects)], dtype=object),
                subject=np.arange(subjects),
                repeat=np.zeros(subjects, dtype=np.intp),
                fold=fold,
                truth=positive.astype(np.intp),
                predicted=(p >= 0.5).astype(np.intp),
                probability=np.column_stack([1 - p, p]),
                classes=("Normal", "Depression"),
                positive="Depression",
                is_one_way=True,  # nothing is trained, so the folds share no training subjects
            )
        )
    return systems


def true_score(distance: float, score: str) -> float:
    systems = draw_systems(20, distance, NEW_SUBJECTS, np.random.default_rng(99))
    return float(np.mean([weighted_scores(system, np.ones((len(system), 1)))[score][0] for system in systems]))


def count_alarms(systems: Sequence[Predictions], score: str) -> tuple[bool, bool]:
    """Return whether simultaneous intervals, and whether single intervals, tell any two systems apart."""
    drawn = [bootstrap_scores(system)[score] for system in systems]
    pairs = np.stack([b - a for n, a in enumerate(drawn) for b in drawn[n + 1 :]])
    n_rarest = count_rarest_class_subjects(systems[0])
    limits = [
        simultaneous_intervals(pairs, n_rarest, 1.0),
        [difference_interval(pair, n_rarest, 1.0) for pair in pairs],
    ]
    alarms = [any(interval and (interval[0] > 0 or interval[1] < 0) for interval in part) for part in limits]
    return alarms[0], alarms[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    studies = parser.parse_args().studies
    print("| k | signal | score | true | apparent | corrected | truth in its interval | alarms | single |")
    print("|---|---|---|---|---|---|---|---|---|")
    for k in (2, 5, 20):
        for distance in (0.0, 1.5):
            rng = np.random.default_rng([k, int(10 * distance)])
            drawn = [draw_systems(k, distance, SUBJECTS, rng) for _ in range(studies)]
            for score in SCORES:
                true = true_score(distance, score)
                winners = [
                    describe_winners({str(n): s for n, s in enumerate(systems)}, [score])[score] for systems in drawn
                ]
                alarms = np.array([count_alarms(systems, score) for systems in drawn])
                corrected = np.array([winner["corrected"] for winner in winners])
                covered = np.mean([winner["low"] <= true <= winner["high"] for winner in winners])
                apparent = np.mean([winner["apparent"] for winner in winners])
                error = corrected.std(ddof=1) / len(corrected) ** 0.5
                scores = f"{true:.3f} | {apparent:.3f} | {corrected.mean():.3f} ± {error:.3f}"
                rates = " | ".join(f"{rate:.2f}" for rate in (covered, *alarms.mean(axis=0)))
                print(f"| {k} | {distance:g} | {score} | {scores} | {rates} |", flush=True)


if __name__ == "__main__":
    main()
