from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_severity import PHQ8, severity, simulate_severity

from pdmr_classic.evaluation.severity.scores import summarise_classes, summarise_coverage, summarise_severity


def test_each_score_has_a_mean_and_its_interval() -> None:
    summary = summarise_severity(simulate_severity(repeats=2))
    assert (summary["n_recordings"], summary["n_subjects"]) == (80, 40)
    assert list(summary["scores"]) == [
        *("mae", "rmse", "ccc", "pearson", "spearman", "quadratic_kappa", "linear_kappa", "accuracy", "macro_f1"),
    ]
    for part in summary["scores"].values():
        assert part["low"] < part["mean"] < part["high"]
        assert part["sd"] > 0


@pytest.mark.parametrize(
    ("truth", "predicted", "name", "reason"),
    [
        ([1, 8, 12], [3, 3, 3], "pearson", "constant predictions in each held-out fold of a repeat"),
        ([4, 4, 4], [3, 8, 5], "spearman", "constant scores in each held-out fold of a repeat"),
        ([4, 4, 4], [4, 4, 4], "ccc", "constant scores in the held-out recordings of a repeat"),
        ([1, 2, 3], [2, 2, 1], "linear_kappa", "one class only in truth and predictions of a repeat"),
    ],
)
def test_an_undefined_score_has_a_reason(truth: list[float], predicted: list[float], name: str, reason: str) -> None:
    part = summarise_severity(severity(truth, predicted))["scores"][name]
    assert part == {"mean": None, "sd": None, "low": None, "high": None, "reason": reason}


def test_classes_are_counted_by_hand() -> None:
    """Intervals are 6 points on both sides, within 0 and 24."""
    predictions = severity([2, 4, 12, 12, 21], [3, 7, 12, 9, 11], subject=[0, 0, 1, 2, 3])
    classes = summarise_classes(predictions)
    assert list(classes) == list(PHQ8.class_names)
    assert classes["none"] == {
        "n_recordings": 2,
        "n_subjects": 1,
        "mae": 2.0,
        "bias": 2.0,
        "recall": 0.5,
        "coverage": 1.0,
        "mean_width": (9 + 12) / 2,
    }
    assert classes["moderate"]["recall"] == 0.5
    assert (classes["severe"]["coverage"], classes["severe"]["bias"]) == (0.0, -10.0)
    assert classes["mild"]["n_recordings"] == 0
    assert classes["mild"]["mae"] is None


def test_each_subject_counts_equally_in_the_coverage() -> None:
    # Subject 0 is covered in one of four recordings, subject 1 in its only one.
    predictions = severity([10, 10, 10, 10, 10], [10, 1, 1, 1, 10], subject=[0, 0, 0, 0, 1])
    part = summarise_coverage(predictions, 0.9)
    assert part["coverage"]["mean"] == pytest.approx((0.25 + 1) / 2)
    assert part["mean_width"] == pytest.approx(((12 + 3 * 7) / 4 + 12) / 2)
    assert part["level"] == 0.9


def test_a_score_on_a_limit_is_covered() -> None:
    assert summarise_coverage(severity([16, 10], [10, 16]), 0.9)["coverage"]["mean"] == 1


def test_the_coverage_has_an_interval() -> None:
    coverage = summarise_coverage(simulate_severity(0.2, subjects=60), 0.9)["coverage"]
    assert coverage["low"] < coverage["mean"] < coverage["high"] < 1


def test_a_system_without_intervals_has_no_coverage() -> None:
    unknown = np.full(80, np.nan)
    part = summarise_coverage(replace(simulate_severity(), low=unknown, high=unknown), 0.9)
    assert part["coverage"] == {"mean": None, "low": None, "high": None}
    assert part["mean_width"] is None
