"""Sample size for intervals of a target width in an external validation.

Closed forms of Riley et al. 2021 (Statistics in Medicine 40: 4230) as in the program pmvalsampsize. It is not used
here: it simulates a million people, prints, plots, and has another licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from pdmr_classic.arrays import Floats

_Z = 1.96
WIDTHS = {"observed_expected": 0.2, "calibration_slope": 0.2, "auc": 0.1}


def required_sizes(z: Floats, prevalence: float, auc: float, widths: Mapping[str, float]) -> dict[str, Any]:
    """Return how many people, and positives among them, intervals of these widths need.

    Parameters
    ----------
    z : ndarray, shape [n]
        Log-odds of calibrated probabilities in the population.
    prevalence, auc : float
        Anticipated.
    widths : mapping of str to float
        Of the 95% intervals of `observed_expected` (assumed to be 1), `calibration_slope` (assumed to be 1), `auc`.

    Examples
    --------
    >>> sizes = required_sizes(np.random.default_rng(0).normal(-2.4, 1, 100_000), 0.114, 0.8, WIDTHS)
    >>> sizes["auc"]["people"]
    746
    """
    functions = {
        "observed_expected": lambda width: _size_of_ratio(prevalence, width),
        "calibration_slope": lambda width: _size_of_slope(z, width),
        "auc": lambda width: _size_of_auc(auc, prevalence, width),
    }
    people = {name: int(np.ceil(functions[name](width))) for name, width in widths.items()}
    return {
        name: {"width": widths[name], "people": n, "positives": int(np.ceil(n * prevalence))}
        for name, n in people.items()
    }


def _size_of_ratio(prevalence: float, width: float) -> float:
    # exp(z se) - exp(-z se) = width
    error = np.arcsinh(width / 2) / _Z
    return float((1 - prevalence) / (prevalence * error**2))


def _size_of_slope(z: Floats, width: float) -> float:
    curvature = expit(z) * expit(-z)
    i00, i01, i11 = curvature.mean(), (curvature * z).mean(), (curvature * z**2).mean()
    return float(i00 / ((width / (2 * _Z)) ** 2 * (i00 * i11 - i01**2)))


def _size_of_auc(auc: float, prevalence: float, width: float) -> float:
    # Newcombe 2006, method 4: error² = c (1 - c) (1 + (n/2 - 1) r) / (n² p (1 - p)), solved for n.
    spread = auc * (1 - auc) / (prevalence * (1 - prevalence) * (width / (2 * _Z)) ** 2)
    ratio = (1 - auc) / (2 - auc) + auc / (1 + auc)
    half = spread * ratio / 4
    return float(half + np.sqrt(half**2 + spread * (1 - ratio)))
