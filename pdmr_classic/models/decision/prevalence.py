"""Correction of probabilities for a prevalence that differs from training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.alignment import align_rows
from pdmr_classic.arrays import Floats
from pdmr_classic.errors import ConfigError

ESTIMATE: Literal["estimate"] = "estimate"
Prevalence = float | Literal["estimate"]

_MIN_PRIOR = 1e-4
_MAX_ITERATIONS = 10_000
_TOLERANCE = 1e-8


def correct_probability(probability: ArrayLike, train_priors: ArrayLike, new_priors: ArrayLike) -> Floats:
    r"""Return probabilities corrected for class priors that differ from those in training.

    Parameters
    ----------
    probability : array-like, shape [n, K]
        Calibrated for the training priors. Rows of NaN stay NaN.
    train_priors, new_priors : array-like, shape [K]
        Class priors, above 0.

    Returns
    -------
    ndarray, shape [n, K]

    Notes
    -----
    Bayes' rule with new priors w instead of the training priors t, assuming that the distribution of features within
    each class is the same:

    .. math:: q_k(x) = p_k(x) \frac{w_k}{t_k} \Big/ \sum_j p_j(x) \frac{w_j}{t_j}

    References
    ----------
    Saerens, Latinne and Decaestecker 2002, equation 2.4.

    Examples
    --------
    >>> correct_probability([[0.5, 0.5]], train_priors=[0.5, 0.5], new_priors=[0.9, 0.1])
    array([[0.9, 0.1]])
    """
    train_priors, new_priors = align_rows(train_priors=train_priors, new_priors=new_priors)
    odds = np.asarray(probability, dtype=np.float64) * (np.asarray(new_priors) / np.asarray(train_priors))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def estimate_priors(probability: ArrayLike, train_priors: ArrayLike) -> Floats:
    r"""Return the maximum-likelihood class priors of new recordings, from their calibrated probabilities.

    Parameters
    ----------
    probability : array-like, shape [n, K]
        Rows of NaN are left out.
    train_priors : array-like, shape [K]

    Returns
    -------
    ndarray, shape [K]
        Sums to 1; no prior is below 0.0001.

    Notes
    -----
    Expectation-maximisation from :math:`w = t`, until no prior changes by more than 1e-8: correct the probabilities
    for w (`correct_probability`), then set w to their mean. The likelihood has one maximum. The estimate is only as
    good as the calibration, and imprecise with few recordings or hardly separable classes: `Decision.adjust` adds an
    interval.

    References
    ----------
    Saerens, Latinne and Decaestecker 2002, equation 2.9.

    Examples
    --------
    >>> estimate_priors([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], train_priors=[0.5, 0.5])
    array([0.75, 0.25])
    """
    p = np.asarray(probability, dtype=np.float64)
    p = p[np.isfinite(p).all(axis=1)]
    priors = start = np.asarray(train_priors, dtype=np.float64)
    for _ in range(_MAX_ITERATIONS):
        previous, priors = priors, correct_probability(p, start, priors).mean(axis=0)
        if np.abs(priors - previous).max() < _TOLERANCE:
            break
    priors = np.maximum(priors, _MIN_PRIOR)
    return np.asarray(priors / priors.sum())


def parse_prevalence(text: str | None) -> Prevalence | None:
    """Parse the option `--prevalence`: a number, or "estimate".

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> parse_prevalence("0.1")
    0.1
    """
    if text is None or text == ESTIMATE:
        return text
    try:
        return float(text)
    except ValueError:
        raise _invalid_prevalence(text) from None


def _invalid_prevalence(value: object) -> ConfigError:
    return ConfigError(f"--prevalence must be between 0 and 1, or {ESTIMATE!r}, got {value!r}")


def check_prevalence(prevalence: Prevalence | None, positive: str | None) -> None:
    """Raise an error if the prevalence is not valid, or is a single number with more than two classes.

    Raises
    ------
    ConfigError
    """
    if prevalence is None or prevalence == ESTIMATE:
        return
    if not (isinstance(prevalence, int | float) and 0 < prevalence < 1):
        raise _invalid_prevalence(prevalence)
    if positive is None:
        raise ConfigError(
            "--prevalence must be 'estimate' if there are more than two classes",
            found=f"--prevalence {prevalence}",
            hint=f"pass --prevalence {ESTIMATE}",
        )


def target_priors(
    prevalence: Prevalence,
    probability: ArrayLike,
    train_priors: ArrayLike,
    classes: Sequence[str],
    positive: str | None,
) -> Floats:
    """Return the class priors to correct for, given or estimated from the probabilities, shape [K].

    Raises
    ------
    ConfigError
        The prevalence is not valid, see `check_prevalence`.
    """
    check_prevalence(prevalence, positive)
    if isinstance(prevalence, str):
        return estimate_priors(probability, train_priors)
    return np.array([prevalence if label == positive else 1 - prevalence for label in classes])
