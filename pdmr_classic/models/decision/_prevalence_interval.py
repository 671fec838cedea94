"""Confidence interval of an estimated prevalence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pdmr_classic.arrays import Floats
from pdmr_classic.resampling import draw_subject_weights

_N_DRAWS = 500
_LEVEL = 0.95
_MAX_ITERATIONS = 1000
_TOLERANCE = 1e-6
_MIN_PROBABILITY = 1e-12


@dataclass(frozen=True, eq=False)
class CalibrationRows:
    """Out-of-fold predictions of the training recordings, from which the calibration of a model is known.

    Attributes
    ----------
    probability : ndarray, shape [n, K]
    one_hot : ndarray of bool, shape [n, K]
        True classes.
    subjects : ndarray of int, shape [n]
    weights : ndarray, shape [n]
    """

    probability: Floats
    one_hot: NDArray[np.bool_]
    subjects: NDArray[Any]
    weights: Floats


def prevalence_interval(
    estimate: Floats,
    probability: Floats,
    subjects: NDArray[Any] | None,
    train_priors: Floats,
    training: CalibrationRows,
    seed: int = 0,
) -> tuple[Floats, Floats]:
    """Return the lower and upper ends of the 95% interval of each class prior, shapes [K].

    Parameters
    ----------
    estimate : ndarray, shape [K]
        The estimate of `estimate_priors`.
    probability : ndarray, shape [n, K]
        Of the recordings to predict; rows of NaN are ignored.
    subjects : ndarray, shape [n], or None
        Their subjects; None: each recording is its own.
    train_priors : ndarray, shape [K]
    training : CalibrationRows
    seed : int

    Notes
    -----
    A bootstrap of two parts, whose deviations are added. First, the subjects of the recordings to predict are drawn,
    and the prevalence is estimated again. Second, the training subjects are drawn, with the classes weighted to the
    estimated prevalence, and the prevalence is estimated from their out-of-fold probabilities: it varies because the
    distribution of the probabilities within each class is known from few subjects only.

    In simulations (200 studies in each of nine settings: a model of 100 subjects with an AUC of about .76, .86 or .96,
    100 new recordings with a prevalence of 10, 30 or 50%) the interval contained the prevalence in 96 to 99% of
    studies; without the second part, in 78 to 93%.
    """
    is_finite = np.isfinite(probability).all(axis=1)
    new = probability[is_finite]
    new_subjects = np.arange(len(new)) if subjects is None else subjects[is_finite]
    rng = np.random.default_rng(seed)
    at_estimate = training.weights * (training.one_hot @ (estimate / train_priors))
    drawn = _draw_estimates(new, new_subjects, np.ones(len(new)), train_priors, estimate, rng)
    calibration = _draw_estimates(training.probability, training.subjects, at_estimate, train_priors, estimate, rng)
    # The first row of each is the estimate of the whole sample.
    deviation = (drawn[1:] - drawn[0]) + (calibration[1:] - calibration[0])
    low, high = np.quantile(estimate + deviation, ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2), axis=0)
    return np.clip(np.minimum(low, estimate), 0, 1), np.clip(np.maximum(high, estimate), 0, 1)


def _draw_estimates(
    probability: Floats,
    subjects: NDArray[Any],
    weights: Floats,
    train_priors: Floats,
    start: Floats,
    rng: np.random.Generator,
) -> Floats:
    """Return the estimate for all subjects, followed by those for bootstrap samples of subjects, [1 + draws, K]."""
    ratios = np.maximum(probability, _MIN_PROBABILITY) / train_priors
    estimates = [_maximise(ratios, weights[:, None], start)]
    for times in draw_subject_weights(subjects, _N_DRAWS, rng):
        estimates.append(_maximise(ratios, weights[:, None] * times, start))
    return np.concatenate(estimates)


def _maximise(ratios: Floats, weights: Floats, start: Floats) -> Floats:
    """Return the priors that maximise the likelihood of each column of weights [n, B], shape [B, K].

    The same iterations as in `estimate_priors`, on likelihood ratios [n, K].
    """
    shares = weights / weights.sum(axis=0)
    priors = np.tile(start, (weights.shape[1], 1))
    for _ in range(_MAX_ITERATIONS):
        previous, priors = priors, priors * ((shares / (ratios @ priors.T)).T @ ratios)
        if np.abs(priors - previous).max() < _TOLERANCE:
            break
    return priors
