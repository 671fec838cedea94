"""Probabilities for people among whom a class is rarer, or more frequent, than in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats
from pdmr_classic.errors import ConfigError

ESTIMATE: Literal["estimate"] = "estimate"
Prevalence = float | Literal["estimate"]

_RAREST = 1e-4
_ROUNDS = 10_000
_CLOSE = 1e-8


def correct_probability(probability: ArrayLike, trained: ArrayLike, wanted: ArrayLike) -> Floats:
    r"""Return calibrated probabilities for other shares of the classes than those of training.

    Parameters
    ----------
    probability : array-like, shape [n, K]
        Rows of NaN stay so.
    trained, wanted : array-like, shape [K]
        Shares of the classes, above 0.

    Returns
    -------
    ndarray, shape [n, K]

    Notes
    -----
    Bayes' rule with another prior, everything else being equal (the recordings of a class look the same in both
    places):

    .. math:: q_k(x) = p_k(x) \frac{w_k}{t_k} \Big/ \sum_j p_j(x) \frac{w_j}{t_j}

    References
    ----------
    Saerens, Latinne and Decaestecker 2002, equation 2.4.

    Examples
    --------
    >>> correct_probability([[0.5, 0.5]], trained=[0.5, 0.5], wanted=[0.9, 0.1])
    array([[0.9, 0.1]])
    """
    raised = np.asarray(probability, dtype=np.float64) * (np.asarray(wanted) / np.asarray(trained))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def estimate_shares(probability: ArrayLike, trained: ArrayLike) -> Floats:
    r"""Return the shares of the classes under which calibrated probabilities of new recordings are most likely.

    Parameters
    ----------
    probability : array-like, shape [n, K]
        Rows of NaN are left out.
    trained : array-like, shape [K]

    Returns
    -------
    ndarray, shape [K]
        Sums to 1; no share is below 0.0001.

    Notes
    -----
    Expectation and maximisation from :math:`w = t` on, until no share moves by more than 1e-8: correct the
    probabilities for w (`correct_probability`), then let w be their mean. The likelihood has one maximum. The estimate is as good
    as the calibration: with few recordings, or hardly separable classes, it is a guess.

    References
    ----------
    Saerens, Latinne and Decaestecker 2002, equation 2.9.

    Examples
    --------
    >>> estimate_shares([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], trained=[0.5, 0.5])
    array([0.75, 0.25])
    """
    p = np.asarray(probability, dtype=np.float64)
    p = p[np.isfinite(p).all(axis=1)]
    shares = start = np.asarray(trained, dtype=np.float64)
    for _ in range(_ROUNDS):
        before, shares = shares, correct_probability(p, start, shares).mean(axis=0)
        if np.abs(shares - before).max() < _CLOSE:
            break
    shares = np.maximum(shares, _RAREST)
    return np.asarray(shares / shares.sum())


def parse_prevalence(text: str | None) -> Prevalence | None:
    """Return what an option says: a share, or "estimate".

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
        raise _no_share(text) from None


def _no_share(found: object) -> ConfigError:
    expected = f"a share above 0 and below 1, or {ESTIMATE!r}"
    return ConfigError("--prevalence is no share", expected=expected, found=repr(found))


def check_prevalence(prevalence: Prevalence | None, positive: str | None) -> None:
    """Refuse a share that is none, or that says nothing of several classes.

    Raises
    ------
    ConfigError
    """
    if prevalence is None or prevalence == ESTIMATE:
        return
    if not (isinstance(prevalence, int | float) and 0 < prevalence < 1):
        raise _no_share(prevalence)
    if positive is None:
        raise ConfigError(
            "one share of positives says nothing of several classes",
            found=f"--prevalence {prevalence}",
            hint=f"pass --prevalence {ESTIMATE}",
        )


def target_shares(
    prevalence: Prevalence, probability: ArrayLike, trained: ArrayLike, classes: Sequence[str], positive: str | None
) -> Floats:
    """Return the shares of the classes: those given, or those estimated from the probabilities, shape [K].

    Raises
    ------
    ConfigError
        See `check_prevalence`.
    """
    check_prevalence(prevalence, positive)
    if isinstance(prevalence, str):
        return estimate_shares(probability, trained)
    return np.array([prevalence if label == positive else 1 - prevalence for label in classes])
