"""Validation of sample weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pdmr_classic.arrays import Floats


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
