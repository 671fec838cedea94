"""Sample weights: validation, and scaling to the amount of independent evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pdmr_classic.arrays import Floats, Ints


def check_weights(sample_weight: ArrayLike | None, n_rows: int) -> Floats:
    """Return valid sample weights as float64, shape [n]; ones if `sample_weight` is None.

    Raises
    ------
    ValueError
        The weights have the wrong length, are negative or not finite, or are all 0.

    Examples
    --------
    >>> check_weights(None, 2)
    array([1., 1.])
    """
    if sample_weight is None:
        return np.ones(n_rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    weights = np.full(n_rows, float(weights)) if weights.ndim == 0 else weights
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight must have shape {(n_rows,)}, got {weights.shape}")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"sample_weight must be finite and non-negative, got {weights.min()} to {weights.max()}")
    if not weights.any():
        raise ValueError("sample_weight must be positive for at least one row, got only zeros")
    return weights


def weigh_evidence(weights: Floats, y: Ints, groups: NDArray[Any]) -> Floats:
    """Return weights that sum to the number of pairs of a subject and a class.

    Recordings of one subject with the same label are not independent evidence.

    Parameters
    ----------
    weights : ndarray, shape [n]
        Sample weights; at least one is positive. Only their ratios matter. Rows with weight 0 keep it, and their
        subjects are not counted.
    y : ndarray of int, shape [n]
        Class numbers.
    groups : ndarray, shape [n]
        Subjects.

    Returns
    -------
    ndarray, shape [n]

    Examples
    --------
    >>> weigh_evidence(np.ones(4), np.array([0, 0, 1, 1]), np.array(["a", "a", "a", "b"]))
    array([0.75, 0.75, 0.75, 0.75])
    """
    is_used = weights > 0
    _, subject = np.unique(groups[is_used], return_inverse=True)
    n_pairs = len(np.unique(np.column_stack([subject, y[is_used]]), axis=0))
    return np.asarray(weights * (n_pairs / weights.sum()))
