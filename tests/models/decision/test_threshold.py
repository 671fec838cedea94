from __future__ import annotations

import numpy as np
import pytest

from pdmr_classic.models.decision.threshold import choose_threshold


def make_recordings(n_subjects: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return calibrated probabilities, labels and one subject per recording."""
    rng = np.random.default_rng(seed)
    p = rng.random(n_subjects)
    return p, rng.random(n_subjects) < p, np.arange(n_subjects)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_only_ratios_of_sample_weights_matter(factor: float) -> None:
    rows = make_recordings()
    weights = np.random.default_rng(1).random(40) + 0.5
    expected = choose_threshold(*rows, sample_weight=weights)
    assert choose_threshold(*rows, sample_weight=factor * weights) == expected


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_recordings_are_not_evidence(seed: int) -> None:
    rows = make_recordings(12, seed)
    assert choose_threshold(*(np.repeat(column, 10) for column in rows)) == choose_threshold(*rows)


def test_few_labels_hardly_move_the_threshold_of_calibrated_probabilities() -> None:
    p = np.linspace(0.02, 0.98, 12)
    thresholds = []
    for seed in range(30):
        positive = np.random.default_rng(seed).random(12) < p
        thresholds.append(choose_threshold(p, positive, np.arange(12)))
    # Half of the best expected F1 of these probabilities is 0.38.
    assert np.mean(thresholds) == pytest.approx(0.38, abs=0.05)
    assert np.std(thresholds) < 0.12


def test_many_labels_correct_overconfident_probabilities() -> None:
    p, positive, subjects = make_recordings(2000)
    odds = (p / (1 - p)) ** 3
    threshold = choose_threshold(odds / (1 + odds), positive, subjects)
    expected = 0.38**3 / (0.38**3 + 0.62**3)
    assert threshold == pytest.approx(expected, abs=0.05)
