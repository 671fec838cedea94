"""Calibration of scores with few parameters."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pdmr_classic.metrics import log_loss
from pdmr_classic.models.ensemble.calibration import Calibrator
from pdmr_classic.sample_weights import weigh_evidence

N = 300


def make_classes(n: int, n_classes: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the log-probabilities of a calibrated learner and labels drawn from them."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, n_classes))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(n_classes, p=row) for row in p])
    return np.log(p[:, 1:] / p[:, :1]) if n_classes == 2 else np.log(p), y


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_over_and_underconfident_scores_are_corrected(n_classes: int, factor: float) -> None:
    scores, y = make_classes(3000, n_classes)
    calibrator = Calibrator().fit(factor * scores, y)
    assert calibrator.slope_ == pytest.approx(1 / factor, rel=0.1)
    np.testing.assert_allclose(calibrator.predict_proba(factor * scores).sum(axis=1), 1)


def test_with_many_classes_and_few_recordings_unseen_loss_is_close_to_that_of_perfect_calibration() -> None:
    """A full softmax regression with 56 parameters loses .1 to .3 here."""
    ones, excess = np.ones(2000), []
    for seed in range(5):
        scores, y = make_classes(2112, 7, seed)
        calibrator = Calibrator().fit(3 * scores[:112], y[:112])
        best = log_loss(np.exp(scores[112:]), y[112:], ones)
        excess.append(log_loss(calibrator.predict_proba(3 * scores[112:]), y[112:], ones) - best)
    assert np.mean(excess) < 0.05


def test_a_class_that_scores_favour_is_corrected_by_its_bias() -> None:
    scores, y = make_classes(2000, 4)
    calibrator = Calibrator().fit(scores + np.array([0.0, 0.0, 2.0, 0.0]), y)
    assert calibrator.bias_[2] - calibrator.bias_[[0, 1, 3]].mean() == pytest.approx(-2, abs=0.3)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_that_are_worse_than_chance_give_the_class_shares(n_classes: int) -> None:
    scores, y = make_classes(N, n_classes)
    p = Calibrator().fit(-scores, y).predict_proba(-scores)
    assert np.ptp(p, axis=0).max() < 1e-9
    np.testing.assert_allclose(p[0], np.bincount(y) / N, atol=0.02)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_perfect_scores_of_few_recordings_are_not_taken_for_certain_again(n_classes: int) -> None:
    """Log-odds of 2 that happen to be always right stay near 2."""
    y = np.arange(12) % n_classes
    scores = np.where(y == 1, 2.0, -2.0)[:, None] if n_classes == 2 else 2 * np.eye(3)[y]
    assert 1 < Calibrator(recalibrate=True).fit(scores, y).slope_ < 1.6


def test_recalibration_changes_the_scores_of_few_recordings_less_than_calibration() -> None:
    scores, y = make_classes(12, 2)
    slopes = {again: Calibrator(recalibrate=again).fit(4 * scores, y).slope_ for again in (True, False)}
    assert slopes[False] < 0.5 < slopes[True]


def test_repeated_recordings_of_a_subject_are_no_further_evidence() -> None:
    scores, y = make_classes(20, 2)
    subjects = np.arange(20)
    once = Calibrator().fit(scores, y, weigh_evidence(np.ones(20), y, subjects))
    weights = weigh_evidence(np.ones(200), np.repeat(y, 10), np.repeat(subjects, 10))
    repeated = Calibrator().fit(np.repeat(scores, 10, axis=0), np.repeat(y, 10), weights)
    assert repeated.slope_ == pytest.approx(once.slope_)
    np.testing.assert_allclose(repeated.bias_, once.bias_)


def test_recordings_of_a_subject_with_different_labels_are_further_evidence() -> None:
    """As in a set in which each of eight people does each of seven exercises twice."""
    subjects, y = np.repeat(np.arange(8), 14), np.tile(np.repeat(np.arange(7), 2), 8)
    assert weigh_evidence(np.ones(112), y, subjects).sum() == pytest.approx(56)
    assert weigh_evidence(np.ones(112), subjects % 2, subjects).sum() == pytest.approx(8)
